#include "shim/conn_recheck.h"

#include <errno.h>

#include "core/err.h"
#include "core/wire_tls.h"
#include "shim/conn_way.h"
#include "shim/link.h"

static void put(struct pil_writer *w, const void *message)
{
    pil_wire_put_recheck(w, message);
}

static int get(struct pil_reader *r, void *out)
{
    return pil_wire_get_rechecked(r, out, 1);
}

/* Says nothing more to the peer: what it was, policyd tells. */
static void cut(struct pil_slot *slot, int fd)
{
    uint64_t mask = pil_slot_enter(), cookie = atomic_load(&slot->cookie);

    if (pil_slot_lock(slot, &slot->in_lock, cookie)) {
        slot->in_error = ECONNRESET;
        slot->plain_at = slot->plain_end = 0;
        atomic_store(&slot->ready, true);
        pil_slot_unlock(&slot->in_lock);
    }
    if (pil_slot_lock(slot, &slot->out_lock, cookie)) {
        slot->out_failed = true;
        pil_slot_unlock(&slot->out_lock);
    }
    pil_way_shutdown(fd, SHUT_RDWR);
    pil_slot_leave(mask);
}

void pil_recheck_ask(struct pil_slot *slot, int fd, uint64_t generation)
{
    struct pil_recheck ask = {.count = 1, .id = {slot->id}};
    struct pil_rechecked answer = {.goes_on = {1}};
    struct pil_link_call call = {.type = PIL_WIRE_RECHECK,
                                 .answer = PIL_WIRE_RECHECKED,
                                 .put = put,
                                 .message = &ask,
                                 .get = get,
                                 .out = &answer,
                                 .hasty = true};

    if (pil_link_call(&call, pil_link_deadline()))
        return;
    if (!answer.goes_on[0])
        cut(slot, fd);
    atomic_store(&slot->generation, generation);
}
