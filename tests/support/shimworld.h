/*
 * What units of the shim need: a shim as it is right after start, and clocks that they move.
 *
 * The shim's state is static memory, so tests of one program take turns with it; world_begin puts
 * it back to fresh. A header and no object, so that units without the shim need not be linked
 * with it. One world at a time; threads of a test must be over before world_end.
 */
#ifndef PIL_TESTS_SHIMWORLD_H
#define PIL_TESTS_SHIMWORLD_H

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim/cache.h"
#include "shim/confine.h"
#include "shim/decide.h"
#include "shim/env.h"
#include "shim/ownfd.h"
#include "shim/real.h"
#include "shim/state.h"
#include "tests/support/fakepolicyd.h"
#include "tests/support/support.h"

#define WORLD_SECOND INT64_C(1000000000)

/* Both clocks of the shim go by the kernel's, plus this. */
static _Atomic int64_t world_ahead_ns;

static inline void world_shift(struct timespec *now)
{
    int64_t ns = now->tv_nsec + atomic_load(&world_ahead_ns) % WORLD_SECOND;

    now->tv_sec += atomic_load(&world_ahead_ns) / WORLD_SECOND + ns / WORLD_SECOND;
    now->tv_nsec = ns % WORLD_SECOND;
}

static inline int world_clock(clockid_t clock, struct timespec *now)
{
    int err = pil_sysops_kernel.clock_gettime(clock, now);

    world_shift(now);
    return err;
}

static inline void world_later(int64_t ms)
{
    atomic_fetch_add(&world_ahead_ns, ms * 1000000);
}

/* How long a link waits, from now on. Long where an answer comes, so that a busy machine cannot
 * make a test fail; short where none comes. */
#define WORLD_LONG_MS  10000u
#define WORLD_SHORT_MS 20u

static inline void world_deadline(uint32_t ms)
{
    struct timeval limit = {ms / 1000, (suseconds_t)(ms % 1000 * 1000)};

    atomic_store(&pil_process.deadline_ms, ms);
    for (unsigned i = 0; i < PIL_LINKS; i++) {
        int fd = (int)atomic_load(&pil_process.link[i].fd) - 1;

        if (fd >= 0)
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    }
}

/* The shim as it is after its constructor, with that socket, nothing known, and time. */
static inline void world_fresh(const char *socket)
{
    size_t len;
    void *cache = pil_cache_memory(&len);

    pil_state_boot(environ);
    pil_state_ready();
    pil_ownfd_forget();
    pil_real_bind();
    atomic_store(&pil_confine_lost, 0);
    atomic_store(&pil_state_renumbered, false);
    pil_real_sys.clock_gettime = world_clock;
    pil_real_libc.clock_gettime = world_clock;
    memset(&pil_process, 0, sizeof(pil_process));
    memset(cache, 0, len);
    atomic_store(&pil_process.phase, 2);
    world_deadline(WORLD_LONG_MS);
    pil_state_forked = false;
    memset(&pil_env, 0, sizeof(pil_env));
    pil_env.uid = getuid();
    snprintf(pil_env.socket, sizeof(pil_env.socket), "%s", socket);
    snprintf(pil_env.program, sizeof(pil_env.program), "unit");
}

static inline struct fake_policyd *world_begin(void)
{
    struct fake_policyd *f = fake_start();

    world_fresh(fake_path(f));
    return f;
}

static inline void world_end(struct fake_policyd *f)
{
    world_fresh("/nowhere");
    fake_stop(f);
}

/* As the set-up and tear-down of a cmocka test. */
static inline int world_set_up(void **state)
{
    *state = world_begin();
    return 0;
}

static inline int world_tear_down(void **state)
{
    world_end(*state);
    return 0;
}

#define world_test(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

/* The address a.b.c.d. */
static inline struct pil_ip world_ip(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (struct pil_ip){{[10] = 0xff, 0xff, (uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d}};
}

/* What is decided of a connection to that port of 10.0.0.1: 0 or an errno, and the verdict, which
 * may be NULL. */
static inline int world_connects(uint16_t port, struct pil_verdict *v)
{
    struct pil_query q = {.action = PIL_ACTION_CONNECT,
                          .kind = PIL_KIND_INET,
                          .port = port,
                          .ip = world_ip(10, 0, 0, 1)};

    return pil_decide(&q, NULL, v);
}

/* A call that finds no descriptor there. */
#define BADF(...)                                                                                  \
    do {                                                                                           \
        errno = 0;                                                                                 \
        assert_int_equal(__VA_ARGS__, -1);                                                         \
        assert_int_equal(errno, EBADF);                                                            \
    } while (0)

/* The counters of the ring that is in use. */
static inline uint64_t world_decisions(unsigned tier, unsigned effect)
{
    return atomic_load(&atomic_load(&pil_process.ring)->counters.decisions[tier][effect]);
}

static inline uint64_t world_failed(unsigned reason)
{
    return atomic_load(&atomic_load(&pil_process.ring)->counters.failed[reason]);
}

/* An address in a module of the name service, as a hook sees its caller. */
static inline const void *world_name_service(void)
{
    void *module = dlopen("libnss_compat.so.2", RTLD_NOW);
    void *code = module ? dlsym(module, "_nss_compat_getpwnam_r") : NULL;

    assert_non_null(code);
    return code;
}

#endif
