#include "policyd/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/addr.h"
#include "core/err.h"

#define BACKLOG 1024

static const struct pil_at nowhere = {0};

static socklen_t unix_address(const char *name, struct sockaddr_un *out)
{
    size_t len = strlen(name);

    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len == 0 || len >= sizeof(out->sun_path))
        return 0;
    memcpy(out->sun_path, name, len);
    if (name[0] == '@')
        out->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] != '@'));
}

/* Whether somebody listens there. */
static bool answers(const struct sockaddr_un *at, socklen_t len, int type)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool up = fd >= 0 && (connect(fd, (const struct sockaddr *)at, len) == 0 || errno == EAGAIN);

    if (fd >= 0)
        close(fd);
    return up;
}

/* A socket file nobody answers on is what a killed daemon left. Anything else is not ours. */
static bool clear_stale(const char *path)
{
    struct stat st;

    if (lstat(path, &st))
        return errno == ENOENT;
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return false;
    }
    return unlink(path) == 0;
}

/* Nobody may connect between bind and the mode that was asked for. */
static bool bind_and_listen(int fd, const struct sockaddr_un *at, socklen_t len, mode_t mode)
{
    bool path = at->sun_path[0] != '\0';
    mode_t mask = umask(0777);
    bool bound = bind(fd, (const struct sockaddr *)at, len) == 0;
    int saved = errno;

    umask(mask);
    errno = saved;
    return bound && listen(fd, BACKLOG) == 0 && (!path || chmod(at->sun_path, mode) == 0);
}

/* Connections inherit it. What is sent before they are accepted has its sender noted only when the
 * listener asked before. */
static bool ask_for_senders(int fd)
{
    int one = 1;

    return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0;
}

int pil_listener_unix(const char *setting, const char *name, int type, mode_t mode,
                      struct pil_diag *diag)
{
    struct sockaddr_un at;
    socklen_t len = unix_address(name, &at);
    int fd;

    if (len == 0) {
        pil_diag_error(diag, nowhere, "%s = \"%s\"; legal are 1..%u bytes", setting, name,
                       PIL_SOCKET_MAX);
        return -1;
    }
    if (answers(&at, len, type)) {
        pil_diag_error(diag, nowhere,
                       "%s = \"%s\": somebody answers there already; legal is one "
                       "daemon per socket",
                       setting, name);
        return -1;
    }
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && type == SOCK_SEQPACKET && !ask_for_senders(fd)) {
        pil_diag_error(diag, nowhere, "%s = \"%s\": SO_PASSCRED: %s", setting, name,
                       strerror(errno));
        close(fd);
        return -1;
    }
    if (fd >= 0 && (name[0] == '@' || clear_stale(name)) && bind_and_listen(fd, &at, len, mode))
        return fd;
    pil_diag_error(diag, nowhere, "%s = \"%s\": %s", setting, name, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Splits "address:port"; the address may be in brackets. */
static bool parse_endpoint(const char *text, struct pil_ip *ip, unsigned *port)
{
    const char *colon = strrchr(text, ':');
    struct pil_slice host;
    struct pil_ports ports;

    if (!colon || pil_ports_parse(pil_slice_of(colon + 1), &ports) || ports.low != ports.high)
        return false;
    host = (struct pil_slice){text, (size_t)(colon - text)};
    if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']') {
        host.at++;
        host.len -= 2;
    }
    *port = ports.low;
    return pil_ip_parse(host, ip) == PIL_OK;
}

static bool is_loopback(const struct pil_ip *ip)
{
    static const struct pil_ip one = {{[15] = 1}};

    return pil_ip_is_v4(ip) ? ip->octet[12] == 127 : pil_ip_equal(ip, &one);
}

static int listen_tcp(const struct pil_ip *ip, unsigned port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool is_v4 = pil_ip_is_v4(ip);
    int one = 1,
        fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(&v4.sin_addr, ip->octet + 12, 4);
    memcpy(&v6.sin6_addr, ip->octet, 16);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
        bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
             is_v4 ? sizeof(v4) : sizeof(v6)) == 0 &&
        listen(fd, 16) == 0)
        return fd;
    close(fd);
    return -1;
}

int pil_listener_http(const char *text, struct pil_diag *diag)
{
    struct pil_ip ip;
    unsigned port;
    int fd;

    if (strncmp(text, "unix:/", 6) == 0)
        return pil_listener_unix("metrics", text + 5, SOCK_STREAM, 0660, diag);
    if (!parse_endpoint(text, &ip, &port) || !is_loopback(&ip)) {
        pil_diag_error(diag, nowhere,
                       "metrics = \"%s\"; legal is 127.0.0.1:PORT, [::1]:PORT or "
                       "unix:/path",
                       text);
        return -1;
    }
    fd = listen_tcp(&ip, port);
    if (fd < 0)
        pil_diag_error(diag, nowhere, "metrics = \"%s\": %s", text, strerror(errno));
    return fd;
}
