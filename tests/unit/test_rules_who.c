/* cli/rules/who: which facts tell programs apart, and what they are called. */
#include "tests/support/support.h"

#include "cli/rules/who.h"
#include "tests/support/sights.h"

#define UNIT(name) ",\"resource\":\"x\",\"name\":\"x\",\"unit\":\"" name "\""

static unsigned who(struct pil_who_list *list, const struct pil_seen *seen)
{
    unsigned i = 99;

    assert_err(pil_who_of(list, seen, &i), PIL_OK);
    return i;
}

/* Sights in a list that does not move under who they point to. */
static struct pil_seen_list seen;

static int set_up(void **state)
{
    static const char *const rows[][2] = {
        {"/usr/sbin/nginx", "a.service"},
        {"/usr/sbin/nginx", "b.service"},
        {"/usr/bin/python3.11", "a.service"},
        {"/opt/nginx", "a.service"},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        char where[128];

        snprintf(where, sizeof(where), UNIT("%s"), rows[i][1]);
        sight(&seen, rows[i][0], "resolve", where);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pil_seen_free(&seen);
    return 0;
}

static void the_executable_tells_and_the_user_of_an_interpreter(void **state)
{
    struct pil_who_list list = {0};

    (void)state;
    assert_int_equal(who(&list, &seen.item[0]), 0);
    assert_int_equal(who(&list, &seen.item[1]), 0);
    assert_int_equal(who(&list, &seen.item[2]), 1);
    assert_int_equal(who(&list, &seen.item[3]), 2);
    assert_int_equal(list.item[0].facts, PIL_WHO_EXE);
    assert_int_equal(list.item[1].facts, PIL_WHO_EXE | PIL_WHO_USER);
    assert_false(pil_who_interprets(&list.item[0]));
    assert_true(pil_who_interprets(&list.item[1]));
    assert_err(pil_who_name(&list, NULL, NULL), PIL_OK);
    assert_string_equal(list.item[0].title, "nginx");
    assert_string_equal(list.item[1].title, "python3.11");
    assert_string_equal(list.item[2].title, "nginx-2");
    pil_who_free(&list);
}

static void of_units_the_unit_tells_too(void **state)
{
    struct pil_who_list list = {.of_units = true};

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(who(&list, &seen.item[i]), i);
    assert_int_equal(list.item[0].facts, PIL_WHO_EXE | PIL_WHO_UNIT);
    assert_err(pil_who_name(&list, NULL, NULL), PIL_OK);
    assert_string_equal(list.item[2].title, "a"); /* an interpreter is called by its unit */
    pil_who_free(&list);
}

static bool taken(void *cookie, const char *title)
{
    return strcmp(title, cookie) == 0;
}

static void facts_are_chosen_and_titles_avoided(void **state)
{
    struct pil_who_list list = {.by = PIL_WHO_UNIT};
    unsigned bits, i;

    (void)state;
    assert_int_equal(who(&list, &seen.item[0]), 0);
    assert_int_equal(who(&list, &seen.item[2]), 0);
    assert_int_equal(who(&list, &seen.item[1]), 1);
    assert_err(pil_who_name(&list, taken, (void *)"b"), PIL_OK);
    assert_string_equal(list.item[0].title, "a");
    assert_string_equal(list.item[1].title, "b-2");
    pil_who_free(&list);
    assert_true(pil_who_by("exe,user,unit,cgroup", &bits));
    assert_int_equal(bits, 15);
    assert_false(pil_who_by("user", &bits));
    assert_false(pil_who_by("exe,name", &bits));
    assert_false(pil_who_by("", &bits));
    list = (struct pil_who_list){.by = PIL_WHO_CGROUP}; /* which nobody told */
    assert_err(pil_who_of(&list, &seen.item[0], &i), PIL_E_NOTFOUND);
}

static void there_is_an_end_to_them(void **state)
{
    struct pil_who_list list = {0};
    struct pil_seen_list many = {0};
    unsigned i;

    (void)state;
    for (i = 0; i <= PIL_WHO_MAX; i++) {
        char exe[32];

        snprintf(exe, sizeof(exe), "/bin/%u", i);
        sight(&many, exe, "resolve", NAME("x"));
    }
    for (i = 0; i < PIL_WHO_MAX; i++)
        assert_int_equal(who(&list, &many.item[i]), i);
    assert_err(pil_who_of(&list, &many.item[PIL_WHO_MAX], &i), PIL_E_FULL);
    pil_who_free(&list);
    pil_seen_free(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_executable_tells_and_the_user_of_an_interpreter),
        cmocka_unit_test(of_units_the_unit_tells_too),
        cmocka_unit_test(facts_are_chosen_and_titles_avoided),
        cmocka_unit_test(there_is_an_end_to_them),
    };

    return cmocka_run_group_tests_name("rules_who", tests, set_up, tear_down);
}
