/*
 * Who the workloads of this host are toward others: an X.509-SVID for each, and the roots by which
 * others are believed.
 *
 * One trust domain, that of the policy in force. A source makes or finds the SVIDs: the built-in
 * CA, or files that another agent renews. An SVID is made when it is first asked for, made anew
 * at half its life (a new key each time), and looked at whenever it is handed out: one that has
 * lapsed or is not valid yet, because the clock was set or the host slept, is never handed out.
 *
 * SVIDs and bundles are immutable and counted: a handshake keeps those it began with, whatever is
 * renewed, rotated or revoked meanwhile. Private keys lie in locked memory (keys.h) and never
 * leave this process.
 *
 * Cost: pil_identity_get is a look-up; a new SVID costs a key and a signature, 0.1 ms.
 * Errors: enum pil_err; pil_identity_problem has the sentence.
 * Threads: main thread only, except pil_svid_..., pil_bundle_... and pil_identity_check_peer, which
 * are safe everywhere. None of it survives a fork: the child must not touch it.
 */
#ifndef PIL_POLICYD_IDENTITY_IDENTITY_H
#define PIL_POLICYD_IDENTITY_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "conf/diag.h"
#include "conf/settings.h"
#include "core/tls_reason.h"
#include "policyd/identity/bundle.h"
#include "policyd/identity/svid.h"
#include "policyd/identity/verify.h"

struct event_base;
struct pil_identity;

/* What pil_identity_on_change tells about; bits. */
enum pil_identity_change {
    PIL_IDENTITY_RENEWED = 1u << 0, /* an SVID was made anew */
    PIL_IDENTITY_ROOTS = 1u << 1,   /* who is believed has changed: standing peers may not be */
    PIL_IDENTITY_REVOKED = 1u << 2, /* one more is revoked, or one fewer */
};

/* What the log is told; the texts are valid during the call and may be NULL. */
struct pil_identity_note {
    const char *event;    /* "identity-issued", "-renewed", "-expired", "-revoked", ... */
    const char *workload; /* title */
    const char *id, *serial, *state, *file, *problem;
    const char *by;                     /* who asked for it */
    int64_t now, not_before, not_after; /* seconds since 1970; the last two 0: not known */
};

struct pil_identity_setup {
    const struct pil_settings *settings; /* kept */
    bool memory;                         /* the CA lives in memory alone; nothing is written */
    int64_t (*now_ms)(void);             /* milliseconds since 1970; NULL: CLOCK_REALTIME */
    void (*note)(void *cookie, const struct pil_identity_note *note); /* may be NULL */
    /* Is a process of this workload there? NULL: SVIDs are renewed whether anybody uses them. */
    bool (*wanted)(void *cookie, const char *workload);
    void *cookie;
};

/* Reads nothing yet: roots and revocations come with the first pil_identity_domain. After
 * privileges are dropped. */
int pil_identity_open(struct event_base *base, const struct pil_identity_setup *setup,
                      struct pil_identity **out) PIL_USERESULT;
void pil_identity_close(struct pil_identity *identity); /* NULL is legal */

/* The policy in force names this trust domain; NULL or "": none, and nobody has an identity. Other
 * than that in force: every SVID and root of that one is let go. `needed`: connections will be
 * encrypted, so what is wrong is found now and turns health red; else it waits for the first
 * question. */
void pil_identity_domain(struct pil_identity *identity, const char *domain, bool needed);

/* A workload is there that will want one: it is made now, so that the first connection does not
 * wait, and shown. Does nothing unless identities are needed. */
void pil_identity_expect(struct pil_identity *identity, const char *workload);

/* Reads again what comes from files: trusted roots, revocations, the files source. */
void pil_identity_reload(struct pil_identity *identity);

/* Does what time asks for. The alarm calls it; whoever has set its own clock may. */
void pil_identity_tend(struct pil_identity *identity);

/*
 * The SVID of a workload, by its title: a reference, given back by pil_svid_unref. NULL with *err
 * (may be NULL): PIL_E_NOTFOUND: no trust domain, no workload, or the source has none for it;
 * PIL_E_PERMISSION: revoked; else what the source failed with.
 */
const struct pil_svid *pil_identity_get(struct pil_identity *identity, const char *workload,
                                        int *err) PIL_USERESULT;

/* Whom this host believes, and whom not any more: a reference, given back by pil_bundle_unref.
 * NULL: nobody, there is no trust domain or no root. */
const struct pil_bundle *pil_identity_bundle(struct pil_identity *identity) PIL_USERESULT;

/* Why the last pil_identity_get or _bundle gave nothing; "" otherwise. */
const char *pil_identity_problem(const struct pil_identity *identity);

/* Whether this serial number (lower-case hex) or SPIFFE ID is revoked; either may be NULL. */
bool pil_identity_revoked(const struct pil_identity *identity, const char *serial, const char *id);

/* One listener, called after the change, from the loop or from within a call of this module; it
 * may ask anything. call NULL: none. */
void pil_identity_on_change(struct pil_identity *identity,
                            void (*call)(void *cookie, unsigned changes), void *cookie);

/* ---- what people ask for -------------------------------------------------------------------- */

/* Rotation of the built-in CA (ca.h). by: who asks, for the log, may be NULL. PIL_E_NOTFOUND,
 * PIL_E_EXISTS: not now, or the source is another; pil_identity_problem says why. */
enum pil_identity_step {
    PIL_IDENTITY_PREPARE,  /* a new root, believed from now on, that signs nothing yet */
    PIL_IDENTITY_ACTIVATE, /* it signs from now on; the one before is still believed */
    PIL_IDENTITY_RETIRE,   /* what signs no more is believed no more */
};
int pil_identity_rotate(struct pil_identity *identity, enum pil_identity_step step, bool force,
                        const char *by) PIL_USERESULT;

/* Revokes a serial number or a SPIFFE ID, or takes that back. Held by the time it returns: on
 * disk, in the bundle, and told to the listener. PIL_E_SYNTAX: neither of both. */
int pil_identity_revoke(struct pil_identity *identity, const char *what, bool take_back,
                        const char *by) PIL_USERESULT;

/* The whole state as the command shows it (docs/wire.md). */
json_t *pil_identity_report(struct pil_identity *identity);

/* Reasons to be red. */
enum pil_identity_ill {
    PIL_IDENTITY_FAILED = 0, /* no identities can be made */
    PIL_IDENTITY_EXPIRING,   /* an own identity or the root that signs is about to lapse, or has */
    PIL_IDENTITY_TRUST,      /* roots or revocations cannot be read: the old ones stay */
};
/* The sentence; false: it is not so. identity may be NULL. */
bool pil_identity_ill(const struct pil_identity *identity, enum pil_identity_ill what, char *text,
                      size_t cap);

struct pil_identity_stats {
    uint64_t issued, renewed, failed, expired; /* SVIDs */
    uint64_t rotations, revocations;           /* steps of the CA; those in force */
    unsigned identities, roots;                /* now */
    int64_t soonest;                           /* the first own SVID to lapse; 0: there is none */
    int64_t root_until;                        /* when the root that signs lapses; 0: none */
};
void pil_identity_stats(const struct pil_identity *identity, struct pil_identity_stats *out);

#endif
