/* shim/hide: a descriptor of ours is not found, and nothing else is hidden. */
#include "tests/support/shimworld.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "shim/shim.h"

static int own, theirs;

static int set_up(void **state)
{
    *state = world_begin();
    own = pil_ownfd_adopt(open("/dev/null", O_RDONLY | O_CLOEXEC));
    theirs = fcntl(own, F_DUPFD_CLOEXEC, own + 1);
    assert_true(own > 2 && theirs > own);
    return 0;
}

static int tear_down(void **state)
{
    close(theirs);
    return world_tear_down(state);
}

#define hide_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void fstat_does_not_find_ours(void **state)
{
    struct stat st;
    struct stat64 st64;

    (void)state;
    BADF(pil_shim_fstat(own, &st));
    BADF(pil_shim_fstat64(own, &st64));
    BADF(pil_shim__fxstat(1, own, &st));
    BADF(pil_shim__fxstat64(1, own, &st64));
}

static void fstat_finds_the_programs(void **state)
{
    struct stat want, st = {0}, old = {0};
    struct stat64 st64 = {0}, old64 = {0};

    (void)state;
    assert_int_equal(stat("/dev/null", &want), 0);
    errno = 4711;
    assert_int_equal(pil_shim_fstat(theirs, &st), 0);
    assert_int_equal(pil_shim_fstat64(theirs, &st64), 0);
    assert_int_equal(pil_shim__fxstat(1, theirs, &old), 0);
    assert_int_equal(pil_shim__fxstat64(1, theirs, &old64), 0);
    assert_int_equal(errno, 4711);
    assert_int_equal(st.st_rdev, want.st_rdev);
    assert_int_equal(st64.st_rdev, want.st_rdev);
    assert_int_equal(old.st_ino, want.st_ino);
    assert_int_equal(old64.st_ino, want.st_ino);
    BADF(pil_shim_fstat(-1, &st));
}

static unsigned entries;

/* Whether the folder lists the number, by each of the four calls alike. */
static bool lists(const char *folder, int number)
{
    char name[16];
    unsigned found[4] = {0};
    struct dirent room, *entry;
    struct dirent64 room64, *entry64;
    DIR *dir = opendir(folder);

    snprintf(name, sizeof(name), "%d", number);
    assert_non_null(dir);
    entries = 0;
    errno = 4711;
    while ((entry = pil_shim_readdir(dir))) {
        found[0] += strcmp(entry->d_name, name) == 0;
        entries++;
    }
    assert_int_equal(errno, 4711);
    rewinddir(dir);
    while ((entry64 = pil_shim_readdir64(dir)))
        found[1] += strcmp(entry64->d_name, name) == 0;
    rewinddir(dir);
    while (pil_shim_readdir_r(dir, &room, &entry) == 0 && entry)
        found[2] += strcmp(entry->d_name, name) == 0;
    rewinddir(dir);
    while (pil_shim_readdir64_r(dir, &room64, &entry64) == 0 && entry64)
        found[3] += strcmp(entry64->d_name, name) == 0;
    closedir(dir);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(found[i], found[0]);
    return found[0] == 1;
}

static void no_list_of_descriptors_has_ours(void **state)
{
    char folder[64];

    (void)state;
    snprintf(folder, sizeof(folder), "/proc/%d/fd", getpid());
    assert_false(lists("/proc/self/fd", own));
    assert_true(lists("/proc/self/fd", theirs));
    assert_false(lists("/proc/self/fdinfo", own));
    assert_true(lists("/proc/self/fdinfo", theirs));
    assert_false(lists("/proc/thread-self/fd", own));
    assert_false(lists("/dev/fd", own));
    assert_false(lists(folder, own));
    assert_true(lists(folder, theirs));
}

/* What is open while the list is read: the standard ones, the list itself, and so on. */
static void everything_else_is_listed(void **state)
{
    unsigned open_now = 0;

    (void)state;
    assert_false(lists("/proc/self/fd", own));
    for (int fd = 0; fd < 4096; fd++)
        open_now += fd != own && fcntl(fd, F_GETFD) >= 0;
    assert_int_equal(entries, open_now + 3); /* ".", ".." and the folder's own */
}

static void another_folder_shows_such_a_name(void **state)
{
    char *folder = test_folder_make(), name[256];

    (void)state;
    snprintf(name, sizeof(name), "%s/%d", folder, own);
    assert_int_equal(mkdir(name, 0700), 0);
    assert_true(lists(folder, own));
    test_folder_remove(folder);
}

static void a_number_given_up_is_seen_again(void **state)
{
    (void)state;
    pil_ownfd_lose(own);
    assert_true(lists("/proc/self/fd", own));
    close(own);
    assert_false(lists("/proc/self/fd", own));
}

static void what_libc_does_not_have_is_no_call(void **state)
{
    struct stat st;
    DIR *dir = opendir("/proc/self/fd");
    struct dirent room, *entry;

    (void)state;
    pil_real_libc.fstat = NULL;
    pil_real_libc.readdir = NULL;
    pil_real_libc.readdir_r = NULL;
    assert_int_equal(pil_shim_fstat(theirs, &st), -1);
    assert_int_equal(errno, ENOSYS);
    errno = 0;
    assert_null(pil_shim_readdir(dir));
    assert_int_equal(errno, ENOSYS);
    assert_int_equal(pil_shim_readdir_r(dir, &room, &entry), ENOSYS);
    closedir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        hide_test(fstat_does_not_find_ours),           hide_test(fstat_finds_the_programs),
        hide_test(no_list_of_descriptors_has_ours),    hide_test(everything_else_is_listed),
        hide_test(another_folder_shows_such_a_name),   hide_test(a_number_given_up_is_seen_again),
        hide_test(what_libc_does_not_have_is_no_call),
    };

    return cmocka_run_group_tests_name("hide", tests, NULL, NULL);
}
