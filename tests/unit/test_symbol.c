/* shim/symbol: finds what the loader finds, in every object, and nothing else. */
#include "tests/support/support.h"

#include <dlfcn.h>
#include <string.h>

#include "shim/symbol.h"

static void next_is_what_dlsym_says(void **state)
{
    static const char *const names[] = {"connect",     "accept4", "close",       "fcntl",
                                        "getaddrinfo", "execvpe", "posix_spawn", "popen",
                                        "getpid",      "memcpy",  "strlen",      "gettimeofday"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_non_null(pil_symbol_next(names[i]));
        assert_ptr_equal(pil_symbol_next(names[i]), dlsym(RTLD_NEXT, names[i]));
    }
}

static void what_is_not_there_is_null(void **state)
{
    (void)state;
    assert_null(pil_symbol_next("no_such_function_at_all"));
    assert_null(pil_symbol_next(""));
    assert_null(pil_symbol_next("environ")); /* no function */
    assert_null(pil_symbol_in("libc.so.6", "no_such_function_at_all"));
    assert_null(pil_symbol_in("no-such-object.so", "connect"));
    assert_null(pil_symbol_find(0, NULL, "connect"));
}

/* The program's own objects come before ours, and are not next; a symbol by name is libc's own. */
static void one_object_is_asked_alone(void **state)
{
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

    (void)state;
    assert_non_null(libc);
    assert_ptr_equal(pil_symbol_in("libc.so.6", "clock_gettime"), dlsym(libc, "clock_gettime"));
    assert_null(pil_symbol_in("libc.so.6", "_cmocka_run_group_tests"));
    dlclose(libc);
}

struct every {
    unsigned seen, good;
};

/* Each function that an object exports in its default version is found under its name. */
static int check_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct every *e = arg;
    const char *base = strrchr(info->dlpi_name, '/');
    void *handle, *found;
    static const char *const some[] = {"fopen", "pthread_create", "cosf", "_cmocka_run_group_tests",
                                       "regcomp"};

    (void)size;
    if (!base || !(handle = dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD)))
        return 0;
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        Dl_info where;

        found = pil_symbol_in(base + 1, some[i]);
        if (!found)
            continue;
        e->seen++;
        e->good += found == dlsym(handle, some[i]) && dladdr(found, &where) &&
                   strcmp(where.dli_fname, info->dlpi_name) == 0;
    }
    dlclose(handle);
    return 0;
}

static void each_object_gives_its_own(void **state)
{
    struct every e = {0};

    (void)state;
    dl_iterate_phdr(check_object, &e);
    assert_true(e.seen >= 4);
    assert_int_equal(e.good, e.seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_is_what_dlsym_says),
        cmocka_unit_test(what_is_not_there_is_null),
        cmocka_unit_test(one_object_is_asked_alone),
        cmocka_unit_test(each_object_gives_its_own),
    };

    return cmocka_run_group_tests_name("symbol", tests, NULL, NULL);
}
