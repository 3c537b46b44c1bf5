#include "policyd/mesh/relay.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/relay_thread.h"

#define THREADS_MAX 4u

struct pil_relays {
    struct pil_mesh *m;
    struct pil_relay_done done;
    struct event *event;
    struct pil_relay_thread *thread[THREADS_MAX];
    unsigned threads, next;
};

/* ---- the end of one ------------------------------------------------------------------------- */

static void account(struct pil_mesh *m, struct pil_relay *relay)
{
    uint64_t in, out;

    pil_relay_bytes(relay, &in, &out);
    m->stats.relayed_in += in;
    m->stats.relayed_out += out;
}

static void on_done(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_relays *all = cookie;
    struct pil_relay *relay;
    uint64_t count;

    (void)what;
    (void)!read(fd, &count, sizeof(count));
    while ((relay = pil_relay_done_take(&all->done))) {
        account(all->m, relay);
        if (relay->conn) {
            relay->conn->relay = NULL;
            pil_conns_remove(all->m, relay->conn);
        }
        free(relay);
    }
}

/* ---- threads -------------------------------------------------------------------------------- */

int pil_relays_open(struct pil_mesh *m, struct pil_relays **out)
{
    struct pil_relays *all = calloc(1, sizeof(*all));

    if (!all)
        return PIL_E_NOMEM;
    all->m = m;
    if (pil_relay_done_open(&all->done)) {
        free(all);
        return PIL_E_SYSTEM;
    }
    all->event = event_new(m->d->base, all->done.wake, EV_READ | EV_PERSIST, on_done, all);
    if (!all->event || event_add(all->event, NULL)) {
        pil_relays_close(all);
        return PIL_E_NOMEM;
    }
    *out = all;
    return PIL_OK;
}

void pil_relays_close(struct pil_relays *all)
{
    if (!all)
        return;
    for (unsigned i = 0; i < all->threads; i++)
        pil_relay_thread_stop(all->thread[i]);
    if (all->event)
        on_done(all->done.wake, EV_READ, all);
    if (all->event)
        event_free(all->event);
    pil_relay_done_close(&all->done);
    free(all);
}

static unsigned threads_wanted(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 1 ? 1 : processors > (long)THREADS_MAX ? THREADS_MAX : (unsigned)processors;
}

static struct pil_relay_thread *pick_thread(struct pil_relays *all)
{
    if (all->threads < threads_wanted() &&
        pil_relay_thread_start(&all->done, &all->thread[all->threads]) == PIL_OK)
        all->threads++;
    return all->threads ? all->thread[all->next++ % all->threads] : NULL;
}

/* ---- making one ----------------------------------------------------------------------------- */

/*
 * The kernel calls a unix socket writable while what it has sent and nobody has read takes a
 * quarter of its buffer at most; and the last byte of what was sent is always left unread (pump.h),
 * with all the memory of its buffer, which is 64 KiB and some after a sendfile. So the buffer has
 * to be more than four of those, or a program that waits until it may write waits for ever. This is
 * doubled by the kernel, and what everybody may ask for.
 */
#define PROGRAM_BUFFER 212992

/* The program's end is named, and says one byte that is never read (pump.h). */
static int make_local(const struct pil_conn *c, int *ours, int *program)
{
    struct pil_standin name = {
        .kind = PIL_STANDIN_RELAY, .id = c->id, .own = c->own, .other = c->other};
    struct sockaddr_un un;
    socklen_t len;
    int ends[2], buffer = PROGRAM_BUFFER;

    if (!pil_standin_name(&name, &un, &len))
        return PIL_E_PEER; /* the connection is gone */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return PIL_E_SYSTEM;
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    if (bind(ends[1], (struct sockaddr *)&un, len) || send(ends[1], "", 1, MSG_NOSIGNAL) != 1 ||
        fcntl(ends[0], F_SETFL, O_NONBLOCK)) {
        close(ends[0]);
        close(ends[1]);
        return PIL_E_SYSTEM;
    }
    *ours = ends[0];
    *program = ends[1];
    return PIL_OK;
}

