/* What encryption of services and conditions on peers can and cannot do together. */
#include <string.h>

#include "conf/check.h"
#include "conf/resource.h"
#include "core/eval.h"

#define SEES_PEER (1u << PIL_ACTION_CONNECT | 1u << PIL_ACTION_ACCEPT)

static bool secures(const struct pil_service *service)
{
    return service->encrypt == PIL_ENCRYPT_REQUIRED || service->encrypt == PIL_ENCRYPT_PERMISSIVE;
}

/* ---- services -------------------------------------------------------------------------------- */

static void check_endpoints(struct pil_check *c, const struct pil_service *service)
{
    const struct pil_strings *list = &service->endpoints;
    const char *mode = pil_encrypt_name(service->encrypt);
    unsigned addresses = 0;

    for (size_t i = 0; i < list->count; i++) {
        struct pil_resource res;

        if (pil_resource_parse(pil_slice_of(list->item[i]), &res, NULL))
            continue;
        addresses += res.kind == PIL_KIND_INET;
        if (res.kind == PIL_KIND_UNIX)
            pil_diag_error(c->diag, pil_check_item_at(list, i),
                           "endpoint \"%s\" of service \"%s\" cannot be encrypted, and encrypt is "
                           "%s; legal is a service of its own for unix sockets",
                           list->item[i], service->title, mode);
    }
    if (addresses == 0)
        pil_diag_warning(c->diag, service->encrypt_at,
                         "encrypt = %s of service \"%s\" does not hold for its server: no endpoint "
                         "is an address, so nobody can tell that it listens there",
                         mode, service->title);
}

void pil_check_service(struct pil_check *c, const struct pil_service *service)
{
    if (service->identity && !secures(service))
        pil_diag_warning(c->diag, service->identity_at,
                         "identity of service \"%s\" has no effect of its own: without encrypt = "
                         "required or permissive nobody shows one",
                         service->title);
    if (!secures(service))
        return;
    check_endpoints(c, service);
    if (service->encrypt == PIL_ENCRYPT_PERMISSIVE && service->server_first)
        pil_diag_error(c->diag, service->encrypt_at,
                       "encrypt = permissive of service \"%s\" cannot hold with server_first = "
                       "yes: the server would speak before a client shows whether it speaks TLS; "
                       "legal is required or off",
                       service->title);
    if (!c->model->trust_domain)
        pil_diag_warning(
            c->diag, service->encrypt_at,
            "encrypt = %s of service \"%s\" %s: without a trust_domain no workload has "
            "an identity",
            pil_encrypt_name(service->encrypt), service->title,
            service->encrypt == PIL_ENCRYPT_REQUIRED ? "keeps everybody out" : "encrypts nothing");
}

/* ---- rules ----------------------------------------------------------------------------------- */

static bool ports_meet(const struct pil_ports *a, const struct pil_ports *b)
{
    return a->low <= b->high && b->low <= a->high;
}

static bool is_below(struct pil_slice name, struct pil_slice suffix)
{
    size_t more = name.len - suffix.len;

    return name.len > suffix.len + 1 && name.at[more - 1] == '.' &&
           memcmp(name.at + more, suffix.at, suffix.len) == 0;
}

static bool hosts_meet(const struct pil_resource *a, const struct pil_resource *b)
{
    if (pil_slice_equal(a->name, b->name))
        return a->wildcard == b->wildcard;
    return (a->wildcard && is_below(b->name, a->name)) ||
           (b->wildcard && is_below(a->name, b->name));
}

/* Some connection may be to both. Whether a name has an address is not known here. */
static bool may_meet(const struct pil_resource *a, const struct pil_resource *b)
{
    if (a->kind == PIL_KIND_NONE)
        return true;
    if (a->kind == PIL_KIND_UNIX || b->kind == PIL_KIND_UNIX || !ports_meet(&a->ports, &b->ports))
        return false;
    if (a->kind != b->kind)
        return true;
    if (a->kind == PIL_KIND_NAME)
        return hosts_meet(a, b);
    return a->prefix.bits < b->prefix.bits ? pil_prefix_has(&a->prefix, &b->prefix.ip)
                                           : pil_prefix_has(&b->prefix, &a->prefix.ip);
}

static bool meets_service(const struct pil_service *service, const struct pil_resource *res)
{
    for (size_t i = 0; i < service->endpoints.count; i++) {
        struct pil_resource endpoint;

        if (!pil_resource_parse(pil_slice_of(service->endpoints.item[i]), &endpoint, NULL) &&
            may_meet(res, &endpoint))
            return true;
    }
    return false;
}

/* A permissive service is spoken to in the clear by who does not know its identity. */
static bool shows_peer(const struct pil_service *service, unsigned actions)
{
    if (!secures(service))
        return false;
    return (actions & 1u << PIL_ACTION_ACCEPT) || service->encrypt == PIL_ENCRYPT_REQUIRED ||
           service->identity;
}

/* A connection to this resource may be one whose peer shows who it is. */
static bool gives_peer(const struct pil_check *c, unsigned actions, const char *text)
{
    struct pil_resource res;

    if (pil_resource_parse(pil_slice_of(text), &res, NULL))
        return true; /* told by the loader */
    for (size_t i = 0; i < c->model->service_count; i++) {
        const struct pil_service *service = &c->model->service[i];

        if (!shows_peer(service, actions))
            continue;
        if (res.service ? pil_slice_equal(res.name, pil_slice_of(service->title))
                        : meets_service(service, &res))
            return true;
    }
    return false;
}

static bool any_gives_peer(const struct pil_check *c, unsigned actions,
                           const struct pil_strings *resources)
{
    if (!resources->has)
        return gives_peer(c, actions, "*");
    for (size_t i = 0; i < resources->count; i++)
        if (gives_peer(c, actions, resources->item[i]))
            return true;
    return false;
}

void pil_check_peer(struct pil_check *c, const struct pil_rule *rule)
{
    const unsigned actions = pil_check_actions(rule) & SEES_PEER;

    if (!rule->when.peer.has || !actions || any_gives_peer(c, actions, &rule->resources))
        return;
    pil_diag_warning(
        c->diag, rule->when.peer.at,
        "condition \"peer\" of rule \"%s\" never sees one: no service whose encrypt makes "
        "them show who they are has such an endpoint, so the rule %s",
        rule->title, rule->effect == PIL_DENY ? "denies always" : "never allows");
}
