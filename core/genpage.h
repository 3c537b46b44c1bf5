/*
 * The sealed status page: how a policy change reaches every thread of every process at its next
 * call, without a message.
 *
 * policyd owns one page in a memfd that is sealed against any further writable mapping; every
 * process maps it read-only. The first words never move, so a shim of another version can always
 * read them. Generation and looked-at fields share one 64-bit word: they are read together by a
 * single atomic load, and no reader ever has to retry.
 *
 * Cost: a load from a shared line. Errors: pil_genpage_check says whether a mapping may be used.
 * Threads, fork, signals: reading is safe everywhere; one writer (policyd's main thread).
 */
#ifndef PIL_CORE_GENPAGE_H
#define PIL_CORE_GENPAGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/defs.h"
#include "core/err.h"
#include "core/query.h"

#define PIL_GENPAGE_MAGIC   0x47504c50u /* "PLPG" */
#define PIL_GENPAGE_VERSION 1u
#define PIL_GENPAGE_SIZE    4096u

struct pil_genpage {
    uint32_t magic;
    uint32_t version;
    /* generation << 16 | fields (enum pil_field). Generation 0: nothing may be served. */
    _Atomic uint64_t word;
    /* Set once when policyd leaves in order: the page will not change any more, say hello anew. */
    _Atomic uint32_t retired;
    uint32_t reserved;
};
_Static_assert(sizeof(struct pil_genpage) == 24 && offsetof(struct pil_genpage, word) == 8,
               "shared between versions and classes");

static inline uint64_t pil_genpage_word(const struct pil_genpage *page)
{
    return atomic_load_explicit(&((struct pil_genpage *)page)->word, memory_order_acquire);
}

static inline uint64_t pil_genpage_generation(uint64_t word)
{
    return word >> 16;
}

static inline unsigned pil_genpage_fields(uint64_t word)
{
    return (unsigned)(word & PIL_FIELD_ALL);
}

static inline bool pil_genpage_is_retired(const struct pil_genpage *page)
{
    return atomic_load_explicit(&((struct pil_genpage *)page)->retired, memory_order_acquire);
}

/* policyd: a fresh page. */
static inline void pil_genpage_init(struct pil_genpage *page)
{
    page->magic = PIL_GENPAGE_MAGIC;
    page->version = PIL_GENPAGE_VERSION;
    atomic_store(&page->word, 0);
    atomic_store(&page->retired, 0);
}

/* policyd: a new policy is in force. */
static inline void pil_genpage_publish(struct pil_genpage *page, uint64_t generation,
                                       unsigned fields)
{
    atomic_store_explicit(&page->word, generation << 16 | (fields & PIL_FIELD_ALL),
                          memory_order_release);
}

static inline void pil_genpage_retire(struct pil_genpage *page)
{
    atomic_store_explicit(&page->retired, 1, memory_order_release);
}

/* PIL_OK, PIL_E_MALFORMED (not such a page) or PIL_E_VERSION. */
static inline int pil_genpage_check(const struct pil_genpage *page)
{
    if (page->magic != PIL_GENPAGE_MAGIC)
        return PIL_E_MALFORMED;
    return page->version == PIL_GENPAGE_VERSION ? PIL_OK : PIL_E_VERSION;
}

#endif
