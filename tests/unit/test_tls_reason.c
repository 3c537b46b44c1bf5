/* core/tls_reason: the list is whole, its names are distinct, what is not on it is an error. */
#include "tests/support/support.h"

#include <errno.h>

#include "core/tls_reason.h"

static void names_are_whole_and_distinct(void **state)
{
    (void)state;
    for (unsigned a = 0; a < PIL_TLS_REASON_COUNT; a++) {
        assert_true(strlen(pil_tls_reason_name(a)) > 0);
        assert_true(strlen(pil_tls_reason_text(a)) > 0);
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(pil_tls_reason_name(a), pil_tls_reason_name(b));
    }
    assert_string_equal(pil_tls_reason_name(PIL_TLS_NONE), "none");
    assert_string_equal(pil_tls_reason_name(PIL_TLS_MANY_URIS), "many-uris");
    assert_string_equal(pil_tls_reason_text(PIL_TLS_REVOKED), "the peer's identity is revoked");
}

static void what_is_not_on_the_list_is_internal(void **state)
{
    (void)state;
    assert_string_equal(pil_tls_reason_name(PIL_TLS_REASON_COUNT), "internal");
    assert_string_equal(pil_tls_reason_name(UINT32_MAX), "internal");
    assert_string_equal(pil_tls_reason_text(UINT32_MAX), "this side could not go on");
    assert_int_equal(pil_tls_reason_errno(PIL_TLS_REASON_COUNT), EACCES);
}

static void a_refusal_is_never_a_success(void **state)
{
    (void)state;
    assert_int_equal(pil_tls_reason_errno(PIL_TLS_NONE), 0);
    for (unsigned a = 1; a < PIL_TLS_REASON_COUNT; a++)
        assert_int_not_equal(pil_tls_reason_errno(a), 0);
    assert_int_equal(pil_tls_reason_errno(PIL_TLS_TIMEOUT), ETIMEDOUT);
    assert_int_equal(pil_tls_reason_errno(PIL_TLS_DENIED), EACCES);
    assert_int_equal(pil_tls_reason_errno(PIL_TLS_WRONG_ROOT), ECONNREFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_whole_and_distinct),
        cmocka_unit_test(what_is_not_on_the_list_is_internal),
        cmocka_unit_test(a_refusal_is_never_a_success),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
