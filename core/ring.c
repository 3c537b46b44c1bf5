#include "core/ring.h"

#include <string.h>

#include "core/err.h"

#define MASK   (PIL_RING_SLOTS - 1)
#define ROUNDS (4 * PIL_RING_SLOTS) /* of looking for a slot; only a scribbled ring takes more */

_Static_assert((PIL_RING_SLOTS & MASK) == 0, "slots are found by masking");
_Static_assert(sizeof(struct pil_ring_counters) < 2048, "counters fit into the first page");
_Static_assert(sizeof(struct pil_event) == 192, "shared between versions");

/* And between classes: a 32-bit process writes what a 64-bit policyd reads. */
_Static_assert(offsetof(struct pil_event, ip) == 56, "as in the other class");
_Static_assert(sizeof(struct pil_ring_slot) == 200, "as in the other class");
_Static_assert(offsetof(struct pil_ring, counters) == 16, "as in the other class");
_Static_assert(offsetof(struct pil_ring, slot) == 4096, "as in the other class");
_Static_assert(PIL_RING_SIZE == 20480, "as in the other class");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "shared memory has no locks of the compiler's");
_Static_assert(sizeof(struct pil_ring_tally) == 224, "shared between versions");
_Static_assert(offsetof(struct pil_ring, slot) == 4096, "everything else is in the first page");

/* A tag that nobody has: the slot is being filled. A writer that dies then leaves it so. */
#define TAG_FILLING UINT32_MAX

void pil_ring_init(struct pil_ring *ring)
{
    ring->magic = PIL_RING_MAGIC;
    ring->version = PIL_RING_VERSION;
    ring->slots = PIL_RING_SLOTS;
    /* Turns are stored relative to the slot's index, so that fresh zeroed memory is an empty
     * ring and its pages stay untouched until something is written. */
}

int pil_ring_check(const struct pil_ring *ring)
{
    if (ring->magic != PIL_RING_MAGIC)
        return PIL_E_MALFORMED;
    return ring->version == PIL_RING_VERSION && ring->slots == PIL_RING_SLOTS ? PIL_OK
                                                                              : PIL_E_VERSION;
}

/* Dmitry Vyukov's bounded queue: slot i is free for position p = i (mod slots) when its turn is
 * p - i, and filled when it is p - i + 1. */
bool pil_ring_put(struct pil_ring *ring, const struct pil_event *event)
{
    uint32_t at = atomic_load_explicit(&ring->head, memory_order_relaxed);

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct pil_ring_slot *slot = &ring->slot[at & MASK];
        uint32_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
        int32_t ahead = (int32_t)(turn + (at & MASK) - at);

        if (ahead < 0)
            break;
        if (ahead > 0) {
            at = atomic_load_explicit(&ring->head, memory_order_relaxed);
            continue;
        }
        if (atomic_compare_exchange_weak_explicit(&ring->head, &at, at + 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            slot->event = *event;
            atomic_store_explicit(&slot->turn, turn + 1, memory_order_release);
            return true;
        }
    }
    atomic_fetch_add_explicit(&ring->counters.dropped, 1, memory_order_relaxed);
    return false;
}

/* Hands the slot at *tail back to the writers of the next round. */
static void release(struct pil_ring *ring, uint32_t *tail)
{
    uint32_t next = *tail - (*tail & MASK) + PIL_RING_SLOTS;

    atomic_store_explicit(&ring->slot[*tail & MASK].turn, next, memory_order_release);
    *tail += 1;
    atomic_store_explicit(&ring->tail, *tail, memory_order_relaxed);
}

bool pil_ring_get(struct pil_ring *ring, uint32_t *tail, struct pil_event *out)
{
    struct pil_ring_slot *slot = &ring->slot[*tail & MASK];
    uint32_t want = *tail - (*tail & MASK) + 1;

    /* An untouched ring is recognised by its head, which spares the slot pages. */
    if (atomic_load_explicit(&ring->head, memory_order_acquire) == *tail)
        return false;
    if (atomic_load_explicit(&slot->turn, memory_order_acquire) != want)
        return false;
    memcpy(out, &slot->event, sizeof(*out));
    if (out->text_len > PIL_EVENT_TEXT)
        out->text_len = PIL_EVENT_TEXT;
    release(ring, tail);
    return true;
}

bool pil_ring_skip(struct pil_ring *ring, uint32_t *tail)
{
    uint32_t claimed = atomic_load_explicit(&ring->head, memory_order_acquire) - *tail;

    if (claimed == 0 || claimed > PIL_RING_SLOTS)
        return false;
    release(ring, tail);
    return true;
}

static uint64_t tally_word(uint32_t tag, uint32_t count)
{
    return (uint64_t)tag << 32 | count;
}

/* Two tags mean something else and are moved aside: they share their neighbour's fate. */
static uint32_t legal_tag(uint32_t tag)
{
    return tag == 0 ? 1 : tag == TAG_FILLING ? TAG_FILLING - 1 : tag;
}

static void move_told(struct pil_ring *ring)
{
    atomic_fetch_add_explicit(&ring->told, 1, memory_order_release);
}

bool pil_ring_tally_count(struct pil_ring *ring, uint32_t tag)
{
    tag = legal_tag(tag);
    for (unsigned i = 0; i < PIL_RING_TALLIES; i++) {
        _Atomic uint64_t *at = &ring->tally[i].word;
        uint64_t word = atomic_load_explicit(at, memory_order_relaxed);

        while (word >> 32 == tag && (uint32_t)word != UINT32_MAX)
            if (atomic_compare_exchange_weak_explicit(at, &word, word + 1, memory_order_relaxed,
                                                      memory_order_relaxed)) {
                move_told(ring);
                return true;
            }
    }
    return false;
}

void pil_ring_tally_open(struct pil_ring *ring, uint32_t tag, const struct pil_tally_body *body)
{
    for (unsigned i = 0; i < PIL_RING_TALLIES; i++) {
        struct pil_ring_tally *t = &ring->tally[i];
        uint64_t word = 0;

        if (!atomic_compare_exchange_strong_explicit(&t->word, &word, tally_word(TAG_FILLING, 0),
                                                     memory_order_acquire, memory_order_relaxed))
            continue;
        t->body = *body;
        atomic_store_explicit(&t->word, tally_word(legal_tag(tag), 1), memory_order_release);
        move_told(ring);
        return;
    }
    atomic_fetch_add_explicit(&ring->untold, 1, memory_order_relaxed);
    move_told(ring);
}

static void bound(struct pil_tally_body *body)
{
    if (body->text_len > PIL_TALLY_TEXT)
        body->text_len = PIL_TALLY_TEXT;
    if (body->caller_len > PIL_TALLY_TEXT - body->text_len)
        body->caller_len = (uint16_t)(PIL_TALLY_TEXT - body->text_len);
}

uint32_t pil_ring_tally_take(struct pil_ring *ring, unsigned i, struct pil_tally_body *out)
{
    struct pil_ring_tally *t = &ring->tally[i];
    uint64_t word = atomic_load_explicit(&t->word, memory_order_acquire);
    uint32_t count = (uint32_t)word;

    if (word == 0 || word >> 32 == TAG_FILLING)
        return 0;
    if (count == 0) {
        atomic_compare_exchange_strong_explicit(&t->word, &word, 0, memory_order_release,
                                                memory_order_relaxed);
        return 0;
    }
    memcpy(out, &t->body, sizeof(*out));
    bound(out);
    /* The tag stays; what was counted meanwhile stays too. */
    atomic_fetch_sub_explicit(&t->word, count, memory_order_acq_rel);
    return count;
}
