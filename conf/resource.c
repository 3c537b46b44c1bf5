#include "conf/resource.h"

#include <string.h>

#include "core/err.h"
#include "core/glob.h"

/* What is legal, by the kind of resource that the text seems to be. */
static const char legal_any[] =
    "service:NAME, ADDRESS:PORT, PREFIX/BITS:PORT, [IPV6]:PORT, HOST, HOST:PORT, *.DOMAIN:PORT, "
    "unix:PATH or *, where PORT is a number, LOW-HIGH or *";
static const char legal_service[] = "service:NAME with a name of 1 to 63 of A-Z a-z 0-9 . _ -";
static const char legal_unix[] = "unix: and a path of at most 107 bytes that begins with \"/\", "
                                 "\"@\" or \"*\", with at most 8 stars";
static const char legal_address[] = "an address, or a prefix without bits set behind its length, "
                                    "such as 10.0.0.0/8 or [fd00::/8]";
static const char legal_port[] = "a port from 1 to 65535, LOW-HIGH with LOW not above HIGH, or *";
static const char legal_needs_port[] =
    "an address with its port, such as 10.0.0.1:443, 10.0.0.0/8:* or [fd00::1]:443";
static const char legal_host[] = "labels of a-z 0-9 _ - between dots, at most 63 bytes each and "
                                 "253 together, \"*.\" only in front";

static int refuse(int err, const char *sentence, const char **legal)
{
    if (legal)
        *legal = sentence;
    return err;
}

/* Cuts prefix off the front of text. */
static bool skip(struct pil_slice *text, const char *prefix)
{
    size_t len = strlen(prefix);

    if (text->len < len || memcmp(text->at, prefix, len) != 0)
        return false;
    text->at += len;
    text->len -= len;
    return true;
}

static bool is_title_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool pil_resource_title(struct pil_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_title_byte(text.at[i]))
            return false;
    return text.len > 0 && text.len <= PIL_TITLE_MAX;
}

static bool label_fits(struct pil_slice label)
{
    if (label.len == 0 || label.len > 63 || label.at[0] == '-' || label.at[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return true;
}

static bool is_number(struct pil_slice label)
{
    for (size_t i = 0; i < label.len; i++)
        if (label.at[i] < '0' || label.at[i] > '9')
            return false;
    return true;
}

bool pil_resource_host(struct pil_slice text)
{
    struct pil_slice label = {NULL, 0};
    size_t start = 0;

    if (text.len == 0 || text.len > PIL_NAME_MAX)
        return false;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.at[i] != '.')
            continue;
        label = (struct pil_slice){text.at + start, i - start};
        if (!label_fits(label))
            return false;
        start = i + 1;
    }
    return !is_number(label); /* so that 10.0.0.1 and 10.0 are never taken for names */
}

static int parse_service(struct pil_slice text, struct pil_resource *out, const char **legal)
{
    if (!pil_resource_title(text))
        return refuse(PIL_E_SYNTAX, legal_service, legal);
    *out = (struct pil_resource){.name = text, .service = true};
    return PIL_OK;
}

static int parse_unix(struct pil_slice text, struct pil_resource *out, const char **legal)
{
    if (!pil_glob_valid(text) || !strchr("/@*", text.at[0]))
        return refuse(PIL_E_SYNTAX, legal_unix, legal);
    if (text.len > PIL_UNIX_MAX)
        return refuse(PIL_E_RANGE, legal_unix, legal);
    *out = (struct pil_resource){
        .kind = PIL_KIND_UNIX,
        .name = text,
        .wildcard = pil_glob_literal(text) < text.len,
    };
    return PIL_OK;
}

static int parse_inet(struct pil_slice address, struct pil_slice port, struct pil_resource *out,
                      const char **legal)
{
    struct pil_resource res = {.kind = PIL_KIND_INET};
    int err = pil_prefix_parse(address, &res.prefix);

    if (err)
        return refuse(err, legal_address, legal);
    err = pil_ports_parse(port, &res.ports);
    if (err)
        return refuse(err, legal_port, legal);
    *out = res;
    return PIL_OK;
}

/* "[fd00::/8]:443-445", with text behind the opening bracket. */
static int parse_bracket(struct pil_slice text, struct pil_resource *out, const char **legal)
{
    const char *end = text.len ? memchr(text.at, ']', text.len) : NULL;
    struct pil_slice address, port;

    if (!end)
        return refuse(PIL_E_SYNTAX, legal_needs_port, legal);
    address = (struct pil_slice){text.at, (size_t)(end - text.at)};
    port = (struct pil_slice){end + 1, text.len - address.len - 1};
    if (!skip(&port, ":"))
        return refuse(PIL_E_SYNTAX, legal_needs_port, legal);
    /* Brackets hold IPv6 only: [10.0.0.1]:80 is nobody's notation. */
    if (!memchr(address.at, ':', address.len))
        return refuse(PIL_E_SYNTAX, legal_address, legal);
    return parse_inet(address, port, out, legal);
}

/* True when text can only have been meant as an address: digits, dots and a slash. */
static bool looks_numeric(struct pil_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.at[i] >= '0' && text.at[i] <= '9') || text.at[i] == '.' || text.at[i] == '/'))
            return false;
    return text.len > 0;
}

static int parse_host(struct pil_slice host, struct pil_slice port, struct pil_resource *out,
                      const char **legal)
{
    struct pil_resource res = {.kind = PIL_KIND_NAME};
    int err = pil_ports_parse(port, &res.ports);

    if (err)
        return refuse(err, legal_port, legal);
    res.wildcard = skip(&host, "*.");
    res.name = host;
    if (!pil_resource_host(host) || host.len + (res.wildcard ? 2 : 0) > PIL_NAME_MAX)
        return refuse(PIL_E_SYNTAX, legal_host, legal);
    *out = res;
    return PIL_OK;
}

int pil_resource_parse(struct pil_slice text, struct pil_resource *out, const char **legal)
{
    struct pil_slice host = text, port = pil_slice_of("*");
    const char *colon;

    if (text.len == 0 || text.len > PIL_TEXT_MAX)
        return refuse(text.len ? PIL_E_RANGE : PIL_E_SYNTAX, legal_any, legal);
    if (pil_slice_equal(text, port)) {
        *out = (struct pil_resource){.ports = {0, UINT16_MAX}, .wildcard = true};
        return PIL_OK;
    }
    if (skip(&text, "service:"))
        return parse_service(text, out, legal);
    if (skip(&text, "unix:"))
        return parse_unix(text, out, legal);
    if (skip(&text, "["))
        return parse_bracket(text, out, legal);
    colon = memchr(text.at, ':', text.len);
    if (colon) {
        host.len = (size_t)(colon - text.at);
        port = (struct pil_slice){colon + 1, text.len - host.len - 1};
    }
    if (memchr(port.at, ':', port.len) || (!colon && looks_numeric(host)))
        return refuse(PIL_E_SYNTAX, legal_needs_port, legal);
    if (colon && (looks_numeric(host) || pil_slice_equal(host, pil_slice_of("*"))))
        return parse_inet(host, port, out, legal);
    return parse_host(host, port, out, legal);
}

void pil_resource_normalize(char *text)
{
    size_t len;

    if (strncmp(text, "unix:", 5) == 0 || strncmp(text, "service:", 8) == 0)
        return;
    for (char *at = text; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    /* A name ends at its port or at the end of the text; one dot there is the root's. */
    len = strcspn(text, ":");
    if (len > 1 && text[len - 1] == '.' && text[len - 2] != '.' && text[0] != '[')
        memmove(text + len - 1, text + len, strlen(text + len) + 1);
}
