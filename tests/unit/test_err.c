/* core/err: the list is whole and nothing outside it is an error of its own. */
#include "tests/support/support.h"

static void every_code_has_name_text_and_class(void **state)
{
    (void)state;
    for (int code = PIL_OK + 1; code < PIL_E_COUNT; code++) {
        assert_string_not_equal(pil_err_name(code), "UNKNOWN");
        assert_string_not_equal(pil_err_text(code), "unknown error");
        assert_int_not_equal(pil_err_class(code), PIL_CLASS_NONE);
    }
    assert_int_equal(pil_err_class(PIL_OK), PIL_CLASS_NONE);
}

static void codes_off_the_list_are_internal(void **state)
{
    (void)state;
    assert_string_equal(pil_err_text(-1), "unknown error");
    assert_string_equal(pil_err_name(PIL_E_COUNT), "UNKNOWN");
    assert_int_equal(pil_err_class(PIL_E_COUNT), PIL_CLASS_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_name_text_and_class),
        cmocka_unit_test(codes_off_the_list_are_internal),
    };

    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
