#include "core/wire_tls.h"

#include "core/err.h"

const char *pil_path_name(unsigned path)
{
    static const char *const names[PIL_PATH_COUNT] = {"none",
#define NAME(id, number, name) [number] = (name),
                                                      PIL_PATH_LIST(NAME)
#undef NAME
    };

    return names[path < PIL_PATH_COUNT ? path : PIL_PATH_NONE];
}

/* ---- traffic keys ------------------------------------------------------------------------- */

static void put_traffic(struct pil_writer *w, const struct pil_traffic *t)
{
    pil_put_bytes(w, t->key, sizeof(t->key));
    pil_put_bytes(w, t->iv, sizeof(t->iv));
    pil_put_u64(w, t->seq);
    pil_put_bytes(w, t->secret, sizeof(t->secret));
    pil_put_u8(w, t->secret_len);
}

static int get_traffic(struct pil_reader *r, struct pil_traffic *t)
{
    pil_get_bytes(r, t->key, sizeof(t->key));
    pil_get_bytes(r, t->iv, sizeof(t->iv));
    t->seq = pil_get_u64(r);
    pil_get_bytes(r, t->secret, sizeof(t->secret));
    t->secret_len = pil_get_u8(r);
    if (r->failed)
        return PIL_E_TRUNCATED;
    return t->secret_len <= sizeof(t->secret) ? PIL_OK : PIL_E_MALFORMED;
}

/* ---- listening sockets -------------------------------------------------------------------- */

/* A question inside another message is about one action and about an address. */
static int get_question(struct pil_reader *r, struct pil_query *q, unsigned action)
{
    int err = pil_wire_get_query(r, q);

    if (err)
        return err;
    return q->action == action && q->kind == PIL_KIND_INET ? PIL_OK : PIL_E_MALFORMED;
}

void pil_wire_put_delegate(struct pil_writer *w, const struct pil_delegate *m)
{
    pil_wire_put_query(w, &m->query);
    pil_put_u32(w, m->backlog);
}

int pil_wire_get_delegate(struct pil_reader *r, struct pil_delegate *out)
{
    int err = get_question(r, &out->query, PIL_ACTION_LISTEN);

    out->backlog = pil_get_u32(r);
    return err ? err : pil_reader_end(r);
}

void pil_wire_put_delegated(struct pil_writer *w, const struct pil_delegated *m)
{
    pil_put_u32(w, m->status);
    pil_put_u64(w, m->id);
}

int pil_wire_get_delegated(struct pil_reader *r, struct pil_delegated *out)
{
    out->status = pil_get_u32(r);
    out->id = pil_get_u64(r);
    return pil_reader_end(r);
}

/* ---- connections -------------------------------------------------------------------------- */

void pil_wire_put_secure(struct pil_writer *w, const struct pil_secure *m)
{
    pil_wire_put_query(w, &m->query);
    pil_put_u32(w, m->timeout_ms);
    pil_put_u32(w, m->flags);
}

int pil_wire_get_secure(struct pil_reader *r, struct pil_secure *out)
{
    int err = get_question(r, &out->query, PIL_ACTION_CONNECT);

    out->timeout_ms = pil_get_u32(r);
    out->flags = pil_get_u32(r);
    if (!err)
        err = pil_reader_end(r);
    return !err && (out->flags & ~PIL_SECURE_FLAGS) ? PIL_E_MALFORMED : err;
}

void pil_wire_put_secured(struct pil_writer *w, const struct pil_secured *m)
{
    pil_put_u32(w, m->status);
    pil_put_u16(w, m->error);
    pil_put_u8(w, m->reason);
    pil_put_u8(w, m->path);
    pil_put_u16(w, m->suite);
    pil_put_u64(w, m->id);
    pil_put_u64(w, m->generation);
    pil_put_u8(w, m->mesh);
    put_traffic(w, &m->in);
    put_traffic(w, &m->out);
    pil_put_text(w, m->peer);
}

/* A connection that goes on has a path, and only one that goes on has. */
static int check_secured(const struct pil_secured *m)
{
    if (m->reason >= PIL_TLS_REASON_COUNT || m->path >= PIL_PATH_COUNT || m->mesh > 1)
        return PIL_E_MALFORMED;
    return (m->status == PIL_OK) == (m->path != PIL_PATH_NONE) ? PIL_OK : PIL_E_MALFORMED;
}

