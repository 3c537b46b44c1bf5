/*
 * What a decision costs, measured at pil_decide, in a process that is linked with the shim itself.
 *
 * decision-cached: the same question again and again, answered by the process cache. Mean of a
 *     round of 20,000; median of 101 rounds. The policy has a rule by host name, so that the name
 *     of the address is looked up as well.
 * decision-uncached-1: a question that was never asked before each time, so that neither cache has
 *     it: process -> policyd -> engine -> process. Mean of a round of 1,000; median of 31 rounds.
 *     Caller and policyd share a CPU: only one of the two ever has something to do.
 * decision-uncached-1-apart: the same with a CPU for each. No target, because most of it is what
 *     waking up an idle CPU costs on this machine, twice; in a virtual one that is far more than
 *     all the rest.
 * decision-uncached-8: the same by eight threads at once; elapsed time of the round / decisions of
 *     all threads, which is what one decision costs the host when many ask. A thread waits longer
 *     than this for its own answer: how long is said on stderr.
 *
 * Rounds of the three alternate. policyd has its default settings: every allow is written to the
 * decision log.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/lib/bench.h"
#include "bench/lib/daemon.h"
#include "shim/decide.h"

#define CACHED_ROUNDS 101u
#define CACHED_COUNT  20000u
#define ROUNDS        31u
#define COUNT         1000u
#define THREADS       8u

/* 10.x.y.z by number, allowed by the policy. */
static struct pil_query question(uint32_t number)
{
    struct pil_query q = {
        .action = PIL_ACTION_CONNECT,
        .kind = PIL_KIND_INET,
        .port = 5432,
        .ip = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, (uint8_t)(number >> 16),
                (uint8_t)(number >> 8), (uint8_t)number}},
    };

    return q;
}

/* The caller is an address of this program; only policies with a caller condition look at it. */
static void decide(uint32_t number, unsigned tier)
{
    struct pil_query q = question(number);
    struct pil_verdict v;

    if (pil_decide(&q, (const void *)decide, &v) || v.effect != PIL_ALLOW)
        bench_fail("a decision was %s (%s), not allow", pil_effect_name(v.effect),
                   pil_reason_name(v.reason));
    if (v.tier != tier)
        bench_fail("a decision came from tier %s, not %s", pil_tier_name(v.tier),
                   pil_tier_name(tier));
}

static void cached(void)
{
    double ns[CACHED_ROUNDS];
    struct pil_query q = question(1);
    uint64_t begun;
    int refused = 0;

    for (unsigned round = 0; round < CACHED_ROUNDS; round++) {
        (void)pil_decide(&q, NULL, NULL); /* the verdict of the round before may be over */
        begun = bench_now();
        for (unsigned i = 0; i < CACHED_COUNT; i++)
            refused |= pil_decide(&q, NULL, NULL);
        ns[round] = (double)(bench_now() - begun) / CACHED_COUNT;
    }
    if (refused)
        bench_fail("a cached decision was refused");
    decide(1, PIL_TIER_PROCESS);
    bench_row("decision-cached", bench_median(ns, CACHED_ROUNDS), "ns", BENCH_NO_RATIO);
}

struct asker {
    pthread_t thread;
    pthread_barrier_t *start;
    uint32_t first;
    uint64_t elapsed;
};

static void *ask(void *cookie)
{
    struct asker *a = cookie;
    uint64_t begun;

    pthread_barrier_wait(a->start);
    begun = bench_now();
    for (uint32_t i = 0; i < COUNT; i++)
        decide(a->first + i, PIL_TIER_ENGINE);
    a->elapsed = bench_now() - begun;
    return NULL;
}

/* Nanoseconds of the round for each decision; *waited is what one thread saw. */
static double round_of(unsigned threads, uint32_t *number, double *waited)
{
    struct asker asker[THREADS] = {0};
    pthread_barrier_t start;
    uint64_t begun;

    pthread_barrier_init(&start, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++) {
        asker[i].start = &start;
        asker[i].first = *number;
        *number += COUNT;
        if (pthread_create(&asker[i].thread, NULL, ask, &asker[i]))
            bench_fail("cannot start a thread");
    }
    begun = bench_now();
    pthread_barrier_wait(&start);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(asker[i].thread, NULL);
    pthread_barrier_destroy(&start);
    *waited = (double)asker[0].elapsed / COUNT;
    return (double)(bench_now() - begun) / (threads * COUNT);
}

/* Ways to ask that are measured: how many at once, and where they and policyd run. */
static const struct {
    const char *name;
    unsigned threads;
    int caller, policyd;
} ways[] = {
    {"decision-uncached-1", 1, 0, 0},
    {"decision-uncached-1-apart", 1, 0, 1},
    {"decision-uncached-8", THREADS, BENCH_ANY_CPU, BENCH_ANY_CPU},
};

static void uncached(pid_t policyd, uint32_t *number)
{
    double us[PIL_NELEM(ways)][ROUNDS], waited[PIL_NELEM(ways)][ROUNDS];

    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < PIL_NELEM(ways); i++) {
            bench_pin(0, ways[i].caller); /* threads inherit it */
            bench_pin(policyd, ways[i].policyd);
            us[i][round] = round_of(ways[i].threads, number, &waited[i][round]) / 1000;
        }
    for (unsigned i = 0; i < PIL_NELEM(ways); i++) {
        fprintf(stderr, "%s: a thread waits %.1f us for its answer\n", ways[i].name,
                bench_median(waited[i], ROUNDS) / 1000);
        bench_row(ways[i].name, bench_median(us[i], ROUNDS), "us", BENCH_NO_RATIO);
    }
}

int main(void)
{
    char *policy = bench_policy(100, "");
    struct bench_daemon d = bench_daemon_start(policy, "");
    uint32_t number = 1;

    setenv("PILLION_SOCKET", d.socket, 1); /* read at the first decision */
    decide(number++, PIL_TIER_ENGINE);
    cached();
    uncached(d.process.pid, &number);
    bench_daemon_stop(&d);
    return 0;
}
