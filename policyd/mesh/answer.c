#include "policyd/mesh/answer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/daemon.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/relay.h"

enum pil_path pil_answer_path(const struct pil_mesh *m, bool relay_only)
{
    return relay_only || m->d->settings.record_path == PIL_RECORD_PATH_RELAY ? PIL_PATH_RELAY
                                                                             : PIL_PATH_PROCESS;
}

static int write_frame(const struct pil_secured *secured, struct pil_answer *out)
{
    struct pil_writer w;
    int err;

    out->frame = malloc(PIL_ANSWER_MAX);
    if (!out->frame)
        return PIL_E_NOMEM;
    pil_wire_begin(&w, out->frame, PIL_ANSWER_MAX, PIL_WIRE_SECURED, 0);
    pil_wire_put_secured(&w, secured);
    err = pil_wire_finish(&w);
    out->len = w.len;
    return err;
}

static struct pil_secured describe(const struct pil_conn *c, const struct pil_hand_result *result)
{
    struct pil_secured secured = {
        .status = PIL_OK,
        .path = c->path,
        .id = c->id,
        .generation = c->generation,
        .peer = c->query.peer,
    };

    if (!result)
        return secured;
    secured.suite = result->suite;
    secured.mesh = result->mesh;
    if (c->path != PIL_PATH_PROCESS)
        return secured;
    secured.in = result->in;
    secured.out = result->out;
    return secured;
}

int pil_answer_make(struct pil_mesh *m, struct pil_owner *owner, enum pil_tls_role role,
                    enum pil_path path, int fd, const struct pil_query *q,
                    const struct pil_verdict *v, const struct pil_hand_result *result,
                    struct pil_answer *out)
{
    struct pil_secured secured;
    int err = PIL_OK;

    *out = (struct pil_answer){.fd = -1};
    out->conn = pil_conns_add(m, owner, role, path, fd, q, result);
    if (!out->conn)
        return PIL_E_NOMEM;
    out->conn->generation = v->generation;
    if (path == PIL_PATH_RELAY)
        err = pil_relay_begin(m, out->conn, fd, result, &out->fd);
    secured = describe(out->conn, result);
    if (!err)
        err = write_frame(&secured, out);
    explicit_bzero(&secured, sizeof(secured));
    if (!err)
        return PIL_OK;
    pil_conns_remove(m, out->conn);
    out->conn = NULL;
    pil_answer_free(out);
    return err;
}

int pil_answer_refuse(uint32_t status, uint16_t error, enum pil_tls_reason reason,
                      struct pil_answer *out)
{
    struct pil_secured secured = {.status = status, .error = error, .reason = (uint8_t)reason};

    *out = (struct pil_answer){.fd = -1};
    return write_frame(&secured, out);
}

void pil_answer_free(struct pil_answer *answer)
{
    if (answer->frame) {
        explicit_bzero(answer->frame, PIL_ANSWER_MAX);
        free(answer->frame);
    }
    if (answer->fd >= 0)
        close(answer->fd);
    answer->frame = NULL;
    answer->fd = -1;
}
