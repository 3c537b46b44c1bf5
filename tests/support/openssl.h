/*
 * The command openssl as the other end of a connection: s_client and s_server, with pipes.
 *
 * Tests only; static, like handpair.h.
 */
#ifndef PIL_TESTS_OPENSSL_H
#define PIL_TESTS_OPENSSL_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"

struct program {
    pid_t pid;
    int in, out; /* its stdin; its stdout and stderr */
    char said[65536];
    size_t len;
};

/* argv[0] is looked for in PATH; NULL ends. */
static inline void program_start(struct program *p, const char *const *argv)
{
    int in[2], out[2];

    memset(p, 0, sizeof(*p));
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(out[1], 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    p->in = in[1];
    p->out = out[0];
}

/* Reads on until it has said this; false when it ends before. */
static inline bool program_says(struct program *p, const char *text)
{
    ssize_t n = 1;

    while (!strstr(p->said, text) && n > 0) {
        n = read(p->out, p->said + p->len, sizeof(p->said) - 1 - p->len);
        if (n > 0)
            p->len += (size_t)n;
        p->said[p->len] = '\0';
    }
    return strstr(p->said, text) != NULL;
}

static inline void program_tell(struct program *p, const char *text)
{
    assert_int_equal(write(p->in, text, strlen(text)), strlen(text));
}

/* Ends it; what it said last is in p->said. Its exit status, or -1. */
static inline int program_end(struct program *p)
{
    int status;

    if (p->in >= 0)
        close(p->in);
    kill(p->pid, SIGTERM);
    (void)program_says(p, "\001 never \001");
    close(p->out);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
