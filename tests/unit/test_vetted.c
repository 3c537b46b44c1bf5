/* policyd/tls/vetted: what is remembered of a chain, and what never is. */
#include "tests/support/tlspeer.h"

#include <time.h>

#include "policyd/tls/vetted.h"

struct room {
    struct pil_vetted *v;
    struct test_ca ca;
    const struct pil_bundle *bundle;
    const struct pil_svid *svid;
};

static struct pil_vet_order order(const struct room *r)
{
    return (struct pil_vet_order){
        .bundle = r->bundle, .leaf = r->svid->leaf, .chain = r->svid->chain, .now = time(NULL)};
}

static void a_chain_is_checked_once_a_minute(void **state)
{
    struct room *r = *state;
    struct pil_vet_order o = order(r);
    struct pil_hand_result result = {0};
    STACK_OF(X509) *whole = sk_X509_new_null();

    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_NONE);
    assert_string_equal(result.peer, TEST_ID("web"));
    assert_true(strlen(result.serial) > 0 && result.not_after > result.not_before);
    assert_int_equal(pil_vetted_full(r->v), 1);
    memset(&result, 0, sizeof(result));
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_NONE);
    assert_string_equal(result.peer, TEST_ID("web"));
    assert_int_equal(pil_vetted_full(r->v), 1);
    /* A client has the leaf in the chain, a server has not: it is the same chain. */
    sk_X509_push(whole, r->svid->leaf);
    o.chain = whole;
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_NONE);
    o.chain = NULL;
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_NONE);
    assert_int_equal(pil_vetted_full(r->v), 1);
    sk_X509_free(whole);
}

static void other_roots_are_another_question(void **state)
{
    struct room *r = *state;
    struct pil_vet_order o = order(r);
    struct pil_hand_result result = {0};
    struct test_ca stranger;
    const struct pil_bundle *theirs, *without;

    test_ca_make(&stranger, TEST_DOMAIN, NULL);
    theirs = test_bundle(&stranger);
    without = test_bundle_of(&r->ca, TEST_DOMAIN, TEST_ID("web"));
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_NONE);
    o.bundle = theirs;
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_WRONG_ROOT);
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_WRONG_ROOT);
    assert_true(strlen(result.detail) > 0);
    o.bundle = without;
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_REVOKED);
    o.bundle = r->bundle;
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_NONE);
    pil_bundle_unref(theirs);
    pil_bundle_unref(without);
    test_ca_free(&stranger);
}

static void times_are_looked_at_every_time(void **state)
{
    struct room *r = *state;
    struct pil_vet_order o = order(r);
    struct pil_hand_result result = {0};

    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_NONE);
    o.now += 7200;
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_EXPIRED);
    o.now -= 14400;
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_NOT_YET_VALID);
    o.now += 7200;
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_NONE);
}

static void names_are_looked_at_every_time(void **state)
{
    static const char *const db[] = {TEST_ID("db")}, *const any[] = {TEST_ID("db"), TEST_ID("w*")};
    struct room *r = *state;
    struct pil_vet_order o = order(r);
    struct pil_hand_result result = {0};

    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_NONE);
    o.expect = db;
    o.expect_count = 1;
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_WRONG_ID);
    assert_int_equal(result.reason, PIL_TLS_WRONG_ID);
    assert_string_equal(result.peer, TEST_ID("web")); /* who it is, for the log */
    o.expect = any;
    o.expect_count = 2;
    assert_int_equal(pil_vetted_check(r->v, &o, &result), PIL_TLS_NONE);
}

static int set_up(void **state)
{
    struct room *r = calloc(1, sizeof(*r));

    assert_err(pil_vetted_open(&r->v), PIL_OK);
    test_ca_make(&r->ca, TEST_DOMAIN, NULL);
    r->bundle = test_bundle(&r->ca);
    r->svid = test_svid_plain(&r->ca, TEST_ID("web"));
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct room *r = *state;

    pil_svid_unref(r->svid);
    pil_bundle_unref(r->bundle);
    test_ca_free(&r->ca);
    pil_vetted_close(r->v);
    free(r);
    return 0;
}

#define with_room(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_room(a_chain_is_checked_once_a_minute),
        with_room(other_roots_are_another_question),
        with_room(times_are_looked_at_every_time),
        with_room(names_are_looked_at_every_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
