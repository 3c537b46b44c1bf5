#include "bench/lib/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t bench_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    if (count == 0)
        bench_fail("a median of nothing");
    qsort(values, count, sizeof(*values), by_size);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

void bench_row(const char *name, double value, const char *unit, double ratio)
{
    printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"", name, value, unit);
    if (!isnan(ratio))
        printf(", \"ratio\": %.5g", ratio);
    printf("}\n");
    fflush(stdout);
}

void bench_rows(const char *name, double *values, const char *unit, double *ratios, size_t count)
{
    double value = bench_median(values, count), ratio = bench_median(ratios, count);

    fprintf(stderr, "%s: %zu pairs of rounds, the middle half at %.3fx to %.3fx\n", name, count,
            ratios[count / 4], ratios[count - 1 - count / 4]);
    bench_row(name, value, unit, ratio);
}

void bench_fail(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "bench: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    bench_end(1);
}

/* exit may run once only: whoever comes second waits here for the end. */
void bench_end(int status)
{
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&once);
    exit(status);
}

void bench_need(bool ok, const char *what)
{
    if (!ok)
        bench_fail("%s: %s", what, strerror(errno));
}

char *bench_text(const char *format, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, format);
    bench_need(vasprintf(&text, format, args) >= 0, "memory");
    va_end(args);
    return text;
}

const char *bench_build(void)
{
    static char *build;

    if (!build)
        build = realpath(getenv("BUILD") ? getenv("BUILD") : "build", NULL);
    bench_need(build != NULL, "BUILD");
    return build;
}

uint16_t bench_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    bench_need(fd >= 0 && bind(fd, (struct sockaddr *)&in, len) == 0 &&
                   getsockname(fd, (struct sockaddr *)&in, &len) == 0,
               "a free port");
    close(fd);
    return ntohs(in.sin_port);
}
