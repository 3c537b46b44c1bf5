/* getaddrinfo and the gethostbyname family: the name is judged, and tied to what it gave. */
#include <netinet/in.h>
#include <string.h>

#include "shim/call.h"
#include "shim/decide.h"
#include "shim/names.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"

/* An address as text is no name: there is nothing to resolve, connect judges it. getaddrinfo knows
 * zones ("fe80::1%eth0") with IPv6 addresses; anything else with a "%" goes to a name server. */
static bool is_address(const char *text, bool zones)
{
    struct pil_slice slice = pil_slice_of(text);
    struct pil_ip ip;

    if (zones && memchr(text, ':', slice.len))
        slice.len = strcspn(text, "%");
    return pil_ip_parse(slice, &ip) == 0;
}

enum answer {
    ANSWER_REFUSED = 0,
    ANSWER_ALLOWED, /* and `name` holds the name */
    ANSWER_NO_NAME, /* nothing to judge or to remember */
};

/* A name that no host can have is refused: no rule could have named it. */
static enum answer judge(const char *host, bool zones, struct pil_name *name, const void *caller)
{
    struct pil_query q = {.action = PIL_ACTION_RESOLVE, .kind = PIL_KIND_NAME};

    if (!host || host[0] == '\0' || is_address(host, zones))
        return ANSWER_NO_NAME;
    if (!pil_name_make(host, name))
        return ANSWER_REFUSED;
    q.name = (struct pil_slice){name->text, name->len};
    return pil_decide(&q, caller, NULL) ? ANSWER_REFUSED : ANSWER_ALLOWED;
}

static void note_list(const struct addrinfo *list, const struct pil_name *name)
{
    struct pil_ip ips[PIL_AHEAD_MAX];
    uint16_t ports[PIL_AHEAD_MAX];
    unsigned count = 0;

    for (; list; list = list->ai_next) {
        struct pil_addr addr;

        if (!list->ai_addr || pil_addr_from(list->ai_addr, list->ai_addrlen, &addr) ||
            addr.kind != PIL_KIND_INET)
            continue;
        pil_names_note(&addr.ip, name);
        if (list->ai_socktype == SOCK_STREAM && addr.port && count < PIL_AHEAD_MAX) {
            ips[count] = addr.ip;
            ports[count++] = addr.port;
        }
    }
    if (count > 1)
        pil_decide_ahead(ips, ports, count, name);
}

int pil_shim_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                         struct addrinfo **res, const void *caller)
{
    struct pil_name name;
    enum answer answer;
    int result;

    pil_state_ready();
    answer = judge(node, true, &name, caller);
    if (answer == ANSWER_REFUSED || !pil_real_libc.getaddrinfo)
        return EAI_FAIL;
    result = pil_real_libc.getaddrinfo(node, service, hints, res);
    if (result == 0 && answer == ANSWER_ALLOWED)
        note_list(*res, &name);
    return result;
}

static void note_host(const struct hostent *host, const struct pil_name *name)
{
    for (char **at = host->h_addr_list; at && *at; at++) {
        struct pil_ip ip = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

        if (host->h_addrtype == AF_INET6 && host->h_length == 16)
            memcpy(ip.octet, *at, 16);
        else if (host->h_addrtype == AF_INET && host->h_length == 4)
            memcpy(ip.octet + 12, *at, 4);
        else
            continue;
        pil_names_note(&ip, name);
    }
}

/* The four variants differ in the libc function and in how they say no. */
static struct hostent *by_name(const char *host, int family, const void *caller)
{
    struct pil_name name;
    struct hostent *found;
    enum answer answer;

    pil_state_ready();
    answer = judge(host, false, &name, caller);
    if (answer == ANSWER_REFUSED || !pil_real_libc.gethostbyname || !pil_real_libc.gethostbyname2) {
        h_errno = NO_RECOVERY;
        return NULL;
    }
    found = family == AF_UNSPEC ? pil_real_libc.gethostbyname(host)
                                : pil_real_libc.gethostbyname2(host, family);
    if (found && answer == ANSWER_ALLOWED)
        note_host(found, &name);
    return found;
}

struct hostent *pil_shim_gethostbyname(const char *name, const void *caller)
{
    return by_name(name, AF_UNSPEC, caller);
}

struct hostent *pil_shim_gethostbyname2(const char *name, int family, const void *caller)
{
    return by_name(name, family, caller);
}

static int by_name_r(const char *host, int family, struct hostent *ret, char *buf, size_t len,
                     struct hostent **result, int *error, const void *caller)
{
    struct pil_name name;
    enum answer answer;
    int status;

    pil_state_ready();
    answer = judge(host, false, &name, caller);
    if (answer == ANSWER_REFUSED || !pil_real_libc.gethostbyname_r ||
        !pil_real_libc.gethostbyname2_r) {
        *result = NULL;
        *error = NO_RECOVERY;
        return EACCES;
    }
    status = family == AF_UNSPEC
                 ? pil_real_libc.gethostbyname_r(host, ret, buf, len, result, error)
                 : pil_real_libc.gethostbyname2_r(host, family, ret, buf, len, result, error);
    if (status == 0 && *result && answer == ANSWER_ALLOWED)
        note_host(*result, &name);
    return status;
}

int pil_shim_gethostbyname_r(const char *name, struct hostent *ret, char *buf, size_t len,
                             struct hostent **result, int *error, const void *caller)
{
    return by_name_r(name, AF_UNSPEC, ret, buf, len, result, error, caller);
}

int pil_shim_gethostbyname2_r(const char *name, int family, struct hostent *ret, char *buf,
                              size_t len, struct hostent **result, int *error, const void *caller)
{
    return by_name_r(name, family, ret, buf, len, result, error, caller);
}
