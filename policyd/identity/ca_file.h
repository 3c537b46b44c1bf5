/*
 * Where the built-in CA keeps its roots: one file for each trust domain, STATE/ca/DOMAIN, with
 * the strict modes of keep.h.
 *
 *     pillion-ca 1
 *     root active
 *     -----BEGIN CERTIFICATE----- ...
 *     -----BEGIN PRIVATE KEY----- ...       (not for old ones)
 *     root old
 *     ...
 *     end
 *
 * All roots are one file, so that what is on disk is one state and never half of a step. A file
 * that is not as it has to be is refused by name, and nothing is made in its place: a new root
 * would not be what peers believe.
 *
 * Cost: file I/O. Errors: PIL_E_NOTFOUND: there is no file yet; others with a sentence.
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_IDENTITY_CA_FILE_H
#define PIL_POLICYD_IDENTITY_CA_FILE_H

#include "core/defs.h"
#include "policyd/identity/ca.h"

int pil_ca_file_load(const char *folder, const char *domain, struct pil_ca_roots *out,
                     char *problem, size_t cap) PIL_USERESULT;

/* The text alone; it is NUL-terminated. On failure out is empty. */
int pil_ca_file_parse(const char *text, const char *domain, struct pil_ca_roots *out, char *problem,
                      size_t cap) PIL_USERESULT;

/* Makes folders that are not there. */
int pil_ca_file_save(const char *folder, const char *domain, const struct pil_ca_roots *roots,
                     char *problem, size_t cap) PIL_USERESULT;

#endif
