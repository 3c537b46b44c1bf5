/* shim/bound: notes of what relative unix paths led to are found by the socket, and by no other. */
#include "tests/support/support.h"

#include <stddef.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/bound.h"
#include "shim/real.h"

static int set_up(void **state)
{
    (void)state;
    pil_real_bind();
    return 0;
}

static struct pil_copied unix_address(const char *path)
{
    struct pil_copied copy = {.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1)};
    struct sockaddr_un *un = (struct sockaddr_un *)&copy.sa;

    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    copy.len += (socklen_t)strlen(path);
    return copy;
}

/* The path of an address after it was completed for fd. */
static const char *completed(int fd, const char *path)
{
    static struct pil_copied copy;

    copy = unix_address(path);
    pil_bound_complete(fd, &copy);
    return ((struct sockaddr_un *)&copy.sa)->sun_path;
}

static int stream(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void a_note_is_found_by_its_socket_alone(void **state)
{
    struct pil_copied copy = unix_address("/run/here/s");
    int fd = stream(), other = stream(), same;

    (void)state;
    assert_true(pil_bound_note(fd, &copy));
    same = dup(fd);
    assert_string_equal(completed(fd, "s"), "/run/here/s");
    assert_string_equal(completed(same, "s"), "/run/here/s");
    assert_string_equal(completed(other, "s"), "s");
    assert_string_equal(completed(-1, "s"), "s");
    assert_string_equal(completed(fd, "/absolute"), "/absolute");
    assert_string_equal(completed(fd, ""), "");
    pil_bound_forget(fd);
    assert_string_equal(completed(fd, "s"), "s");
    pil_bound_forget(fd);
    close(fd), close(other), close(same);
}

static void other_families_stay(void **state)
{
    struct pil_copied copy = {.len = 16, .sa.ss_family = AF_INET}, note = unix_address("/run/s");
    int fd = stream();

    (void)state;
    assert_true(pil_bound_note(fd, &note));
    pil_bound_complete(fd, &copy);
    assert_int_equal(copy.len, 16);
    assert_int_equal(copy.sa.ss_family, AF_INET);
    copy =
        (struct pil_copied){.len = offsetof(struct sockaddr_un, sun_path), .sa.ss_family = AF_UNIX};
    pil_bound_complete(fd, &copy); /* unnamed */
    assert_int_equal(copy.len, offsetof(struct sockaddr_un, sun_path));
    pil_bound_forget(fd);
    close(fd);
}

static void without_room_there_is_no_note(void **state)
{
    struct pil_copied copy = unix_address("/run/s"), large = {.len = sizeof(large.sa)};
    int fd[PIL_BOUND_MAX + 1];

    (void)state;
    for (unsigned i = 0; i <= PIL_BOUND_MAX; i++)
        fd[i] = stream();
    assert_false(pil_bound_note(fd[0], &large));
    assert_false(pil_bound_note(-1, &copy));
    for (unsigned i = 0; i < PIL_BOUND_MAX; i++)
        assert_true(pil_bound_note(fd[i], &copy));
    assert_false(pil_bound_note(fd[PIL_BOUND_MAX], &copy));
    pil_bound_forget(fd[3]);
    assert_true(pil_bound_note(fd[PIL_BOUND_MAX], &copy));
    for (unsigned i = 0; i <= PIL_BOUND_MAX; i++)
        pil_bound_forget(fd[i]), close(fd[i]);
}

static void a_forked_child_has_its_parents_notes(void **state)
{
    struct pil_copied copy = unix_address("/run/s");
    int fd = stream(), status;
    pid_t pid;

    (void)state;
    assert_true(pil_bound_note(fd, &copy));
    pid = fork();
    if (pid == 0)
        _exit(strcmp(completed(fd, "s"), "/run/s") == 0 ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    pil_bound_forget(fd);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_is_found_by_its_socket_alone),
        cmocka_unit_test(other_families_stay),
        cmocka_unit_test(without_room_there_is_no_note),
        cmocka_unit_test(a_forked_child_has_its_parents_notes),
    };

    return cmocka_run_group_tests_name("bound", tests, set_up, NULL);
}
