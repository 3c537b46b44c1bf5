/*
 * The process record path: what its ciphers take, what a round trip and a stream over it cost
 * against the plain socket, and what all other descriptors pay for being looked at.
 *
 * Both ends are in two processes on one processor, so that no time is lost in waking another;
 * rounds with records and without take turns.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include "bench/lib/bench.h"
#include "core/err.h"
#include "core/wire_tls.h"
#include "shim/aead.h"
#include "shim/conn.h"
#include "shim/shim.h"

#define ROUNDS 9

static const struct {
    unsigned suite;
    const char *name;
} suites[] = {{PIL_SUITE_AES_128_GCM, "aes128"},
              {PIL_SUITE_AES_256_GCM, "aes256"},
              {PIL_SUITE_CHACHA20, "chacha"}};

static struct pil_traffic keys(unsigned suite)
{
    struct pil_traffic t = {.secret_len = (uint8_t)pil_suite_hash_len(suite)};

    memset(t.key, 0x5a, sizeof(t.key));
    memset(t.iv, 0x33, sizeof(t.iv));
    return t;
}

/* ---- ciphers ------------------------------------------------------------------------------- */

/* Nanoseconds a record of len bytes, sealed or opened. Opened are copies of one, whose number is
 * set back. */
static double records(unsigned suite, size_t len, bool open)
{
    static uint8_t in[PIL_RECORD_MAX], out[PIL_RECORD_WIRE_MAX], copy[PIL_RECORD_WIRE_MAX];
    static uint8_t ctx[PIL_AEAD_ROOM] __attribute__((aligned(64)));
    const unsigned count = len < 1000 ? 20000 : 1000;
    const struct pil_aead *aead = pil_aead_host();
    struct pil_traffic t = keys(suite);
    struct pil_opened opened;
    double rounds[ROUNDS];

    bench_need(aead && aead->init(ctx, suite, t.key) == PIL_OK, "ciphers");
    for (unsigned r = 0; r < ROUNDS; r++) {
        uint64_t start = bench_now();

        for (unsigned i = 0; i < count; i++) {
            t.seq = 1;
            if (!open || i == 0)
                bench_need(!pil_record_seal(aead, ctx, suite, &t, PIL_CONTENT_DATA, in, len, out),
                           "sealing");
            t.seq = 1;
            if (open)
                memcpy(copy, out, len + PIL_RECORD_OVERHEAD);
            if (open)
                bench_need(
                    !pil_record_open(aead, ctx, &t, copy, len + PIL_RECORD_OVERHEAD, &opened),
                    "opening");
        }
        rounds[r] = (double)(bench_now() - start) / count;
    }
    return bench_median(rounds, ROUNDS);
}

static void ciphers(void)
{
    for (unsigned i = 0; i < PIL_NELEM(suites); i++)
        for (int open = 0; open < 2; open++) {
            const char *verb = open ? "open" : "seal";

            bench_row(bench_text("record-%s-64-%s", verb, suites[i].name),
                      records(suites[i].suite, 64, open) / 1000, "us", BENCH_NO_RATIO);
            bench_row(bench_text("record-%s-16k-%s", verb, suites[i].name),
                      PIL_RECORD_MAX / records(suites[i].suite, PIL_RECORD_MAX, open), "GB/s",
                      BENCH_NO_RATIO);
        }
}

/* ---- connections --------------------------------------------------------------------------- */

static void pair(int fd[2])
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    bench_need(bind(listener, (struct sockaddr *)&sa, len) == 0 && listen(listener, 1) == 0 &&
                   getsockname(listener, (struct sockaddr *)&sa, &len) == 0,
               "a listener");
    fd[0] = socket(AF_INET, SOCK_STREAM, 0);
    bench_need(connect(fd[0], (struct sockaddr *)&sa, len) == 0, "connect");
    fd[1] = accept(listener, NULL, NULL);
    bench_need(fd[1] >= 0, "accept");
    for (int i = 0; i < 2; i++)
        setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    close(listener);
}

