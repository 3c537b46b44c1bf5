/*
 * connect-cached: socket, connect and close on loopback, by a program with the preload library and
 * by the same program without. The value is what one costs with it; the ratio is the median over
 * pairs of rounds (A B, B A, A B, ...) of time with / time without.
 *
 * The listener is another process than the program: the bench itself. It lets a round finish in
 * the kernel's backlog and accepts afterwards, so that no wake-up of a second process disturbs
 * what is measured. Every pair of rounds has a destination address of its own, so that ports in
 * TIME_WAIT never get scarce. The programs are started anew now and then, because where a
 * program's memory happens to lie is worth a percent or two.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/lib/bench.h"
#include "bench/lib/daemon.h"

#define STARTS 8u
#define PAIRS  48u /* of each start */
#define COUNT  100u

static int listener(unsigned *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    bench_need(fd >= 0 && bind(fd, (struct sockaddr *)&in, len) == 0 && listen(fd, 4096) == 0 &&
                   getsockname(fd, (struct sockaddr *)&in, &len) == 0,
               "a listener");
    *port = ntohs(in.sin_port);
    return fd;
}

static double round_of(const struct bench_process *program, int listening, unsigned port,
                       unsigned number)
{
    char *line =
        bench_text("connect 127.1.%u.%u %u %u\n", number / 250 + 1, number % 250 + 1, port, COUNT);
    double ns;
    int fd;

    bench_tell(program, line);
    free(line);
    ns = strtod(bench_hear(program), NULL);
    if (ns <= 0)
        bench_fail("the program could not connect");
    while ((fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        close(fd);
    return ns / COUNT;
}

int main(void)
{
    struct bench_daemon d = bench_daemon_start(bench_policy(100, ""), "");
    struct bench_process program[2];
    double ns[2], us[STARTS * PAIRS], ratio[STARTS * PAIRS];
    const char *const argv[] = {bench_text("%s/bench/victim", bench_build()), NULL};
    unsigned port, done = 0;
    int fd = listener(&port);

    for (unsigned start = 0; start < STARTS; start++) {
        for (int cover = BENCH_PLAIN; cover <= BENCH_PILLION; cover++) {
            struct bench_how how = bench_daemon_cover(&d, (enum bench_cover)cover);

            how.cpu = 1;
            how.pipes = true;
            program[cover] = bench_start(&how, argv);
            (void)round_of(&program[cover], fd, port, done);
            bench_check_cover(&program[cover], (enum bench_cover)cover);
        }
        for (unsigned pair = 0; pair < PAIRS; pair++, done++) {
            for (unsigned turn = 0; turn < 2; turn++) {
                unsigned cover = (pair + turn) % 2;

                ns[cover] = round_of(&program[cover], fd, port, done);
            }
            us[done] = ns[BENCH_PILLION] / 1000;
            ratio[done] = ns[BENCH_PILLION] / ns[BENCH_PLAIN];
        }
        bench_stop(&program[BENCH_PLAIN], SIGKILL);
        bench_stop(&program[BENCH_PILLION], SIGKILL);
    }
    bench_rows("connect-cached", us, "us", ratio, done);
    bench_daemon_stop(&d);
    return 0;
}
