#include "core/posthand.h"

#include <string.h>

#include "core/err.h"

#define NEW_SESSION_TICKET 4u
#define KEY_UPDATE         24u
/* Lifetime, age, nonce, ticket and extensions at their longest (RFC 8446 4.6.1). */
#define TICKET_MAX (4u + 4u + 256u + 65537u + 65536u)

static int take_alert(const struct pil_opened *record, const uint8_t *content, unsigned *todo)
{
    if (record->len != 2)
        return PIL_E_SYNTAX;
    /* The level says nothing in TLS 1.3 (RFC 8446 6). */
    if (content[1] == PIL_ALERT_CLOSE_NOTIFY)
        *todo = PIL_POST_CLOSED;
    else if (content[1] != PIL_ALERT_USER_CANCELED)
        *todo = PIL_POST_FATAL;
    return PIL_OK;
}

/* The body of a KeyUpdate: one byte, the last of its record. */
static int take_update(const uint8_t *at, size_t len, unsigned *todo)
{
    if (len != 1)
        return PIL_E_MALFORMED;
    if (at[0] > 1)
        return PIL_E_SYNTAX;
    *todo |= PIL_POST_REKEY | (at[0] ? PIL_POST_ANSWER : 0);
    return PIL_OK;
}

static uint32_t body_length(const struct pil_posthand *p)
{
    return (uint32_t)p->head[1] << 16 | (uint32_t)p->head[2] << 8 | p->head[3];
}

/* A head is complete: is it one that may come? */
static int judge_head(struct pil_posthand *p)
{
    p->left = body_length(p);
    switch (p->head[0]) {
    case NEW_SESSION_TICKET:
        return p->left > 0 && p->left <= TICKET_MAX ? PIL_OK : PIL_E_SYNTAX;
    case KEY_UPDATE:
        return p->left == 1 ? PIL_OK : PIL_E_SYNTAX;
    default:
        return PIL_E_MALFORMED;
    }
}

/* Takes what is there of a head; returns how many bytes that were. */
static size_t take_head(struct pil_posthand *p, const uint8_t *at, size_t len)
{
    size_t n = sizeof(p->head) - p->have;

    if (n > len)
        n = len;
    memcpy(p->head + p->have, at, n);
    p->have = (uint8_t)(p->have + n);
    return n;
}

static size_t skip_body(struct pil_posthand *p, size_t len)
{
    size_t n = p->left < len ? p->left : len;

    p->left -= (uint32_t)n;
    if (p->left == 0)
        p->have = 0;
    return n;
}

static int take_messages(struct pil_posthand *p, const uint8_t *at, size_t len, unsigned *todo)
{
    while (len > 0) {
        size_t n;
        int err;

        if (p->have < sizeof(p->head)) {
            n = take_head(p, at, len);
            err = p->have == sizeof(p->head) ? judge_head(p) : PIL_OK;
            if (err)
                return err;
        } else if (p->head[0] == KEY_UPDATE) {
            p->have = 0;
            return take_update(at, len, todo);
        } else {
            n = skip_body(p, len);
        }
        at += n;
        len -= n;
    }
    return PIL_OK;
}

int pil_posthand_take(struct pil_posthand *p, const struct pil_opened *record,
                      const uint8_t *content, unsigned *todo)
{
    *todo = 0;
    if (record->type == PIL_CONTENT_HANDSHAKE)
        return take_messages(p, content, record->len, todo);
    if (p->have > 0)
        return PIL_E_MALFORMED;
    return record->type == PIL_CONTENT_ALERT ? take_alert(record, content, todo) : PIL_OK;
}