static void secure(const int fd[2])
{
    struct pil_secured s = {.path = PIL_PATH_PROCESS, .suite = PIL_SUITE_AES_128_GCM};

    s.in = s.out = keys(s.suite);
    s.in.iv[0] = 1;
    bench_need(pil_conn_install(fd[0], &s) == PIL_OK, "installing");
    s.in.iv[0] = 0x33;
    s.out.iv[0] = 1;
    bench_need(pil_conn_install(fd[1], &s) == PIL_OK, "installing");
}

static bool read_all(int fd, char *buf, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = pil_shim_read(fd, buf + at, len - at);

        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static char buffer[65536];

static bool swallow(int fd, size_t len)
{
    size_t part = len < sizeof(buffer) ? len : sizeof(buffer);

    for (; len > 0; len -= part)
        if (!read_all(fd, buffer, part))
            return false;
    return true;
}

/* The other process: swallows what it gets, and answers. */
static void answer(int fd, size_t len, size_t answer_len)
{
    while (swallow(fd, len))
        if (pil_shim_write(fd, buffer, answer_len) != (ssize_t)answer_len)
            break;
    _exit(0);
}

/* Nanoseconds for one exchange of `len` bytes there in `piece`s, and answer_len back. */
static double exchange(bool secured, size_t len, size_t piece, size_t answer_len, unsigned count)
{
    uint64_t start;
    int fd[2];
    pid_t child;

    pair(fd);
    if (secured)
        secure(fd);
    child = fork();
    if (child == 0) {
        close(fd[0]);
        answer(fd[1], len, answer_len);
    }
    pil_shim_close(fd[1]);
    start = bench_now();
    for (unsigned i = 0; i < count; i++) {
        for (size_t at = 0; at < len; at += piece)
            bench_need(pil_shim_write(fd[0], buffer, piece) == (ssize_t)piece, "writing");
        bench_need(read_all(fd[0], buffer, answer_len), "reading");
    }
    start = bench_now() - start;
    pil_shim_close(fd[0]);
    waitpid(child, NULL, 0);
    return (double)start / count;
}

static void compare(const char *name, const char *unit, double scale, size_t len, size_t piece,
                    size_t answer_len, unsigned count)
{
    double values[ROUNDS], ratios[ROUNDS];

    for (unsigned r = 0; r < ROUNDS; r++) {
        double plain = exchange(false, len, piece, answer_len, count);
        double own = exchange(true, len, piece, answer_len, count);

        values[r] = scale > 0 ? own * scale : (double)len / own;
        ratios[r] = scale > 0 ? own / plain : plain / own;
    }
    bench_rows(name, values, unit, ratios, ROUNDS);
}

/* ---- all other descriptors ------------------------------------------------------------------- */

static double zero_reads(int fd, bool hooked)
{
    const unsigned count = 200000;
    uint64_t start = bench_now();
    char byte;

    for (unsigned i = 0; i < count; i++)
        if ((hooked ? pil_shim_read(fd, &byte, 1) : read(fd, &byte, 1)) != 1)
            bench_fail("reading zeroes");
    return (double)(bench_now() - start) / count;
}

static void others(void)
{
    double values[ROUNDS], ratios[ROUNDS];
    int fd = open("/dev/zero", O_RDONLY);

    bench_need(fd >= 0, "/dev/zero");
    for (unsigned r = 0; r < ROUNDS; r++) {
        double plain = zero_reads(fd, false), own = zero_reads(fd, true);

        values[r] = own - plain;
        ratios[r] = own / plain;
    }
    bench_rows("record-other-read", values, "ns", ratios, ROUNDS);
}

int main(void)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof(one), &one);
    pil_shim_start(NULL);
    ciphers();
    compare("record-roundtrip-64", "us", 0.001, 64, 64, 64, 5000);
    compare("record-roundtrip-16k", "us", 0.001, 16384, 16384, 16384, 2000);
    compare("record-stream-16k", "GB/s", 0, 64 << 20, 16384, 1, 2);
    compare("record-stream-64k", "GB/s", 0, 64 << 20, 65536, 1, 2);
    others();
    return 0;
}
