/*
 * Large policies and many processes.
 *
 * policyd-rss: resident memory of policyd with a policy of 10,000 rules and 1,000 programs under
 *     it, each started with the preload library and each having asked for a decision. Shared pages
 *     count in full.
 * reload: from the signal that makes policyd read a policy of 10,000 rules anew, to the moment when
 *     the last of eight running programs has seen the new verdict; each asks once a millisecond.
 *     Median of 9 reloads, which turn one rule to deny and back.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/lib/bench.h"
#include "bench/lib/daemon.h"

#define RULES     10000u
#define PROCESSES 1000u
#define CLIENTS   8u
#define RELOADS   9u
#define TRIES     20u

static struct bench_process start_program(const struct bench_daemon *d)
{
    struct bench_how how = bench_daemon_cover(d, BENCH_PILLION);
    const char *const argv[] = {bench_text("%s/bench/victim", bench_build()), NULL};

    how.pipes = true;
    return bench_start(&how, argv);
}

/* MiB by a line of /proc/PID/status. */
static double memory_of(pid_t pid, const char *what)
{
    FILE *in = fopen(bench_text("/proc/%d/status", (int)pid), "re");
    size_t len = strlen(what);
    char line[256];
    double kib = 0;

    bench_need(in != NULL, "/proc");
    while (fgets(line, sizeof(line), in))
        if (strncmp(line, what, len) == 0 && line[len] == ':')
            kib = strtod(line + len + 1, NULL);
    fclose(in);
    if (kib <= 0)
        bench_fail("/proc/%d/status has no %s", (int)pid, what);
    return kib / 1024;
}

/* Two pipes for each program. */
static void allow_descriptors(void)
{
    struct rlimit limit;

    bench_need(getrlimit(RLIMIT_NOFILE, &limit) == 0, "RLIMIT_NOFILE");
    if (limit.rlim_cur >= 3 * PROCESSES)
        return;
    limit.rlim_cur = limit.rlim_max;
    bench_need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "RLIMIT_NOFILE");
}

/* A port where nobody listens: the kernel's refusal shows that the decision was to allow it. On a
 * busy machine a deadline may pass; how long things take is not what is measured here. */
static void ask_once(const struct bench_process *program, unsigned port)
{
    char *line = bench_text("try 127.0.0.1 %u\n", port);
    int error = EACCES;

    for (unsigned i = 0; i < TRIES && error == EACCES; i++) {
        bench_tell(program, line);
        error = atoi(bench_hear(program));
    }
    free(line);
    if (error != ECONNREFUSED)
        bench_fail("a program got no decision: %s", strerror(error));
}

static void memory(const struct bench_daemon *d)
{
    static struct bench_process program[PROCESSES];
    unsigned port = bench_port();
    double before = memory_of(d->process.pid, "VmRSS");

    allow_descriptors();
    for (unsigned i = 0; i < PROCESSES; i++) {
        program[i] = start_program(d);
        ask_once(&program[i], port);
        bench_check_cover(&program[i], BENCH_PILLION);
    }
    fprintf(stderr, "policyd: %.1f MiB before the programs, %.1f MiB of it its own\n", before,
            memory_of(d->process.pid, "RssAnon"));
    bench_row("policyd-rss", memory_of(d->process.pid, "VmRSS"), "MiB", BENCH_NO_RATIO);
    for (unsigned i = 0; i < PROCESSES; i++)
        bench_stop(&program[i], SIGKILL);
}

/* Milliseconds until the last program has seen it. */
static double reload(const struct bench_daemon *d, const struct bench_process *client,
                     const char *policy, const char *watch, int before, int after)
{
    unsigned long long when;
    uint64_t begun, last = 0;
    int error;

    for (unsigned i = 0; i < CLIENTS; i++) {
        bench_tell(&client[i], watch);
        if (atoi(bench_hear(&client[i])) != before)
            bench_fail("before a reload a program did not get \"%s\"", strerror(before));
    }
    bench_write(d->policy, policy);
    begun = bench_now();
    kill(d->process.pid, SIGHUP);
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (sscanf(bench_hear(&client[i]), "%d %llu", &error, &when) != 2 || error != after)
            bench_fail("after a reload a program did not get \"%s\"", strerror(after));
        if (when > last)
            last = when;
    }
    return (double)(last - begun) / 1e6;
}

static void reloads(const struct bench_daemon *d, const char *open, unsigned port)
{
    char *rule = bench_text("  rule \"shut\" { effect = deny  actions = {connect}"
                            "  resources = {\"127.0.0.1:%u\"} }",
                            port);
    char *shut = bench_policy(RULES, rule), *watch = bench_text("watch 127.0.0.1 %u\n", port);
    struct bench_process client[CLIENTS];
    double ms[RELOADS];

    for (unsigned i = 0; i < CLIENTS; i++)
        client[i] = start_program(d);
    for (unsigned i = 0; i < RELOADS; i++)
        ms[i] = i % 2 ? reload(d, client, open, watch, EACCES, ECONNREFUSED)
                      : reload(d, client, shut, watch, ECONNREFUSED, EACCES);
    bench_row("reload", bench_median(ms, RELOADS), "ms", BENCH_NO_RATIO);
    for (unsigned i = 0; i < CLIENTS; i++)
        bench_stop(&client[i], SIGKILL);
}

int main(void)
{
    char *policy = bench_policy(RULES, "");
    struct bench_daemon d = bench_daemon_start(policy, "");

    memory(&d);
    reloads(&d, policy, bench_port());
    bench_daemon_stop(&d);
    return 0;
}
