/*
 * The bytes of one relay: what the program writes is sealed and sent, what comes is opened and
 * given to the program. relay.h is for the rest of policyd; this is for its threads.
 *
 * A step moves at most 64 KiB each way. Buffers belong to the thread and are lent to a relay only
 * while something in them waits, so that an idle relay holds none.
 *
 * Half closes: the program's shutdown becomes close_notify and FIN, the peer's close_notify becomes
 * an end of stream. Anything else that ends (no close_notify, a forged record, a reset) resets both
 * sides. A unix socket can only be reset when its reader has left something unread: so one byte
 * lies in front of what the program writes, and of what was read one byte is left, known already.
 *
 * Cost: one copy and the cipher each way. Threads: one relay belongs to one thread.
 */
#ifndef PIL_POLICYD_MESH_PUMP_H
#define PIL_POLICYD_MESH_PUMP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/record.h"

#define PIL_PUMP_RECORDS 4u /* sealed or opened in a step */
#define PIL_PUMP_BUFFER  (PIL_PUMP_RECORDS * PIL_RECORD_WIRE_MAX)

struct pil_buffer {
    struct pil_buffer *next; /* when it is free */
    uint8_t at[PIL_PUMP_BUFFER];
};

/* What a thread has for all of its relays. */
struct pil_buffers {
    struct pil_buffer *free;
    unsigned spare;
};

struct pil_stretch {
    uint32_t at, len;
};

struct pil_pump {
    int tcp, local; /* toward the peer; toward the program, whose end is the other one */
    uint16_t suite;
    struct pil_traffic in, out;
    void *in_ctx, *out_ctx;
    bool tcp_readable, tcp_writable, local_readable, local_writable; /* until the kernel says no */
    bool local_closing;       /* the program writes no more */
    bool local_gone;          /* the program has closed it */
    bool in_ended, out_ended; /* close_notify has come; ours is sealed */
    bool in_shut, out_shut;   /* and passed on */
    bool tcp_failed;          /* reset, which nobody reads any more */
    bool update_due;          /* the peer asked for another key */
    struct pil_buffer *in_buf, *out_buf;
    uint32_t in_have; /* bytes in in_buf, sent ones included */
    uint32_t in_next; /* where the next record begins */
    struct pil_stretch plain[PIL_PUMP_RECORDS * 4u];
    unsigned plain_first, plain_count;
    uint32_t out_at, out_len; /* ciphertext in out_buf, not yet sent */
    _Atomic uint64_t bytes_in, bytes_out;
};

enum pil_pump_state {
    PIL_PUMP_WAIT, /* nothing more until an event */
    PIL_PUMP_MORE, /* call again */
    PIL_PUMP_DONE, /* both sides have ended in order */
    PIL_PUMP_LOST, /* to be reset */
};

/* suite, traffic, descriptors are set. False without memory, or for a suite that is none. */
bool pil_pump_open(struct pil_pump *p);

/* Bytes that came with a demoted connection. */
bool pil_pump_preload(struct pil_pump *p, struct pil_buffers *pool, const uint8_t *in,
                      size_t in_len, const uint8_t *out, size_t out_len);

/* What epoll said: EPOLLIN and so on. */
void pil_pump_tcp_event(struct pil_pump *p, uint32_t events);
void pil_pump_local_event(struct pil_pump *p, uint32_t events);

enum pil_pump_state pil_pump_step(struct pil_pump *p, struct pil_buffers *pool);

/* Closes both sides, in order or by a reset, and wipes the keys. */
void pil_pump_close(struct pil_pump *p, struct pil_buffers *pool, bool in_order);

struct pil_buffer *pil_buffer_get(struct pil_buffers *pool);
void pil_buffer_put(struct pil_buffers *pool, struct pil_buffer *b);
void pil_buffers_free(struct pil_buffers *pool);

#endif
