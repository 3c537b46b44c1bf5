/*
 * Certificates for tests, good ones and those that break a rule. Made with OpenSSL alone, so that
 * what is judged is not made by its judge.
 *
 * Tests only. Every call fails the test by itself when something is not as it has to be.
 */
#ifndef PIL_TESTS_CERTS_H
#define PIL_TESTS_CERTS_H

#include <stdbool.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

struct test_cert {
    X509 *cert;
    EVP_PKEY *key;
};

/* What a certificate is to say, in OpenSSL's text form. NULL: as a good leaf of
 * spiffe://corp.example/web; "": without the extension. */
struct test_cert_wish {
    const char *san, *basic, *usage, *extended;
    time_t now;
    long from, to;   /* seconds from now; both 0: from a minute ago for an hour */
    bool no_subject; /* and no common name */
    bool unknown;    /* an extension that nobody knows, critical */
    int rsa_bits;    /* 0: P-256 */
};

struct test_cert test_cert_root(const char *domain, time_t now);
/* issuer NULL: signed by itself. */
struct test_cert test_cert_leaf(const struct test_cert *issuer, const struct test_cert_wish *wish);
void test_cert_free(struct test_cert *cert);

/* PEM texts, malloc'd. */
char *test_cert_pem(const struct test_cert *cert);
char *test_cert_key_pem(const struct test_cert *cert);

#endif
