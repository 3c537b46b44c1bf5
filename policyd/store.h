/*
 * The policy in force: the image, its generation and the status page that announces it.
 *
 * A reload builds aside (builder.h), verifies, swaps and raises the generation, in this order;
 * any error before the swap leaves the old policy in force and is kept for status, health,
 * metrics and log. A reload that gives the same bytes confirms the policy (its age starts over)
 * and keeps the generation, so caches stay warm. The image before the current one is kept, to
 * name what events of its generation refer to.
 *
 * Generations start at CLOCK_REALTIME in milliseconds and count up by one, so that a restarted
 * policyd never uses one again.
 *
 * Cost: reading is free; a swap is linear in the image and in what the hooks do. Errors: enum
 * pil_err. Threads: main thread only.
 */
#ifndef PIL_POLICYD_STORE_H
#define PIL_POLICYD_STORE_H

#include <stdbool.h>

#include "conf/settings.h"
#include "core/image.h"

struct event_base;
struct pil_store;

struct pil_policy_image {
    struct pil_image img;
    int memfd; /* sealed */
    size_t len;
    uint64_t first, generation; /* those it has had, the last one being in force */
    uint64_t loaded_ns;         /* CLOCK_REALTIME of the load that brought it into force */
};

enum pil_reload {
    PIL_RELOAD_NEW = 0, /* another policy is in force */
    PIL_RELOAD_SAME,    /* the same bytes: confirmed */
    PIL_RELOAD_FAILED,  /* the old one stays */
};

/* How the last load went; lists stay valid until the next one ends. */
struct pil_store_report {
    enum pil_reload outcome;
    const char *cause; /* "start", "signal", "command", "watch" */
    uint64_t at_ns;    /* CLOCK_REALTIME; 0: no load has ended yet */
    uint64_t took_ns;
    struct pil_list errors, warnings;
    struct pil_list files; /* of the last load that could read them all, included ones too */
};

struct pil_store_hooks {
    void *cookie;
    void (*before)(void *cookie);  /* about to swap: finish what refers to the old image */
    void (*swapped)(void *cookie); /* new image in place, generation not yet announced */
    void (*done)(void *cookie, const struct pil_store_report *report); /* each load that ended */
};

int pil_store_open(struct event_base *base, const struct pil_list *paths, uint32_t max_age_ms,
                   const struct pil_store_hooks *hooks, struct pil_store **out) PIL_USERESULT;

/* Begins a load; one that is asked for while another runs starts when that has ended. `cause`
 * must be a constant. */
void pil_store_reload(struct pil_store *store, const char *cause);
bool pil_store_busy(const struct pil_store *store);

/* From now on processes tell these conditions (enum pil_field) besides those that the policy looks
 * at; 0 ends it. The policy in force gets another generation, so that every verdict is asked anew.
 */
void pil_store_look(struct pil_store *store, unsigned fields);

/* Puts a verified image into force; for the loader and for tests. memfd is taken over. */
int pil_store_install(struct pil_store *store, int memfd, size_t len) PIL_USERESULT;

/* NULL: there is none yet. */
const struct pil_policy_image *pil_store_current(const struct pil_store *store);
/* The image of a generation, current or the one before; NULL when it is neither. */
const struct pil_policy_image *pil_store_of(const struct pil_store *store, uint64_t generation);

/* Milliseconds until the policy is older than max_age; UINT32_MAX without a max_age, 0 when it is
 * past it. Age counts in CLOCK_BOOTTIME, from the last load that succeeded. */
uint32_t pil_store_left(const struct pil_store *store);
uint64_t pil_store_age_ms(const struct pil_store *store);

const struct pil_store_report *pil_store_last(const struct pil_store *store);
uint64_t pil_store_loads(const struct pil_store *store, enum pil_reload outcome);

/* Raises the generation, so that what processes have cached ends. Without a policy nothing may be
 * served, unless `open`: then an allow may. */
void pil_store_renew(struct pil_store *store, bool open);

/* What the status page says; 0: nothing may be served. */
uint64_t pil_store_generation(const struct pil_store *store);

/* Descriptor of the status page that can only be read. */
int pil_store_page(const struct pil_store *store);

/* Retires the page and releases everything. NULL is legal. */
void pil_store_close(struct pil_store *store);

#endif
