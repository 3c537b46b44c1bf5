#include "core/addr.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "core/err.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool pil_ip_is_v4(const struct pil_ip *ip)
{
    return memcmp(ip->octet, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool pil_ip_equal(const struct pil_ip *a, const struct pil_ip *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

void pil_ip_mask(struct pil_ip *ip, unsigned bits)
{
    unsigned whole = bits / 8;

    if (bits >= 128)
        return;
    ip->octet[whole] &= (uint8_t)(0xff00u >> (bits % 8));
    memset(ip->octet + whole + 1, 0, sizeof(ip->octet) - whole - 1);
}

bool pil_prefix_has(const struct pil_prefix *prefix, const struct pil_ip *ip)
{
    struct pil_ip masked = *ip;

    pil_ip_mask(&masked, prefix->bits);
    return pil_ip_equal(&masked, &prefix->ip);
}

/* A decimal number of at most max without sign, blanks or leading zeros. */
static int parse_number(struct pil_slice text, unsigned max, unsigned *out)
{
    unsigned value = 0;

    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.at[0] == '0'))
        return PIL_E_SYNTAX;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return PIL_E_SYNTAX;
        value = value * 10 + (unsigned)(text.at[i] - '0');
    }
    if (value > max)
        return PIL_E_RANGE;
    *out = value;
    return PIL_OK;
}

/* Cuts text at the first occurrence of c; false when there is none. */
static bool split(struct pil_slice text, char c, struct pil_slice *head, struct pil_slice *tail)
{
    const char *at = text.len ? memchr(text.at, c, text.len) : NULL;

    if (!at)
        return false;
    *head = (struct pil_slice){text.at, (size_t)(at - text.at)};
    *tail = (struct pil_slice){at + 1, text.len - head->len - 1};
    return true;
}

static int parse_v4(struct pil_slice text, uint8_t out[4])
{
    struct pil_slice rest = text;

    for (int i = 0; i < 4; i++) {
        struct pil_slice part = rest;
        unsigned value;

        if (split(rest, '.', &part, &rest) != (i < 3))
            return PIL_E_SYNTAX;
        if (parse_number(part, 255, &value))
            return PIL_E_SYNTAX;
        out[i] = (uint8_t)value;
    }
    return PIL_OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int parse_group(struct pil_slice text, uint8_t out[2])
{
    unsigned value = 0;

    if (text.len == 0 || text.len > 4)
        return PIL_E_SYNTAX;
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_value(text.at[i]);

        if (digit < 0)
            return PIL_E_SYNTAX;
        value = value * 16 + (unsigned)digit;
    }
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return PIL_OK;
}

/* Groups between colons into out; *len is how many bytes they gave. The last may be dotted when
 * it is the end of the whole address. */
static int parse_groups(struct pil_slice text, bool at_end, uint8_t out[16], size_t *len)
{
    struct pil_slice rest = text;
    bool more = text.len > 0;

    *len = 0;
    while (more) {
        struct pil_slice group = rest;

        more = split(rest, ':', &group, &rest);
        if (!more && at_end && memchr(group.at, '.', group.len)) {
            if (*len > 12 || parse_v4(group, out + *len))
                return PIL_E_SYNTAX;
            *len += 4;
        } else {
            if (*len > 14 || parse_group(group, out + *len))
                return PIL_E_SYNTAX;
            *len += 2;
        }
    }
    return PIL_OK;
}

/* The "::" of an IPv6 address, or text.len. */
static size_t find_gap(struct pil_slice text)
{
    for (size_t i = 0; i + 1 < text.len; i++)
        if (text.at[i] == ':' && text.at[i + 1] == ':')
            return i;
    return text.len;
}

static int parse_v6(struct pil_slice text, struct pil_ip *out)
{
    size_t gap = find_gap(text);
    struct pil_slice head = {text.at, gap}, tail = {NULL, 0};
    uint8_t high[16], low[16];
    size_t high_len, low_len = 0;

    if (gap < text.len)
        tail = (struct pil_slice){text.at + gap + 2, text.len - gap - 2};
    if (parse_groups(head, gap == text.len, high, &high_len) ||
        parse_groups(tail, true, low, &low_len))
        return PIL_E_SYNTAX;
    if (gap < text.len ? high_len + low_len > 14 : high_len != 16)
        return PIL_E_SYNTAX;
    memset(out, 0, sizeof(*out));
    memcpy(out->octet, high, high_len);
    memcpy(out->octet + 16 - low_len, low, low_len);
    return PIL_OK;
}

