#include "policyd/intern.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024u

struct entry {
    struct entry *next;
    uint32_t hash;
    unsigned count;
    char text[];
};

/* Main thread only, hence no lock. */
static struct entry *bucket[BUCKETS];
static unsigned kept;

static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u;

    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

const char *pil_intern_get(const char *text)
{
    struct entry **at, *fresh;
    uint32_t hash;
    size_t len;

    if (!text)
        return NULL;
    hash = hash_of(text);
    for (at = &bucket[hash % BUCKETS]; *at; at = &(*at)->next)
        if ((*at)->hash == hash && strcmp((*at)->text, text) == 0) {
            (*at)->count++;
            return (*at)->text;
        }
    len = strlen(text) + 1;
    fresh = malloc(sizeof(*fresh) + len);
    if (!fresh)
        return NULL;
    *fresh = (struct entry){.hash = hash, .count = 1};
    memcpy(fresh->text, text, len);
    *at = fresh;
    kept++;
    return fresh->text;
}

void pil_intern_put(const char *text)
{
    struct entry *entry, **at;

    if (!text)
        return;
    entry = (struct entry *)(text - offsetof(struct entry, text));
    if (--entry->count > 0)
        return;
    for (at = &bucket[entry->hash % BUCKETS]; *at != entry; at = &(*at)->next)
        ;
    *at = entry->next;
    kept--;
    free(entry);
}

unsigned pil_intern_count(void)
{
    return kept;
}
