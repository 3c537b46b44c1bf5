/*
 * redis-server and redis-benchmark as benches use them: both with the preload library, or both
 * without. Errors: bench_fail. Threads: one.
 */
#ifndef PIL_BENCH_LIB_REDIS_H
#define PIL_BENCH_LIB_REDIS_H

#include "bench/lib/daemon.h"

/* What redis-benchmark is told: numbers as text, and the CPU it is pinned to. */
struct bench_redis_load {
    const char *connections;
    const char *requests;
    int cpu;
};

/* A server without persistence on that port and CPU, ready to serve. */
struct bench_process bench_redis_start(const struct bench_daemon *d, enum bench_cover cover,
                                       unsigned port, int cpu);

/* GETs without pipelining; requests a second. */
double bench_redis_get(const struct bench_daemon *d, enum bench_cover cover, unsigned port,
                       const struct bench_redis_load *load);

#endif
