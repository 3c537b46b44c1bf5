#include "core/ring.h"

#include <string.h>

#include "core/err.h"

#define MASK   (PIL_RING_SLOTS - 1)
#define ROUNDS (4 * PIL_RING_SLOTS) /* of looking for a slot; only a scribbled ring takes more */

_Static_assert((PIL_RING_SLOTS & MASK) == 0, "slots are found by masking");
_Static_assert(sizeof(struct pil_ring_counters) < 2048, "counters fit into the first page");
_Static_assert(sizeof(struct pil_event) == 192, "shared between versions");

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
