#include "shim/dial.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>

#include "core/chan.h"
#include "core/err.h"
#include "core/wire.h"
#include "shim/env.h"
#include "shim/real.h"

#define MS UINT64_C(1000000)

static const struct pil_sysops *const sys = &pil_real_sys;

uint32_t pil_dial_deadline_ms(void)
{
    uint32_t ms = atomic_load_explicit(&pil_process.deadline_ms, memory_order_relaxed);

    return ms ? ms : PIL_DEADLINE_MS;
}

uint32_t pil_dial_first_ms(void)
{
    uint32_t usual = pil_dial_deadline_ms();
    bool first = !atomic_load(&pil_process.page) && !atomic_load(&pil_process.cause);

    return first && usual < PIL_WELCOME_MS ? PIL_WELCOME_MS : usual;
}

/* What the kernel is told to wait: its socket timeouts run late by a tick or two of a coarse timer
 * wheel, and the program shall have its answer within the deadline. */
static uint32_t whole_limit_ms(const struct pil_link *link)
{
    uint32_t ms = link->greeted ? pil_dial_first_ms() : pil_dial_deadline_ms();

    return ms - ms / 8;
}

static void set_limit(struct pil_link *link, int fd, uint32_t ms)
{
    struct timeval limit = {ms / 1000, (suseconds_t)(ms % 1000 * 1000)};

    sys->setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    sys->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    link->limit_ms = ms;
}

int pil_dial_limit(struct pil_link *link, int fd)
{
    uint64_t now = pil_real_now_ns();
    uint64_t left = now < link->end_ns ? (link->end_ns - now) / MS : 0;
    uint32_t whole = whole_limit_ms(link), ms = left < whole ? (uint32_t)left : whole;

    if (ms == 0)
        return PIL_E_TIMEOUT;
    if (ms != link->limit_ms)
        set_limit(link, fd, ms);
    return PIL_OK;
}

static socklen_t socket_address(const char *name, struct sockaddr_un *un)
{
    size_t len = strlen(name);

    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, name, len);
    if (name[0] == '@')
        un->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] != '@'));
}

/* The kernel's word on who opened the other end: root, or whoever started this program. */
static bool trusted(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (sys->getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) || len != sizeof(peer))
        return false;
    return peer.uid == 0 || (!pil_env.secure && peer.uid == pil_env.uid);
}

int pil_dial(struct pil_link *link, const char *name, int *out)
{
    struct sockaddr_un un;
    socklen_t len = socket_address(name, &un);
    int fd = sys->socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), err;

    if (fd < 0 || (fd = pil_ownfd_adopt(fd)) < 0)
        return PIL_E_UNREACHABLE;
    link->limit_ms = 0;
    err = pil_dial_limit(link, fd) ? -EAGAIN : 0;
    if (!err)
        err = sys->connect(fd, (struct sockaddr *)&un, len);
    if (err == 0 && trusted(fd)) {
        *out = fd;
        return PIL_OK;
    }
    pil_ownfd_close(fd);
    if (err == 0)
        return PIL_E_REFUSED;
    return err == -EAGAIN ? PIL_E_TIMEOUT : PIL_E_UNREACHABLE;
}

int pil_dial_hello(struct pil_link *link, int fd)
{
    struct pil_hello hello = {
        .flags = (pil_env.secure ? PIL_HELLO_SECURE : 0) |
                 (pil_real_stub_in_place() ? 0 : PIL_HELLO_STUB_MOVED) |
                 (pil_state_forked ? PIL_HELLO_FORKED : 0),
        .pid = (uint32_t)sys->getpid(),
        .version = pil_slice_of(PIL_VERSION),
    };
    struct pil_writer w;
    struct iovec iov;

    pil_wire_begin(&w, link->buffer, sizeof(link->buffer), PIL_WIRE_HELLO, ++link->sequence);
    pil_wire_put_hello(&w, &hello);
    if (pil_wire_finish(&w))
        return PIL_E_MALFORMED;
    iov = (struct iovec){link->buffer, w.len};
    return pil_chan_send(sys, fd, &iov, 1, NULL, 0, true);
}
