/* cli/inspect/libraries and child: lines of the loader, and what other programs say. */
#include "tests/support/support.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/inspect/child.h"
#include "cli/inspect/libraries.h"

#define LOADER "ld-linux-x86-64.so.2"

static void check(const char *line, const char *name, const char *path)
{
    struct pil_library one;

    assert_true(pil_libraries_line(line, &one));
    assert_string_equal(one.name, name);
    if (path)
        assert_string_equal(one.path, path);
    else
        assert_null(one.path);
    free(one.name);
    free(one.path);
}

static void lines_of_the_loader(void **state)
{
    struct pil_library one;

    (void)state;
    check("\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f8c00000000)", "libc.so.6",
          "/lib/x86_64-linux-gnu/libc.so.6");
    check("\tlibfoo.so => not found", "libfoo.so", NULL);
    check("\t/lib64/" LOADER " (0x00007f8c00000000)", "/lib64/" LOADER, "/lib64/" LOADER);
    assert_false(pil_libraries_line("\tlinux-vdso.so.1 (0x00007ffd00000000)", &one));
    assert_false(pil_libraries_line("\tstatically linked", &one));
    assert_false(pil_libraries_line("", &one));
}

static void this_programs_libraries(void **state)
{
    struct pil_libraries list;
    bool libc = false;
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    (void)state;
    assert_true(len > 0);
    self[len] = '\0';
    assert_null(getenv("LD_TRACE_LOADED_OBJECTS"));
    pil_libraries_list(self, LOADER, &list);
    assert_null(getenv("LD_TRACE_LOADED_OBJECTS"));
    assert_true(list.known);
    for (size_t i = 0; i < list.count; i++) {
        assert_non_null(list.item[i].path);
        libc |= strcmp(list.item[i].name, "libc.so.6") == 0;
    }
    assert_true(libc);
    pil_libraries_free(&list);
}

static void no_loader_of_that_name_is_asked(void **state)
{
    struct pil_libraries list;

    (void)state;
    pil_libraries_list("/bin/true", "ld-musl-x86_64.so.1", &list);
    assert_false(list.known);
    assert_int_equal(list.count, 0);
    pil_libraries_list("/no/such/program", LOADER, &list);
    assert_false(list.known);
    pil_libraries_free(&list);
}

struct heard {
    char text[256];
    unsigned lines;
};

static void hear(void *cookie, const char *text)
{
    struct heard *h = cookie;

    h->lines++;
    snprintf(h->text + strlen(h->text), sizeof(h->text) - strlen(h->text), "%s;", text);
}

static void a_child_is_heard(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c",
                                "echo a; echo b >&2; printf \"c$LD_PRELOAD$LC_ALL\"; exit 3", NULL};
    const char *const none[] = {"/no/such/program", NULL};
    const char *const killed[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
    struct heard h = {"", 0};

    (void)state;
    setenv("LD_PRELOAD", "", 1);
    assert_int_equal(pil_child_lines(argv, hear, &h), 3);
    assert_string_equal(h.text, "a;cC;");
    assert_int_equal(pil_child_lines(none, hear, &h), -1);
    assert_int_equal(pil_child_lines(killed, hear, &h), -1);
    assert_int_equal(h.lines, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_the_loader),
        cmocka_unit_test(this_programs_libraries),
        cmocka_unit_test(no_loader_of_that_name_is_asked),
        cmocka_unit_test(a_child_is_heard),
    };

    return cmocka_run_group_tests_name("inspect_libraries", tests, NULL, NULL);
}
