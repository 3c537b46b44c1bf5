#include "shim/names.h"

#include <stdatomic.h>
#include <string.h>

#define SETS       64u
#define WAYS       4u
#define TEXT_WORDS (sizeof(((struct pil_name *)0)->text) / 8)

_Static_assert(sizeof(((struct pil_name *)0)->text) % 8 == 0, "copied by words");

struct entry {
    _Atomic uint64_t sequence; /* odd while it is written; 0: never written */
    _Atomic uint64_t stamp;    /* when it was noted, in order */
    _Atomic uint64_t thread;
    _Atomic uint64_t ip[2];
    _Atomic uint64_t digest[2];
    _Atomic uint64_t len;
    _Atomic uint64_t text[TEXT_WORDS];
};

static struct entry table[SETS][WAYS];
static _Atomic uint64_t lost[512];  /* a bit per hash of an address whose name fell out */
static _Atomic uint64_t clock_hand; /* order of notes; only compared */

/* What identifies this thread without a system call; another one may get the value later. */
static uint64_t this_thread(void)
{
    return (uint64_t)(uintptr_t)__builtin_thread_pointer();
}

static uint64_t get(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static bool name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           (unsigned char)c >= 0x80;
}

bool pil_name_make(const char *host, struct pil_name *out)
{
    size_t len = strnlen(host, PIL_NAME_MAX + 2);

    memset(out, 0, sizeof(*out));
    if (len > 0 && host[len - 1] == '.')
        len--;
    if (len == 0 || len > PIL_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = host[i];

        out->text[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if (!name_byte(out->text[i]))
            return false;
    }
    out->len = len;
    out->digest = pil_digest_of((struct pil_slice){out->text, len});
    return true;
}

static struct entry *set_of(const struct pil_ip *ip, uint64_t word[2])
{
    memcpy(word, ip, sizeof(*ip));
    return table[((word[0] ^ word[1]) * 0x9e3779b97f4a7c15u) >> 58];
}

/* One that is being written; or will be for ever, after a fork at that moment, or a jump out of a
 * signal handler. It counts as not there, so that it costs a place and nothing else. */
static bool unfinished(const struct entry *e)
{
    return get(&e->sequence) & 1;
}

/* The same address and thread again, else the oldest; NULL when all are being written. */
static struct entry *choose(struct entry *ways, const uint64_t ip[2], uint64_t thread)
{
    struct entry *oldest = NULL;

    for (unsigned i = 0; i < WAYS; i++) {
        if (unfinished(&ways[i]))
            continue;
        if (get(&ways[i].ip[0]) == ip[0] && get(&ways[i].ip[1]) == ip[1] &&
            get(&ways[i].thread) == thread)
            return &ways[i];
        if (!oldest || get(&ways[i].stamp) < get(&oldest->stamp))
            oldest = &ways[i];
    }
    return oldest;
}

static _Atomic uint64_t *lost_word(const uint64_t ip[2], uint64_t *bit)
{
    uint64_t hash = (ip[0] ^ ip[1] >> 32 ^ ip[1] << 32) * 0x9e3779b97f4a7c15u;

    hash = (hash ^ hash >> 32) * 0xff51afd7ed558ccdu >> 49;
    *bit = UINT64_C(1) << (hash % 64);
    return &lost[hash / 64];
}

static void lose(const uint64_t ip[2])
{
    uint64_t bit;
    _Atomic uint64_t *word = lost_word(ip, &bit);

    atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
}

bool pil_names_lost(const struct pil_ip *ip)
{
    uint64_t word[2], bit;

    memcpy(word, ip, sizeof(word));
    return get(lost_word(word, &bit)) & bit;
}

/* What an entry held so far is forgotten, unless it is the same address again. */
static void forget(const struct entry *e, const uint64_t ip[2])
{
    uint64_t old[2] = {get(&e->ip[0]), get(&e->ip[1])};

    if (get(&e->stamp) != 0 && (old[0] != ip[0] || old[1] != ip[1]))
        lose(old);
}

void pil_names_note(const struct pil_ip *ip, const struct pil_name *name)
{
    uint64_t word[2], text[TEXT_WORDS];
    struct entry *e = choose(set_of(ip, word), word, this_thread());
    uint64_t sequence = e ? get(&e->sequence) : 1;

    if ((sequence & 1) ||
        !atomic_compare_exchange_strong_explicit(&e->sequence, &sequence, sequence + 1,
                                                 memory_order_acquire, memory_order_relaxed)) {
        lose(word);
        return;
    }
    atomic_thread_fence(memory_order_release);
    forget(e, word);
    memcpy(text, name->text, sizeof(text));
    set(&e->stamp, atomic_fetch_add_explicit(&clock_hand, 1, memory_order_relaxed) + 1);
    set(&e->thread, this_thread());
    set(&e->ip[0], word[0]);
    set(&e->ip[1], word[1]);
    set(&e->digest[0], name->digest.half[0]);
    set(&e->digest[1], name->digest.half[1]);
    set(&e->len, name->len);
    for (size_t i = 0; i < TEXT_WORDS; i++)
        set(&e->text[i], text[i]);
    atomic_store_explicit(&e->sequence, sequence + 2, memory_order_release);
}

static bool copy(const struct entry *e, const uint64_t ip[2], struct pil_name *out)
{
    uint64_t sequence = atomic_load_explicit(&e->sequence, memory_order_acquire);
    uint64_t text[TEXT_WORDS];

    if ((sequence & 1) || get(&e->ip[0]) != ip[0] || get(&e->ip[1]) != ip[1])
        return false;
    out->len = (size_t)get(&e->len);
    out->digest.half[0] = get(&e->digest[0]);
    out->digest.half[1] = get(&e->digest[1]);
    for (size_t i = 0; i < TEXT_WORDS; i++)
        text[i] = get(&e->text[i]);
    atomic_thread_fence(memory_order_acquire);
    memcpy(out->text, text, sizeof(text));
    return get(&e->sequence) == sequence && out->len <= PIL_NAME_MAX;
}

bool pil_names_find(const struct pil_ip *ip, struct pil_name *out)
{
    uint64_t word[2], thread = this_thread();
    const struct entry *ways = set_of(ip, word), *found = NULL;

    for (unsigned i = 0; i < WAYS; i++) {
        const struct entry *e = &ways[i];

        if (get(&e->sequence) < 2 || unfinished(e) || get(&e->ip[0]) != word[0] ||
            get(&e->ip[1]) != word[1])
            continue;
        if (get(&e->thread) == thread) {
            found = e;
            break;
        }
        if (!found || get(&e->stamp) > get(&found->stamp))
            found = e;
    }
    return found && copy(found, word, out);
}
