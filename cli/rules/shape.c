#include "cli/rules/shape.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/rules/words.h"
#include "core/err.h"

#define RANGE_FILE "/proc/sys/net/ipv4/ip_local_port_range"

static const char note_port[] = "a port that the kernel chose";

/* ---- what is known beforehand --------------------------------------------------------------- */

bool pil_shape_widen(const char *text, unsigned *out)
{
    static const char *const names[] = {"loopback", "network", "private", "any"};

    return pil_words_bits(text, names, PIL_NELEM(names), out);
}

static unsigned bits_of(const struct sockaddr *mask, size_t octets)
{
    const uint8_t *at = octets == 4
                            ? (const uint8_t *)&((const struct sockaddr_in *)mask)->sin_addr
                            : (const uint8_t *)&((const struct sockaddr_in6 *)mask)->sin6_addr;
    unsigned bits = 0;

    for (size_t i = 0; i < octets; i++)
        bits += (unsigned)__builtin_popcount(at[i]);
    return octets == 4 ? 96 + bits : bits;
}

static void add_network(struct pil_shape *shape, const struct ifaddrs *one)
{
    struct pil_prefix *grown;
    struct pil_addr addr;

    if (!one->ifa_addr || !one->ifa_netmask ||
        (one->ifa_addr->sa_family != AF_INET && one->ifa_addr->sa_family != AF_INET6) ||
        pil_addr_from(one->ifa_addr, sizeof(struct sockaddr_in6), &addr))
        return;
    grown = realloc(shape->network, (shape->networks + 1) * sizeof(*grown));
    if (!grown)
        return;
    shape->network = grown;
    grown[shape->networks] = (struct pil_prefix){
        addr.ip, (uint8_t)bits_of(one->ifa_netmask, one->ifa_addr->sa_family == AF_INET ? 4 : 16)};
    pil_ip_mask(&grown[shape->networks].ip, grown[shape->networks].bits);
    shape->networks++;
}

void pil_shape_open(struct pil_shape *shape)
{
    FILE *file = fopen(RANGE_FILE, "re");
    struct ifaddrs *list = NULL;
    unsigned low, high;

    if (file && fscanf(file, "%u %u", &low, &high) == 2 && low > 0 && low <= high && high < 65536)
        shape->chosen = (struct pil_ports){(uint16_t)low, (uint16_t)high};
    if (file)
        fclose(file);
    if (!(shape->widen & PIL_WIDEN_NETWORK) || getifaddrs(&list))
        return;
    for (const struct ifaddrs *one = list; one; one = one->ifa_next)
        add_network(shape, one);
    freeifaddrs(list);
}

void pil_shape_close(struct pil_shape *shape)
{
    free(shape->network);
    shape->network = NULL;
    shape->networks = 0;
}

/* ---- addresses and ports -------------------------------------------------------------------- */

static bool is_any(const struct pil_ip *ip)
{
    static const struct pil_ip none, none4 = {{[10] = 0xff, [11] = 0xff}};

    return pil_ip_equal(ip, &none) || pil_ip_equal(ip, &none4);
}

static bool was_chosen(const struct pil_shape *shape, uint16_t port)
{
    return !shape->exact && shape->chosen.low > 0 && port >= shape->chosen.low &&
           port <= shape->chosen.high;
}

/* Did anybody listen on that port, at the address or at all of them? */
static bool is_listened(const struct pil_shape *shape, uint16_t port, bool everywhere)
{
    for (size_t i = 0; shape->all && i < shape->all->count; i++) {
        const struct pil_seen *s = &shape->all->item[i];

        if (s->action == PIL_ACTION_LISTEN && s->kind == PIL_KIND_INET && s->port == port &&
            (!everywhere || is_any(&s->ip)))
            return true;
    }
    return false;
}

/* A server of datagrams answers to ports that its clients' kernels chose. */
static bool serves(const struct pil_shape *shape, const struct pil_seen *seen)
{
    for (size_t i = 0; shape->all && i < shape->all->count; i++) {
        const struct pil_seen *s = &shape->all->item[i];

        if (s->action == PIL_ACTION_LISTEN && s->kind == PIL_KIND_INET &&
            strcmp(s->exe, seen->exe) == 0)
            return true;
    }
    return false;
}

static bool port_differs(const struct pil_shape *shape, const struct pil_seen *seen)
{
    if (!was_chosen(shape, seen->port))
        return false;
    switch (seen->action) {
    case PIL_ACTION_LISTEN:
    case PIL_ACTION_ACCEPT:
        return true;
    case PIL_ACTION_SEND:
        return serves(shape, seen);
    default: /* only of one's own listeners is it known */
        return is_listened(shape, seen->port, false);
    }
}

static bool own_side(const struct pil_seen *seen)
{
    return seen->action == PIL_ACTION_LISTEN || seen->action == PIL_ACTION_ACCEPT;
}

