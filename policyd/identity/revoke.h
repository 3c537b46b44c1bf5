/*
 * What is revoked on this host: serial numbers and SPIFFE IDs, each with the time at which it was.
 *
 * In the state folder it is the file `revoked`, a line each, sorted:
 *
 *     pillion-revoked 1
 *     2026-11-25T18:00:00Z 5f0c9a...
 *     2026-11-25T18:00:00Z spiffe://corp.example/billing
 *
 * Cost: linear in the list. Errors: enum pil_err with a sentence. Threads: one at a time.
 */
#ifndef PIL_POLICYD_IDENTITY_REVOKE_H
#define PIL_POLICYD_IDENTITY_REVOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/defs.h"

#define PIL_REVOKED_MAX 4096u

/* Two arrays in the same order, sorted by `what`. */
struct pil_revoked {
    char **what;
    int64_t *since; /* seconds since 1970 */
    size_t count;
};

/* Whether it is one of both, in the spelling in which they are compared: hex in lower case
 * without leading zeros. Writes that spelling; cap of PIL_SPIFFE_MAX + 1 is enough for any. */
bool pil_revoked_spell(const char *text, char *out, size_t cap);

bool pil_revoked_has(const struct pil_revoked *list, const char *what);
/* PIL_E_EXISTS, PIL_E_FULL. */
int pil_revoked_add(struct pil_revoked *list, const char *what, int64_t since) PIL_USERESULT;
/* PIL_E_NOTFOUND. */
int pil_revoked_remove(struct pil_revoked *list, const char *what) PIL_USERESULT;
int pil_revoked_copy(const struct pil_revoked *from, struct pil_revoked *to) PIL_USERESULT;
void pil_revoked_free(struct pil_revoked *list);

/* text need not end in NUL. */
int pil_revoked_parse(const char *text, size_t len, struct pil_revoked *out, char *problem,
                      size_t cap) PIL_USERESULT;

/* A file that is not there is an empty list. */
int pil_revoked_load(const char *state, struct pil_revoked *out, char *problem,
                     size_t cap) PIL_USERESULT;
int pil_revoked_save(const char *state, const struct pil_revoked *list, char *problem,
                     size_t cap) PIL_USERESULT;

#endif
