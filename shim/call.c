#include "shim/call.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "shim/fresh.h"
#include "shim/path.h"
#include "shim/real.h"

#define NO_SUCH_HOW                                                                                \
    (-1)                 /* sigprocmask reads the set first, then refuses this, changing nothing   \
                          */
#define STACK_NEAR 2048u /* what lies this close above our frame is the callers' frames */

/* The page that was found readable last: programs keep their addresses where they kept them. One
 * that was unmapped since would crash where the kernel refuses; that much is left to chance. */
static __thread uintptr_t good_page;

/*
 * Valgrind looks at the arguments of every system call: it would report the look below, and reports
 * by itself what the program must not hand to the kernel. The rotations, which add up to none, are
 * what it takes for a question to itself (request 0x1001); a processor goes on with the 0 in %rdx.
 */
static bool inside_valgrind(void)
{
#if defined(__x86_64__)
    const uint64_t request[6] = {0x1001};
    uint64_t answer = 0;

    __asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "+d"(answer)
                     : "a"(request)
                     : "cc", "memory");
    return answer != 0;
#else
    return false;
#endif
}

static bool word_readable(uintptr_t at)
{
    const uint64_t *word = (const uint64_t *)(at & ~(uintptr_t)7);

    if (at >> 12 == good_page && good_page)
        return true;
    if (word && inside_valgrind())
        return true;
    /* Without a set the kernel reads nothing and finds nothing wrong. */
    if (!word || pil_real_sys.procmask(NO_SUCH_HOW, word, NULL) == -EFAULT)
        return false;
    good_page = at >> 12;
    return true;
}

bool pil_call_readable(const void *at, size_t len)
{
    uintptr_t first = (uintptr_t)at, last = first + len - 1;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);

    if (first - frame < STACK_NEAR && last - frame < STACK_NEAR)
        return true;
    return word_readable(first) && (first >> 12 == last >> 12 || word_readable(last));
}

bool pil_call_copy(struct pil_copied *copy, const struct sockaddr *addr, socklen_t len)
{
    if (!addr || len == 0 || len > sizeof(copy->sa) || !pil_call_readable(addr, len))
        return false;
    memcpy(&copy->sa, addr, len);
    copy->len = len;
    return true;
}

static int socket_option(int fd, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);
    int err = pil_real_sys.getsockopt(fd, SOL_SOCKET, name, &value, &len);

    return err < 0 ? err : value;
}

int pil_call_socket_type(int fd)
{
    return socket_option(fd, SO_TYPE);
}

int pil_call_socket_protocol(int fd)
{
    return socket_option(fd, SO_PROTOCOL);
}

int pil_call_connect_type(int fd)
{
    int type = pil_fresh_take(fd);

    return type ? type : socket_option(fd, SO_TYPE);
}

void pil_call_settle_family(int fd, struct pil_copied *copy, int type, bool only_wildcard)
{
    struct sockaddr_in in;
    int domain;

    if (copy->len < sizeof(in) || copy->sa.ss_family != AF_UNSPEC)
        return;
    memcpy(&in, &copy->sa, sizeof(in));
    if (only_wildcard && in.sin_addr.s_addr != INADDR_ANY)
        return;
    domain = socket_option(fd, SO_DOMAIN);
    if (domain == AF_INET || (domain == AF_INET6 && type == SOCK_RAW))
        copy->sa.ss_family = (sa_family_t)domain;
}

bool pil_call_settle_path(struct pil_copied *copy)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct pil_addr addr;

    if (pil_addr_from((struct sockaddr *)&copy->sa, copy->len, &addr) ||
        addr.kind != PIL_KIND_UNIX || addr.path_len == 0 || addr.path[0] == '/' ||
        addr.path[0] == '@')
        return false;
    if (!pil_path_absolute((struct pil_slice){addr.path, addr.path_len}, un.sun_path,
                           sizeof(un.sun_path)))
        return false;
    memcpy(&copy->sa, &un, sizeof(un));
    copy->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(un.sun_path) + 1);
    return true;
}

/* How rules know a path: where it leads, so that neither a link nor a relative name is a way around
 * them. A path that leads nowhere, which the kernel refuses too, is judged as it reads. */
static struct pil_slice rule_path(struct pil_call_room *room)
{
    struct pil_slice path = {room->addr.path, room->addr.path_len};

    if (path.len == 0 || path.at[0] == '@')
        return path;
    if (pil_path_real(room->addr.path, room->path))
        return pil_slice_of(room->path);
    if (path.at[0] != '/' && pil_path_absolute(path, room->path, sizeof(room->path)))
        return pil_slice_of(room->path);
    return path;
}

/* Connecting or sending to the wildcard address reaches this host's loopback (RFC 1122 section
 * 3.2.1.3 leaves it to the host; Linux does so for both families). */
static void settle_wildcard(struct pil_ip *ip)
{
    struct pil_ip any4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}, any6 = {{0}};

    if (pil_ip_equal(ip, &any4)) {
        ip->octet[12] = 127;
        ip->octet[15] = 1;
    } else if (pil_ip_equal(ip, &any6)) {
        ip->octet[15] = 1;
    }
}

bool pil_call_query(struct pil_query *q, unsigned action, const struct sockaddr *addr,
                    socklen_t len, struct pil_call_room *room)
{
    if (pil_addr_from(addr, len, &room->addr) || room->addr.kind == PIL_KIND_NONE)
        return false;
    *q = (struct pil_query){
        .action = (uint8_t)action,
        .kind = (uint8_t)room->addr.kind,
        .port = room->addr.port,
        .ip = room->addr.ip,
    };
    if (q->kind == PIL_KIND_INET && (action == PIL_ACTION_CONNECT || action == PIL_ACTION_SEND))
        settle_wildcard(&q->ip);
    if (q->kind == PIL_KIND_OTHER)
        q->name = (struct pil_slice){room->addr.path, room->addr.path_len};
    if (q->kind == PIL_KIND_UNIX)
        q->name = rule_path(room);
    return q->kind != PIL_KIND_UNIX || q->name.len > 0;
}

void pil_call_give(const struct sockaddr_storage *from, socklen_t from_len, struct sockaddr *to,
                   socklen_t *to_len)
{
    if (!to || !to_len)
        return;
    memcpy(to, from, *to_len < from_len ? *to_len : from_len);
    *to_len = from_len;
}

int pil_call_wait(int fd, int ms)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    int saved = errno, result = pil_real_libc.poll(&pfd, 1, ms);

    if (result < 0) {
        result = -errno;
        errno = saved;
    }
    return result;
}
