#include "policyd/mesh/demote.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/mesh/judge.h"
#include "policyd/mesh/parts.h"
#include "policyd/mesh/relay.h"

static size_t total_of(const struct pil_demote *ask)
{
    return (size_t)ask->plain_len + ask->cipher_in_len + ask->cipher_out_len;
}

/* A copy, because the process may still write there. NULL: it is not all there. */
static uint8_t *read_bytes(const struct pil_demote *ask, int memfd)
{
    size_t len = total_of(ask);
    uint8_t *bytes = malloc(len ? len : 1);

    if (bytes && (len == 0 || pread(memfd, bytes, len, 0) == (ssize_t)len))
        return bytes;
    free(bytes);
    return NULL;
}

static void free_bytes(const struct pil_demote *ask, uint8_t *bytes)
{
    explicit_bzero(bytes, total_of(ask));
    free(bytes);
}

/* Admitted by an earlier policyd, which knew who is at the other end; it goes on as it stands. */
static struct pil_conn *enter(struct pil_mesh *m, const struct pil_process *p, int fd)
{
    struct pil_owner *owner = pil_owner_of(m, p);
    struct pil_conn *c = NULL;
    union pil_standin_addr other;
    struct pil_query q;

    if (owner && pil_judge_other(fd, &other)) {
        q = pil_judge_query(PIL_ACTION_CONNECT, &other);
        c = pil_conns_add(m, owner, PIL_ROLE_CLIENT, PIL_PATH_PROCESS, fd, &q, NULL);
    }
    if (c)
        c->unjudged = true;
    pil_owner_unref(owner);
    return c;
}

static int find(struct pil_mesh *m, const struct pil_process *p, const struct pil_demote *ask,
                int fd, struct pil_conn **out)
{
    socklen_t len = sizeof(int);
    int protocol = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) || protocol != IPPROTO_TCP)
        return PIL_E_MALFORMED;
    *out = pil_conns_find(m, ask->id);
    if (!*out)
        *out = enter(m, p, fd);
    if (!*out)
        return PIL_E_NOTFOUND;
    if (!pil_conns_is(*out, fd))
        return PIL_E_PEER;
    return (*out)->path == PIL_PATH_PROCESS && !(*out)->cut ? PIL_OK : PIL_E_REFUSED;
}

int pil_demote_take(struct pil_mesh *m, const struct pil_process *p, const struct pil_demote *ask,
                    int fd, int memfd, int *program)
{
    uint8_t *bytes = read_bytes(ask, memfd);
    struct pil_conn *c = NULL;
    int err = bytes ? find(m, p, ask, fd, &c) : PIL_E_TRUNCATED;

    if (!err)
        err = pil_relay_take(m, c, fd, ask, bytes, program);
    if (!err) {
        pil_conns_path(m, c, PIL_PATH_RELAY);
        m->stats.demoted++;
    } else {
        m->stats.demote_refused++;
    }
    if (bytes)
        free_bytes(ask, bytes);
    return err;
}
