/*
 * policyd/identity/revoke: the list, its spelling, and its file.
 */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/identity/keys.h"
#include "policyd/identity/revoke.h"
#include "policyd/identity/svid.h"

static char problem[512];

static int parse(const char *text, struct pil_revoked *out)
{
    problem[0] = '\0';
    return pil_revoked_parse(text, strlen(text), out, problem, sizeof(problem));
}

static void both_kinds_have_one_spelling(void **state)
{
    static const struct {
        const char *text, *spelled;
    } rows[] = {
        {"5f0c9a", "5f0c9a"},
        {"5F:0C:9A", "5f0c9a"},
        {"0f", "0f"},
        {"f", "0f"},
        {"000f0c", "0f0c"},
        {"123", "0123"},
        {"spiffe://corp.example/web", "spiffe://corp.example/web"},
        {"ffffffffffffffffffffffffffffffffffffffff", "ffffffffffffffffffffffffffffffffffffffff"},
        {"", NULL},
        {"0", NULL},
        {"web", NULL},
        {"5f 0c", NULL},
        {"0x5f", NULL},
        {"spiffe://corp.example", NULL},
        {"spiffe://corp.example/", NULL},
        {"spiffe://corp.example/a b", NULL},
        {"ffffffffffffffffffffffffffffffffffffffffffffffffffff", NULL},
    };
    char out[PIL_SPIFFE_MAX + 1];

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        bool good = pil_revoked_spell(rows[i].text, out, sizeof(out));

        if (good != (rows[i].spelled != NULL))
            fail_msg("\"%s\" is %s", rows[i].text, good ? out : "refused");
        if (good)
            assert_string_equal(out, rows[i].spelled);
    }
}

static void the_list_is_sorted_and_holds_each_once(void **state)
{
    struct pil_revoked list = {0}, copy;

    (void)state;
    assert_err(pil_revoked_add(&list, "spiffe://a/b", 3), PIL_OK);
    assert_err(pil_revoked_add(&list, "00", 1), PIL_OK);
    assert_err(pil_revoked_add(&list, "ff", 2), PIL_OK);
    assert_err(pil_revoked_add(&list, "ff", 9), PIL_E_EXISTS);
    assert_string_equal(list.what[0], "00");
    assert_string_equal(list.what[1], "ff");
    assert_int_equal(list.since[1], 2);
    assert_err(pil_revoked_copy(&list, &copy), PIL_OK);
    assert_err(pil_revoked_remove(&list, "ff"), PIL_OK);
    assert_err(pil_revoked_remove(&list, "ff"), PIL_E_NOTFOUND);
    assert_false(pil_revoked_has(&list, "ff"));
    assert_true(pil_revoked_has(&copy, "ff"));
    assert_true(pil_revoked_has(&list, "spiffe://a/b"));
    pil_revoked_free(&list);
    pil_revoked_free(&copy);
}

static void it_is_bounded(void **state)
{
    struct pil_revoked list = {0};
    char what[16];

    (void)state;
    for (unsigned i = 0; i < PIL_REVOKED_MAX; i++) {
        snprintf(what, sizeof(what), "%08x", i + 1);
        assert_err(pil_revoked_add(&list, what, i), PIL_OK);
    }
    assert_err(pil_revoked_add(&list, "ffffffff", 0), PIL_E_FULL);
    pil_revoked_free(&list);
}

static void what_is_wrong_is_told_by_line(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "line 1: legal is \"pillion-revoked 1\""},
        {"pillion-revoked 1", "line 1"},
        {"pillion-revoked 2\n", "line 1"},
        {"pillion-revoked 1\n5f\n", "line 2: legal is a time"},
        {"pillion-revoked 1\n2026-11-25T18:00:00Z 5f\n2026-11-25T18:00:00Z 5", "line 3"},
        {"pillion-revoked 1\n2026-11-25T18:00:00Z 5f\n2026-11-25T18:00:00Z 5F\n",
         "line 3: it is there twice"},
        {"pillion-revoked 1\n\n", "line 2"},
        {"pillion-revoked 1\nnever 5f\n", "line 2"},
    };
    struct pil_revoked list;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        int err = parse(rows[i].text, &list);

        if (err == PIL_OK || !strstr(problem, rows[i].says))
            fail_msg("\"%s\": %s: %s", rows[i].text, pil_err_name(err), problem);
        assert_int_equal(list.count, 0);
    }
    assert_err(pil_revoked_parse("pillion-revoked 1\n2026-11-25T18:00:00Z 5\0f\n", 42, &list,
                                 problem, sizeof(problem)),
               PIL_E_SYNTAX);
}

static void what_is_saved_is_read_again(void **state)
{
    char *folder = test_folder_make(), state_path[512], path[600];
    struct pil_revoked list = {0}, again;
    struct stat st;

    (void)state;
    snprintf(state_path, sizeof(state_path), "%s/state", folder);
    assert_err(pil_revoked_load(state_path, &again, problem, sizeof(problem)), PIL_OK);
    assert_int_equal(again.count, 0);
    assert_err(pil_revoked_add(&list, "5f", 1795629600), PIL_OK);
    assert_err(pil_revoked_add(&list, "spiffe://corp.example/web", 1795629601), PIL_OK);
    assert_err(pil_revoked_save(state_path, &list, problem, sizeof(problem)), PIL_OK);
    assert_err(pil_revoked_load(state_path, &again, problem, sizeof(problem)), PIL_OK);
    assert_int_equal(again.count, 2);
    assert_string_equal(again.what[1], "spiffe://corp.example/web");
    assert_int_equal(again.since[1], 1795629601);
    pil_revoked_free(&again);
    snprintf(path, sizeof(path), "%s/revoked", state_path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(chmod(path, 0660), 0);
    assert_err(pil_revoked_load(state_path, &again, problem, sizeof(problem)), PIL_E_PERMISSION);
    assert_non_null(strstr(problem, "revoked: mode 0660"));
    pil_revoked_free(&list);
    test_folder_remove(folder);
}

static int set_up(void **state)
{
    (void)state;
    assert_err(pil_keys_open(), PIL_OK);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_have_one_spelling),
        cmocka_unit_test(the_list_is_sorted_and_holds_each_once),
        cmocka_unit_test(it_is_bounded),
        cmocka_unit_test(what_is_wrong_is_told_by_line),
        cmocka_unit_test(what_is_saved_is_read_again),
    };

    return cmocka_run_group_tests_name("identity_revoke", tests, set_up, NULL);
}
