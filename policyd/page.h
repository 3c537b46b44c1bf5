/*
 * policyd's end of the status page: one page in a memfd that nobody else can ever map for writing.
 *
 * Cost: none after pil_page_open. Errors: PIL_E_SYSTEM. Threads: main thread only.
 */
#ifndef PIL_POLICYD_PAGE_H
#define PIL_POLICYD_PAGE_H

#include "core/genpage.h"

struct pil_page {
    struct pil_genpage *map;
    int fd; /* opened for reading, sealed; this is what processes get */
};

int pil_page_open(struct pil_page *page) PIL_USERESULT;
void pil_page_close(struct pil_page *page);

/* An empty memfd of that size that cannot change its size, for rings. -1 when there is none. */
int pil_page_memfd(const char *name, size_t size);

#endif
