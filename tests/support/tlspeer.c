#include "tests/support/tlspeer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void set_times(X509 *x, int64_t from, int64_t until)
{
    if (from == 0 && until == 0) {
        from = -60;
        until = 3600;
    }
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), from));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), until));
}

static void set_serial(X509 *x)
{
    uint64_t number;

    assert_int_equal(RAND_bytes((unsigned char *)&number, sizeof(number)), 1);
    assert_int_equal(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), number >> 1 | 1), 1);
}

static void add(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!extension)
        fail_msg("extension %s cannot be made", value);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *begin(EVP_PKEY *key, const char *name, int64_t from, int64_t until)
{
    X509 *x = X509_new();

    assert_non_null(x);
    X509_set_version(x, X509_VERSION_3);
    set_serial(x);
    set_times(x, from, until);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    return x;
}

static void sign(X509 *x, X509 *issuer, EVP_PKEY *key)
{
    assert_int_equal(X509_set_issuer_name(x, X509_get_subject_name(issuer)), 1);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
}

void test_ca_make(struct test_ca *ca, const char *domain, const struct test_ca *parent)
{
    char name[64], uri[300];
    X509 *issuer;

    ca->key = EVP_EC_gen("P-256");
    assert_non_null(ca->key);
    snprintf(name, sizeof(name), "%s of %.40s", parent ? "intermediate" : "root", domain);
    snprintf(uri, sizeof(uri), "URI:spiffe://%s", domain);
    ca->cert = begin(ca->key, name, -3600, 86400);
    issuer = parent ? parent->cert : ca->cert;
    add(ca->cert, issuer, NID_basic_constraints, "critical,CA:TRUE");
    add(ca->cert, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    add(ca->cert, issuer, NID_subject_key_identifier, "hash");
    add(ca->cert, issuer, NID_subject_alt_name, uri);
    sign(ca->cert, issuer, parent ? parent->key : ca->key);
}

void test_ca_free(struct test_ca *ca)
{
    X509_free(ca->cert);
    EVP_PKEY_free(ca->key);
}

static void add_names(X509 *x, X509 *issuer, const struct test_cert *cert)
{
    char names[700];

    if (!cert->id)
        return;
    snprintf(names, sizeof(names), "URI:%s%s%s", cert->id, cert->second ? ",URI:" : "",
             cert->second ? cert->second : "");
    add(x, issuer, NID_subject_alt_name, names);
}

static X509 *make_leaf(const struct test_ca *ca, const struct test_cert *cert, EVP_PKEY *key)
{
    X509 *x = begin(key, "workload", cert->from, cert->until);
    X509 *issuer = cert->self_signed ? x : ca->cert;

    add(x, issuer, NID_basic_constraints, cert->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!cert->no_usage)
        add(x, issuer, NID_key_usage, "critical,digitalSignature");
    add(x, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
    add_names(x, issuer, cert);
    sign(x, issuer, cert->self_signed ? key : ca->key);
    return x;
}

const struct pil_svid *test_svid(const struct test_ca *ca, const struct test_cert *cert,
                                 const struct test_ca *chain)
{
    struct pil_svid *svid = calloc(1, sizeof(*svid));

    assert_non_null(svid);
    atomic_init(&svid->refs, 1);
    svid->key = EVP_EC_gen("P-256");
    svid->leaf = make_leaf(ca, cert, svid->key);
    svid->chain = sk_X509_new_null();
    if (chain) {
        X509_up_ref(chain->cert);
        sk_X509_push(svid->chain, chain->cert);
    }
    svid->id = strdup(cert->id ? cert->id : "");
    svid->not_after = time(NULL) + 3600;
    return svid;
}

const struct pil_svid *test_svid_plain(const struct test_ca *ca, const char *id)
{
    return test_svid(ca, &(struct test_cert){.id = id}, NULL);
}

static FILE *create(const char *folder, const char *name, char **path)
{
    FILE *file;

    assert_true(asprintf(path, "%s/%s", folder, name) > 0);
    file = fopen(*path, "we");
    assert_non_null(file);
    return file;
}

char *test_pem(const char *folder, const char *name, const struct pil_svid *svid)
{
    char *path;
    FILE *file = create(folder, name, &path);

    assert_int_equal(PEM_write_X509(file, svid->leaf), 1);
    for (int i = 0; i < sk_X509_num(svid->chain); i++)
        assert_int_equal(PEM_write_X509(file, sk_X509_value(svid->chain, i)), 1);
    assert_int_equal(PEM_write_PrivateKey(file, svid->key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    return path;
}

char *test_pem_root(const char *folder, const char *name, const struct test_ca *ca)
{
    char *path;
    FILE *file = create(folder, name, &path);

    assert_int_equal(PEM_write_X509(file, ca->cert), 1);
    assert_int_equal(fclose(file), 0);
    return path;
}

int test_tcp_listen(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 512), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

void test_tcp_from(int listener, uint16_t port, int fd[2])
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd[0], (const struct sockaddr *)&address, sizeof(address)), 0);
    fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd[1] >= 0);
}

void test_tcp_pair(int fd[2])
{
    uint16_t port;
    int listener = test_tcp_listen(&port);

    test_tcp_from(listener, port, fd);
    close(listener);
}
