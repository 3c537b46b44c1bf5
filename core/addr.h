/*
 * Addresses: parse, print, match.
 *
 * One form for both families: 16 bytes in network order, an IPv4 address as ::ffff:a.b.c.d
 * (RFC 4291 section 2.5.5.2). So 10.0.0.1 and ::ffff:10.0.0.1 are one address to every rule, and a
 * program cannot step around a rule by using the other family's socket. An IPv4 prefix of n bits
 * is a prefix of 96 + n bits here.
 *
 * Cost: linear in the text; no allocation. Errors: PIL_E_SYNTAX or PIL_E_RANGE, output untouched.
 * Threads, fork, signals: safe everywhere (no locale, no libc state).
 */
#ifndef PIL_CORE_ADDR_H
#define PIL_CORE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/bytes.h"
#include "core/defs.h"

struct pil_ip {
    uint8_t octet[16];
};

struct pil_prefix {
    struct pil_ip ip; /* bits behind the prefix are zero */
    uint8_t bits;     /* 0..128; 0 is every address of both families */
};

/* Ports in host order, both ends included; 0..65535 is "*". */
struct pil_ports {
    uint16_t low;
    uint16_t high;
};

/* Longest text of an address with NUL: eight groups, or a mapped IPv4 address (printed dotted). */
#define PIL_IP_TEXT 46

/* "10.0.0.1" or "fd00::1" (RFC 4291 section 2.2, no zone). */
int pil_ip_parse(struct pil_slice text, struct pil_ip *out) PIL_USERESULT;

/* "10.0.0.0/8", "fd00::/8", or an address, which is a prefix of one. "*" is every address. Bits
 * set behind the prefix are PIL_E_RANGE: they are a typing error more often than not. */
int pil_prefix_parse(struct pil_slice text, struct pil_prefix *out) PIL_USERESULT;

/* "5432", "8000-8999" or "*". Port 0, and a range that runs backwards, are PIL_E_RANGE. */
int pil_ports_parse(struct pil_slice text, struct pil_ports *out) PIL_USERESULT;

/* Text of an address into out, dotted for IPv4, else RFC 5952. Returns its length. */
size_t pil_ip_print(const struct pil_ip *ip, char out[PIL_IP_TEXT]);

/* Appends "10.0.0.0/8", or the bare address when the prefix is a whole one, or "*". */
void pil_prefix_print(const struct pil_prefix *prefix, struct pil_text *out);

bool pil_ip_is_v4(const struct pil_ip *ip);
bool pil_ip_equal(const struct pil_ip *a, const struct pil_ip *b);
bool pil_prefix_has(const struct pil_prefix *prefix, const struct pil_ip *ip);

/* Clears every bit behind the first `bits`. */
void pil_ip_mask(struct pil_ip *ip, unsigned bits);

enum pil_kind {
    PIL_KIND_NONE = 0, /* nothing there: AF_UNSPEC, or AF_NETLINK, which is the kernel itself */
    PIL_KIND_INET,     /* ip and port */
    PIL_KIND_UNIX,     /* path */
    PIL_KIND_NAME,     /* a host name, for resolve */
    PIL_KIND_OTHER,    /* another family, "family:40": only a rule for everything speaks of it */
    PIL_KIND_COUNT
};

/* A socket address as rules see it. */
struct pil_addr {
    enum pil_kind kind;
    uint16_t port;               /* host order; PIL_KIND_INET only */
    struct pil_ip ip;            /* PIL_KIND_INET only */
    char path[PIL_UNIX_MAX + 2]; /* PIL_KIND_UNIX: "/run/x.sock", "@name", "" for unnamed */
    uint16_t path_len;
};

/*
 * Reads a socket address of len bytes. PIL_E_TRUNCATED when len is too short for its family.
 * AF_UNSPEC and AF_NETLINK give PIL_KIND_NONE and PIL_OK; families other than inet, inet6 and unix
 * give PIL_KIND_OTHER with "family:NUMBER" as path. In an
 * abstract name, bytes that are not printable are written as "\xNN" (upper case hex), and what
 * is longer than the room in path is cut. A file whose name begins with "@" is "./@name".
 */
int pil_addr_from(const struct sockaddr *sa, socklen_t len, struct pil_addr *out) PIL_USERESULT;

#endif
