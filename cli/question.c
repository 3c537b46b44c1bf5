#include "cli/question.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "conf/resource.h"
#include "conf/value.h"
#include "core/err.h"

#define WHOLE 128 /* bits of a prefix that is one address */

static int refuse(const char *what, const char *text, const char *legal)
{
    pil_cli_error("%s \"%s\"; legal is %s", what, text, legal);
    return PIL_E_SYNTAX;
}

static bool keep(char *to, const char *from)
{
    if (strlen(from) > PIL_TEXT_MAX)
        return false;
    strcpy(to, from);
    pil_resource_normalize(to);
    return true;
}

static int one_port(const struct pil_resource *r, const char *text, uint16_t *port)
{
    if (r->ports.low != r->ports.high)
        return refuse("a question is about one port, not", text,
                      "ADDRESS:PORT, [ADDRESS]:PORT or HOST:PORT");
    *port = r->ports.low;
    return PIL_OK;
}

static int ask_address(const struct pil_resource *r, struct pil_question *out)
{
    struct pil_query *q = &out->query[0];

    if (r->prefix.bits != WHOLE)
        return refuse("a question is about one address, not", out->text,
                      "ADDRESS:PORT or [ADDRESS]:PORT");
    q->kind = PIL_KIND_INET;
    q->ip = r->prefix.ip;
    q->name = pil_slice_of(out->name);
    out->count = 1;
    return one_port(r, out->text, &q->port);
}

/* One query for each address of the name. */
static void look_up(struct pil_question *out, uint16_t port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;

    if (getaddrinfo(out->name, NULL, &hints, &list))
        list = NULL;
    for (const struct addrinfo *ai = list; ai && out->count < PIL_QUESTION_MAX; ai = ai->ai_next) {
        struct pil_query *q = &out->query[out->count];
        struct pil_addr addr;

        if (pil_addr_from(ai->ai_addr, ai->ai_addrlen, &addr) || addr.kind != PIL_KIND_INET)
            continue;
        q->ip = addr.ip;
        out->count++;
    }
    if (list)
        freeaddrinfo(list);
    out->no_address = out->count == 0;
    if (out->no_address)
        out->count = 1;
    for (unsigned i = 0; i < out->count; i++) {
        out->query[i].kind = PIL_KIND_INET;
        out->query[i].port = port;
        out->query[i].name = pil_slice_of(out->name);
    }
}

static int ask_name(const struct pil_resource *r, unsigned action, struct pil_question *out)
{
    uint16_t port;
    int error;

    if (r->wildcard)
        return refuse("a question is about one host, not", out->text, "HOST or HOST:PORT");
    memcpy(out->name, r->name.at, r->name.len);
    out->name[r->name.len] = '\0';
    if (action == PIL_ACTION_RESOLVE) {
        out->query[0].kind = PIL_KIND_NAME;
        out->query[0].name = pil_slice_of(out->name);
        out->count = 1;
        return PIL_OK;
    }
    error = one_port(r, out->text, &port);
    if (!error)
        look_up(out, port);
    return error;
}

static int ask_path(const struct pil_resource *r, struct pil_question *out)
{
    if (r->wildcard)
        return refuse("a question is about one socket, not", out->text, "unix:/PATH or unix:@NAME");
    out->query[0].kind = PIL_KIND_UNIX;
    out->query[0].name = r->name;
    out->count = 1;
    return PIL_OK;
}

static int ask_resource(const struct pil_asked *asked, unsigned action, struct pil_question *out)
{
    struct pil_resource r;
    const char *legal = "";

    if (!keep(out->text, asked->resource))
        return refuse("too long:", asked->resource, "at most 1023 bytes");
    if (pil_resource_parse(pil_slice_of(out->text), &r, &legal))
        return refuse("unknown resource", asked->resource, legal);
    if (r.service || (r.kind == PIL_KIND_NONE && r.wildcard))
        return refuse("a question is about one thing, not", asked->resource,
                      "an address, a host name or a unix path");
    if ((action == PIL_ACTION_RESOLVE) != (r.kind == PIL_KIND_NAME) && action == PIL_ACTION_RESOLVE)
        return refuse("resolve asks for a host name, not", asked->resource, "HOST");
    switch (r.kind) {
    case PIL_KIND_INET:
        return ask_address(&r, out);
    case PIL_KIND_NAME:
        return ask_name(&r, action, out);
    default:
        return ask_path(&r, out);
    }
}

static int check_peer(const char *peer, unsigned action)
{
    const struct pil_form *form = &pil_form_spiffe;
    const char *legal = form->legal;

    if (peer && action != PIL_ACTION_CONNECT && action != PIL_ACTION_ACCEPT)
        return refuse("only connections have a peer, not", pil_action_name(action),
                      "connect, accept");
    if (!peer || !*peer)
        return PIL_OK;
    if (strlen(peer) > PIL_PEER_MAX || strpbrk(peer, "*?") || !form->fits(peer, &legal))
        return refuse("unknown peer", peer, "a SPIFFE ID, spiffe://DOMAIN/PATH, or nothing");
    return PIL_OK;
}

static void add_peer(struct pil_query *q, const char *peer)
{
    if (peer) {
        q->peer = pil_slice_of(peer);
        q->seen |= PIL_FIELD_PEER;
    } else if (q->action == PIL_ACTION_CONNECT && q->kind == PIL_KIND_INET) {
        q->flags |= PIL_QUERY_PEER_LATER;
    }
}

static int add_conditions(const struct pil_asked *asked, unsigned action, struct pil_question *out)
{
    struct pil_prefix source = {.bits = 0};

    if (asked->source &&
        (pil_prefix_parse(pil_slice_of(asked->source), &source) || source.bits != WHOLE))
        return refuse("unknown source", asked->source, "one IPv4 or IPv6 address");
    if (asked->source && action != PIL_ACTION_ACCEPT)
        return refuse("only accept has a source, not", pil_action_name(action), "accept");
    if (check_peer(asked->peer, action))
        return PIL_E_SYNTAX;
    for (unsigned i = 0; i < out->count; i++) {
        struct pil_query *q = &out->query[i];

        q->action = (uint8_t)action;
        q->seen = PIL_FIELD_NAME;
        if (asked->source) {
            q->source = source.ip;
            q->seen |= PIL_FIELD_SOURCE;
        }
        if (asked->caller) {
            q->caller = pil_slice_of(asked->caller);
            q->seen |= PIL_FIELD_CALLER;
        }
        add_peer(q, asked->peer);
    }
    return PIL_OK;
}

int pil_question_read(const struct pil_asked *asked, struct pil_question *out)
{
    unsigned action = pil_action_parse(pil_slice_of(asked->action));
    int error;

    memset(out, 0, sizeof(*out));
    if (action == PIL_ACTION_NONE)
        return refuse("unknown action", asked->action, "connect, accept, listen, send, resolve");
    if (asked->caller && strlen(asked->caller) > PIL_CALLER_MAX)
        return refuse("the name of a library is too long:", asked->caller, "at most 63 bytes");
    if (asked->name) {
        if (!keep(out->name, asked->name) || !pil_resource_host(pil_slice_of(out->name)))
            return refuse("unknown host name", asked->name, "a host name");
    }
    error = ask_resource(asked, action, out);
    return error ? error : add_conditions(asked, action, out);
}
