#include "policyd/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/builder.h"
#include "policyd/page.h"

struct pil_store {
    struct event_base *base;
    const struct pil_list *paths;
    struct pil_store_hooks hooks;
    uint32_t max_age_ms;
    struct pil_page page;
    struct pil_policy_image *current, *previous;
    uint64_t generation;   /* of the current image */
    unsigned looked;       /* enum pil_field, besides the image's */
    uint64_t confirmed_ms; /* CLOCK_BOOTTIME */
    struct pil_builder *building;
    uint64_t began_ns;
    const char *cause, *again; /* of the running load, and of the one to start after it */
    struct pil_store_report report;
    uint64_t loads[3];
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void image_free(struct pil_policy_image *image)
{
    if (!image)
        return;
    if (image->img.base)
        munmap((void *)image->img.base, image->len);
    if (image->memfd >= 0)
        close(image->memfd);
    free(image);
}

int pil_store_open(struct event_base *base, const struct pil_list *paths, uint32_t max_age_ms,
                   const struct pil_store_hooks *hooks, struct pil_store **out)
{
    struct pil_store *store = calloc(1, sizeof(*store));

    if (!store)
        return PIL_E_NOMEM;
    *store = (struct pil_store){.base = base, .paths = paths, .max_age_ms = max_age_ms};
    if (hooks)
        store->hooks = *hooks;
    store->generation = clock_ns(CLOCK_REALTIME) / 1000000u;
    if (pil_page_open(&store->page)) {
        free(store);
        return PIL_E_SYSTEM;
    }
    *out = store;
    return PIL_OK;
}

/* Maps and verifies; the memfd stays the caller's on failure. */
static int image_new(int memfd, size_t len, struct pil_policy_image **out)
{
    struct pil_policy_image *image = calloc(1, sizeof(*image));
    void *map;
    int err;

    if (!image)
        return PIL_E_NOMEM;
    image->memfd = -1;
    map = mmap(NULL, len, PROT_READ, MAP_SHARED, memfd, 0);
    if (map == MAP_FAILED) {
        free(image);
        return PIL_E_SYSTEM;
    }
    err = pil_image_open(&image->img, map, len);
    if (err) {
        munmap(map, len);
        free(image);
        return err;
    }
    image->img.base = map;
    image->len = len;
    image->memfd = memfd;
    *out = image;
    return PIL_OK;
}

static void publish(struct pil_store *store)
{
    struct pil_policy_image *image = store->current;

    pil_genpage_publish(store->page.map, image->generation,
                        pil_image_fields(&image->img) | store->looked);
}

static void swap(struct pil_store *store, struct pil_policy_image *image)
{
    if (store->hooks.before)
        store->hooks.before(store->hooks.cookie);
    image_free(store->previous);
    store->previous = store->current;
    store->current = image;
    image->first = image->generation = ++store->generation;
    image->loaded_ns = clock_ns(CLOCK_REALTIME);
    if (store->hooks.swapped)
        store->hooks.swapped(store->hooks.cookie);
    publish(store);
}

void pil_store_look(struct pil_store *store, unsigned fields)
{
    store->looked = fields;
    if (!store->current)
        return;
    store->current->generation = ++store->generation;
    publish(store);
}

void pil_store_renew(struct pil_store *store, bool open)
{
    store->generation++;
    if (store->current) {
        store->current->generation = store->generation;
        publish(store);
    } else {
        pil_genpage_publish(store->page.map, open ? store->generation : 0, 0);
    }
}

uint64_t pil_store_generation(const struct pil_store *store)
{
    return pil_genpage_generation(pil_genpage_word(store->page.map));
}

static bool same_bytes(const struct pil_policy_image *a, const struct pil_policy_image *b)
{
    return a && a->len == b->len && memcmp(a->img.base, b->img.base, a->len) == 0;
}

/* PIL_E_EXISTS: the same bytes are in force already. */
static int install(struct pil_store *store, int memfd, size_t len)
{
    struct pil_policy_image *image = NULL;
    int err = image_new(memfd, len, &image);

    if (err) {
        close(memfd);
        return err;
    }
    store->confirmed_ms = clock_ns(CLOCK_BOOTTIME) / 1000000u;
    if (same_bytes(store->current, image)) {
        image_free(image);
        return PIL_E_EXISTS;
    }
    swap(store, image);
    return PIL_OK;
}

int pil_store_install(struct pil_store *store, int memfd, size_t len)
{
    int err = install(store, memfd, len);

    return err == PIL_E_EXISTS ? PIL_OK : err;
}

static void conclude(struct pil_store *store, enum pil_reload outcome)
{
    store->report.outcome = outcome;
    store->report.cause = store->cause;
    store->report.at_ns = clock_ns(CLOCK_REALTIME);
    store->report.took_ns = clock_ns(CLOCK_MONOTONIC) - store->began_ns;
    store->loads[outcome]++;
    if (store->hooks.done)
        store->hooks.done(store->hooks.cookie, &store->report);
    if (store->again) {
        const char *cause = store->again;

        store->again = NULL;
        pil_store_reload(store, cause);
    }
}

static void fail_with(struct pil_store *store, const char *what, int err)
{
    char text[128];

    snprintf(text, sizeof(text), "%s: %s", what, pil_err_text(err));
    /* Without memory for the sentence the outcome still says that it failed. */
    if (pil_list_add(&store->report.errors, text))
        return;
}

static void on_built(void *cookie, struct pil_build *build)
{
    struct pil_store *store = cookie;
    enum pil_reload outcome = PIL_RELOAD_FAILED;
    int err;

    store->building = NULL;
    pil_list_free(&store->report.errors);
    pil_list_free(&store->report.warnings);
    store->report.errors = build->errors;
    store->report.warnings = build->warnings;
    build->errors = build->warnings = (struct pil_list){0};
    if (build->files.count > 0) {
        pil_list_free(&store->report.files);
        store->report.files = build->files;
        build->files = (struct pil_list){0};
    }
    if (build->memfd >= 0) {
        err = install(store, build->memfd, build->len);
        if (err == PIL_OK || err == PIL_E_EXISTS)
            outcome = err ? PIL_RELOAD_SAME : PIL_RELOAD_NEW;
        else
            fail_with(store, "the compiled image does not verify", err);
    }
    conclude(store, outcome);
}

void pil_store_reload(struct pil_store *store, const char *cause)
{
    int err;

    if (store->building) {
        store->again = cause;
        return;
    }
    store->cause = cause;
    store->began_ns = clock_ns(CLOCK_MONOTONIC);
    err = pil_builder_start(store->base, store->paths, on_built, store, &store->building);
    if (err == PIL_OK)
        return;
    pil_list_free(&store->report.errors);
    pil_list_free(&store->report.warnings);
    fail_with(store, "the loader cannot be started", err);
    conclude(store, PIL_RELOAD_FAILED);
}

bool pil_store_busy(const struct pil_store *store)
{
    return store->building != NULL;
}

const struct pil_policy_image *pil_store_current(const struct pil_store *store)
{
    return store->current;
}

const struct pil_policy_image *pil_store_of(const struct pil_store *store, uint64_t generation)
{
    const struct pil_policy_image *const kept[] = {store->current, store->previous};

    for (size_t i = 0; i < PIL_NELEM(kept); i++)
        if (kept[i] && kept[i]->first <= generation && generation <= kept[i]->generation)
            return kept[i];
    return NULL;
}

uint64_t pil_store_age_ms(const struct pil_store *store)
{
    return store->current ? clock_ns(CLOCK_BOOTTIME) / 1000000u - store->confirmed_ms : 0;
}

uint32_t pil_store_left(const struct pil_store *store)
{
    uint64_t age;

    if (store->max_age_ms == 0)
        return UINT32_MAX;
    age = pil_store_age_ms(store);
    return age < store->max_age_ms ? (uint32_t)(store->max_age_ms - age) : 0;
}

const struct pil_store_report *pil_store_last(const struct pil_store *store)
{
    return &store->report;
}

uint64_t pil_store_loads(const struct pil_store *store, enum pil_reload outcome)
{
    return store->loads[outcome];
}

int pil_store_page(const struct pil_store *store)
{
    return store->page.fd;
}

void pil_store_close(struct pil_store *store)
{
    if (!store)
        return;
    pil_builder_cancel(store->building);
    pil_genpage_retire(store->page.map);
    pil_page_close(&store->page);
    image_free(store->current);
    image_free(store->previous);
    pil_list_free(&store->report.errors);
    pil_list_free(&store->report.warnings);
    pil_list_free(&store->report.files);
    free(store);
}
