/*
 * conf/switch: what the file may say, whose it may be, and that anything else means on.
 */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/switch.h"

static char problem[512];
static char *folder;

static char *path_of(const char *name)
{
    static char paths[2][512];
    static unsigned turn;
    char *path = paths[turn++ % 2];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static int parse(const char *text, struct pil_switch_order *out)
{
    problem[0] = '\0';
    return pil_switch_parse(text, strlen(text), out, problem, sizeof(problem));
}

static void a_word_is_enough(void **state)
{
    struct pil_switch_order order;

    (void)state;
    assert_err(parse("off", &order), PIL_OK);
    assert_int_equal(order.mode, PIL_SWITCH_OFF);
    assert_int_equal(order.until, 0);
    assert_err(parse("# in a hurry\n\nshadow  \n", &order), PIL_OK);
    assert_int_equal(order.mode, PIL_SWITCH_SHADOW);
    assert_err(parse("on\n", &order), PIL_OK);
    assert_int_equal(order.mode, PIL_SWITCH_ON);
}

static void all_of_it_is_read(void **state)
{
    struct pil_switch_order order;

    (void)state;
    assert_err(
        parse("off\nuntil = 2026-11-25T18:00:00Z\nby=root (uid 0)\nreason = the ledger = down",
              &order),
        PIL_OK);
    assert_int_equal(order.mode, PIL_SWITCH_OFF);
    assert_int_equal(order.until, 1795629600);
    assert_string_equal(order.by, "root (uid 0)");
    assert_string_equal(order.reason, "the ledger = down");
}

static void what_is_wrong_means_on_and_says_why(void **state)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"", "line 1: \"\"; legal is on, shadow, off"},
        {"# off\n", "legal is on, shadow, off"},
        {"Off\n", "line 1: \"Off\"; legal is on, shadow, off"},
        {"off and on\n", "line 1: \"off and on\""},
        {"off\noff\n", "line 2: \"off\"; legal is until = TIME"},
        {"off\nwhy = that\n", "line 2: \"why = that\"; legal is until = TIME"},
        {"off\nuntil = tomorrow\n", "line 2: \"until = tomorrow\"; legal is a time"},
        {"off\nuntil = 2026-02-31T00:00:00Z\n", "legal is a time"},
        {"off\nuntil = 2026-11-25T18:00:00\n", "legal is a time"},
        {"off\nreason = a\tb\n", "line 2: \"\"; legal is text without control characters"},
        {"until = 2026-11-25T18:00:00Z\noff\n", "line 1"},
    };
    struct pil_switch_order order;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(wrong); i++) {
        order.mode = PIL_SWITCH_OFF;
        assert_err(parse(wrong[i].text, &order), PIL_E_SYNTAX);
        assert_int_equal(order.mode, PIL_SWITCH_ON);
        assert_non_null(strstr(problem, wrong[i].says));
    }
}

static void a_nul_is_no_text(void **state)
{
    struct pil_switch_order order;

    (void)state;
    assert_err(pil_switch_parse("off\0", 4, &order, problem, sizeof(problem)), PIL_E_SYNTAX);
    assert_int_equal(order.mode, PIL_SWITCH_ON);
}

static int load(const char *path, struct pil_switch_order *out)
{
    problem[0] = '\0';
    return pil_switch_load(path, geteuid(), out, problem, sizeof(problem));
}

static void what_is_saved_is_loaded(void **state)
{
    struct pil_switch_order order = {.mode = PIL_SWITCH_SHADOW, .until = 1795629600}, got;
    const char *path = path_of("switch");

    (void)state;
    assert_err(load("", &got), PIL_OK);
    assert_err(load(path, &got), PIL_OK); /* none is on */
    assert_int_equal(got.mode, PIL_SWITCH_ON);
    strcpy(order.by, "root");
    strcpy(order.reason, "because");
    assert_err(pil_switch_save(path, &order, problem, sizeof(problem)), PIL_OK);
    assert_err(load(path, &got), PIL_OK);
    assert_memory_equal(&got, &order, sizeof(got));
    order.reason[0] = '\n'; /* would be a line of its own */
    assert_err(pil_switch_save(path, &order, problem, sizeof(problem)), PIL_E_SYNTAX);
    assert_err(load(path, &got), PIL_OK);
    assert_string_equal(got.reason, "because");
}

static void a_file_that_others_could_write_means_on(void **state)
{
    struct pil_switch_order order = {.mode = PIL_SWITCH_OFF}, got = order;
    const char *path = path_of("foreign"), *name = path_of("name");

    (void)state;
    assert_err(pil_switch_save(path, &order, problem, sizeof(problem)), PIL_OK);
    assert_int_equal(chmod(path, 0664), 0);
    assert_err(load(path, &got), PIL_E_PERMISSION);
    assert_int_equal(got.mode, PIL_SWITCH_ON);
    assert_non_null(strstr(problem, "mode 0664"));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(link(path, name), 0);
    assert_err(load(path, &got), PIL_E_PERMISSION);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(symlink(path, name), 0);
    assert_err(load(name, &got), PIL_E_SYSTEM);
    assert_err(load(path, &got), PIL_OK);
    assert_int_equal(got.mode, PIL_SWITCH_OFF);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_err(load(path, &got), PIL_E_PERMISSION);
        assert_int_equal(got.mode, PIL_SWITCH_ON);
        assert_non_null(strstr(problem, "owner 65534"));
    }
}

static int make_folder(void **state)
{
    (void)state;
    folder = test_folder_make();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_enough),
        cmocka_unit_test(all_of_it_is_read),
        cmocka_unit_test(what_is_wrong_means_on_and_says_why),
        cmocka_unit_test(a_nul_is_no_text),
        cmocka_unit_test(what_is_saved_is_loaded),
        cmocka_unit_test(a_file_that_others_could_write_means_on),
    };

    return cmocka_run_group_tests_name("switch", tests, make_folder, remove_folder);
}