/* Whoever ends without a word, policyd included, resets it; and the program's small writes go at
 * once, as they would if it had its own socket, since nothing of it is known here. */
static int make_tcp(int fd)
{
    struct linger reset = {.l_onoff = 1};
    int tcp = fcntl(fd, F_DUPFD_CLOEXEC, 3), one = 1;

    if (tcp < 0)
        return -1;
    setsockopt(tcp, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return tcp;
}

static struct pil_relay *make(struct pil_conn *c, int fd, int *program)
{
    struct pil_relay *relay = calloc(1, sizeof(*relay));

    if (!relay)
        return NULL;
    relay->conn = c;
    relay->pump.tcp = make_tcp(fd);
    relay->pump.local = -1;
    *program = -1;
    if (relay->pump.tcp >= 0 && make_local(c, &relay->pump.local, program) == PIL_OK)
        return relay;
    if (relay->pump.tcp >= 0)
        close(relay->pump.tcp);
    free(relay);
    return NULL;
}

static int start(struct pil_mesh *m, struct pil_relay *relay)
{
    struct pil_relay_thread *thread = pick_thread(m->relays);

    if (!thread)
        return PIL_E_SYSTEM;
    relay->thread = thread;
    relay->conn->relay = relay;
    pil_relay_thread_add(thread, relay);
    return PIL_OK;
}

static void give_up(struct pil_relay *relay, int *program)
{
    struct pil_buffers none = {0};

    pil_pump_close(&relay->pump, &none, false);
    pil_buffers_free(&none);
    close(*program);
    *program = -1;
    free(relay);
}

int pil_relay_begin(struct pil_mesh *m, struct pil_conn *c, int fd,
                    const struct pil_hand_result *result, int *program)
{
    struct pil_relay *relay = make(c, fd, program);

    if (!relay)
        return PIL_E_SYSTEM;
    relay->pump.suite = result->suite;
    relay->pump.in = result->in;
    relay->pump.out = result->out;
    if (pil_pump_open(&relay->pump) && start(m, relay) == PIL_OK)
        return PIL_OK;
    give_up(relay, program);
    return PIL_E_SYSTEM;
}

/* What was opened already goes into the program's socket at once: it has room for it. */
static bool preload(struct pil_relay *relay, const struct pil_demote *demote, const uint8_t *bytes)
{
    struct pil_buffers none = {0};
    const uint8_t *in = bytes + demote->plain_len, *out = in + demote->cipher_in_len;

    if (demote->plain_len > 0 && send(relay->pump.local, bytes, demote->plain_len,
                                      MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)demote->plain_len)
        return false;
    relay->pump.in_ended = demote->ended & PIL_ENDED_IN;
    relay->pump.out_ended = demote->ended & PIL_ENDED_OUT;
    return pil_pump_preload(&relay->pump, &none, in, demote->cipher_in_len, out,
                            demote->cipher_out_len);
}

int pil_relay_take(struct pil_mesh *m, struct pil_conn *c, int fd, const struct pil_demote *demote,
                   const uint8_t *bytes, int *program)
{
    struct pil_relay *relay = make(c, fd, program);

    if (!relay)
        return PIL_E_SYSTEM;
    relay->pump.suite = demote->suite;
    relay->pump.in = demote->in;
    relay->pump.out = demote->out;
    if (pil_pump_open(&relay->pump) && preload(relay, demote, bytes) && start(m, relay) == PIL_OK)
        return PIL_OK;
    give_up(relay, program);
    return PIL_E_SYSTEM;
}

void pil_relay_cut(struct pil_relay *relay)
{
    pil_relay_thread_cut(relay->thread, relay);
}

void pil_relay_forget(struct pil_relay *relay)
{
    relay->conn = NULL;
    pil_relay_cut(relay);
}

void pil_relay_bytes(const struct pil_relay *relay, uint64_t *in, uint64_t *out)
{
    *in = atomic_load_explicit(&relay->pump.bytes_in, memory_order_relaxed);
    *out = atomic_load_explicit(&relay->pump.bytes_out, memory_order_relaxed);
}
