#include "shim/call.h"

#include <netinet/in.h>
#include <string.h>

#include "shim/fresh.h"
#include "shim/real.h"

#define NO_SUCH_HOW (-1) /* sigprocmask reads the set first, then refuses this, changing nothing   \
                          */
#define STACK_NEAR 2048u /* what lies this close above our frame is the callers' frames */

/* The page that was found readable last: programs keep their addresses where they kept them. One
 * that was unmapped since would crash where the kernel refuses; that much is left to chance. */
static __thread uintptr_t good_page;

static bool word_readable(uintptr_t at)
{
    const uint64_t *word = (const uint64_t *)(at & ~(uintptr_t)7);

    if (at >> 12 == good_page && good_page)
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
    int type = pil_fresh_take(fd);

    return type ? type : socket_option(fd, SO_TYPE);
}

void pil_call_settle_family(int fd, struct pil_copied *copy, bool only_wildcard)
{
    struct sockaddr_in in;

    if (copy->len < sizeof(in) || copy->sa.ss_family != AF_UNSPEC)
        return;
    memcpy(&in, &copy->sa, sizeof(in));
    if ((!only_wildcard || in.sin_addr.s_addr == INADDR_ANY) &&
        socket_option(fd, SO_DOMAIN) == AF_INET)
        copy->sa.ss_family = AF_INET;
}

/* A path that is too long to be made absolute keeps its relative form, which no absolute rule
 * matches. */
static struct pil_slice absolute(struct pil_call_room *room)
{
    struct pil_slice path = {room->addr.path, room->addr.path_len};
    struct pil_text text;
    char here[PIL_NAME_MAX + 1];
    ssize_t len;

    if (path.len == 0 || path.at[0] == '/' || path.at[0] == '@')
        return path;
    if (path.len > 2 && path.at[0] == '.' && path.at[1] == '/')
        path = (struct pil_slice){path.at + 2, path.len - 2};
    len = pil_real_sys.getcwd(here, sizeof(here));
    if (len <= 1 || here[0] != '/' || (size_t)len + path.len > PIL_NAME_MAX)
        return path;
    pil_text_init(&text, room->path, sizeof(room->path));
    pil_text_add(&text, here[1] ? here : "");
    pil_text_add(&text, "/");
    pil_text_add_slice(&text, path);
    return (struct pil_slice){room->path, text.len};
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
    if (q->kind == PIL_KIND_UNIX)
        q->name = absolute(room);
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
