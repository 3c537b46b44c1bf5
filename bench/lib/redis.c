#include "bench/lib/redis.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/lib/bench.h"

struct bench_process bench_redis_start(const struct bench_daemon *d, enum bench_cover cover,
                                       unsigned port, int cpu)
{
    struct bench_how how = bench_daemon_cover(d, cover);
    const char *const argv[] = {"redis-server",
                                "--port",
                                bench_text("%u", port),
                                "--bind",
                                "127.0.0.1",
                                "--save",
                                "",
                                "--appendonly",
                                "no",
                                "--daemonize",
                                "no",
                                "--dir",
                                bench_folder(),
                                "--maxclients",
                                "12000",
                                NULL};
    struct bench_process server;

    how.cpu = cpu;
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

double bench_redis_get(const struct bench_daemon *d, enum bench_cover cover, unsigned port,
                       const struct bench_redis_load *load)
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
                                load->connections,
                                "-n",
                                load->requests,
                                "-P",
                                "1",
                                "--csv",
                                NULL};
    struct bench_process client;
    char text[4096];
    size_t len = 0;
    ssize_t n;
    double rate;

    how.cpu = load->cpu;
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
