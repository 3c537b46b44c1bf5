/*
 * nginx-connection: one HTTP request on each new connection, from eight threads of a client that is
 * not under Pillion, to nginx with two workers. The value is requests a second when nginx runs with
 * the preload library; the ratio is that / requests a second without, the median over pairs of
 * rounds (A B, B A, ...). nginx is started anew for every eighth pair.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/lib/bench.h"
#include "bench/lib/daemon.h"

#define STARTS   12u
#define PAIRS    8u /* of each start */
#define THREADS  8u
#define REQUESTS 300u /* of each thread in a round */

static char *configuration(const char *folder, unsigned port)
{
    char *text = bench_text(
        "daemon off;\npid %s/nginx-%u.pid;\nerror_log %s/nginx.log crit;\n%sworker_processes 2;\n"
        "events { worker_connections 512; }\n"
        "http {\n access_log off;\n"
        " client_body_temp_path %s/body; proxy_temp_path %s/proxy; fastcgi_temp_path %s/fastcgi;\n"
        " uwsgi_temp_path %s/uwsgi; scgi_temp_path %s/scgi;\n"
        " server { listen 127.0.0.1:%u backlog=4096; location / { return 200 \"ok\\n\"; } }\n}\n",
        folder, port, folder, geteuid() == 0 ? "user root;\n" : "", folder, folder, folder, folder,
        folder, port);
    char *path = bench_text("%s/nginx-%u.conf", folder, port);

    bench_write(path, text);
    free(text);
    return path;
}

static struct bench_process start_server(const struct bench_daemon *d, enum bench_cover cover,
                                         unsigned *port)
{
    struct bench_how how = bench_daemon_cover(d, cover);
    const char *const argv[] = {"nginx",
                                "-p",
                                bench_folder(),
                                "-e",
                                "stderr",
                                "-c",
                                configuration(bench_folder(), *port = bench_port()),
                                NULL};
    struct bench_process server = bench_start(&how, argv);

    bench_wait_port(&server, *port);
    bench_check_cover(&server, cover);
    return server;
}

static void request(unsigned port)
{
    static const char get[] = "GET / HTTP/1.0\r\n\r\n";
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[1024];
    ssize_t n, len = 0;

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench_need(fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0, "connect");
    bench_need(send(fd, get, sizeof(get) - 1, MSG_NOSIGNAL) == sizeof(get) - 1, "send");
    while ((n = recv(fd, answer + len, sizeof(answer) - (size_t)len, 0)) > 0)
        len += n;
    close(fd);
    if (len < 12 || memcmp(answer + 8, " 200", 4) != 0)
        bench_fail("nginx answered %zd bytes that are no 200", len);
}

static void *client(void *cookie)
{
    for (unsigned i = 0; i < REQUESTS; i++)
        request(*(const unsigned *)cookie);
    return NULL;
}

/* Requests a second. */
static double round_of(unsigned port)
{
    pthread_t thread[THREADS];
    uint64_t begun = bench_now();

    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, client, &port))
            bench_fail("cannot start a thread");
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    return THREADS * REQUESTS / ((double)(bench_now() - begun) / 1e9);
}

int main(void)
{
    struct bench_daemon d = bench_daemon_start(bench_policy(100, ""), "");
    struct bench_process server[2];
    double rate[2], with[STARTS * PAIRS], ratio[STARTS * PAIRS];
    unsigned port[2], done = 0;

    for (unsigned start = 0; start < STARTS; start++) {
        for (int cover = BENCH_PLAIN; cover <= BENCH_PILLION; cover++) {
            server[cover] = start_server(&d, (enum bench_cover)cover, &port[cover]);
            (void)round_of(port[cover]);
        }
        for (unsigned pair = 0; pair < PAIRS; pair++, done++) {
            for (unsigned turn = 0; turn < 2; turn++) {
                unsigned cover = (pair + turn) % 2;

                rate[cover] = round_of(port[cover]);
            }
            with[done] = rate[BENCH_PILLION];
            ratio[done] = rate[BENCH_PILLION] / rate[BENCH_PLAIN];
        }
        bench_stop(&server[BENCH_PLAIN], SIGTERM);
        bench_stop(&server[BENCH_PILLION], SIGTERM);
    }
    bench_rows("nginx-connection", with, "1/s", ratio, done);
    bench_daemon_stop(&d);
    return 0;
}
