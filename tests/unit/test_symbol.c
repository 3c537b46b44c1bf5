/* shim/symbol: the same answers as dlsym for default versions, out of both kinds of tables. */
#include "shim/symbol.c"

#include <dlfcn.h>
#include <stdio.h>

#include "tests/support/support.h"

static void next_is_what_dlsym_finds(void **state)
{
    /* Functions, one that libc chooses at run time, data, and one of another library. */
    static const char *const names[] = {"getpid", "strlen", "environ", "_cmocka_run_group_tests"};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(names); i++)
        assert_ptr_equal(pil_symbol_next(names[i]), dlsym(RTLD_DEFAULT, names[i]));
    assert_null(pil_symbol_next("no_such_symbol"));
    assert_null(pil_symbol_next(""));
}

/* glibc keeps the behaviour of long ago under the same names. */
static void old_versions_are_passed_over(void **state)
{
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    static const char *const names[] = {"memcpy", "pthread_cond_wait", "posix_spawn", "regexec"};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(names); i++) {
        assert_non_null(dlsym(libc, names[i]));
        assert_ptr_equal(pil_symbol_in("libc.so.6", names[i]), dlsym(libc, names[i]));
    }
    dlclose(libc);
}

static void a_library_is_found_by_its_name_alone(void **state)
{
    (void)state;
    assert_non_null(pil_symbol_in("libc.so.6", "connect"));
    assert_null(pil_symbol_in("libc.so", "connect"));
    assert_null(pil_symbol_in("/lib/x86_64-linux-gnu/libc.so.6", "connect"));
    assert_null(pil_symbol_in("libc.so.6", "_cmocka_run_group_tests"));
}

/* This program exports nothing, and what its libraries export is not its own. */
static void own_is_what_this_object_exports(void **state)
{
    (void)state;
    assert_null(pil_symbol_own("own_is_what_this_object_exports"));
    assert_null(pil_symbol_own("getpid"));
}

static void both_tables_say_the_same(void **state)
{
    unsigned with_both = 0;

    (void)state;
    for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next) {
        struct tables t;

        if (!read_tables(map, &t) || !t.gnu || !t.sysv)
            continue;
        with_both++;
        for (uint32_t index = 1; index < t.sysv[1]; index++) {
            const char *name = t.text + t.symbol[index].st_name;

            if (fits(&t, index, name))
                assert_int_equal(find_gnu(&t, name) != 0, find_sysv(&t, name) != 0);
        }
    }
    if (with_both == 0) {
        print_message("no library here has both tables\n");
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_is_what_dlsym_finds),
        cmocka_unit_test(old_versions_are_passed_over),
        cmocka_unit_test(a_library_is_found_by_its_name_alone),
        cmocka_unit_test(own_is_what_this_object_exports),
        cmocka_unit_test(both_tables_say_the_same),
    };

    return cmocka_run_group_tests_name("symbol", tests, NULL, NULL);
}
