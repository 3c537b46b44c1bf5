/*
 * What it costs to be there at all.
 *
 * exec-true: from posix_spawn of /bin/true to its end, with the preload library and without, in
 *     turns; the value is the median of the differences.
 * library-size: libpillion.so without its debugging symbols, as it is installed.
 * library-memory: private memory of the library in a process that has made decisions: the private
 *     pages of its mappings, of the nameless memory behind them (its .bss), and of the pages it
 *     shares with policyd, should any of those have become private. A second program is under
 *     Pillion, as on any host that has it, so that the library's code is shared. A program that
 *     resolves hundreds of names uses up to 80 KiB more, for the table of names.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bench/lib/bench.h"
#include "bench/lib/daemon.h"

#define PAIRS 300u
#define WARM  20u

static double spawn_true(char **env)
{
    char *const argv[] = {(char *)"/bin/true", NULL};
    uint64_t begun = bench_now();
    int status = 0;
    pid_t pid;

    if (posix_spawn(&pid, argv[0], NULL, NULL, argv, env))
        bench_fail("cannot start %s", argv[0]);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        bench_fail("%s ended with status 0x%x", argv[0], (unsigned)status);
    return (double)(bench_now() - begun) / 1e6;
}

/* The same way of starting, with a program that can be looked at. */
static void check_spawn(const struct bench_daemon *d)
{
    struct bench_how how = bench_daemon_cover(d, BENCH_PILLION);
    const char *const argv[] = {"/bin/cat", NULL};
    struct bench_process cat;

    how.pipes = true;
    cat = bench_start(&how, argv);
    bench_tell(&cat, "here\n");
    (void)bench_hear(&cat);
    bench_check_cover(&cat, BENCH_PILLION);
    bench_finish(&cat);
}

static void exec_true(const struct bench_daemon *d)
{
    struct bench_how plain = bench_daemon_cover(d, BENCH_PLAIN);
    struct bench_how covered = bench_daemon_cover(d, BENCH_PILLION);
    char **env[2] = {bench_environment(&plain), bench_environment(&covered)};
    double more[PAIRS], ratio[PAIRS], ms[2];

    for (unsigned i = 0; i < WARM; i++)
        (void)spawn_true(env[i % 2]);
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        for (unsigned turn = 0; turn < 2; turn++) {
            unsigned cover = (pair + turn) % 2;

            ms[cover] = spawn_true(env[cover]);
        }
        more[pair] = ms[BENCH_PILLION] - ms[BENCH_PLAIN];
        ratio[pair] = ms[BENCH_PILLION] / ms[BENCH_PLAIN];
    }
    bench_rows("exec-true", more, "ms", ratio, PAIRS);
}

static void size_of_library(void)
{
    char *stripped = bench_text("%s/stripped.so", bench_folder());
    char *library = bench_text("%s/libpillion.so", bench_build());
    const char *const argv[] = {"strip", "--strip-unneeded", "-o", stripped, library, NULL};
    struct bench_how how = {.cpu = BENCH_ANY_CPU};
    struct bench_process strip = bench_start(&how, argv);
    struct stat st;

    bench_finish(&strip);
    bench_need(stat(stripped, &st) == 0, stripped);
    bench_row("library-size", (double)st.st_size / 1024, "KiB", BENCH_NO_RATIO);
}

/* One mapping of smaps: is it the library's? Nameless memory right behind it is its .bss. */
static bool is_ours(const char *line, unsigned long *end, bool before)
{
    unsigned long from, to;
    char name[256] = "";

    sscanf(line, "%lx-%lx %*s %*s %*s %*s %255[^\n]", &from, &to, name);
    bool behind = before && from == *end && name[0] == '\0';

    *end = to;
    return behind || strstr(name, "libpillion.so") || strstr(name, "pillion-");
}

static unsigned long private_kib(pid_t pid)
{
    char *path = bench_text("/proc/%d/smaps", (int)pid);
    FILE *in = fopen(path, "re");
    unsigned long end = 0, kib, sum = 0;
    char line[512];
    bool ours = false;

    bench_need(in != NULL, path);
    while (fgets(line, sizeof(line), in)) {
        if (line[0] < 'A' || line[0] > 'Z')
            ours = is_ours(line, &end, ours);
        else if (ours && (sscanf(line, "Private_Clean: %lu", &kib) == 1 ||
                          sscanf(line, "Private_Dirty: %lu", &kib) == 1))
            sum += kib;
    }
    fclose(in);
    return sum;
}

/* Connects to count addresses on a port where nobody listens. */
static void connect_around(const struct bench_process *program, unsigned port, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char *line = bench_text("try 127.2.%u.%u %u\n", i / 250, i % 250 + 1, port);

        bench_tell(program, line);
        free(line);
        if (atoi(bench_hear(program)) != ECONNREFUSED)
            bench_fail("a connect to a closed port was not refused by the kernel");
    }
}

/* More destinations than the process cache has room for, so that all of it has been used. */
static void private_memory(const struct bench_daemon *d)
{
    struct bench_how how = bench_daemon_cover(d, BENCH_PILLION);
    const char *const argv[] = {bench_text("%s/bench/victim", bench_build()), NULL};
    struct bench_process program, other;
    unsigned port = bench_port();

    how.pipes = true;
    program = bench_start(&how, argv);
    other = bench_start(&how, argv);
    connect_around(&other, port, 1);
    connect_around(&program, port, 2000);
    bench_row("library-memory", (double)private_kib(program.pid), "KiB", BENCH_NO_RATIO);
    bench_stop(&program, SIGKILL);
    bench_stop(&other, SIGKILL);
}

int main(void)
{
    struct bench_daemon d = bench_daemon_start(bench_policy(100, ""), "");

    check_spawn(&d);
    exec_true(&d);
    size_of_library();
    private_memory(&d);
    bench_daemon_stop(&d);
    return 0;
}
