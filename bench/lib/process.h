/*
 * Programs that a bench starts: with or without the preload library, with pipes, and always taken
 * down, also when the bench fails or is interrupted.
 *
 * A program gets a death signal for the case that the bench is killed without a chance to clean
 * up, so nothing survives a bench. Private folders are removed at exit.
 *
 * Errors: bench_fail. Threads: one.
 */
#ifndef PIL_BENCH_LIB_PROCESS_H
#define PIL_BENCH_LIB_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

enum bench_cover {
    BENCH_PLAIN = 0,
    BENCH_PILLION, /* LD_PRELOAD and PILLION_SOCKET, as `pillion run` sets them */
};

#define BENCH_ANY_CPU (-1)

struct bench_process {
    pid_t pid;
    int to;   /* its stdin; -1: /dev/null */
    int from; /* its stdout; -1: goes to a file or /dev/null */
};

struct bench_how {
    enum bench_cover cover;
    const char *socket;  /* policyd's, for BENCH_PILLION */
    int cpu;             /* to pin it to, or BENCH_ANY_CPU */
    bool pipes;          /* stdin and stdout are pipes to the bench */
    const char *output;  /* else: file for stdout and stderr; NULL: /dev/null, stderr kept */
    const char *notify;  /* NOTIFY_SOCKET for it, or NULL */
    const char *preload; /* for BENCH_PLAIN: another library in LD_PRELOAD, or NULL */
};

/* A fresh folder that other users can pass through, removed with all it holds at exit. */
const char *bench_folder(void);

/* Writes a file as a whole: aside, then renamed into place. */
void bench_write(const char *path, const char *text);

/* Environment of the bench plus what cover asks for. */
char **bench_environment(const struct bench_how *how);

/* Starts argv[0] (looked up in PATH). */
struct bench_process bench_start(const struct bench_how *how, const char *const argv[]);

/* Fails unless the library is in it, or is not, as `cover` says. Call when it is past its start: a
 * library that could not be loaded costs nothing and would look very good. */
void bench_check_cover(const struct bench_process *p, enum bench_cover cover);

/* Ends it by signal and waits for it; nothing when it was not started. */
void bench_stop(struct bench_process *p, int signal);

/* Waits for it to end by itself; fails unless it exits with 0. */
void bench_finish(struct bench_process *p);

/* A line to its stdin, a line from its stdout (without the newline; valid until the next call). */
void bench_tell(const struct bench_process *p, const char *line);
const char *bench_hear(const struct bench_process *p);

/* Waits until 127.0.0.1:port accepts; fails when the program ends before, or after 10 s. */
void bench_wait_port(const struct bench_process *p, unsigned port);

/* Pins a thread (0: the calling one) to a CPU, or to none in particular again. There may be one CPU
 * only; then all pins mean that one. */
void bench_pin(pid_t thread, int cpu);

#endif
