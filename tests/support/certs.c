#include "tests/support/certs.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "tests/support/support.h"

static void extend(X509 *cert, X509V3_CTX *ctx, int nid, const char *value, const char *usual)
{
    X509_EXTENSION *ext;

    if (!value)
        value = usual;
    if (!*value)
        return;
    ext = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
}

static void add_unknown(X509 *cert)
{
    ASN1_OBJECT *name = OBJ_txt2obj("1.3.6.1.4.1.55555.1", 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext;

    ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x05\x00", 2);
    ext = X509_EXTENSION_create_by_OBJ(NULL, name, 1, value);
    assert_int_equal(X509_add_ext(cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(name);
}

struct test_cert test_cert_leaf(const struct test_cert *issuer, const struct test_cert_wish *wish)
{
    static long numbers = 0x10001;
    struct test_cert out = {X509_new(),
                            wish->rsa_bits ? EVP_RSA_gen(wish->rsa_bits) : EVP_EC_gen("P-256")};
    bool usual = wish->from == 0 && wish->to == 0;
    X509_NAME *name = X509_get_subject_name(out.cert);
    char common[32];
    X509V3_CTX ctx;

    assert_non_null(out.key);
    X509_set_version(out.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(out.cert), numbers);
    ASN1_TIME_set(X509_getm_notBefore(out.cert), wish->now + (usual ? -60 : wish->from));
    ASN1_TIME_set(X509_getm_notAfter(out.cert), wish->now + (usual ? 3600 : wish->to));
    snprintf(common, sizeof(common), "test %ld", numbers++);
    if (!wish->no_subject)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (unsigned char *)common, -1, -1, 0);
    X509_set_issuer_name(out.cert, issuer ? X509_get_subject_name(issuer->cert) : name);
    X509_set_pubkey(out.cert, out.key);
    X509V3_set_ctx(&ctx, issuer ? issuer->cert : out.cert, out.cert, NULL, NULL, 0);
    extend(out.cert, &ctx, NID_basic_constraints, wish->basic, "critical,CA:FALSE");
    extend(out.cert, &ctx, NID_key_usage, wish->usage, "critical,digitalSignature");
    extend(out.cert, &ctx, NID_ext_key_usage, wish->extended, "serverAuth,clientAuth");
    extend(out.cert, &ctx, NID_subject_alt_name, wish->san, "URI:spiffe://corp.example/web");
    if (wish->unknown)
        add_unknown(out.cert);
    assert_true(X509_sign(out.cert, issuer ? issuer->key : out.key, EVP_sha256()) > 0);
    return out;
}

struct test_cert test_cert_root(const char *domain, time_t now)
{
    char san[300];
    struct test_cert_wish wish = {.san = san,
                                  .basic = "critical,CA:TRUE",
                                  .usage = "critical,keyCertSign,cRLSign",
                                  .extended = "",
                                  .now = now,
                                  .from = -86400,
                                  .to = 86400};

    snprintf(san, sizeof(san), "URI:spiffe://%s", domain);
    return test_cert_leaf(NULL, &wish);
}

void test_cert_free(struct test_cert *cert)
{
    X509_free(cert->cert);
    EVP_PKEY_free(cert->key);
    *cert = (struct test_cert){0};
}

static char *text_of(BIO *bio)
{
    char *data, *out;
    long len = BIO_get_mem_data(bio, &data);

    out = strndup(data, (size_t)len);
    assert_non_null(out);
    BIO_free(bio);
    return out;
}

char *test_cert_pem(const struct test_cert *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_X509(bio, cert->cert), 1);
    return text_of(bio);
}

char *test_cert_key_pem(const struct test_cert *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, cert->key, NULL, NULL, 0, NULL, NULL), 1);
    return text_of(bio);
}
