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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/lib/bench.h"
#include "bench/lib/daemon.h"

#define PAIRS      41u
#define SERVER_CPU 0
#define FACE       2u /* numbers of connections that are measured */

static const struct {
    const char *name;
    const char *connections;
    const char *requests;
    int cpu; /* of the client */
} faces[FACE] = {
    {"redis-get-1", "1", "15000", SERVER_CPU},
    {"redis-get-32", "32", "40000", SERVER_CPU + 1},
};

static struct bench_process start_server(const struct bench_daemon *d, enum bench_cover cover,
                                         unsigned port)
{
    struct bench_how how = bench_daemon_cover(d, cover);
    const char *const argv[] = {
        "redis-server", "--port", bench_text("%u", port), "--bind", "127.0.0.1",
        "--save",       "",       "--appendonly",         "no",     "--daemonize",
        "no",           "--dir",  bench_folder(),         NULL};
    struct bench_process server;

    how.cpu = SERVER_CPU;
    server = bench_start(&how, argv);
    bench_wait_port(&server, port);
    bench_check_cover(&server, cover);
    return server;
}

/* The second column of the line "GET". */
static double requests_per_second(const char *text)
{
    const char *at = strstr(text, "\"GET\",\"");

    return at ? strtod(at + strlen("\"GET\",\""), NULL) : 0;
}

static double run_client(const struct bench_daemon *d, enum bench_cover cover, unsigned port,
                         unsigned face)
{
    struct bench_how how = bench_daemon_cover(d, cover);
    const char *const argv[] = {"redis-benchmark",
                                "-h",
                                "127.0.0.1",
                                "-p",
                                bench_text("%u", port),
                                "-t",
                                "get",
                                "-c",
                                faces[face].connections,
                                "-n",
                                faces[face].requests,
                                "-P",
                                "1",
                                "--csv",
                                NULL};
    struct bench_process client;
    char text[4096];
    size_t len = 0;
    ssize_t n;
    double rate;

    how.cpu = faces[face].cpu;
    how.pipes = true;
    client = bench_start(&how, argv);
    while (len < sizeof(text) - 1 &&
           (n = read(client.from, text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    bench_finish(&client);
    rate = requests_per_second(text);
    if (rate <= 0)
        bench_fail("redis-benchmark said no rate: %s", text);
    return rate;
}

int main(void)
{
    struct bench_daemon d = bench_daemon_start(bench_policy(100, ""), "");
    struct bench_process server[2];
    double rate[2], with[FACE][PAIRS], ratio[FACE][PAIRS];
    unsigned port[2];

    for (unsigned pair = 0; pair < PAIRS; pair++) {
        for (int cover = BENCH_PLAIN; cover <= BENCH_PILLION; cover++) {
            port[cover] = bench_port();
            server[cover] = start_server(&d, (enum bench_cover)cover, port[cover]);
        }
        for (unsigned face = 0; face < FACE; face++) {
            for (unsigned turn = 0; turn < 2; turn++) {
                unsigned cover = (pair + turn) % 2;

                rate[cover] = run_client(&d, (enum bench_cover)cover, port[cover], face);
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
