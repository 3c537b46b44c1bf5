/*
 * redis-get-1, redis-get-32: GET by redis-benchmark on 1 and on 32 connections, no pipelining. Both
 * redis-server and redis-benchmark run with the preload library, or both without. The value is
 * requests a second with it; the ratio is time with / time without, the median over pairs of rounds
 * (A B, B A, ...).
 *
 * Every pair starts its two servers anew, because where a server's memory happens to lie is worth
 * more than what is looked for. With 32 connections server and client have a CPU each; with one,
 * when only one of them ever has something to do, they share one, so that waking a CPU up, which
 * takes longer than the request and is never twice the same, is not what is measured.
 */
#include <signal.h>

#include "bench/lib/bench.h"
#include "bench/lib/redis.h"

#define PAIRS      41u
#define SERVER_CPU 0
#define FACE       2u /* numbers of connections that are measured */

static const struct {
    const char *name;
    struct bench_redis_load load;
} faces[FACE] = {
    {"redis-get-1", {"1", "15000", SERVER_CPU}},
    {"redis-get-32", {"32", "40000", SERVER_CPU + 1}},
};

int main(void)
{
    struct bench_daemon d = bench_daemon_start(bench_policy(100, ""), "");
    struct bench_process server[2];
    double rate[2], with[FACE][PAIRS], ratio[FACE][PAIRS];
    unsigned port[2];

    for (unsigned pair = 0; pair < PAIRS; pair++) {
        for (int cover = BENCH_PLAIN; cover <= BENCH_PILLION; cover++) {
            port[cover] = bench_port();
            server[cover] = bench_redis_start(&d, (enum bench_cover)cover, port[cover], SERVER_CPU);
        }
        for (unsigned face = 0; face < FACE; face++) {
            for (unsigned turn = 0; turn < 2; turn++) {
                unsigned cover = (pair + turn) % 2;

                rate[cover] =
                    bench_redis_get(&d, (enum bench_cover)cover, port[cover], &faces[face].load);
            }
            with[face][pair] = rate[BENCH_PILLION];
            ratio[face][pair] = rate[BENCH_PLAIN] / rate[BENCH_PILLION];
        }
        bench_stop(&server[BENCH_PLAIN], SIGKILL);
        bench_stop(&server[BENCH_PILLION], SIGKILL);
    }
    for (unsigned face = 0; face < FACE; face++)
        bench_rows(faces[face].name, with[face], "1/s", ratio[face], PAIRS);
    bench_daemon_stop(&d);
    return 0;
}
