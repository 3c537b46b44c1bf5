/*
 * What tests of TLS need: a CA of their own, certificates that are right or wrong in one way, pairs
 * of TCP sockets.
 *
 * Tests only: whatever cannot be made ends the test.
 */
#ifndef PIL_TESTS_TLSPEER_H
#define PIL_TESTS_TLSPEER_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "policyd/identity/bundle.h"
#include "policyd/identity/svid.h"
#include "tests/support/support.h"

#define TEST_DOMAIN   "mesh.example"
#define TEST_ID(name) "spiffe://" TEST_DOMAIN "/" name

struct test_ca {
    X509 *cert;
    EVP_PKEY *key;
};

/* What a certificate says. Zeroed but for id: a right one, for an hour from a minute ago. */
struct test_cert {
    const char *id, *second; /* URI names; NULL: none */
    int64_t from, until;     /* seconds from now; both 0: see above */
    bool ca, self_signed, no_usage;
};

void test_ca_make(struct test_ca *ca, const char *domain, const struct test_ca *parent);
void test_ca_free(struct test_ca *ca);

/* An identity as it would be handed to the engine, wrong ones too. chain: an intermediate CA that
 * is sent along, or NULL. */
const struct pil_svid *test_svid(const struct test_ca *ca, const struct test_cert *cert,
                                 const struct test_ca *chain);
const struct pil_svid *test_svid_plain(const struct test_ca *ca, const char *id);

/* A bundle of one root, with a version of its own. In the header, since tests/support is linked
 * into units without policyd's parts too. */
static inline const struct pil_bundle *test_bundle_of(const struct test_ca *ca, const char *domain,
                                                      const char *revoked)
{
    static uint64_t version;
    char *list[] = {(char *)(uintptr_t)revoked};
    STACK_OF(X509) *roots = sk_X509_new_null();
    struct pil_bundle *bundle;

    sk_X509_push(roots, ca->cert);
    assert_err(pil_bundle_new(domain, roots, list, revoked ? 1 : 0, ++version, &bundle), PIL_OK);
    sk_X509_free(roots);
    return bundle;
}

static inline const struct pil_bundle *test_bundle(const struct test_ca *ca)
{
    return test_bundle_of(ca, TEST_DOMAIN, NULL);
}

/* Files in PEM: certificate with chain, and key, in one. The path is malloc'd. */
char *test_pem(const char *folder, const char *name, const struct pil_svid *svid);
char *test_pem_root(const char *folder, const char *name, const struct test_ca *ca);

/* A connection over 127.0.0.1; [0] is the side that connected. */
void test_tcp_pair(int fd[2]);
/* A listener there; *port is the kernel's choice. */
int test_tcp_listen(uint16_t *port);
/* A connection to that listener. */
void test_tcp_from(int listener, uint16_t port, int fd[2]);

#endif
