/*
 * What a unit needs that does part of its work in a child, because it changes or ends the process.
 *
 * A child checks with CHILD_CHECK, which tells line and words and ends it: cmocka's own assertions
 * belong to the parent.
 */
#ifndef PIL_TESTS_CHILDREN_H
#define PIL_TESTS_CHILDREN_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"

#define CHILD_CHECK(truth)                                                                         \
    do {                                                                                           \
        if (!(truth)) {                                                                            \
            dprintf(2, "child: line %d: not so: %s\n", __LINE__, #truth);                          \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* It ends by itself, with 0. */
static inline void assert_child(pid_t pid)
{
    int status;

    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Statements for a child, at whose end all was well. One that hangs is ended. */
#define IN_CHILD(...)                                                                              \
    do {                                                                                           \
        pid_t pid_ = fork();                                                                       \
        if (pid_ == 0) {                                                                           \
            alarm(20);                                                                             \
            __VA_ARGS__;                                                                           \
            _exit(0);                                                                              \
        }                                                                                          \
        assert_child(pid_);                                                                        \
    } while (0)

#endif
