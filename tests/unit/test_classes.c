/* core/classes: the classes of this machine, and what a word of LD_PRELOAD becomes in each. */
#include "tests/support/support.h"

#include <stdio.h>

#include <elf.h>

#include "core/classes.h"
#include "core/defs.h"

static void each_class_is_found_by_its_numbers(void **state)
{
    const struct pil_class *wide = pil_classes_find(ELFCLASS64, EM_X86_64);
    const struct pil_class *narrow = pil_classes_find(ELFCLASS32, EM_386);

    (void)state;
    assert_string_equal(wide->title, "64-bit");
    assert_string_equal(wide->loader, "ld-linux-x86-64.so.2");
    assert_string_equal(narrow->title, "32-bit");
    assert_string_equal(narrow->loader, "ld-linux.so.2");
    assert_ptr_equal(pil_classes_ours(), sizeof(void *) == 8 ? wide : narrow);
    assert_null(pil_classes_find(ELFCLASS32, EM_X86_64)); /* x32 */
    assert_null(pil_classes_find(ELFCLASS64, EM_AARCH64));
    assert_null(pil_classes_find(0, 0));
}

static void the_folder_lib_is_replaced_and_nothing_else(void **state)
{
    static const struct {
        const char *word, *lib, *path; /* NULL: refused */
    } row[] = {
        {"/p/$LIB/libpillion.so", "lib32", "/p/lib32/libpillion.so"},
        {"/$LIB/x", "lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu/x"},
        {"/p/libpillion.so", "lib32", NULL},
        {"/p/$LIB", "lib32", NULL},
        {"$LIB/x", "lib32", NULL},
        {"/p/$LIBX/x", "lib32", NULL},
        {"/p/${LIB}/x", "lib32", NULL},
        {"/$ORIGIN/$LIB/x", "lib32", NULL},
        {"/$LIB/$LIB/x", "lib32", NULL},
        {"/$LIB/x$", "lib32", NULL},
        {"", "lib32", NULL},
    };
    char to[64];

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(row); i++) {
        bool done = pil_classes_expand(row[i].word, row[i].lib, to, sizeof(to));

        if (done != (row[i].path != NULL))
            fail_msg("\"%s\" was %s", row[i].word, done ? "replaced" : "refused");
        if (done)
            assert_string_equal(to, row[i].path);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    char to[32];

    (void)state;
    assert_true(pil_classes_expand("/0123456789/$LIB/12345678", "lib32", to, sizeof(to)));
    assert_string_equal(to, "/0123456789/lib32/12345678");
    assert_false(pil_classes_expand("/0123456789/$LIB/123456789012", "lib32", to, sizeof(to)));
}

static void a_path_serves_our_class_alone(void **state)
{
    const struct pil_class *ours = pil_classes_ours();
    const struct pil_class *other = pil_classes_find(ELFCLASS32, EM_386);

    (void)state;
    assert_true(pil_classes_serve(&pil_sysops_kernel, "/any/libpillion.so", ours));
    assert_false(pil_classes_serve(&pil_sysops_kernel, "/any/libpillion.so", other));
    assert_false(pil_classes_serve(&pil_sysops_kernel, "", ours));
    assert_false(pil_classes_serve(&pil_sysops_kernel, "/no/such/$LIB/libpillion.so", ours));
    assert_false(pil_classes_serve(&pil_sysops_kernel, "/no/such/$LIB/libpillion.so", other));
}

static void a_library_that_cannot_be_seen_is_told(void **state)
{
    const struct pil_sysops *sys = &pil_sysops_kernel;
    char *folder = test_folder_make(), *file = test_file(folder, "libpillion.so", "x");
    char word[256];

    (void)state;
    assert_true(pil_classes_visible(sys, file));
    assert_true(pil_classes_visible(sys, "libpillion.so")); /* searched for by the loader */
    assert_true(pil_classes_visible(sys, ""));
    assert_false(pil_classes_visible(sys, "/no/such/libpillion.so"));
    snprintf(word, sizeof(word), "%s/$LIB/libpillion.so", folder);
    assert_false(pil_classes_visible(sys, word));
    test_folder_remove(folder);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_is_found_by_its_numbers),
        cmocka_unit_test(the_folder_lib_is_replaced_and_nothing_else),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_path_serves_our_class_alone),
        cmocka_unit_test(a_library_that_cannot_be_seen_is_told),
    };

    return cmocka_run_group_tests_name("classes", tests, NULL, NULL);
}
