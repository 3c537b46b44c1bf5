/*
 * What the files of the identity module share about struct pil_identity; nobody else includes it.
 *
 *   identity.c  life: domain, source, bundle, files       holders.c  the SVIDs of workloads
 *   steps.c     rotation and revocation                   show.c     report, health, numbers
 *
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_IDENTITY_PARTS_H
#define PIL_POLICYD_IDENTITY_PARTS_H

#include "policyd/identity/ca.h"
#include "policyd/identity/identity.h"
#include "policyd/identity/revoke.h"
#include "policyd/identity/source.h"
#include "policyd/identity/trust.h"

#define PIL_IDENTITY_TEXT 512u

struct pil_alarm;
struct pil_watch;

/* One workload that asked. */
struct pil_holder {
    struct pil_holder *next;
    char workload[PIL_TITLE_MAX + 1];
    const struct pil_svid *svid; /* NULL: none yet, or lapsed */
    int64_t tried_ms, due_ms;    /* the last attempt to make one, and when the next is due */
    int64_t used_ms;             /* last asked for */
    int err;                     /* of the last attempt */
    char problem[PIL_IDENTITY_TEXT];
};

struct pil_identity {
    struct event_base *base;
    struct pil_identity_setup setup;
    struct pil_alarm *alarm;
    struct pil_watch *watch;
    struct pil_list watched;
    int lock;     /* the state folder, while it is ours; -1 */
    char *domain; /* NULL: none */
    bool needed;

    struct pil_source source; /* self NULL: not open */
    struct pil_ca *ca;        /* the source, when it is the built-in CA */
    int source_err;           /* why it is not */
    int64_t retry_ms;         /* when it may be tried again */
    char source_problem[PIL_IDENTITY_TEXT];

    struct pil_trust trust;
    struct pil_revoked revoked;
    int revoked_err;
    char revoked_problem[PIL_IDENTITY_TEXT];

    const struct pil_bundle *bundle;
    uint64_t versions;

    struct pil_holder *holders;
    struct pil_identity_stats stats;
    char problem[PIL_IDENTITY_TEXT]; /* of the last question */

    void (*changed)(void *cookie, unsigned changes);
    void *changed_cookie;
};

int64_t pil_identity_now(const struct pil_identity *identity);
void pil_identity_tell(struct pil_identity *identity, unsigned changes);
/* Fills in the time and hands it to the log. */
void pil_identity_log(struct pil_identity *identity, struct pil_identity_note note);

/* A step of the CA, with the root that it was about. */
void pil_identity_log_step(struct pil_identity *identity, const char *step, const char *by);

/* Opens the source unless it is open; at most one attempt a second. */
int pil_identity_source(struct pil_identity *identity);
/* Makes the bundle anew when roots or revocations differ from it; tells. */
void pil_identity_rebuild(struct pil_identity *identity);

void pil_holders_free(struct pil_identity *identity);
/* What is due, or all of them, is made anew; lapsed ones are let go. */
void pil_holders_tend(struct pil_identity *identity, bool all);
/* The earliest time at which something is due. */
int64_t pil_holders_due(const struct pil_identity *identity);
/* Watches what has come or gone, and workloads' own folders, which are known once looked at. */
void pil_identity_watch(struct pil_identity *identity);
/* Sets the alarm for whatever comes next. */
void pil_identity_arm(struct pil_identity *identity);

#endif
