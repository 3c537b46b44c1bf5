#include "bench/lib/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/lib/bench.h"

#define RULES_OF_A_POLICY 100u
#define READY_MS          10000

static int listen_for_word(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    unlink(path);
    bench_need(fd >= 0 && bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0, path);
    return fd;
}

static void show(const char *path)
{
    char line[512];
    FILE *in = fopen(path, "re");

    while (in && fgets(line, sizeof(line), in))
        fprintf(stderr, "policyd: %s", line);
    if (in)
        fclose(in);
}

/* Its own READY=1; an end before that is seen as well, because nobody else would tell. */
static void await_ready(const struct bench_daemon *d, int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    uint64_t end = bench_now() + READY_MS * UINT64_C(1000000);
    siginfo_t info = {0};
    char text[512];

    while (bench_now() < end) {
        ssize_t n = poll(&pfd, 1, 50) > 0 ? recv(fd, text, sizeof(text) - 1, 0) : 0;

        text[n > 0 ? n : 0] = '\0';
        if (strstr(text, "READY=1"))
            return;
        if (waitid(P_PID, (id_t)d->process.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid)
            break;
    }
    show(d->output);
    bench_fail("policyd did not become ready");
}

struct bench_daemon bench_daemon_start(const char *policy, const char *settings)
{
    const char *folder = bench_folder();
    char *file = bench_text("%s/policyd.conf", folder);
    char *notify = bench_text("%s/notify", folder);
    char *program = bench_text("%s/policyd", bench_build());
    const char *const argv[] = {program, "-f", "-c", file, NULL};
    struct bench_daemon d = {
        .socket = bench_text("%s/policyd.sock", folder),
        .policy = bench_text("%s/policy.conf", folder),
        .output = bench_text("%s/policyd.out", folder),
    };
    struct bench_how how = {.cpu = BENCH_ANY_CPU, .output = d.output, .notify = notify};
    int fd = listen_for_word(notify);

    bench_write(d.policy, policy);
    bench_write(file, bench_text("socket = \"%s\"\nabstract = \"\"\npolicy = {\"%s\"}\n"
                                 "log = \"%s/decisions.log\"\nwatch = no\ndeadline = \"5s\"\n%s",
                                 d.socket, d.policy, folder, settings));
    d.process = bench_start(&how, argv);
    await_ready(&d, fd);
    close(fd);
    return d;
}

void bench_daemon_stop(struct bench_daemon *d)
{
    bench_stop(&d->process, SIGTERM);
}

struct bench_how bench_daemon_cover(const struct bench_daemon *d, enum bench_cover cover)
{
    return (struct bench_how){.cover = cover, .socket = d->socket, .cpu = BENCH_ANY_CPU};
}

/* Rules of one workload that nobody is: prefixes and ports of many kinds, none of them loopback. */
static void write_policy(FILE *out, unsigned number, unsigned rules)
{
    fprintf(out, "workload \"w%u\" { exe = \"/opt/bench/bin/w%u\" }\n", number, number);
    fprintf(out, "policy \"p%u\" {\n  owner = \"bench@bench.example\"\n  version = 1\n", number);
    fprintf(out, "  applies = {\"workload:w%u\"}\n", number);
    for (unsigned i = 0; i < rules; i++)
        fprintf(out,
                "  rule \"r%u\" { effect = allow  actions = {connect}"
                "  resources = {\"10.%u.%u.0/24:%u\"} }\n",
                i, number % 250, i, 1024 + (number * 7 + i) % 60000);
    fprintf(out, "}\n");
}

char *bench_policy(unsigned rules, const char *more)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    bench_need(out != NULL, "memory");
    fprintf(out, "schema = 1\ntrust_domain = \"bench.example\"\ndefault = deny\n"
                 "policy \"everybody\" {\n  owner = \"bench@bench.example\"\n  version = 1\n"
                 "  applies = {\"*\"}\n"
                 "  rule \"loopback\" { effect = allow  resources = {\"127.0.0.0/8:*\", "
                 "\"[::1]:*\", \"0.0.0.0/32:*\", \"unix:**\", \"localhost\"} }\n"
                 "  rule \"inside\" { effect = allow  actions = {connect}  "
                 "resources = {\"10.0.0.0/8:*\"} }\n");
    fprintf(out, "%s\n}\n", more);
    for (unsigned i = 0; i * RULES_OF_A_POLICY < rules; i++) {
        unsigned left = rules - i * RULES_OF_A_POLICY;

        write_policy(out, i, left < RULES_OF_A_POLICY ? left : RULES_OF_A_POLICY);
    }
    bench_need(fclose(out) == 0, "memory");
    return text;
}
