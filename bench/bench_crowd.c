/*
 * redis-get-10000: ten thousand connections open at once. redis-benchmark opens them all, then has
 * GETs on all of them; server and client run with the preload library, or both without. The value
 * is requests a second with it; the ratio is time with / time without, the median over pairs of
 * rounds (A B, B A, ...), each with a server of its own.
 *
 * One process of each holds more than ten thousand descriptors, so the limit on them is raised for
 * both legs; where that is not allowed there is nothing to measure.
 */
#include <signal.h>
#include <sys/resource.h>

#include "bench/lib/bench.h"
#include "bench/lib/redis.h"

#define PAIRS       9u
#define DESCRIPTORS 16384u

static double round_of(const struct bench_daemon *d, enum bench_cover cover)
{
    static const struct bench_redis_load load = {"10000", "60000", 1};
    unsigned port = bench_port();
    struct bench_process server = bench_redis_start(d, cover, port, 0);
    double rate = bench_redis_get(d, cover, port, &load);

    bench_stop(&server, SIGKILL);
    return rate;
}

int main(void)
{
    struct rlimit limit = {DESCRIPTORS, DESCRIPTORS}, had;
    double rate[2], with[PAIRS], ratio[PAIRS];
    struct bench_daemon d;

    bench_need(getrlimit(RLIMIT_NOFILE, &had) == 0, "getrlimit");
    if (had.rlim_cur < DESCRIPTORS) {
        limit.rlim_max = had.rlim_max > DESCRIPTORS ? had.rlim_max : DESCRIPTORS;
        bench_need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "raising the limit on descriptors");
    }
    d = bench_daemon_start(bench_policy(100, ""), "");
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        for (unsigned turn = 0; turn < 2; turn++) {
            enum bench_cover cover = (enum bench_cover)((pair + turn) % 2);

            rate[cover] = round_of(&d, cover);
        }
        with[pair] = rate[BENCH_PILLION];
        ratio[pair] = rate[BENCH_PLAIN] / rate[BENCH_PILLION];
    }
    bench_rows("redis-get-10000", with, "1/s", ratio, PAIRS);
    bench_daemon_stop(&d);
    return 0;
}
