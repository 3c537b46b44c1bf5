#include "core/standin.h"

#include <stddef.h>
#include <string.h>

#define HEAD (offsetof(struct sockaddr_un, sun_path) + 1) /* family and the NUL in front */

static const struct {
    const char *text;
    size_t len;
} prefix[] = {
    [PIL_STANDIN_LISTEN] = {"pillion/listen/", sizeof("pillion/listen/") - 1},
    [PIL_STANDIN_RELAY] = {"pillion/relay/", sizeof("pillion/relay/") - 1},
};

/* A cursor over the name, either way; `good` is sticky. */
struct cursor {
    char *at;
    const char *end;
    bool good;
};

/* ---- writing ------------------------------------------------------------------------------ */

static void put(struct cursor *c, char byte)
{
    if (c->at == c->end)
        c->good = false;
    if (c->good)
        *c->at++ = byte;
}

static void put_digit(struct cursor *c, unsigned value)
{
    put(c, "0123456789abcdef"[value & 15]);
}

static void put_number(struct cursor *c, uint64_t value)
{
    unsigned shift = 60;

    while (shift > 0 && value >> shift == 0)
        shift -= 4;
    put_digit(c, (unsigned)(value >> shift));
    while (shift > 0)
        put_digit(c, (unsigned)(value >> (shift -= 4)));
}

static void put_bytes(struct cursor *c, const void *from, size_t len)
{
    const uint8_t *byte = from;

    for (size_t i = 0; i < len; i++) {
        put_digit(c, byte[i] >> 4);
        put_digit(c, byte[i]);
    }
}

static bool link_local(const struct in6_addr *a)
{
    return a->s6_addr[0] == 0xfe && (a->s6_addr[1] & 0xc0) == 0x80;
}

static void put_addr(struct cursor *c, const union pil_standin_addr *a)
{
    struct in6_addr v6;
    uint32_t scope;

    if (a->sa.sa_family == AF_INET) {
        put_bytes(c, &a->v4.sin_addr, sizeof(a->v4.sin_addr));
        put(c, '/');
        put_number(c, ntohs(a->v4.sin_port));
    } else {
        v6 = a->v6.sin6_addr;
        scope = htonl(a->v6.sin6_scope_id);
        if (link_local(&v6))
            memcpy(v6.s6_addr + 4, &scope, sizeof(scope));
        put_bytes(c, &v6, sizeof(v6));
        put(c, '/');
        put_number(c, ntohs(a->v6.sin6_port));
    }
    put(c, '/');
}

bool pil_standin_name(const struct pil_standin *s, struct sockaddr_un *out, socklen_t *len)
{
    struct cursor c = {out->sun_path + 1, out->sun_path + sizeof(out->sun_path), true};
    int family = s->own.sa.sa_family;

    if ((s->kind != PIL_STANDIN_LISTEN && s->kind != PIL_STANDIN_RELAY) ||
        (family != AF_INET && family != AF_INET6) || s->id > PIL_STANDIN_ID_MAX ||
        (s->kind == PIL_STANDIN_RELAY && s->other.sa.sa_family != family))
        return false;
    out->sun_family = AF_UNIX;
    out->sun_path[0] = '\0';
    memcpy(c.at, prefix[s->kind].text, prefix[s->kind].len);
    c.at += prefix[s->kind].len;
    put(&c, family == AF_INET ? '4' : '6');
    put(&c, '/');
    put_addr(&c, &s->own);
    if (s->kind == PIL_STANDIN_RELAY)
        put_addr(&c, &s->other);
    put_number(&c, s->id);
    *len = (socklen_t)(c.at - (char *)out);
    return c.good;
}

/* ---- reading ------------------------------------------------------------------------------ */

static int digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static void skip(struct cursor *c, char byte)
{
    if (c->good && c->at < c->end && *c->at == byte)
        c->at++;
    else
        c->good = false;
}

/* Without zeroes in front: one thing has one name. */
static uint64_t get_number(struct cursor *c, uint64_t max)
{
    const char *start = c->at;
    uint64_t value = 0;

    while (c->good && c->at < c->end && digit(*c->at) >= 0) {
        value = value << 4 | (unsigned)digit(*c->at++);
        if (value > max)
            c->good = false;
    }
    if (c->at == start || (*start == '0' && c->at - start > 1))
        c->good = false;
    return value;
}

static void get_bytes(struct cursor *c, void *to, size_t len)
{
    uint8_t *byte = to;

    if (!c->good || (size_t)(c->end - c->at) < 2 * len) {
        c->good = false;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        int high = digit(*c->at++), low = digit(*c->at++);

        if (high < 0 || low < 0)
            c->good = false;
        byte[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
}

static void get_addr(struct cursor *c, int family, union pil_standin_addr *a)
{
    uint32_t scope;
    in_port_t port;

    a->sa.sa_family = (sa_family_t)family;
    if (family == AF_INET)
        get_bytes(c, &a->v4.sin_addr, sizeof(a->v4.sin_addr));
    else
        get_bytes(c, &a->v6.sin6_addr, sizeof(a->v6.sin6_addr));
    skip(c, '/');
    port = htons((uint16_t)get_number(c, 0xffff));
    skip(c, '/');
    if (family == AF_INET) {
        a->v4.sin_port = port;
        return;
    }
    a->v6.sin6_port = port;
    if (!link_local(&a->v6.sin6_addr))
        return;
    memcpy(&scope, a->v6.sin6_addr.s6_addr + 4, sizeof(scope));
    a->v6.sin6_scope_id = ntohl(scope);
    memset(a->v6.sin6_addr.s6_addr + 4, 0, sizeof(scope));
}

static enum pil_standin_kind kind_of(const char *path, size_t len)
{
    for (int kind = PIL_STANDIN_LISTEN; kind <= PIL_STANDIN_RELAY; kind++)
        if (len > prefix[kind].len && memcmp(path, prefix[kind].text, prefix[kind].len) == 0)
            return (enum pil_standin_kind)kind;
    return PIL_STANDIN_NONE;
}

bool pil_standin_read(const struct sockaddr *sa, socklen_t len, struct pil_standin *out)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)sa;
    char path[sizeof(un->sun_path)];
    struct cursor c = {path, path, true};
    int family;

    memset(out, 0, sizeof(*out));
    if (len <= HEAD || len > sizeof(*un) || sa->sa_family != AF_UNIX || un->sun_path[0] != '\0')
        return false;
    memcpy(path, un->sun_path + 1, len - HEAD);
    c.end = path + (len - HEAD);
    out->kind = kind_of(path, len - HEAD);
    if (out->kind == PIL_STANDIN_NONE)
        return false;
    c.at += prefix[out->kind].len;
    family = c.at < c.end && *c.at == '6' ? AF_INET6 : AF_INET;
    skip(&c, family == AF_INET ? '4' : '6');
    skip(&c, '/');
    get_addr(&c, family, &out->own);
    if (out->kind == PIL_STANDIN_RELAY)
        get_addr(&c, family, &out->other);
    out->id = get_number(&c, PIL_STANDIN_ID_MAX);
    if (c.good && c.at == c.end)
        return true;
    memset(out, 0, sizeof(*out));
    return false;
}

socklen_t pil_standin_len(const union pil_standin_addr *addr)
{
    return addr->sa.sa_family == AF_INET ? sizeof(addr->v4) : sizeof(addr->v6);
}
