// sources: core conf policyd -lconfuse -levent -ljansson -lcrypto -lcap -lsystemd
/*
 * Sessions: a real session on a socket pair is given one hostile frame after the other, as its
 * dispatcher gets them from the loop. Whatever they hold, the session answers or is closed, and
 * the daemon's own state stays whole: another session is still answered.
 *
 * Input: frames, each behind two bytes of length; the lowest bit of the first byte decides whether
 * the session has said hello before.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/chan.h"
#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/decide.h"
#include "policyd/expect.h"
#include "policyd/follow.h"
#include "policyd/journal.h"
#include "policyd/session.h"
#include "policyd/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct pil_daemon daemon_;

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void start(void)
{
    need(pil_settings_init(&daemon_.settings) == PIL_OK);
    daemon_.base = event_base_new();
    daemon_.control_gid = (gid_t)-1;
    need(pil_store_open(daemon_.base, &daemon_.settings.policy, 0, NULL, &daemon_.store) == PIL_OK);
    need(pil_decider_open(&daemon_.settings, daemon_.store, NULL, &daemon_.stats,
                          &daemon_.decider) == PIL_OK);
    need(pil_journal_open(&daemon_, &daemon_.journal) == PIL_OK);
    need(pil_expect_open(&daemon_, &daemon_.expect) == PIL_OK);
    pil_journal_tap_set(daemon_.journal, pil_follow_line, &daemon_);
}

/* Reads away what the session said; true at end of stream. */
static bool drain(int fd)
{
    static uint8_t room[PIL_WIRE_MAX];
    int fds[PIL_CHAN_FDS], err;

    do {
        unsigned count = PIL_CHAN_FDS;
        size_t got;

        err = pil_chan_recv(&pil_sysops_kernel, fd, room, sizeof(room), &got, fds, &count, false);
        for (unsigned i = 0; i < count; i++)
            close(fds[i]);
    } while (err == PIL_OK);
    return err == PIL_E_CLOSED;
}

/* Another user: may not reload, and so starts no loader from here. */
#define STRANGER 4242

/* A hello is from this process as the kernel knows it, all else from who is said to have connected
 * (so that a promise is refused, and this process not killed). */
static const struct ucred *sender_of(const uint8_t *frame, size_t len)
{
    static struct ucred sender;

    sender = (struct ucred){.pid = getpid(), .uid = STRANGER, .gid = STRANGER};
    if (len > 6 && frame[6] == PIL_WIRE_HELLO)
        sender.uid = geteuid(), sender.gid = getegid();
    return &sender;
}

static struct pil_session *open_session(int *client)
{
    int ends[2];

    need(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    *client = ends[1];
    return pil_session_open(&daemon_, ends[0], STRANGER, STRANGER, getpid());
}

static void say_hello(struct pil_session *s)
{
    struct pil_hello hello = {.version = pil_slice_of("fuzz")};
    uint8_t room[128];
    struct pil_writer w;

    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_HELLO, 1);
    pil_wire_put_hello(&w, &hello);
    need(pil_wire_finish(&w) == PIL_OK);
    need(pil_session_frame(s, room, w.len, sender_of(room, w.len)));
}

/* A promise would kill this very process when it is due. */
static void forget_promises(void)
{
    pil_expect_close(daemon_.expect);
    need(pil_expect_open(&daemon_, &daemon_.expect) == PIL_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pil_session *s;
    int client;

    if (!daemon_.base)
        start();
    if (len == 0)
        return 0;
    s = open_session(&client);
    need(s != NULL);
    if (data[0] & 1)
        say_hello(s);
    for (data++, len--; len >= 2;) {
        size_t size = (size_t)(data[0] | data[1] << 8), there = len - 2;
        uint8_t *frame;

        size = size < there ? size : there;
        frame = malloc(size ? size : 1); /* of its own, so that a byte too far is seen */
        need(frame != NULL);
        memcpy(frame, data + 2, size);
        if (size == 0 || !pil_session_frame(s, frame, size, sender_of(frame, size)))
            s = size == 0 ? s : NULL;
        free(frame);
        data += 2 + size, len -= 2 + size;
        if (drain(client) || !s) {
            s = NULL;
            break;
        }
    }
    forget_promises();
    if (s)
        pil_session_close(s);
    need(drain(client));
    close(client);
    need(daemon_.processes.count == 0 && !daemon_.followers && !daemon_.reloading);
    return 0;
}
