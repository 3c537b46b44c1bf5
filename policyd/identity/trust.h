/*
 * Roots of others that are believed too: PEM files that the setting `trust` names.
 *
 * A file is read whole and taken whole: one that is missing, half written, too large, writable by
 * others, or holds something that is no root of this trust domain changes nothing: what it gave
 * before stays, and what is wrong is kept for health and the log.
 *
 * Cost: file I/O when read. Errors: a sentence per file. Threads: main thread only.
 */
#ifndef PIL_POLICYD_IDENTITY_TRUST_H
#define PIL_POLICYD_IDENTITY_TRUST_H

#include <stdbool.h>

#include <openssl/x509.h>

#include "conf/settings.h"

struct pil_trust_file {
    const char *path;       /* the setting's */
    STACK_OF(X509) * roots; /* NULL: it has given none yet */
    char problem[320];      /* "": the last reading was good */
};

struct pil_trust {
    struct pil_trust_file *file;
    size_t count;
};

int pil_trust_open(const struct pil_list *paths, struct pil_trust *out) PIL_USERESULT;

/* Reads all again. told is called for each file whose state has changed. */
void pil_trust_read(struct pil_trust *trust, const char *domain,
                    void (*told)(void *cookie, const struct pil_trust_file *file), void *cookie);

/* Those of another domain are forgotten. */
void pil_trust_forget(struct pil_trust *trust);
void pil_trust_close(struct pil_trust *trust);

/* All certificates of a PEM text, in their order: for the files source too. NULL: there are none,
 * one cannot be read, or there are more than PIL_ROOTS_MAX; problem says which. */
STACK_OF(X509) * pil_trust_certs(const char *text, size_t len, char *problem, size_t cap);

#endif
