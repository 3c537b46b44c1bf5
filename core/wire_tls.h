/*
 * Messages about connections that are secured: listening sockets that are handed to policyd,
 * connections whose handshake it makes, and what becomes of them. core/wire.h has the frames;
 * docs/wire.md is the prose.
 *
 * Cost, errors, memory and threads as in core/wire.h: decoded texts point into the frame, and a
 * decoder takes nothing that is off its list. Keys are copied; whoever has a decoded message wipes
 * it when they are in place.
 */
#ifndef PIL_CORE_WIRE_TLS_H
#define PIL_CORE_WIRE_TLS_H

#include "core/record.h"
#include "core/tls_reason.h"
#include "core/wire.h"

#define PIL_RECHECK_MAX 128u   /* connections in one question */
#define PIL_DEMOTE_MAX  66560u /* bytes of each of the three kinds in a memfd: four whole records  \
                                */

/* Which way the bytes of a connection go. The numbers are on the wire. */
#define PIL_PATH_LIST(X)                                                                           \
    X(PLAIN, 1, "plain")     /* unprotected, which the policy permits */                           \
    X(PROCESS, 2, "process") /* the shim's own record layer */                                     \
    X(KERNEL, 3, "kernel")   /* kTLS */                                                            \
    X(RELAY, 4, "relay")     /* policyd pumps */

enum pil_path {
    PIL_PATH_NONE = 0,
#define PIL_PATH_ENUM(id, number, name) PIL_PATH_##id = number,
    PIL_PATH_LIST(PIL_PATH_ENUM)
#undef PIL_PATH_ENUM
        PIL_PATH_COUNT
};

const char *pil_path_name(unsigned path); /* "process", ...; "none" off the list. Never NULL */

/* PIL_WIRE_DELEGATE */
struct pil_delegate {
    struct pil_query query; /* PIL_ACTION_LISTEN */
    uint32_t backlog;       /* what the program asked of listen() */
};

/* PIL_WIRE_DELEGATED */
struct pil_delegated {
    uint32_t status; /* enum pil_err; PIL_OK: the stand-in came along */
    uint64_t id;     /* the listener's, as in the stand-in's name (core/standin.h) */
};

enum pil_secure_flag {
    PIL_SECURE_NONBLOCK = 1u << 0,   /* the socket is non-blocking, so connect() may be under way */
    PIL_SECURE_NO_PROCESS = 1u << 1, /* the shim cannot protect it: kernel or relay */
};
#define PIL_SECURE_FLAGS 3u

/* PIL_WIRE_SECURE */
struct pil_secure {
    struct pil_query query; /* PIL_ACTION_CONNECT */
    uint32_t timeout_ms;    /* how long the program waits; 0: as long as policyd's own limit */
    uint32_t flags;         /* enum pil_secure_flag */
};

/* PIL_WIRE_SECURED. Zeroed it is a refusal. */
struct pil_secured {
    uint32_t status;        /* enum pil_err; PIL_OK: the connection is the program's */
    uint16_t error;         /* errno for the program otherwise */
    uint8_t reason;         /* enum pil_tls_reason */
    uint8_t path;           /* enum pil_path; NONE only in a refusal */
    uint16_t suite;         /* IANA number; 0 for plain and refused */
    uint64_t id;            /* policyd's, of this connection */
    uint64_t generation;    /* policy generation it was admitted under */
    uint8_t mesh;           /* 1: Pillion is at the other end */
    struct pil_traffic in;  /* path process: to open what comes. Else zero */
    struct pil_traffic out; /* path process: to seal what goes. Else zero */
    struct pil_slice peer;  /* SPIFFE ID; empty: the peer is not authenticated */
};

enum pil_ended {
    PIL_ENDED_IN = 1u << 0,  /* the peer's close_notify has come */
    PIL_ENDED_OUT = 1u << 1, /* ours has been sent, or lies among what is unsent */
};
#define PIL_ENDED_ALL 3u

/* PIL_WIRE_DEMOTE. The bytes lie in the memfd one kind after the other, in this order. */
struct pil_demote {
    uint64_t id;
    uint16_t suite;
    uint8_t ended; /* enum pil_ended */
    struct pil_traffic in, out;
    uint32_t plain_len;      /* opened and not yet read by the program */
    uint32_t cipher_in_len;  /* the beginning of a record, not yet opened */
    uint32_t cipher_out_len; /* sealed and not yet taken by the kernel */
};

/* PIL_WIRE_RECHECK */
struct pil_recheck {
    uint16_t count; /* 1..PIL_RECHECK_MAX */
    uint64_t id[PIL_RECHECK_MAX];
};

/* PIL_WIRE_RECHECKED: in the order of the question. */
struct pil_rechecked {
    uint16_t count;
    uint8_t goes_on[PIL_RECHECK_MAX]; /* 0: it is cut, or shall be; 1: it goes on */
};

void pil_wire_put_delegate(struct pil_writer *w, const struct pil_delegate *m);
int pil_wire_get_delegate(struct pil_reader *r, struct pil_delegate *out) PIL_USERESULT;

void pil_wire_put_delegated(struct pil_writer *w, const struct pil_delegated *m);
int pil_wire_get_delegated(struct pil_reader *r, struct pil_delegated *out) PIL_USERESULT;

void pil_wire_put_secure(struct pil_writer *w, const struct pil_secure *m);
int pil_wire_get_secure(struct pil_reader *r, struct pil_secure *out) PIL_USERESULT;

void pil_wire_put_secured(struct pil_writer *w, const struct pil_secured *m);
int pil_wire_get_secured(struct pil_reader *r, struct pil_secured *out) PIL_USERESULT;

void pil_wire_put_demote(struct pil_writer *w, const struct pil_demote *m);
int pil_wire_get_demote(struct pil_reader *r, struct pil_demote *out) PIL_USERESULT;

void pil_wire_put_demoted(struct pil_writer *w, uint32_t status);
int pil_wire_get_demoted(struct pil_reader *r, uint32_t *status) PIL_USERESULT;

void pil_wire_put_recheck(struct pil_writer *w, const struct pil_recheck *m);
int pil_wire_get_recheck(struct pil_reader *r, struct pil_recheck *out) PIL_USERESULT;

void pil_wire_put_rechecked(struct pil_writer *w, const struct pil_rechecked *m);
/* Fails unless exactly `expected` answers are there. */
int pil_wire_get_rechecked(struct pil_reader *r, struct pil_rechecked *out,
                           unsigned expected) PIL_USERESULT;

#endif
