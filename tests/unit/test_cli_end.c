/* cli/end: processes of every kind are ended with a status of our choice, or killed. */
#include "tests/support/support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/end.h"

#define STATUS 123

static void begin(int started)
{
    if (write(started, "", 1) != 1)
        _exit(1);
}

static void sleeps(int started)
{
    begin(started);
    for (;;)
        pause();
}

static void spins(int started)
{
    begin(started);
    for (volatile unsigned long i = 0;; i++)
        ;
}

static void *spins_too(void *cookie)
{
    for (volatile unsigned long i = 0;; i++)
        ;
    return cookie;
}

static void has_threads(int started)
{
    pthread_t thread;

    for (int i = 0; i < 3; i++)
        if (pthread_create(&thread, NULL, spins_too, NULL))
            _exit(1);
    sleeps(started);
}

/* Every signal that can be is ignored, and one is always on its way. */
static void is_deaf(int started)
{
    for (int i = 1; i < 32; i++)
        signal(i, SIG_IGN);
    begin(started);
    for (;;)
        kill(getpid(), SIGUSR1);
}

/* A parent of vfork cannot be stopped before its child has left its memory. */
static void waits_in_vfork(int started)
{
    if (vfork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sleeps(started);
    }
    _exit(1);
}

/* Runs what until it says that it has begun, then ends it by a tracer that is not its
 * parent, as in real life; returns its wait status. */
static int end_one(void (*what)(int started), enum pil_end wanted)
{
    int started[2], ended_as = -1, status = 0;
    pid_t child, tracer;
    char byte;

    assert_int_equal(pipe(started), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        what(started[1]);
        _exit(1);
    }
    assert_int_equal(read(started[0], &byte, 1), 1);
    close(started[0]);
    close(started[1]);
    tracer = fork();
    assert_true(tracer >= 0);
    if (tracer == 0)
        _exit(pil_end_process(child, (int)syscall(SYS_pidfd_open, child, 0), STATUS));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(waitpid(tracer, &ended_as, 0), tracer);
    assert_true(WIFEXITED(ended_as));
    assert_int_equal(WEXITSTATUS(ended_as), wanted);
    return status;
}

static void it_ends_with_the_status(void **state)
{
    void (*const kinds[])(int) = {sleeps, spins, has_threads, is_deaf};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(kinds); i++) {
        int status = end_one(kinds[i], PIL_END_STATUS);

        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), STATUS);
    }
}

static void what_cannot_be_stopped_is_killed(void **state)
{
    int status = end_one(waits_in_vfork, PIL_END_KILLED);

    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* A program of the other word size makes its system calls in another way. */
static void a_32_bit_program(void **state)
{
    char *folder = test_folder_make(), *source, *program, *command;
    int status;
    pid_t child;

    (void)state;
    source =
        test_file(folder, "p.c", "void _start(void) { __asm__ volatile(\"1: pause; jmp 1b\"); }\n");
    assert_true(asprintf(&program, "%s/p", folder) > 0);
    assert_true(asprintf(&command, "${CC:-cc} -m32 -static -nostdlib -o %s %s 2>/dev/null", program,
                         source) > 0);
    if (system(command) != 0) {
        test_folder_remove(folder);
        free(source), free(program), free(command);
        print_message("no 32-bit programs can be built here\n");
        skip();
    }
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl(program, program, NULL);
        _exit(1);
    }
    for (char name[64] = "", exe[64] = ""; strcmp(name, program) != 0;) {
        ssize_t len;

        snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)child);
        len = readlink(exe, name, sizeof(name) - 1);
        name[len > 0 ? len : 0] = '\0';
        assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
    }
    assert_int_equal(pil_end_process(child, (int)syscall(SYS_pidfd_open, child, 0), STATUS),
                     PIL_END_STATUS);
    assert_int_equal(waitpid(child, &status, WNOHANG), -1); /* its tracer was its parent: us */
    test_folder_remove(folder);
    free(source), free(program), free(command);
}

static void one_that_had_ended_is_left_alone(void **state)
{
    pid_t child = fork();
    int pidfd;

    (void)state;
    assert_true(child >= 0);
    if (child == 0)
        _exit(7);
    pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    assert_true(pidfd >= 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(pil_end_process(child, pidfd, STATUS), PIL_END_GONE);
    /* Its number may be another's by now: ours, say, which cannot even be traced. */
    assert_int_equal(pil_end_process(getpid(), pidfd, STATUS), PIL_END_GONE);
    close(pidfd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_ends_with_the_status),
        cmocka_unit_test(what_cannot_be_stopped_is_killed),
        cmocka_unit_test(a_32_bit_program),
        cmocka_unit_test(one_that_had_ended_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
