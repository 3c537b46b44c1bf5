#include "cli/rules/shape.h"

#include <ctype.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"
#include "core/glob.h"

#define RANGE_FILE "/proc/sys/net/ipv4/ip_local_port_range"

static const char note_port[] = "a port that the kernel chose";
static const char note_random[] = "a name made at random";
static const char note_number[] = "a number that differs";

/* ---- what is known beforehand --------------------------------------------------------------- */

bool pil_shape_widen(const char *text, unsigned *out)
{
    static const char *const names[] = {"loopback", "network", "private", "any"};

    *out = 0;
    while (*text) {
        size_t len = strcspn(text, ","), i = 0;

        while (i < PIL_NELEM(names) &&
               (strlen(names[i]) != len || strncmp(names[i], text, len) != 0))
            i++;
        if (i == PIL_NELEM(names))
            return false;
        *out |= 1u << i;
        text += len + (text[len] == ',');
    }
    return *out != 0;
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

/* ---- paths ---------------------------------------------------------------------------------- */

enum class { CLASS_NONE, CLASS_LOWER, CLASS_UPPER, CLASS_DIGIT };

static enum class class_of(char c) {
    if (islower((unsigned char)c)) return CLASS_LOWER;
    if (isupper((unsigned char)c)) return CLASS_UPPER;
    return isdigit((unsigned char)c) ? CLASS_DIGIT : CLASS_NONE;
}

static size_t run_of(const char *at)
{
    size_t len = 0;

    while (class_of(at[len]) != CLASS_NONE || at[len] == '_')
        len++;
    return len;
}

/* People write "service1", "PGSQL" and "SessionBus"; only a generator goes back and forth between
 * kinds of letters and digits. A capital that begins a word does not count. */
static bool looks_random(const char *run, size_t len)
{
    enum class last = CLASS_NONE;
    unsigned changes = 0;

    for (size_t i = 0; i < len; i++) {
        enum class now = class_of(run[i]);

        if (now == CLASS_NONE)
            continue;
        changes +=
            last != CLASS_NONE && now != last && !(last == CLASS_UPPER && now == CLASS_LOWER);
        last = now;
    }
    return len >= 6 && changes >= 3;
}

static bool is_hex(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isxdigit((unsigned char)at[i]))
            return false;
    return true;
}

/* 8-4-4-4-12 hex digits; its length, or 0. */
static size_t uuid_of(const char *at)
{
    static const size_t groups[] = {8, 4, 4, 4, 12};
    size_t len = 0;

    for (size_t i = 0; i < PIL_NELEM(groups); i++) {
        if (i > 0 && at[len++] != '-')
            return 0;
        if (strnlen(at + len, groups[i]) < groups[i] || !is_hex(at + len, groups[i]))
            return 0;
        len += groups[i];
    }
    return len;
}

/* Pieces of a path: a volatile one, a number, or some of the rest. */
enum piece { PIECE_PLAIN, PIECE_RANDOM, PIECE_NUMBER };

/* A path and where in it the first folder begins that is gone by now. Where temporary folders are
 * made, such a one was one; its name, and names below it, are made up where they can be. */
struct path {
    const char *text;
    size_t gone; /* SIZE_MAX: every folder is there */
};

static bool is_for_temporary(const char *folder)
{
    struct stat st;

    return strncmp(folder, "/run/user/", 10) == 0 ||
           (stat(folder, &st) == 0 && (st.st_mode & S_ISVTX));
}

static struct path path_of(const char *text)
{
    char folder[PIL_UNIX_MAX + 2];
    const char *begin = text + 1, *slash;

    while (text[0] == '/' && (slash = strchr(begin, '/'))) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - text), text);
        if (access(folder, F_OK) != 0) {
            folder[begin - text] = '\0';
            return (struct path){text,
                                 is_for_temporary(folder) ? (size_t)(begin - text) : SIZE_MAX};
        }
        begin = slash + 1;
    }
    return (struct path){text, SIZE_MAX};
}

/* The run ends its component and is all of it, or stands behind a separator that generators use:
 * "pymp-abcdefgh", "x.AbCdEf". "control.socket" is none of theirs. */
static bool is_made_up(const struct path *path, size_t at, size_t len)
{
    const char *run = path->text + at;
    bool ends = run[len] == '/' || run[len] == '\0';
    char before = at > 0 ? run[-1] : '/';
    bool lower = true;

    for (size_t i = 0; i < len; i++)
        lower = lower && islower((unsigned char)run[i]);
    if (path->gone == SIZE_MAX || at < path->gone || !ends || len < 6)
        return false;
    return before == '-' || (before == '/' && at == path->gone) || (before == '.' && !lower);
}

