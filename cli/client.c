#include "cli/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/err.h"
#include "core/sysops.h"

#define ANSWER_MAX (64u << 20) /* bytes: no answer of an honest policyd is longer */

static int fail(struct pil_client *c, int error, const char *format, ...) PIL_PRINTF(3, 4);

static int fail(struct pil_client *c, int error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(c->problem, sizeof(c->problem), format, ap);
    va_end(ap);
    return error;
}

static socklen_t address_of(const char *socket, struct sockaddr_un *out)
{
    size_t len = strlen(socket);

    if (len == 0 || len > PIL_SOCKET_MAX)
        return 0;
    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    memcpy(out->sun_path, socket, len);
    if (socket[0] == '@')
        out->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (socket[0] != '@'));
}

static int check_peer(struct pil_client *c)
{
    struct ucred who = {0};
    socklen_t len = sizeof(who);
    uint32_t real, effective, saved;

    if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) || len != sizeof(who))
        return fail(c, PIL_E_PEER, "%s: the kernel does not say who is there", c->socket);
    /* By the kernel, which said who is there, and which fakeroot does not deceive. */
    if (pil_sysops_kernel.getresuid(&real, &effective, &saved))
        effective = 0;
    if (who.uid != 0 && who.uid != effective)
        return fail(c, PIL_E_PEER, "%s: it was opened by uid %u, not by root or by you", c->socket,
                    (unsigned)who.uid);
    return PIL_OK;
}

static int connect_to(struct pil_client *c, const char *socket_name)
{
    const struct pil_sysops *sys = &pil_sysops_kernel;
    struct sockaddr_un addr;
    socklen_t len = address_of(socket_name, &addr);
    int error;

    snprintf(c->socket, sizeof(c->socket), "%s", socket_name);
    if (len == 0)
        return fail(c, PIL_E_RANGE,
                    "\"%s\" is no name for a socket; legal is a path, or @name, of "
                    "1 to %u bytes",
                    socket_name, PIL_SOCKET_MAX);
    /* By the system call itself: the command may run under Pillion, and a policy that is wrong
     * must not keep people from asking about it. Not blocking: a policyd that is stopped with a
     * full backlog must not hold the command. */
    c->fd = sys->socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return fail(c, PIL_E_SYSTEM, "cannot make a socket: %s", strerror(-c->fd));
    error = sys->connect(c->fd, (struct sockaddr *)&addr, len);
    if (error == 0)
        error = check_peer(c);
    else
        error = fail(c, error == -EACCES || error == -EPERM ? PIL_E_PERMISSION : PIL_E_UNREACHABLE,
                     "policyd cannot be reached at %s: %s", c->socket,
                     error == -EAGAIN ? "it does not accept connections" : strerror(-error));
    if (error)
        pil_client_close(c);
    return error;
}

int pil_client_open(struct pil_client *c, const char *socket_name)
{
    struct pil_client first;
    int error;

    memset(c, 0, sizeof(*c));
    c->fd = -1;
    c->wait_ms = PIL_CLIENT_WAIT_MS;
    if (!socket_name) {
        const char *env = getenv("PILLION_SOCKET");

        socket_name = env && *env ? env : NULL;
    }
    if (socket_name)
        return connect_to(c, socket_name);
    error = connect_to(c, PIL_DEFAULT_SOCKET);
    if (error != PIL_E_UNREACHABLE)
        return error;
    first = *c;
    error = connect_to(c, PIL_DEFAULT_ABSTRACT);
    if (error == PIL_E_UNREACHABLE)
        *c = first; /* the path is what people know */
    return error;
}

