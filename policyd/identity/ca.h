/*
 * The built-in CA: roots of this host's own and what they sign.
 *
 * There are three states of a root: `prepared` is believed and signs nothing yet, so that others
 * can be told of it; `active` signs; `old` is believed and signs nothing any more, its key is
 * wiped. One is active at any time; one may be prepared. A step makes the new set aside, has it
 * saved, and then puts it into force, so a step that fails has changed nothing.
 *
 * Cost: a step or an SVID is a key and a signature, 0.1 ms. Errors: enum pil_err with a sentence.
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_IDENTITY_CA_H
#define PIL_POLICYD_IDENTITY_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/defs.h"
#include "policyd/identity/svid.h"

#define PIL_CA_ROOTS 16u

enum pil_ca_state {
    PIL_CA_PREPARED = 0,
    PIL_CA_ACTIVE,
    PIL_CA_OLD,
};

struct pil_ca_root {
    enum pil_ca_state state;
    X509 *cert;
    EVP_PKEY *key;        /* NULL for old ones */
    uint64_t number;      /* within this process, never used twice */
    int64_t signed_until; /* when the last SVID that it signed lapses; 0: it signed none */
};

/* A set of roots. Copies share certificates and keys. */
struct pil_ca_roots {
    struct pil_ca_root item[PIL_CA_ROOTS];
    unsigned count;
};

struct pil_ca;

struct pil_ca_setup {
    const char *domain;
    uint32_t lifetime, root_lifetime; /* of an SVID, of a root; seconds */
    const char *folder;               /* where roots are kept (ca_file.h); NULL: in memory alone */
};

/* Reads its roots, or makes the first one. */
int pil_ca_open(const struct pil_ca_setup *setup, int64_t now_ms, struct pil_ca **out,
                char *problem, size_t cap) PIL_USERESULT;
void pil_ca_close(struct pil_ca *ca); /* NULL is legal */

/* A new key and its certificate, valid from a little before now. */
int pil_ca_issue(struct pil_ca *ca, const char *workload, int64_t now_ms, struct pil_svid **out,
                 char *problem, size_t cap) PIL_USERESULT;

int pil_ca_prepare(struct pil_ca *ca, int64_t now_ms, char *problem, size_t cap) PIL_USERESULT;
int pil_ca_activate(struct pil_ca *ca, int64_t now_ms, char *problem, size_t cap) PIL_USERESULT;
/* PIL_E_EXISTS without force while SVIDs are alive that an old root signed. */
int pil_ca_retire(struct pil_ca *ca, int64_t now_ms, bool force, char *problem,
                  size_t cap) PIL_USERESULT;

/* What time asks for, so that no root has to be remembered by people: a root is prepared at half
 * the life of the active one, takes its place at three quarters, and old ones go once lapsed.
 * True when something was done; *step says what. Called before each SVID is made, and hourly. */
bool pil_ca_tend(struct pil_ca *ca, int64_t now_ms, const char **step, char *problem, size_t cap);

const struct pil_ca_roots *pil_ca_roots(const struct pil_ca *ca);
const struct pil_ca_root *pil_ca_active(const struct pil_ca *ca);
const char *pil_ca_state_name(enum pil_ca_state state); /* "prepared", "active", "old" */

/* For ca_file.c: releases a set. */
void pil_ca_roots_free(struct pil_ca_roots *roots);

#endif
