// sources: core
/*
 * A stream of records as a peer with the right keys, or none, may send them: cut by length, opened,
 * and what is no data looked at. The cipher is none, so that what is opened is the input's own: the
 * fuzzer writes types, padding and handshake messages.
 */
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/posthand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A tag whose first byte is odd is forged. */
static int open_plain(void *ctx, const uint8_t nonce[PIL_RECORD_NONCE],
                      const uint8_t head[PIL_RECORD_HEAD], const struct pil_piece *pieces,
                      unsigned count, const uint8_t tag[PIL_RECORD_TAG])
{
    (void)ctx, (void)nonce, (void)head;
    for (unsigned i = 0; i < count; i++)
        memmove(pieces[i].out, pieces[i].in, pieces[i].len);
    return tag[0] & 1 ? PIL_E_PEER : PIL_OK;
}

static int init_plain(void *ctx, unsigned suite, const uint8_t *key)
{
    (void)ctx, (void)suite, (void)key;
    return PIL_OK;
}

static int expand_plain(unsigned suite, const uint8_t *secret, size_t secret_len, const char *label,
                        uint8_t *out, size_t len)
{
    (void)suite, (void)secret_len, (void)label;
    memmove(out, secret, len);
    return PIL_OK;
}

static const struct pil_aead plain = {
    .init = init_plain, .open = open_plain, .expand = expand_plain};

static size_t take_one(uint8_t *at, size_t have, struct pil_traffic *t, struct pil_posthand *p)
{
    uint64_t seq = t->seq;
    struct pil_opened opened;
    size_t total = 0;
    unsigned todo;

    if (pil_record_length(at, have, &total) || total > have)
        return 0;
    if (total > PIL_RECORD_WIRE_MAX || total < PIL_RECORD_OVERHEAD)
        abort();
    if (pil_record_open(&plain, NULL, t, at, total, &opened))
        return 0;
    if (t->seq != seq + 1 || opened.len > total - PIL_RECORD_OVERHEAD ||
        opened.len > PIL_RECORD_MAX)
        abort();
    if (pil_posthand_take(p, &opened, at + PIL_RECORD_HEAD, &todo))
        return 0;
    if ((todo & PIL_POST_REKEY) && pil_record_rekey(&plain, NULL, PIL_SUITE_AES_128_GCM, t))
        abort();
    return todo & (PIL_POST_CLOSED | PIL_POST_FATAL) ? 0 : total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pil_traffic t = {.secret_len = 32};
    struct pil_posthand p = {0};
    uint8_t *copy = malloc(len + 1), *at = copy;
    size_t n;

    memcpy(copy, data, len);
    while ((n = take_one(at, len, &t, &p)) > 0)
        at += n, len -= n;
    free(copy);
    return 0;
}