/* Python's names for what is temporary: "tmp" and eight letters, digits and underscores. */
static bool is_tmp(const struct path *path, size_t at)
{
    return (at == 0 || path->text[at - 1] == '/') && strncmp(path->text + at, "tmp", 3) == 0 &&
           run_of(path->text + at) == 11;
}

static enum piece piece_of(const struct path *path, size_t at, size_t *len)
{
    const char *text = path->text + at;
    size_t digits = strspn(text, "0123456789");

    *len = uuid_of(text);
    if (*len > 0)
        return PIECE_RANDOM;
    if (is_tmp(path, at)) {
        *len = 3;
        return PIECE_PLAIN;
    }
    *len = run_of(text);
    if (at >= 3 && is_tmp(path, at - 3))
        return PIECE_RANDOM;
    if (*len > 0 && (looks_random(text, *len) || is_made_up(path, at, *len)))
        return PIECE_RANDOM;
    if (digits > 0) {
        *len = digits;
        return PIECE_NUMBER;
    }
    /* Letters up to the digits behind them. */
    *len = 1;
    while (class_of(text[0]) != CLASS_NONE && class_of(text[*len]) != CLASS_DIGIT &&
           run_of(text + *len) > 0)
        ++*len;
    return PIECE_PLAIN;
}

/* Do the two differ in random runs and numbers alone? Numbers that differ are marked in `differs`,
 * by which piece of `a` they are. */
static bool same_shape(const struct path *a, const struct path *b, uint64_t *differs)
{
    size_t i = 0, k = 0, m, n;
    uint64_t marks = 0;

    for (unsigned piece = 0; a->text[i] && b->text[k]; piece++, i += m, k += n) {
        enum piece x = piece_of(a, i, &m), y = piece_of(b, k, &n);
        bool same = m == n && memcmp(a->text + i, b->text + k, m) == 0;

        if (x != y || (x == PIECE_PLAIN && !same))
            return false;
        if (x == PIECE_NUMBER && !same && piece < 64)
            marks |= UINT64_C(1) << piece;
    }
    if (a->text[i] || b->text[k])
        return false;
    *differs |= marks;
    return true;
}

static uint64_t numbers_that_differ(const struct pil_shape *shape, const struct path *path)
{
    uint64_t differs = 0;

    for (size_t i = 0; shape->all && i < shape->all->count; i++)
        if (shape->all->item[i].kind == PIL_KIND_UNIX) {
            struct path other = path_of(shape->all->item[i].name);

            same_shape(path, &other, &differs);
        }
    for (size_t i = 0; i < shape->paths; i++) {
        struct path other = path_of(shape->path[i]);

        same_shape(path, &other, &differs);
    }
    return differs;
}

/* An abstract name that the kernel gave: five hex digits. */
static bool is_autobound(const char *path)
{
    return path[0] == '@' && strlen(path) == 6 && is_hex(path + 1, 5);
}

static char *write_shape(const struct path *path, uint64_t differs, const char **note)
{
    char *out = malloc(strlen(path->text) + 1), *to = out;
    unsigned stars = 0;
    size_t len;

    for (size_t i = 0, at = 0; out && path->text[at]; i++, at += len) {
        enum piece piece = piece_of(path, at, &len);
        bool number = piece == PIECE_NUMBER && i < 64 && (differs >> i & 1);

        if (piece == PIECE_RANDOM || number) {
            *note = piece == PIECE_RANDOM ? note_random : *note ? *note : note_number;
            *to++ = '*';
            stars++;
        } else {
            memcpy(to, path->text + at, len);
            to += len;
        }
    }
    if (out)
        *to = '\0';
    if (out && stars > PIL_GLOB_STARS) {
        free(out);
        out = NULL;
        *note = NULL;
    }
    return out;
}

char *pil_shape_path(const struct pil_shape *shape, const char *path, const char **note)
{
    struct path one;
    char *out;

    *note = NULL;
    if (shape->exact)
        return strdup(path);
    if (is_autobound(path)) {
        *note = "a name that the kernel chose";
        return strdup("@?????");
    }
    one = path_of(path);
    out = write_shape(&one, numbers_that_differ(shape, &one), note);
    return out ? out : strdup(path);
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