void pil_client_close(struct pil_client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

int pil_client_send(struct pil_client *c, const char *verb, const json_t *argument)
{
    char *text = argument ? json_dumps(argument, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    struct pil_control control = {pil_slice_of(verb), pil_slice_of(text)};
    struct pil_writer w;
    struct iovec iov;
    int error;

    pil_wire_begin(&w, c->frame, sizeof(c->frame), PIL_WIRE_CONTROL, ++c->sequence);
    pil_wire_put_control(&w, &control);
    error = pil_wire_finish(&w);
    free(text);
    if (error)
        return fail(c, error, "the request is too long for one frame");
    iov = (struct iovec){c->frame, w.len};
    error = pil_chan_send(&pil_sysops_kernel, c->fd, &iov, 1, NULL, 0, false);
    return error
               ? fail(c, error, "policyd at %s does not listen: %s", c->socket, pil_err_text(error))
               : PIL_OK;
}

/* One frame in, its descriptors reduced to one. */
static int receive(struct pil_client *c, int wait_ms, struct pil_wire_head *head,
                   struct pil_reader *r, int *fd)
{
    uint64_t deadline = pil_chan_now(&pil_sysops_kernel);
    int fds[PIL_CHAN_FDS], error;
    unsigned count = PIL_CHAN_FDS;
    size_t len;

    *fd = -1;
    deadline += wait_ms < 0 ? (uint64_t)INT32_MAX * 1000000u : (uint64_t)wait_ms * 1000000u;
    error = pil_chan_wait(&pil_sysops_kernel, c->fd, deadline);
    if (error)
        return error;
    error = pil_chan_recv(&pil_sysops_kernel, c->fd, c->frame, sizeof(c->frame), &len, fds, &count,
                          false);
    if (error)
        return error;
    for (unsigned i = 1; i < count; i++)
        close(fds[i]);
    if (count > 0)
        *fd = fds[0];
    return pil_wire_open(c->frame, len, head, r);
}

static int take_end(struct pil_client *c, struct pil_reader *r, struct pil_slice *text)
{
    uint32_t status;
    int error = pil_wire_get_end(r, &status, text);

    if (error)
        return fail(c, PIL_E_MALFORMED, "policyd's answer is malformed");
    if (status == PIL_OK)
        return PIL_E_CLOSED;
    fail(c, PIL_E_REFUSED, "%.*s", (int)text->len, text->at ? text->at : "");
    if (text->len == 0)
        fail(c, PIL_E_REFUSED, "%s", pil_err_text((int)status));
    return (int)status == PIL_E_CLOSED ? PIL_E_REFUSED : (int)status;
}

static int judge_frame(struct pil_client *c, const struct pil_wire_head *head, struct pil_reader *r,
                       struct pil_slice *piece)
{
    if (head->sequence != c->sequence)
        return fail(c, PIL_E_MALFORMED, "policyd answered a question that was not asked");
    if (head->type == PIL_WIRE_END)
        return take_end(c, r, piece);
    if (head->type != PIL_WIRE_DATA)
        return fail(c, PIL_E_MALFORMED, "policyd sent a frame that is no answer");
    *piece = (struct pil_slice){(const char *)r->at, r->left};
    return PIL_OK;
}

int pil_client_next(struct pil_client *c, int wait_ms, struct pil_slice *piece, int *fd)
{
    struct pil_wire_head head;
    struct pil_reader r;
    int error = receive(c, wait_ms, &head, &r, fd);

    *piece = (struct pil_slice){0};
    if (error == PIL_E_CLOSED) /* of the channel, not of the answer */
        error = fail(c, PIL_E_UNREACHABLE, "policyd at %s closed the connection", c->socket);
    else if (error)
        fail(c, error, "no answer from policyd at %s: %s", c->socket, pil_err_text(error));
    else
        error = judge_frame(c, &head, &r, piece);
    if (error && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return error;
}

struct gathered {
    char *text;
    size_t len;
    int fd;
};

static int gather_one(struct pil_client *c, struct gathered *g, struct pil_slice piece, int fd)
{
    char *grown;

    if (fd >= 0) {
        if (g->fd >= 0)
            close(g->fd);
        g->fd = fd;
    }
    if (piece.len > ANSWER_MAX - g->len)
        return fail(c, PIL_E_MALFORMED, "policyd's answer is longer than %u bytes", ANSWER_MAX);
    grown = realloc(g->text, g->len + piece.len + 1);
    if (!grown)
        return fail(c, PIL_E_NOMEM, "out of memory");
    g->text = grown;
    if (piece.len > 0)
        memcpy(g->text + g->len, piece.at, piece.len);
    g->len += piece.len;
    return PIL_OK;
}

static int parse_answer(struct pil_client *c, const struct gathered *g, json_t **answer)
{
    json_error_t where;

    *answer = NULL;
    if (g->len == 0)
        return PIL_OK;
    *answer = json_loadb(g->text, g->len, JSON_DECODE_ANY, &where);
    return *answer ? PIL_OK
                   : fail(c, PIL_E_MALFORMED, "policyd's answer is no JSON: %s", where.text);
}

int pil_client_call(struct pil_client *c, const char *verb, const json_t *argument, json_t **answer,
                    int *fd)
{
    struct gathered g = {.fd = -1};
    int error = pil_client_send(c, verb, argument);

    *answer = NULL;
    while (!error) {
        struct pil_slice piece;
        int got;

        error = pil_client_next(c, c->wait_ms, &piece, &got);
        if (!error)
            error = gather_one(c, &g, piece, got);
    }
    if (error == PIL_E_CLOSED)
        error = parse_answer(c, &g, answer);
    free(g.text);
    if (g.fd >= 0 && (error || !fd)) {
        close(g.fd);
        g.fd = -1;
    }
    if (fd)
        *fd = g.fd;
    return error;
}

int pil_client_ask(const char *socket_name, const char *verb, const json_t *argument,
                   json_t **answer, int *fd)
{
    struct pil_client *c = malloc(sizeof(*c));
    int error;

    if (!c) {
        pil_cli_error("out of memory");
        return PIL_E_NOMEM;
    }
    *answer = NULL;
    if (fd)
        *fd = -1;
    error = pil_client_open(c, socket_name);
    if (!error)
        error = pil_client_call(c, verb, argument, answer, fd);
    if (error)
        pil_cli_error("%s", c->problem);
    pil_client_close(c);
    free(c);
    return error;
}
