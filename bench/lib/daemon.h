/*
 * A policyd of one's own: private folder, own socket, awaited by its own word that it is ready,
 * and taken down with the bench.
 *
 * Settings are the defaults but for places, for what a bench adds, and for a long deadline, so that
 * a busy machine makes a bench slow and not wrong. Errors: bench_fail, with policyd's own output.
 * Threads: one.
 */
#ifndef PIL_BENCH_LIB_DAEMON_H
#define PIL_BENCH_LIB_DAEMON_H

#include "bench/lib/process.h"

struct bench_daemon {
    struct bench_process process;
    char *socket;
    char *policy; /* path of the policy file; bench_write it before a reload */
    char *output; /* path of what it says on stdout and stderr */
};

/* Starts policyd with the policy text and additional lines of settings (may be ""), and returns
 * when it serves. */
struct bench_daemon bench_daemon_start(const char *policy, const char *settings);

void bench_daemon_stop(struct bench_daemon *d);

/* How bench_start runs a program under this policyd. */
struct bench_how bench_daemon_cover(const struct bench_daemon *d, enum bench_cover cover);

/*
 * Policy text: everything on loopback and on unix sockets is allowed to everybody, and so are
 * connects to 10.0.0.0/8; `rules` more rules, in policies of 100, are there for workloads that
 * do not run. `more` is put into the policy of everybody (a rule, or "").
 */
char *bench_policy(unsigned rules, const char *more);

#endif
