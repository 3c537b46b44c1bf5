/* cli/maps: lines of the kernel's, and processes with and without the library. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/maps.h"

static void lines_are_read(void **state)
{
    struct pil_mapping m;

    (void)state;
    assert_true(pil_maps_parse("7f0010000000-7f0010021000 r-xp 00026000 fd:1f 12345      "
                               "                /usr/lib/x86_64-linux-gnu/libc.so.6\n",
                               &m));
    assert_int_equal(m.start, 0x7f0010000000);
    assert_int_equal(m.end, 0x7f0010021000);
    assert_int_equal(m.offset, 0x26000);
    assert_int_equal(m.inode, 12345);
    assert_int_equal(m.major, 0xfd);
    assert_int_equal(m.minor, 0x1f);
    assert_true(m.executable && !m.deleted);
    assert_string_equal(m.path, "/usr/lib/x86_64-linux-gnu/libc.so.6");

    assert_true(pil_maps_parse("1000-2000 rw-p 00000000 00:00 0 \n", &m));
    assert_false(m.executable);
    assert_string_equal(m.path, "");
    assert_true(pil_maps_parse("1000-2000 r--p 0 08:01 9 /a b/libpillion.so (deleted)\n", &m));
    assert_true(m.deleted);
    assert_string_equal(m.path, "/a b/libpillion.so");
    assert_true(pil_maps_parse("7ffc0000-7ffc1000 rw-p 00000000 00:00 0 [stack]", &m));
    assert_string_equal(m.path, "[stack]");
}

static void other_lines_are_none(void **state)
{
    static const char *const wrong[] = {
        "",
        "\n",
        "1000 r-xp 0 0:0 0",
        "1000-2000 rx 0 0:0 0 /x",
        "1000-2000 r-xp",
        "x-y r-xp 0 0:0 0",
    };
    struct pil_mapping m;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(wrong); i++)
        assert_false(pil_maps_parse(wrong[i], &m));
}

static bool count_us(void *cookie, const struct pil_mapping *m)
{
    uint64_t here = (uint64_t)(uintptr_t)count_us;

    if (here >= m->start && here < m->end)
        ++*(unsigned *)cookie;
    return true;
}

static void this_process_has_a_map(void **state)
{
    unsigned count = 0;

    (void)state;
    assert_int_equal(pil_maps_each(getpid(), count_us, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(pil_maps_each(0x7fffffff, count_us, &count), -ENOENT);
}

static void the_library_is_found_by_its_name(void **state)
{
    char *folder = test_folder_make(), *file = test_file(folder, "libpillion.so", "x");
    char path[PATH_MAX];
    FILE *open_file;
    void *at;

    (void)state;
    assert_int_equal(pil_maps_library(getpid(), path), 0);
    assert_string_equal(path, "");
    open_file = fopen(file, "re");
    assert_non_null(open_file);
    at = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fileno(open_file), 0);
    assert_true(at != MAP_FAILED);
    assert_int_equal(pil_maps_library(getpid(), path), 1);
    assert_string_equal(path, file);
    assert_int_equal(pil_maps_library(0x7fffffff, path), -ENOENT);
    munmap(at, 1);
    fclose(open_file);
    free(file);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(other_lines_are_none),
        cmocka_unit_test(this_process_has_a_map),
        cmocka_unit_test(the_library_is_found_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