int pil_ip_parse(struct pil_slice text, struct pil_ip *out)
{
    struct pil_ip ip;

    if (text.len == 0 || text.len >= PIL_IP_TEXT)
        return PIL_E_SYNTAX;
    if (memchr(text.at, ':', text.len)) {
        if (parse_v6(text, &ip))
            return PIL_E_SYNTAX;
    } else {
        memcpy(ip.octet, mapped_prefix, sizeof(mapped_prefix));
        if (parse_v4(text, ip.octet + 12))
            return PIL_E_SYNTAX;
    }
    *out = ip;
    return PIL_OK;
}

int pil_prefix_parse(struct pil_slice text, struct pil_prefix *out)
{
    struct pil_slice address = text, length = {NULL, 0};
    struct pil_prefix prefix = {.bits = 128};
    struct pil_ip masked;
    unsigned bits, offset;
    bool has_length;
    int err;

    if (pil_slice_equal(text, pil_slice_of("*"))) {
        *out = (struct pil_prefix){.bits = 0};
        return PIL_OK;
    }
    has_length = split(text, '/', &address, &length);
    err = pil_ip_parse(address, &prefix.ip);
    if (err)
        return err;
    if (has_length) {
        offset = memchr(address.at, ':', address.len) ? 0 : 96;
        err = parse_number(length, 128 - offset, &bits);
        if (err)
            return err;
        prefix.bits = (uint8_t)(bits + offset);
    }
    masked = prefix.ip;
    pil_ip_mask(&masked, prefix.bits);
    if (!pil_ip_equal(&masked, &prefix.ip))
        return PIL_E_RANGE;
    *out = prefix;
    return PIL_OK;
}

int pil_ports_parse(struct pil_slice text, struct pil_ports *out)
{
    struct pil_slice low_text = text, high_text = text;
    unsigned low, high;
    int err;

    if (pil_slice_equal(text, pil_slice_of("*"))) {
        *out = (struct pil_ports){0, UINT16_MAX};
        return PIL_OK;
    }
    split(text, '-', &low_text, &high_text);
    err = parse_number(low_text, UINT16_MAX, &low);
    if (!err)
        err = parse_number(high_text, UINT16_MAX, &high);
    if (err)
        return err;
    if (low == 0 || low > high)
        return PIL_E_RANGE;
    *out = (struct pil_ports){(uint16_t)low, (uint16_t)high};
    return PIL_OK;
}

static void print_v4(const uint8_t octet[4], struct pil_text *out)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            pil_text_add(out, ".");
        pil_text_add_u64(out, octet[i]);
    }
}

/* RFC 5952 section 4.2: the longest run of two or more zero groups, the first of equals. */
static void find_zeros(const struct pil_ip *ip, int *start, int *end)
{
    *start = *end = -1;
    for (int i = 0; i < 8; i++) {
        int j = i;

        while (j < 8 && ip->octet[2 * j] == 0 && ip->octet[2 * j + 1] == 0)
            j++;
        if (j - i >= 2 && j - i > *end - *start) {
            *start = i;
            *end = j;
        }
        if (j > i)
            i = j - 1;
    }
}

static void print_group(unsigned value, struct pil_text *out)
{
    static const char digits[] = "0123456789abcdef";
    bool begun = false;

    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = value >> shift & 15;

        begun = begun || digit || shift == 0;
        if (begun)
            pil_text_add_slice(out, (struct pil_slice){&digits[digit], 1});
    }
}

static void print_v6(const struct pil_ip *ip, struct pil_text *out)
{
    int start, end;

    find_zeros(ip, &start, &end);
    for (int i = 0; i < 8; i++) {
        if (i == start) {
            pil_text_add(out, "::");
            i = end - 1;
            continue;
        }
        if (i > 0 && i != end)
            pil_text_add(out, ":");
        print_group((unsigned)ip->octet[2 * i] << 8 | ip->octet[2 * i + 1], out);
    }
}

static void print_ip(const struct pil_ip *ip, struct pil_text *out)
{
    if (pil_ip_is_v4(ip))
        print_v4(ip->octet + 12, out);
    else
        print_v6(ip, out);
}

size_t pil_ip_print(const struct pil_ip *ip, char out[PIL_IP_TEXT])
{
    struct pil_text text;

    pil_text_init(&text, out, PIL_IP_TEXT);
    print_ip(ip, &text);
    return text.len;
}

