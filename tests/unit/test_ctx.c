/* policyd/tls/ctx: one SSL_CTX for each version of an identity, and what it speaks. */
#include "tests/support/tlspeer.h"

#include <stdio.h>

#include "policyd/tls/ctx.h"

static const struct pil_ctx_hooks hooks;

static SSL_CTX *get(struct pil_ctx_cache *cache, const struct pil_svid *svid)
{
    SSL_CTX *ctx;

    assert_err(pil_ctx_get(cache, svid, &ctx), PIL_OK);
    return ctx;
}

/* The same one or another; lets go of both. */
static bool same(SSL_CTX *a, SSL_CTX *b)
{
    bool result = a == b;

    SSL_CTX_free(a);
    SSL_CTX_free(b);
    return result;
}

static void one_for_each_version(void **state)
{
    struct pil_ctx_cache *cache;
    struct test_ca ca;
    const struct pil_svid *web, *db, *renewed;
    SSL_CTX *first;

    (void)state;
    test_ca_make(&ca, TEST_DOMAIN, NULL);
    web = test_svid_plain(&ca, TEST_ID("web"));
    db = test_svid_plain(&ca, TEST_ID("db"));
    renewed = test_svid_plain(&ca, TEST_ID("web"));
    assert_err(pil_ctx_open(&hooks, &cache), PIL_OK);
    assert_true(same(get(cache, web), get(cache, web)));
    assert_false(same(get(cache, web), get(cache, db)));
    first = get(cache, web);
    assert_false(same(first, get(cache, renewed)));
    /* The former version has gone, with its key. */
    assert_int_equal(atomic_load(&((struct pil_svid *)(uintptr_t)web)->refs), 1);
    assert_true(same(get(cache, renewed), get(cache, renewed)));
    assert_true(same(get(cache, db), get(cache, db)));
    pil_ctx_close(cache);
    assert_int_equal(atomic_load(&((struct pil_svid *)(uintptr_t)db)->refs), 1);
    pil_svid_unref(web);
    pil_svid_unref(db);
    pil_svid_unref(renewed);
    test_ca_free(&ca);
}

static void the_least_used_goes_first(void **state)
{
    const struct pil_svid *svid[PIL_CTX_MAX + 1];
    struct pil_ctx_cache *cache;
    struct test_ca ca;
    char id[64];

    (void)state;
    test_ca_make(&ca, TEST_DOMAIN, NULL);
    assert_err(pil_ctx_open(&hooks, &cache), PIL_OK);
    for (unsigned i = 0; i <= PIL_CTX_MAX; i++) {
        snprintf(id, sizeof(id), TEST_ID("w%u"), i);
        svid[i] = test_svid_plain(&ca, id);
        SSL_CTX_free(get(cache, svid[i]));
        SSL_CTX_free(get(cache, svid[0]));
    }
    assert_int_equal(atomic_load(&((struct pil_svid *)(uintptr_t)svid[0])->refs), 2);
    assert_int_equal(atomic_load(&((struct pil_svid *)(uintptr_t)svid[1])->refs), 1);
    assert_int_equal(atomic_load(&((struct pil_svid *)(uintptr_t)svid[2])->refs), 2);
    pil_ctx_close(cache);
    for (unsigned i = 0; i <= PIL_CTX_MAX; i++)
        pil_svid_unref(svid[i]);
    test_ca_free(&ca);
}

static void it_speaks_tls_1_3_alone(void **state)
{
    struct pil_ctx_cache *cache;
    struct test_ca ca;
    const struct pil_svid *web;
    SSL_CTX *ctx;

    (void)state;
    test_ca_make(&ca, TEST_DOMAIN, NULL);
    web = test_svid_plain(&ca, TEST_ID("web"));
    assert_err(pil_ctx_open(&hooks, &cache), PIL_OK);
    ctx = get(cache, web);
    assert_int_equal(SSL_CTX_get_min_proto_version(ctx), TLS1_3_VERSION);
    assert_int_equal(SSL_CTX_get_max_proto_version(ctx), TLS1_3_VERSION);
    assert_int_equal(SSL_CTX_get_verify_mode(ctx),
                     SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    assert_int_equal(SSL_CTX_get_read_ahead(ctx), 0);
    assert_int_equal(SSL_CTX_get_num_tickets(ctx), 0);
    assert_int_equal(SSL_CTX_get_max_early_data(ctx), 0);
    SSL_CTX_free(ctx);
    pil_ctx_close(cache);
    pil_ctx_close(NULL);
    pil_svid_unref(web);
    test_ca_free(&ca);
}

static void a_key_that_does_not_fit_is_refused(void **state)
{
    struct pil_ctx_cache *cache;
    struct test_ca ca;
    const struct pil_svid *web, *db;
    struct pil_svid mixed;
    SSL_CTX *ctx;

    (void)state;
    test_ca_make(&ca, TEST_DOMAIN, NULL);
    web = test_svid_plain(&ca, TEST_ID("web"));
    db = test_svid_plain(&ca, TEST_ID("db"));
    memcpy(&mixed, web, sizeof(mixed));
    mixed.key = db->key;
    assert_err(pil_ctx_open(&hooks, &cache), PIL_OK);
    assert_err(pil_ctx_get(cache, &mixed, &ctx), PIL_E_INTERNAL);
    pil_ctx_close(cache);
    pil_svid_unref(web);
    pil_svid_unref(db);
    test_ca_free(&ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_for_each_version),
        cmocka_unit_test(the_least_used_goes_first),
        cmocka_unit_test(it_speaks_tls_1_3_alone),
        cmocka_unit_test(a_key_that_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
