/*
 * Messages between a process (or the command) and policyd: one header, fixed sizes where they are
 * possible, encode and decode of each message side by side. docs/wire.md is the prose.
 *
 * Every frame starts with struct pil_wire_head. A receiver refuses another magic, another major
 * version, a length that is not the frame's, and bytes behind the last field. To extend: append a
 * message type, or a field at the end of a message together with a higher minor version; never
 * change what is there.
 *
 * Cost: linear in the message. Errors: PIL_E_TRUNCATED, PIL_E_TRAILING, PIL_E_MALFORMED,
 * PIL_E_VERSION from decoders (drop the sender); PIL_E_FULL from encoders. Memory: decoded
 * strings point into the frame. Threads, fork, signals: pure functions.
 */
#ifndef PIL_CORE_WIRE_H
#define PIL_CORE_WIRE_H

#include "core/bytes.h"
#include "core/defs.h"
#include "core/query.h"

#define PIL_WIRE_MAGIC 0x4e4c4950u /* "PILN" */
#define PIL_WIRE_MAJOR 1u
#define PIL_WIRE_MINOR 0u
#define PIL_WIRE_MAX   16384u /* bytes of a frame, either way */

enum pil_wire_type {
    PIL_WIRE_NONE = 0,
    PIL_WIRE_HELLO,    /* process -> policyd */
    PIL_WIRE_WELCOME,  /* policyd -> process; descriptors: status page, event ring */
    PIL_WIRE_DECIDE,   /* process -> policyd: up to PIL_BATCH_MAX queries */
    PIL_WIRE_VERDICTS, /* policyd -> process: as many verdicts, in order */
    PIL_WIRE_CONTROL,  /* command -> policyd: a verb and its JSON argument */
    PIL_WIRE_DATA,     /* policyd -> command: a piece of the JSON answer; may carry descriptors */
    PIL_WIRE_END,      /* policyd -> command: the answer is over, with its status */
    /* Of connections that are secured; their bodies are in core/wire_tls.h. */
    PIL_WIRE_DELEGATE,  /* process -> policyd; descriptor: a listening socket */
    PIL_WIRE_DELEGATED, /* policyd -> process; descriptor: what stands in for it */
    PIL_WIRE_SECURE,    /* process -> policyd; descriptors: a socket, an answer channel */
    PIL_WIRE_SECURED,   /* policyd -> process, on an answer channel or a stand-in */
    PIL_WIRE_DEMOTE,    /* process -> policyd; descriptors: a socket, a memfd */
    PIL_WIRE_DEMOTED,   /* policyd -> process; descriptor: the relay's socket */
    PIL_WIRE_RECHECK,   /* process -> policyd: ids of standing connections */
    PIL_WIRE_RECHECKED, /* policyd -> process: which of them go on */
    PIL_WIRE_TYPE_COUNT
};

struct pil_wire_head {
    uint32_t magic;
    uint8_t major;
    uint8_t minor;
    uint16_t type;     /* enum pil_wire_type */
    uint32_t length;   /* of the whole frame */
    uint32_t sequence; /* chosen by who asks, repeated in the answer */
};
_Static_assert(sizeof(struct pil_wire_head) == 16, "on the wire");

enum pil_hello_flag {
    PIL_HELLO_SECURE = 1u << 0,     /* started in secure-execution mode (AT_SECURE) */
    PIL_HELLO_STUB_MOVED = 1u << 1, /* the loader did not give the network stub its address */
    PIL_HELLO_FORKED = 1u << 2,     /* a forked child, not a fresh image */
};

/* What a process says of itself. Nothing in it is believed: it is for logs only. */
struct pil_hello {
    uint32_t flags;           /* enum pil_hello_flag */
    uint32_t pid;             /* as it sees itself, perhaps in a pid namespace */
    struct pil_slice version; /* PIL_VERSION of the library */
};

enum pil_welcome_flag {
    PIL_WELCOME_COVER_CHILDREN = 1u << 0, /* refuse an exec that leaves Pillion's reach */
};

struct pil_welcome {
    uint32_t status;           /* enum pil_err; anything but PIL_OK: every call is refused */
    uint32_t flags;            /* enum pil_welcome_flag */
    uint32_t deadline_ms;      /* how long the process waits for a decision */
    struct pil_slice workload; /* its title; empty when none matched */
};

struct pil_control {
    struct pil_slice verb;     /* "status", "reload", "follow", "image", "expect", ... */
    struct pil_slice argument; /* JSON text or empty */
};

/* Checks a frame's header against its length and leaves r behind it. The minor version is not
 * judged. */
int pil_wire_open(const void *frame, size_t len, struct pil_wire_head *head,
                  struct pil_reader *r) PIL_USERESULT;

/* Starts a frame of that type; pil_wire_finish fills in the length. */
void pil_wire_begin(struct pil_writer *w, void *buf, size_t cap, enum pil_wire_type type,
                    uint32_t sequence);
int pil_wire_finish(struct pil_writer *w) PIL_USERESULT;

void pil_wire_put_hello(struct pil_writer *w, const struct pil_hello *hello);
int pil_wire_get_hello(struct pil_reader *r, struct pil_hello *out) PIL_USERESULT;

void pil_wire_put_welcome(struct pil_writer *w, const struct pil_welcome *welcome);
int pil_wire_get_welcome(struct pil_reader *r, struct pil_welcome *out) PIL_USERESULT;

/* count is 1..PIL_BATCH_MAX; a query that breaks the rules of query.h is PIL_E_MALFORMED. */
void pil_wire_put_queries(struct pil_writer *w, const struct pil_query *queries, unsigned count);
int pil_wire_get_queries(struct pil_reader *r, struct pil_query out[PIL_BATCH_MAX],
                         unsigned *count) PIL_USERESULT;

/* One of them alone, as it stands inside other messages. */
void pil_wire_put_query(struct pil_writer *w, const struct pil_query *q);
int pil_wire_get_query(struct pil_reader *r, struct pil_query *q) PIL_USERESULT;

void pil_wire_put_verdicts(struct pil_writer *w, const struct pil_verdict *v, unsigned count);
/* Fails unless exactly `expected` verdicts are there and every enumeration is on its list. */
int pil_wire_get_verdicts(struct pil_reader *r, struct pil_verdict *out,
                          unsigned expected) PIL_USERESULT;

void pil_wire_put_control(struct pil_writer *w, const struct pil_control *control);
int pil_wire_get_control(struct pil_reader *r, struct pil_control *out) PIL_USERESULT;

/* PIL_WIRE_END: enum pil_err and a sentence for people. */
void pil_wire_put_end(struct pil_writer *w, uint32_t status, struct pil_slice text);
int pil_wire_get_end(struct pil_reader *r, uint32_t *status, struct pil_slice *text) PIL_USERESULT;

#endif