/* The socket takes what comes to every address. */
static bool is_everywhere(const struct pil_shape *shape, const struct pil_seen *seen)
{
    return own_side(seen) && (is_any(&seen->ip) || (seen->action == PIL_ACTION_ACCEPT &&
                                                    is_listened(shape, seen->port, true)));
}

/* The own address may have a name as well, because somebody resolved it; it is the address that
 * one listens on. */
static void put_host(const struct pil_shape *shape, const struct pil_seen *seen, FILE *to)
{
    char ip[PIL_IP_TEXT];

    pil_ip_print(&seen->ip, ip);
    if (is_everywhere(shape, seen))
        fputc('*', to);
    else if (*seen->name && !own_side(seen))
        fputs(seen->name, to);
    else
        fprintf(to, pil_ip_is_v4(&seen->ip) ? "%s" : "[%s]", ip);
}

static char *endpoint(const struct pil_shape *shape, const struct pil_seen *seen, const char **note)
{
    bool differs = port_differs(shape, seen);
    char *out = NULL;
    size_t len;
    FILE *to = open_memstream(&out, &len);

    if (!to)
        return NULL;
    put_host(shape, seen, to);
    if (differs)
        fprintf(to, ":%u-%u", shape->chosen.low, shape->chosen.high);
    else
        fprintf(to, ":%u", seen->port);
    *note = differs ? note_port : NULL;
    return fclose(to) ? NULL : out;
}

/* ---- peers ---------------------------------------------------------------------------------- */

static const struct {
    unsigned class;
    const char *prefix;
} classes[] = {
    {PIL_WIDEN_LOOPBACK, "127.0.0.0/8"},   {PIL_WIDEN_LOOPBACK, "::1"},
    {PIL_WIDEN_PRIVATE, "10.0.0.0/8"},     {PIL_WIDEN_PRIVATE, "172.16.0.0/12"},
    {PIL_WIDEN_PRIVATE, "192.168.0.0/16"}, {PIL_WIDEN_PRIVATE, "fc00::/7"},
    {PIL_WIDEN_PRIVATE, "fe80::/10"},
};

static char *prefix_text(const struct pil_prefix *prefix)
{
    char text[PIL_IP_TEXT + 8];
    struct pil_text out;

    pil_text_init(&out, text, sizeof(text));
    pil_prefix_print(prefix, &out);
    return strdup(text);
}

/* A loopback address is on an interface's network as well; --widen network does not mean that. */
static char *network_of(const struct pil_shape *shape, const struct pil_ip *source)
{
    struct pil_prefix loopback, loopback6;

    if (pil_prefix_parse(pil_slice_of("127.0.0.0/8"), &loopback) ||
        pil_prefix_parse(pil_slice_of("::1"), &loopback6) || pil_prefix_has(&loopback, source) ||
        pil_prefix_has(&loopback6, source))
        return NULL;
    for (size_t i = 0; i < shape->networks; i++)
        if (shape->network[i].bits > 0 && pil_prefix_has(&shape->network[i], source))
            return prefix_text(&shape->network[i]);
    return NULL;
}

char *pil_shape_source(const struct pil_shape *shape, const struct pil_ip *source, bool *any)
{
    struct pil_prefix prefix = {*source, 128};
    char *network = NULL;

    *any = (shape->widen & PIL_WIDEN_ANY) != 0;
    if (*any)
        return NULL;
    for (size_t i = 0; i < PIL_NELEM(classes); i++)
        if ((shape->widen & classes[i].class) &&
            pil_prefix_parse(pil_slice_of(classes[i].prefix), &prefix) == PIL_OK &&
            pil_prefix_has(&prefix, source))
            return prefix_text(&prefix);
    if (shape->widen & PIL_WIDEN_NETWORK)
        network = network_of(shape, source);
    prefix = (struct pil_prefix){*source, 128};
    return network ? network : prefix_text(&prefix);
}

char *pil_shape_peer(const struct pil_shape *shape, const char *id)
{
    const char *domain = shape->image ? pil_image_trust_domain(shape->image) : "";
    size_t len = strlen("spiffe://") + strlen(domain);
    char *out;

    if (!*domain || strlen(id) <= len + 1 || id[len] != '/' ||
        strncmp(id + strlen("spiffe://"), domain, strlen(domain)) != 0 ||
        !pil_image_workload_find(shape->image, pil_slice_of(id + len + 1)))
        return strdup(id);
    return asprintf(&out, "workload:%s", id + len + 1) < 0 ? NULL : out;
}

/* ---- all of it ------------------------------------------------------------------------------ */

char *pil_shape_resource(const struct pil_shape *shape, const struct pil_seen *seen,
                         const char **note)
{
    char *path, *out = NULL;

    *note = NULL;
    switch (seen->kind) {
    case PIL_KIND_INET:
        return endpoint(shape, seen, note);
    case PIL_KIND_NAME:
        return strdup(seen->name);
    case PIL_KIND_UNIX:
        path = pil_shape_path(shape, seen->name, note);
        if (path && asprintf(&out, "unix:%s", path) < 0)
            out = NULL;
        free(path);
        return out;
    default:
        return strdup("");
    }
}
