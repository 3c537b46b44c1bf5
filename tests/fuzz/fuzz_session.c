// sources: core conf policyd -lconfuse -levent -ljansson -lssl -lcrypto -lcap -lsystemd
/*
 * Sessions: a real session on a socket pair is given one hostile frame after the other, as its
 * dispatcher gets them from the loop. Whatever they hold, the session answers or is closed, and
 * the daemon's own state stays whole: another session is still answered.
 *
 * Input: frames, each behind two bytes of length. Of the first byte the lowest bit decides whether
 * the session has said hello before, the next one whether it is one that may reload and follow.
 *
 * The one loader that is ever started runs at the beginning and is never waited for: reloads find
 * it running, so none of them forks, and what they were promised is told by hand.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/chan.h"
#include "core/err.h"
#include "policyd/control.h"
#include "policyd/daemon.h"
#include "policyd/decide.h"
#include "policyd/expect.h"
#include "policyd/follow.h"
#include "policyd/journal.h"
#include "policyd/mesh/mesh.h"
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
    need(pil_mesh_open(&daemon_, &daemon_.mesh) == PIL_OK);
    pil_journal_tap_set(daemon_.journal, pil_follow_line, &daemon_);
    pil_store_reload(daemon_.store, "start");
    need(pil_store_busy(daemon_.store));
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

#define STRANGER 4242 /* another user: may not reload or follow */

/* A hello is from this process as the kernel knows it, all else from who connected. */
static const struct ucred *sender_of(const struct pil_session *s, const uint8_t *frame, size_t len)
{
    static struct ucred sender;

    sender = (struct ucred){.pid = getpid(), .uid = s->uid, .gid = s->gid};
    if (len > 6 && frame[6] == PIL_WIRE_HELLO)
        sender.uid = geteuid(), sender.gid = getegid();
    return &sender;
}

static struct pil_session *open_session(int *client, uid_t uid)
{
    struct pil_session *s;
    int ends[2];

    need(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    *client = ends[1];
    s = pil_session_open(&daemon_, ends[0], uid, STRANGER, getpid());
    need(s != NULL);
    return s;
}

static void say_hello(struct pil_session *s)
{
    struct pil_hello hello = {.version = pil_slice_of("fuzz")};
    uint8_t room[128];
    struct pil_writer w;

    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_HELLO, 1);
    pil_wire_put_hello(&w, &hello);
    need(pil_wire_finish(&w) == PIL_OK);
    need(pil_session_frame(s, room, w.len, sender_of(s, room, w.len), NULL, 0));
}

/* A process that is asked nothing about what others do, and gets its answer. */
static void decide_for_another(void)
{
    struct pil_query q = {.action = PIL_ACTION_CONNECT, .kind = PIL_KIND_INET, .port = 80};
    uint8_t room[512];
    struct pil_writer w;
    int client;
    struct pil_session *s = open_session(&client, STRANGER);

    say_hello(s);
    pil_wire_begin(&w, room, sizeof(room), PIL_WIRE_DECIDE, 2);
    pil_wire_put_queries(&w, &q, 1);
    need(pil_wire_finish(&w) == PIL_OK);
    need(pil_session_frame(s, room, w.len, sender_of(s, room, w.len), NULL, 0));
    need(!drain(client));
    pil_session_close(s); /* the journal's lines go to who follows */
    close(client);
}

/* The descriptors that a frame of this type carries: sockets that are not what it says. One type
 * in four, by its sequence, comes with one of them whatever it is. */
static unsigned open_fds(const uint8_t *frame, size_t len, int fds[2])
{
    unsigned type = len > 6 ? frame[6] : 0;
    unsigned count = type == PIL_WIRE_DELEGATE                            ? 1
                     : type == PIL_WIRE_SECURE || type == PIL_WIRE_DEMOTE ? 2
                                                                          : 0;

    if (len == 0)
        return 0;
    if (len > 12 && frame[12] % 4 == 3)
        count = 1;
    if (count > 0)
        fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (count > 1)
        fds[1] = memfd_create("fuzz", MFD_CLOEXEC);
    return count;
}

/* What a follower's filter gets to see: a decision, and a line that is none. */
static void feed_followers(void)
{
    struct pil_json *json;

    if (!daemon_.followers)
        return;
    decide_for_another();
    json = pil_journal_begin(daemon_.journal, "fuzz");
    pil_json_u64(json, "pid", 1);
    pil_journal_end(daemon_.journal);
}

/* A reload is promised until the load that runs and the one behind it have ended. The session of
 * a promise is there still, though its frame was the last for now. */
static bool keep_promises(void)
{
    bool any = daemon_.reloading != NULL;

    while (daemon_.reloading)
        pil_control_reloaded(&daemon_, pil_store_last(daemon_.store));
    return any;
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
    int client, fds[2];
    unsigned fd_count;

    if (!daemon_.base)
        start();
    if (len == 0)
        return 0;
    s = open_session(&client, data[0] & 2 ? geteuid() : STRANGER);
    if (data[0] & 1)
        say_hello(s);
    for (data++, len--; len >= 2;) {
        size_t size = (size_t)(data[0] | data[1] << 8), there = len - 2;
        uint8_t *frame;

        size = size < there ? size : there;
        frame = malloc(size ? size : 1); /* of its own, so that a byte too far is seen */
        need(frame != NULL);
        memcpy(frame, data + 2, size);
        fd_count = open_fds(frame, size, fds);
        if (size > 0 &&
            !pil_session_frame(s, frame, size, sender_of(s, frame, size), fds, fd_count) &&
            !keep_promises())
            s = NULL;
        free(frame);
        data += 2 + size, len -= 2 + size;
        if (drain(client) || !s) {
            s = NULL;
            break;
        }
    }
    forget_promises();
    feed_followers();
    if (s)
        pil_session_close(s);
    need(drain(client));
    close(client);
    need(daemon_.processes.count == 0 && !daemon_.followers && !daemon_.reloading);
    return 0;
}
