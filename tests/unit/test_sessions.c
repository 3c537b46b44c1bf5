/* policyd/tls/sessions: kept by key, for an hour, bounded, the least used go first. */
#include "tests/support/tlspeer.h"

#include "policyd/tls/sessions.h"

struct room {
    struct pil_sessions *s;
    struct test_ca ca;
    struct pil_session session;
};

static struct pil_session_key key(uint8_t n)
{
    struct pil_session_key out = {{n}};

    return out;
}

static bool has(struct room *r, uint8_t n, int64_t now)
{
    struct pil_session_key k = key(n);
    struct pil_session out;

    if (!pil_sessions_get(r->s, &k, &out, now))
        return false;
    assert_ptr_equal(out.leaf, r->session.leaf);
    assert_ptr_not_equal(out.ssl, r->session.ssl); /* a copy, which a handshake may write to */
    pil_session_clear(&out);
    return true;
}

static void put(struct room *r, uint8_t n, int64_t now)
{
    struct pil_session_key k = key(n);

    pil_sessions_put(r->s, &k, &r->session, now);
}

static void what_is_put_is_got(void **state)
{
    struct room *r = *state;
    struct pil_session_key k = key(1);

    assert_false(has(r, 1, 100));
    put(r, 1, 100);
    assert_true(has(r, 1, 100));
    assert_true(has(r, 1, 100)); /* many times */
    assert_false(has(r, 2, 100));
    put(r, 1, 100);
    assert_int_equal(pil_sessions_count(r->s), 1);
    pil_sessions_drop(r->s, &k);
    pil_sessions_drop(r->s, &k);
    assert_false(has(r, 1, 100));
    assert_int_equal(pil_sessions_count(r->s), 0);
}

static void they_hold_for_an_hour(void **state)
{
    struct room *r = *state;

    put(r, 1, 100);
    assert_true(has(r, 1, 100 + PIL_SESSION_SECONDS - 1));
    assert_false(has(r, 1, 100 + PIL_SESSION_SECONDS));
    assert_int_equal(pil_sessions_count(r->s), 0);
    /* And are let go when others come. */
    put(r, 1, 100);
    put(r, 2, 100);
    put(r, 3, 100 + PIL_SESSION_SECONDS);
    assert_int_equal(pil_sessions_count(r->s), 1);
}

static void the_least_used_goes_first(void **state)
{
    struct room *r = *state;

    for (uint8_t n = 1; n <= 4; n++)
        put(r, n, 100);
    assert_true(has(r, 1, 100));
    put(r, 5, 100);
    assert_int_equal(pil_sessions_count(r->s), 4);
    assert_false(has(r, 2, 100));
    assert_true(has(r, 1, 100) && has(r, 3, 100) && has(r, 4, 100) && has(r, 5, 100));
}

static void keys_differ_by_each_part(void **state)
{
    struct pil_ip one = {{1}}, two = {{2}};
    struct pil_session_key a, b;

    (void)state;
    assert_true(pil_sessions_key("spiffe://a/x", &one, 443, 7, &a));
    assert_true(pil_sessions_key("spiffe://a/x", &one, 443, 7, &b));
    assert_memory_equal(&a, &b, sizeof(a));
    assert_true(pil_sessions_key("spiffe://a/y", &one, 443, 7, &b));
    assert_memory_not_equal(&a, &b, sizeof(a));
    assert_true(pil_sessions_key("spiffe://a/x", &two, 443, 7, &b));
    assert_memory_not_equal(&a, &b, sizeof(a));
    assert_true(pil_sessions_key("spiffe://a/x", &one, 444, 7, &b));
    assert_memory_not_equal(&a, &b, sizeof(a));
    assert_true(pil_sessions_key("spiffe://a/x", &one, 443, 8, &b));
    assert_memory_not_equal(&a, &b, sizeof(a));
}

static int set_up(void **state)
{
    struct room *r = calloc(1, sizeof(*r));

    assert_err(pil_sessions_open(4, &r->s), PIL_OK);
    test_ca_make(&r->ca, TEST_DOMAIN, NULL);
    r->session.ssl = SSL_SESSION_new();
    r->session.leaf = r->ca.cert;
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct room *r = *state;

    SSL_SESSION_free(r->session.ssl);
    test_ca_free(&r->ca);
    pil_sessions_close(r->s);
    free(r);
    return 0;
}

#define with_room(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_room(what_is_put_is_got),
        with_room(they_hold_for_an_hour),
        with_room(the_least_used_goes_first),
        cmocka_unit_test(keys_differ_by_each_part),
    };

    pil_sessions_close(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
