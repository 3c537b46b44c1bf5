/* The forms that texts of the policy language have: one row each, conf/value.h says how used. */
#include <string.h>

#include "conf/policy.h"
#include "conf/resource.h"
#include "conf/value.h"
#include "core/addr.h"
#include "core/glob.h"
#include "core/query.h"

#define SPIFFE "spiffe://"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT  "0123456789"

/* True when text consists of nothing but bytes of the set. */
static bool only(const char *text, const char *set)
{
    return text[strspn(text, set)] == '\0';
}

static bool is_path(const char *text, const char **legal)
{
    (void)legal;
    return text[0] == '/' && pil_glob_valid(pil_slice_of(text));
}

static bool is_user(const char *text, const char **legal)
{
    (void)legal;
    return text[0] != '-' && only(text, LOWER UPPER DIGIT "._-$");
}

static bool is_unit(const char *text, const char **legal)
{
    const char *dot = strrchr(text, '.');

    (void)legal;
    return only(text, LOWER UPPER DIGIT ":-_.\\@") && dot && dot != text && dot[1];
}

static bool is_sha256(const char *text, const char **legal)
{
    (void)legal;
    return strlen(text) == 64 && only(text, DIGIT "abcdef");
}

static void lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

/* Path segments as a SPIFFE ID has them: nothing
 * empty, no "." or "..", no slash at the end. */
static bool is_spiffe_path(const char *path)
{
    while (*path == '/') {
        size_t len = strcspn(++path, "/");

        if (len == 0 || (len == 1 && path[0] == '.') || (len == 2 && memcmp(path, "..", 2) == 0))
            return false;
        path += len;
    }
    return *path == '\0';
}

static bool is_domain(const char *text, const char **legal)
{
    (void)legal;
    return only(text, LOWER DIGIT ".-_");
}

/* The path may be a pattern, so that one line speaks of many. */
static bool is_spiffe(const char *text, const char **legal)
{
    size_t domain;

    (void)legal;
    if (strncmp(text, SPIFFE, strlen(SPIFFE)) != 0)
        return false;
    text += strlen(SPIFFE);
    domain = strcspn(text, "/");
    return domain > 0 && domain <= 255 && strspn(text, LOWER DIGIT ".-_") >= domain &&
           text[domain] == '/' && only(text, LOWER UPPER DIGIT ".-_/*?") &&
           is_spiffe_path(text + domain) && pil_glob_valid(pil_slice_of(text));
}

/* "kind:TITLE" */
static bool is_reference(const char *text, const char *kind)
{
    size_t len = strlen(kind);

    return strncmp(text, kind, len) == 0 && pil_resource_title(pil_slice_of(text + len));
}

static bool is_member(const char *text, const char **legal)
{
    return is_reference(text, "workload:") || is_reference(text, "role:") || is_spiffe(text, legal);
}

static bool is_subject(const char *text, const char **legal)
{
    return strcmp(text, "*") == 0 || is_member(text, legal);
}

static bool is_title(const char *text, const char **legal)
{
    (void)legal;
    return pil_resource_title(pil_slice_of(text));
}

static bool is_resource(const char *text, const char **legal)
{
    struct pil_resource res;

    return pil_resource_parse(pil_slice_of(text), &res, legal) == 0;
}

static bool is_endpoint(const char *text, const char **legal)
{
    struct pil_resource res;

    if (pil_resource_parse(pil_slice_of(text), &res, legal))
        return false;
    return !res.service && res.kind != PIL_KIND_NONE;
}

/* Somewhere to connect to: one address or name and one port. */
static bool is_fallback(const char *text, const char **legal)
{
    struct pil_resource res;
    const char *unused;

    (void)legal;
    if (pil_resource_parse(pil_slice_of(text), &res, &unused) || res.service || res.wildcard)
        return false;
    return (res.kind == PIL_KIND_NAME || (res.kind == PIL_KIND_INET && res.prefix.bits == 128)) &&
           res.ports.low == res.ports.high;
}

