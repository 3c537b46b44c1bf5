#include "policyd/identity/spiffe.h"

#include <string.h>

#include "policyd/identity/svid.h"

#define DOMAIN_MAX 255u

static const char scheme[] = "spiffe://";

static bool is_domain_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool is_path_byte(char c)
{
    return is_domain_byte(c) || (c >= 'A' && c <= 'Z');
}

bool pil_spiffe_segment(struct pil_slice segment)
{
    for (size_t i = 0; i < segment.len; i++)
        if (!is_path_byte(segment.at[i]))
            return false;
    return segment.len > 0 && !pil_slice_equal(segment, pil_slice_of(".")) &&
           !pil_slice_equal(segment, pil_slice_of(".."));
}

static bool is_domain(struct pil_slice domain)
{
    for (size_t i = 0; i < domain.len; i++)
        if (!is_domain_byte(domain.at[i]))
            return false;
    return domain.len > 0 && domain.len <= DOMAIN_MAX;
}

/* path begins with a slash, or is empty. */
static bool is_path(struct pil_slice path)
{
    while (path.len > 0) {
        struct pil_slice rest = {path.at + 1, path.len - 1};
        const char *slash = rest.len > 0 ? memchr(rest.at, '/', rest.len) : NULL;
        struct pil_slice segment = {rest.at, slash ? (size_t)(slash - rest.at) : rest.len};

        if (!pil_spiffe_segment(segment))
            return false;
        path = (struct pil_slice){segment.at + segment.len, rest.len - segment.len};
    }
    return true;
}

const char *pil_spiffe_parse(struct pil_slice id, struct pil_spiffe *out)
{
    struct pil_slice rest;
    const char *slash;

    *out = (struct pil_spiffe){0};
    if (id.len > PIL_SPIFFE_MAX)
        return "it is longer than 2048 bytes";
    if (id.len < sizeof(scheme) - 1 || memcmp(id.at, scheme, sizeof(scheme) - 1) != 0)
        return "it does not begin with spiffe://";
    rest = (struct pil_slice){id.at + sizeof(scheme) - 1, id.len - (sizeof(scheme) - 1)};
    slash = rest.len > 0 ? memchr(rest.at, '/', rest.len) : NULL;
    out->domain = (struct pil_slice){rest.at, slash ? (size_t)(slash - rest.at) : rest.len};
    out->path = (struct pil_slice){rest.at + out->domain.len, rest.len - out->domain.len};
    if (!is_domain(out->domain))
        return "its trust domain is not 1 to 255 of a-z 0-9 . - _";
    if (!is_path(out->path))
        return "its path is not of segments of a-z A-Z 0-9 . - _";
    return NULL;
}