int pil_wire_get_secured(struct pil_reader *r, struct pil_secured *out)
{
    int err, in, way_out;

    out->status = pil_get_u32(r);
    out->error = pil_get_u16(r);
    out->reason = pil_get_u8(r);
    out->path = pil_get_u8(r);
    out->suite = pil_get_u16(r);
    out->id = pil_get_u64(r);
    out->generation = pil_get_u64(r);
    out->mesh = pil_get_u8(r);
    in = get_traffic(r, &out->in);
    way_out = get_traffic(r, &out->out);
    out->peer = pil_get_text(r, PIL_PEER_MAX);
    err = pil_reader_end(r);
    if (!err)
        err = in ? in : way_out;
    return err ? err : check_secured(out);
}

void pil_wire_put_demote(struct pil_writer *w, const struct pil_demote *m)
{
    pil_put_u64(w, m->id);
    pil_put_u16(w, m->suite);
    pil_put_u8(w, m->ended);
    put_traffic(w, &m->in);
    put_traffic(w, &m->out);
    pil_put_u32(w, m->plain_len);
    pil_put_u32(w, m->cipher_in_len);
    pil_put_u32(w, m->cipher_out_len);
}

int pil_wire_get_demote(struct pil_reader *r, struct pil_demote *out)
{
    int err, in, way_out;

    out->id = pil_get_u64(r);
    out->suite = pil_get_u16(r);
    out->ended = pil_get_u8(r);
    in = get_traffic(r, &out->in);
    way_out = get_traffic(r, &out->out);
    out->plain_len = pil_get_u32(r);
    out->cipher_in_len = pil_get_u32(r);
    out->cipher_out_len = pil_get_u32(r);
    err = pil_reader_end(r);
    if (!err)
        err = in ? in : way_out;
    if (!err && (out->ended > PIL_ENDED_ALL || out->plain_len > PIL_DEMOTE_MAX ||
                 out->cipher_in_len > PIL_DEMOTE_MAX || out->cipher_out_len > PIL_DEMOTE_MAX))
        err = PIL_E_MALFORMED;
    return err;
}

void pil_wire_put_demoted(struct pil_writer *w, uint32_t status)
{
    pil_put_u32(w, status);
}

int pil_wire_get_demoted(struct pil_reader *r, uint32_t *status)
{
    *status = pil_get_u32(r);
    return pil_reader_end(r);
}

/* ---- standing connections ----------------------------------------------------------------- */

void pil_wire_put_recheck(struct pil_writer *w, const struct pil_recheck *m)
{
    pil_put_u16(w, m->count);
    for (unsigned i = 0; i < m->count; i++)
        pil_put_u64(w, m->id[i]);
}

int pil_wire_get_recheck(struct pil_reader *r, struct pil_recheck *out)
{
    out->count = pil_get_u16(r);
    if (r->failed)
        return PIL_E_TRUNCATED;
    if (out->count == 0 || out->count > PIL_RECHECK_MAX)
        return PIL_E_MALFORMED;
    for (unsigned i = 0; i < out->count; i++)
        out->id[i] = pil_get_u64(r);
    return pil_reader_end(r);
}

void pil_wire_put_rechecked(struct pil_writer *w, const struct pil_rechecked *m)
{
    pil_put_u16(w, m->count);
    pil_put_bytes(w, m->goes_on, m->count);
}

int pil_wire_get_rechecked(struct pil_reader *r, struct pil_rechecked *out, unsigned expected)
{
    int err;

    out->count = pil_get_u16(r);
    if (r->failed)
        return PIL_E_TRUNCATED;
    if (out->count != expected || out->count > PIL_RECHECK_MAX)
        return PIL_E_MALFORMED;
    pil_get_bytes(r, out->goes_on, out->count);
    err = pil_reader_end(r);
    for (unsigned i = 0; i < out->count && !err; i++)
        if (out->goes_on[i] > 1)
            err = PIL_E_MALFORMED;
    return err;
}
