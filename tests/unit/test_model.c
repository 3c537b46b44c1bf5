/* conf/model: everything it can hold is released, and what is left is an empty model. */
#include "tests/support/support.h"

#include "conf/load.h"

static const char full[] =
    "schema = 1 trust_domain = \"corp.example\" default = allow timezone = \"UTC\"\n"
    "workload \"w\" { exe = \"/x\" user = u unit = \"u.service\" cgroup = \"/s/*\"\n"
    "  sha256 = \"0123456789012345678901234567890123456789012345678901234567890123\" }\n"
    "role \"r\" { members = { \"workload:w\" } }\n"
    "service \"s\" { endpoints = { \"h:1\" } identity = \"spiffe://d/p\" encrypt = off }\n"
    "policy \"p\" { owner = \"o\" inherits = {q} applies = { \"*\" }\n"
    "  rule \"a\" { effect = deny subjects = { \"*\" } actions = {accept} resources = { \"*\" }\n"
    "    when { timezone = \"UTC\" days = {mon} source = { \"*\" } caller = { \"x\" } uid = {1, 2} "
    "}\n"
    "    rate { limit = 1 per = 1s } } }\n"
    "route \"s\" { fallback = { \"h:2\" } breaker { failures = 1 open = 1s } }\n";

/* Nothing may be left; the build with the address sanitizer sees what is. */
static void a_full_model_is_released_whole(void **state)
{
    static const struct pil_model empty;
    struct pil_diag diag = {0};
    struct pil_model model;

    (void)state;
    assert_err(pil_load_text("x", full, strlen(full), &diag, &model), PIL_OK);
    assert_int_equal(model.policy[0].rule[0].when.uid_count, 2);
    assert_int_equal(model.route[0].breaker.open_ms, 1000);
    pil_model_free(&model);
    assert_memory_equal(&model, &empty, sizeof(empty));
}

static void an_empty_model_may_be_freed_again(void **state)
{
    struct pil_model model = {0};

    (void)state;
    pil_model_free(&model);
    pil_model_free(&model);
    assert_null(model.policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_model_is_released_whole),
        cmocka_unit_test(an_empty_model_may_be_freed_again),
    };

    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
