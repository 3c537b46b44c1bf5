/* cli/inspect/finding: what is found twice is one, the gravest decides, all is printed. */
#include "tests/support/support.h"

#include <stdio.h>

#include "cli/inspect/finding.h"

static void nothing_found_is_covered(void **state)
{
    struct pil_findings f = {0};

    (void)state;
    pil_findings_cover(&f, PIL_COVER_YES, "%s", "x");
    assert_int_equal(f.count, 0);
    assert_int_equal(pil_findings_worst(&f), PIL_REACH_NOTE);
    assert_string_equal(pil_findings_verdict(&f), "covered");
    pil_findings_free(&f);
}

static void the_gravest_decides(void **state)
{
    struct pil_findings f = {0};

    (void)state;
    pil_findings_add(&f, PIL_FINDING_SYSCALL, "%s", "a");
    assert_string_equal(pil_findings_verdict(&f), "covered");
    pil_findings_add(&f, PIL_FINDING_RAW_CODE, "%s", "b");
    assert_string_equal(pil_findings_verdict(&f), "limited");
    pil_findings_cover(&f, PIL_COVER_STATIC, "%s", "c");
    assert_string_equal(pil_findings_verdict(&f), "not-covered");
    assert_string_equal(f.item[2].name, "static");
    pil_findings_free(&f);
    assert_int_equal(f.count, 0);
}

static void what_is_found_twice_is_one(void **state)
{
    struct pil_findings f = {0};
    json_t *json, *lines;

    (void)state;
    pil_findings_add(&f, PIL_FINDING_MISSING, "%s", "liba.so");
    pil_findings_add(&f, PIL_FINDING_MISSING, "%s", "lib\nb.so");
    assert_int_equal(f.count, 1);
    assert_string_equal(f.item[0].evidence, "liba.so\nlib?b.so");
    json = pil_findings_json(&f);
    assert_int_equal(json_array_size(json), 1);
    lines = json_object_get(json_array_get(json, 0), "evidence");
    assert_int_equal(json_array_size(lines), 2);
    assert_string_equal(json_string_value(json_array_get(lines, 1)), "lib?b.so");
    json_decref(json);
    pil_findings_free(&f);
}

static void people_read_the_gravest_first(void **state)
{
    struct pil_findings f = {0};
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    (void)state;
    assert_non_null(to);
    pil_findings_add(&f, PIL_FINDING_SCRIPT, "%s", "s");
    pil_findings_add(&f, PIL_FINDING_MISSING, "%s", "liba.so");
    pil_findings_print(&f, to);
    fclose(to);
    assert_ptr_equal(strstr(text, "\nrefused    missing-library: "), text);
    assert_non_null(strstr(text, "\n  evidence liba.so\n  remedy   install"));
    assert_non_null(strstr(text, "\nnote       script: "));
    free(text);
    pil_findings_free(&f);
}

static void every_row_is_whole(void **state)
{
    struct pil_findings f = {0};

    (void)state;
    for (int id = 0; id < PIL_FINDING_COUNT; id++) {
        pil_findings_add(&f, (enum pil_finding_id)id, "%d", id);
        assert_true(f.count > 0);
    }
    for (size_t i = 0; i < f.count; i++) {
        assert_true(*f.item[i].name && *f.item[i].what && *f.item[i].remedy);
        assert_null(strchr(f.item[i].name, ' '));
    }
    pil_findings_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_found_is_covered),
        cmocka_unit_test(the_gravest_decides),
        cmocka_unit_test(what_is_found_twice_is_one),
        cmocka_unit_test(people_read_the_gravest_first),
        cmocka_unit_test(every_row_is_whole),
    };

    return cmocka_run_group_tests_name("inspect_finding", tests, NULL, NULL);
}
