/*
 * Which files hold a workload's identity, and their texts: for files.c.
 *
 * Cost: file I/O. Errors: enum pil_err with a sentence that names the path. Memory: texts lie in
 * the heap of keys.h. Threads: main thread only.
 */
#ifndef PIL_POLICYD_IDENTITY_FILES_READ_H
#define PIL_POLICYD_IDENTITY_FILES_READ_H

#include <stdbool.h>

#include "policyd/identity/files.h"

struct pil_files_read {
    struct pil_files_text text;
    char *owned[3]; /* what text points into */
    size_t owned_len[3];
    bool own;         /* the workload's own folder, not the one for all */
    char where[4352]; /* the folder, or the file with the certificate */
};

/* workload "": only what is there for all. PIL_E_NOTFOUND: there are no such files. */
int pil_files_read(const struct pil_list *paths, const char *workload, struct pil_files_read *out,
                   char *problem, size_t cap) PIL_USERESULT;

/* Wipes. An empty one is legal. */
void pil_files_read_free(struct pil_files_read *read);

#endif
