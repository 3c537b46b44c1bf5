/*
 * Storms of short processes, a thousand a leg, in blocks of ten that take turns (A B C, B C A,
 * ...). The value is milliseconds a process under Pillion; the ratio is time with / time without,
 * the median over the blocks.
 *
 * storm-true: posix_spawn of /bin/true to its end: the shortest process there is. Most of what
 *     Pillion costs it is what the loader takes to map a library, hence the next two.
 * storm-true-empty: the same storm with a preload library that does nothing, against without.
 * storm-true-share: the storm with Pillion against the one with the library that does nothing.
 * storm-shell: sh -c with a pipeline of four programs, as start scripts have them by the dozen;
 *     every one of the five is covered.
 * storm-python: python3 -c pass: a short process that does something before it can start.
 */
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "bench/lib/bench.h"
#include "bench/lib/daemon.h"

#define BLOCKS 100u
#define BLOCK  10u
#define LEGS   3u

enum leg { PLAIN, EMPTY, PILLION };

static char **environments[LEGS];

static double block(const char *const argv[], enum leg leg, unsigned count)
{
    uint64_t begun = bench_now();

    for (unsigned i = 0; i < count; i++) {
        int status = 0;
        pid_t pid;

        if (posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)argv, environments[leg]))
            bench_fail("cannot start %s", argv[0]);
        if (waitpid(pid, &status, 0) != pid || status != 0)
            bench_fail("%s ended with status 0x%x", argv[0], (unsigned)status);
    }
    return (double)(bench_now() - begun) / 1e6 / count;
}

struct storm {
    double ms[LEGS][BLOCKS];
};

static void blow(const char *const argv[], unsigned blocks, unsigned count, struct storm *s)
{
    for (unsigned leg = 0; leg < LEGS; leg++)
        (void)block(argv, (enum leg)leg, 2);
    for (unsigned i = 0; i < blocks; i++)
        for (unsigned turn = 0; turn < LEGS; turn++) {
            enum leg leg = (enum leg)((i + turn) % LEGS);

            s->ms[leg][i] = block(argv, leg, count);
        }
}

static void row(const char *name, const struct storm *s, enum leg of, enum leg against,
                unsigned blocks)
{
    double value[BLOCKS], ratio[BLOCKS];

    for (unsigned i = 0; i < blocks; i++) {
        value[i] = s->ms[of][i];
        ratio[i] = s->ms[of][i] / s->ms[against][i];
    }
    bench_rows(name, value, "ms", ratio, blocks);
}

int main(void)
{
    static const char *const nothing[] = {"/bin/true", NULL};
    static const char *const python[] = {"/usr/bin/python3", "-I", "-S", "-c", "pass", NULL};
    static const char *const shell[] = {
        "/bin/sh", "-c",
        "printf 'a b\\nc d\\n' | sed s/a/b/ | grep b | sort | cut -d' ' -f2 >/dev/null", NULL};
    struct bench_daemon d = bench_daemon_start(bench_policy(100, ""), "");
    struct bench_how how[2] = {bench_daemon_cover(&d, BENCH_PLAIN),
                               bench_daemon_cover(&d, BENCH_PILLION)};
    static struct storm storm;

    environments[PLAIN] = bench_environment(&how[0]);
    environments[PILLION] = bench_environment(&how[1]);
    how[0].preload = bench_text("%s/bench/empty.so", bench_build());
    environments[EMPTY] = bench_environment(&how[0]);
    blow(nothing, BLOCKS, BLOCK, &storm);
    row("storm-true", &storm, PILLION, PLAIN, BLOCKS);
    row("storm-true-empty", &storm, EMPTY, PLAIN, BLOCKS);
    row("storm-true-share", &storm, PILLION, EMPTY, BLOCKS);
    blow(shell, BLOCKS, 2, &storm);
    row("storm-shell", &storm, PILLION, PLAIN, BLOCKS);
    blow(python, BLOCKS, BLOCK, &storm);
    row("storm-python", &storm, PILLION, PLAIN, BLOCKS);
    bench_daemon_stop(&d);
    return 0;
}