void pil_prefix_print(const struct pil_prefix *prefix, struct pil_text *out)
{
    bool v4 = prefix->bits >= 96 && pil_ip_is_v4(&prefix->ip);

    if (prefix->bits == 0) {
        pil_text_add(out, "*");
        return;
    }
    print_ip(&prefix->ip, out);
    if (prefix->bits < 128) {
        pil_text_add(out, "/");
        pil_text_add_u64(out, v4 ? prefix->bits - 96u : prefix->bits);
    }
}

static void from_abstract(const char *name, size_t len, struct pil_addr *out)
{
    static const char digits[] = "0123456789ABCDEF";
    struct pil_text text;

    pil_text_init(&text, out->path, sizeof(out->path));
    pil_text_add(&text, "@");
    for (size_t i = 0; i < len && text.len <= PIL_UNIX_MAX; i++) {
        unsigned char c = (unsigned char)name[i];
        const char escaped[4] = {'\\', 'x', digits[c >> 4], digits[c & 15]};

        if (c > ' ' && c < 0x7f && c != '\\')
            pil_text_add_slice(&text, (struct pil_slice){&name[i], 1});
        else
            pil_text_add_slice(&text, (struct pil_slice){escaped, 4});
    }
    out->path_len = (uint16_t)text.len;
}

/* "@" at the start means abstract to rules, so a file of such a name gets its folder in front. */
static void from_path(struct pil_slice path, struct pil_addr *out)
{
    struct pil_text text;

    pil_text_init(&text, out->path, sizeof(out->path));
    if (path.len > 0 && path.at[0] == '@')
        pil_text_add(&text, "./");
    pil_text_add_slice(&text, path);
    out->path_len = (uint16_t)text.len;
}

static void from_unix(const struct sockaddr_un *un, size_t len, struct pil_addr *out)
{
    size_t room = len - offsetof(struct sockaddr_un, sun_path);

    out->kind = PIL_KIND_UNIX;
    if (room > sizeof(un->sun_path))
        room = sizeof(un->sun_path);
    if (room > 0 && un->sun_path[0] == '\0') {
        from_abstract(un->sun_path + 1, room - 1, out);
        return;
    }
    from_path((struct pil_slice){un->sun_path, strnlen(un->sun_path, room)}, out);
}

static void from_other(sa_family_t family, struct pil_addr *out)
{
    struct pil_text text;

    out->kind = PIL_KIND_OTHER;
    pil_text_init(&text, out->path, sizeof(out->path));
    pil_text_add(&text, "family:");
    pil_text_add_u64(&text, family);
    out->path_len = (uint16_t)text.len;
}

int pil_addr_from(const struct sockaddr *sa, socklen_t len, struct pil_addr *out)
{
    union {
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } copy;
    sa_family_t family;

    if (len < sizeof(family))
        return PIL_E_TRUNCATED;
    memcpy(&family, sa, sizeof(family));
    memset(out, 0, offsetof(struct pil_addr, path) + 1);
    out->path_len = 0;
    switch (family) {
    case AF_INET:
        if (len < sizeof(copy.in))
            return PIL_E_TRUNCATED;
        memcpy(&copy.in, sa, sizeof(copy.in));
        out->kind = PIL_KIND_INET;
        out->port = ntohs(copy.in.sin_port);
        memcpy(out->ip.octet, mapped_prefix, sizeof(mapped_prefix));
        memcpy(out->ip.octet + 12, &copy.in.sin_addr, 4);
        return PIL_OK;
    case AF_INET6:
        if (len < offsetof(struct sockaddr_in6, sin6_scope_id)) /* the kernel's SIN6_LEN_RFC2133 */
            return PIL_E_TRUNCATED;
        memcpy(&copy.in6, sa, offsetof(struct sockaddr_in6, sin6_scope_id));
        out->kind = PIL_KIND_INET;
        out->port = ntohs(copy.in6.sin6_port);
        memcpy(out->ip.octet, &copy.in6.sin6_addr, 16);
        return PIL_OK;
    case AF_UNIX:
        memcpy(&copy.un, sa, len < sizeof(copy.un) ? len : sizeof(copy.un));
        from_unix(&copy.un, len, out);
        return PIL_OK;
    case AF_UNSPEC:
    case AF_NETLINK:
        return PIL_OK;
    default:
        from_other(family, out);
        return PIL_OK;
    }
}