static bool is_any(const char *text, const char **legal)
{
    (void)text;
    (void)legal;
    return true;
}

static bool is_zone(const char *text, const char **legal)
{
    (void)legal;
    return pil_zone_known(text);
}

static bool is_action(const char *text, const char **legal)
{
    (void)legal;
    return pil_action_parse(pil_slice_of(text)) != PIL_ACTION_NONE;
}

static bool is_prefix(const char *text, const char **legal)
{
    struct pil_prefix prefix;

    (void)legal;
    return pil_prefix_parse(pil_slice_of(text), &prefix) == 0;
}

static bool is_caller(const char *text, const char **legal)
{
    (void)legal;
    return !strchr(text, '/') && pil_glob_valid(pil_slice_of(text));
}

#define MEMBERS "workload:NAME, role:NAME, spiffe://DOMAIN/PATH (\"*\" and \"?\" in the path)"
#define TITLE   "1 to 63 of A-Z a-z 0-9 . _ -"
#define PATTERN "a path that begins with \"/\", or a pattern of one with at most 8 stars"

const struct pil_form pil_form_path = {"path", is_path, NULL, PATTERN, 0};
const struct pil_form pil_form_cgroup = {"path", is_path, NULL, PATTERN, 0};
const struct pil_form pil_form_user = {
    "user", is_user, NULL, "a user's name or number: 1 to 63 of A-Z a-z 0-9 . _ - $", 63};
const struct pil_form pil_form_unit = {"unit", is_unit, NULL,
                                       "a systemd unit with its type, such as nginx.service", 255};
const struct pil_form pil_form_sha256 = {"checksum", is_sha256, lower, "64 hex digits", 64};
const struct pil_form pil_form_member = {"member", is_member, NULL, MEMBERS, 0};
const struct pil_form pil_form_subject = {"subject", is_subject, NULL, MEMBERS ", \"*\"", 0};
const struct pil_form pil_form_title = {"title", is_title, NULL, TITLE, PIL_TITLE_MAX};
const struct pil_form pil_form_resource = {"resource", is_resource, pil_resource_normalize,
                                           "a resource", 0};
const struct pil_form pil_form_endpoint = {
    "endpoint", is_endpoint, pil_resource_normalize,
    "an address with port, a host name, or unix:PATH; not service: and not \"*\"", 0};
const struct pil_form pil_form_fallback = {
    "endpoint", is_fallback, pil_resource_normalize,
    "one address or host name with one port, such as 10.0.4.11:5432", 0};
const struct pil_form pil_form_spiffe = {
    "SPIFFE ID", is_spiffe, NULL,
    "spiffe://DOMAIN/PATH: the domain of a-z 0-9 . - _, path segments of A-Z a-z 0-9 . - _ and the "
    "patterns \"*\" and \"?\", none of them empty, \".\" or \"..\"",
    0};
const struct pil_form pil_form_domain = {"trust domain", is_domain, NULL,
                                         "1 to 255 of a-z 0-9 . - _", 255};
const struct pil_form pil_form_owner = {"text", is_any, NULL, "1 to 255 bytes of text", 255};
const struct pil_form pil_form_zone = {
    "time zone", is_zone, NULL,
    "a name that this host's time zone data knows, such as UTC or Europe/Berlin", 63};
const struct pil_form pil_form_action = {"action", is_action, NULL,
                                         "connect, accept, listen, send, resolve", 0};
const struct pil_form pil_form_prefix = {
    "prefix", is_prefix, NULL,
    "an address, a prefix without bits set behind its length, such as 10.0.0.0/8, or \"*\"", 0};
const struct pil_form pil_form_caller = {
    "pattern", is_caller, NULL,
    "the base name of a module, such as libpq.so.5, or a pattern of it with at most 8 stars",
    PIL_CALLER_MAX};
