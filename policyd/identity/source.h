/*
 * Where identities come from: one small interface, and who stands behind it.
 *
 *   the built-in CA (ca.h)   signs them itself
 *   files (files.h)          another agent writes and renews them
 *
 * A source keeps nothing for its caller but its own roots; SVIDs belong to identity.c.
 * Errors: enum pil_err with a sentence in `problem`. Threads: main thread only.
 */
#ifndef PIL_POLICYD_IDENTITY_SOURCE_H
#define PIL_POLICYD_IDENTITY_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "core/defs.h"
#include "policyd/identity/svid.h"

struct pil_source {
    const char *name; /* as the setting calls it */
    void *self;

    /* A fresh SVID for a workload's title, by the time now; `have` is the one in use or NULL.
     * PIL_E_EXISTS: there is none better than that. PIL_E_NOTFOUND: it has none for it. */
    int (*svid)(void *self, const char *workload, const struct pil_svid *have, int64_t now_ms,
                struct pil_svid **out, char *problem, size_t cap);

    /* Adds its roots, referenced. */
    int (*roots)(void *self, STACK_OF(X509) * into);

    void (*close)(void *self);
};

#endif
