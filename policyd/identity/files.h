/*
 * Identities from files that another agent writes and renews (policyd.conf(5), identity_files).
 *
 * A set is certificate with chain, key, and roots. It is read through one open folder, so that an
 * agent that swaps folders (..data) gives one version of all three, and it is taken only whole: the
 * key is the certificate's, the certificate leads to these roots now and is one by SPIFFE's rules
 * in the trust domain. A set that an agent is in the middle of writing does not fit together, and
 * is looked at again when it has changed.
 *
 * Cost: file I/O and one validation when a set is looked at. Errors: as source.h. Threads: main
 * thread only.
 */
#ifndef PIL_POLICYD_IDENTITY_FILES_H
#define PIL_POLICYD_IDENTITY_FILES_H

#include "conf/settings.h"
#include "policyd/identity/source.h"

/* The texts of one set; a single file is all three. */
struct pil_files_text {
    const char *leaf, *key, *roots; /* key need not hold certificates, nor leaf a key */
    size_t leaf_len, key_len, roots_len;
};

/* Makes a set of its texts, at this time. *roots is new and the caller's. */
int pil_files_parse(const struct pil_files_text *text, const char *domain, int64_t now_ms,
                    struct pil_svid **svid, STACK_OF(X509) * *roots, char *problem,
                    size_t cap) PIL_USERESULT;

/* Fills in a source. PIL_E_SYNTAX: the setting names no files. What is wrong with the files
 * themselves is told when an identity is asked for. */
int pil_files_open(const struct pil_list *paths, const char *domain, int64_t now_ms,
                   struct pil_source *out, char *problem, size_t cap) PIL_USERESULT;

/* Adds the folders of workloads' own sets: what has to be watched besides the setting's paths. */
int pil_files_watch(void *self, struct pil_list *into) PIL_USERESULT;

#endif
