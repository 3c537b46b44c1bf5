#include "policyd/fdstore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/err.h"

#define FDS_MAX  16u
#define TEXT_MAX 4096u

/* ---- a list --------------------------------------------------------------------------------- */

static bool make_room(struct pil_fds *fds)
{
    unsigned cap = fds->cap ? 2 * fds->cap : 32;
    struct pil_fd *grown;

    if (fds->count < fds->cap)
        return true;
    grown = fds->count < PIL_FDSTORE_MAX ? realloc(fds->item, cap * sizeof(*grown)) : NULL;
    if (!grown)
        return false;
    fds->item = grown;
    fds->cap = cap;
    return true;
}

int pil_fds_add(struct pil_fds *fds, const char *name, int fd)
{
    if (strlen(name) >= PIL_FDSTORE_TEXT || !make_room(fds)) {
        close(fd);
        return PIL_E_FULL;
    }
    fds->item[fds->count].fd = fd;
    strcpy(fds->item[fds->count++].name, name);
    return PIL_OK;
}

void pil_fds_remove(struct pil_fds *fds, const char *name)
{
    unsigned left = 0;

    for (unsigned i = 0; i < fds->count; i++) {
        if (strcmp(fds->item[i].name, name) != 0)
            fds->item[left++] = fds->item[i];
        else if (fds->item[i].fd >= 0)
            close(fds->item[i].fd);
    }
    fds->count = left;
}

void pil_fds_close(struct pil_fds *fds)
{
    for (unsigned i = 0; i < fds->count; i++)
        if (fds->item[i].fd >= 0)
            close(fds->item[i].fd);
    free(fds->item);
    *fds = (struct pil_fds){0};
}

/* ---- the socket ----------------------------------------------------------------------------- */

/* The kernel chooses an abstract name; only a child of ours is heard, by its credentials. */
static bool bind_it(int fd, char *name)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(un.sun_family);
    int one = 1;

    if (bind(fd, (struct sockaddr *)&un, len) ||
        setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)))
        return false;
    len = sizeof(un);
    if (getsockname(fd, (struct sockaddr *)&un, &len))
        return false;
    len -= (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1;
    name[0] = '@';
    memcpy(name + 1, un.sun_path + 1, len);
    name[1 + len] = '\0';
    return true;
}

void pil_fdstore_show(const struct pil_fdstore *store)
{
    setenv("NOTIFY_SOCKET", store->name, 1);
}

void pil_fdstore_hide(const struct pil_fdstore *store)
{
    if (store->onward)
        setenv("NOTIFY_SOCKET", store->onward, 1);
    else
        unsetenv("NOTIFY_SOCKET");
}

int pil_fdstore_open(struct pil_fdstore *store)
{
    const char *before = getenv("NOTIFY_SOCKET");

    store->onward = before ? strdup(before) : NULL;
    store->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (store->fd >= 0 && bind_it(store->fd, store->name)) {
        pil_fdstore_show(store);
        return PIL_OK;
    }
    pil_fdstore_close(store);
    return PIL_E_SYSTEM;
}

void pil_fdstore_close(struct pil_fdstore *store)
{
    pil_fdstore_hide(store);
    free(store->onward);
    store->onward = NULL;
    if (store->fd >= 0)
        close(store->fd);
    store->fd = -1;
    pil_fds_close(&store->kept);
}

/* ---- what is said --------------------------------------------------------------------------- */

/* One datagram, and who sent it. */
struct said {
    char text[TEXT_MAX];
    int fds[FDS_MAX];
    unsigned count;
    pid_t pid;
};

static void take_control(struct msghdr *msg, struct said *said)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        struct ucred cred;

        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_RIGHTS) {
            said->count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(said->fds, CMSG_DATA(c), said->count * sizeof(int));
        } else if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&cred, CMSG_DATA(c), sizeof(cred));
            said->pid = cred.pid;
        }
    }
}

static bool receive(int fd, struct said *said)
{
    union {
        char room[CMSG_SPACE(FDS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {said->text, sizeof(said->text) - 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    ssize_t got;

    said->count = 0;
    said->pid = 0;
    do
        got = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return false;
    said->text[got] = '\0';
    take_control(&msg, said);
    return true;
}

/* The value of NAME=value on a line of its own, into out; false when there is none. */
static bool value_of(const char *text, const char *name, char *out, size_t cap)
{
    size_t len = strlen(name);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == '=') {
            size_t size = strcspn(line + len + 1, "\n");

            if (size >= cap)
                return false;
            memcpy(out, line + len + 1, size);
            out[size] = '\0';
            return true;
        }
    }
    return false;
}

static void keep(struct pil_fdstore *store, struct said *said, const char *name)
{
    for (unsigned i = 0; i < said->count; i++) {
        (void)!pil_fds_add(&store->kept, name, said->fds[i]);
        said->fds[i] = -1;
    }
}

/* To whoever supervises the keeper, which is whom it was meant for. */
static void pass_on(const struct pil_fdstore *store, const char *text)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t len = store->onward ? strlen(store->onward) : 0;
    int fd;

    if (len == 0 || len >= sizeof(un.sun_path))
        return;
    memcpy(un.sun_path, store->onward, len);
    if (un.sun_path[0] == '@')
        un.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&un,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

static void act(struct pil_fdstore *store, struct said *said)
{
    char name[PIL_FDSTORE_TEXT], flag[8];

    if (!value_of(said->text, "FDNAME", name, sizeof(name)))
        pass_on(store, said->text);
    else if (value_of(said->text, "FDSTORE", flag, sizeof(flag)))
        keep(store, said, name);
    else if (value_of(said->text, "FDSTOREREMOVE", flag, sizeof(flag)))
        pil_fds_remove(&store->kept, name);
}

void pil_fdstore_read(struct pil_fdstore *store, pid_t child)
{
    static struct said said; /* large; main thread only */

    while (receive(store->fd, &said)) {
        if (said.pid == child && child != 0)
            act(store, &said);
        for (unsigned i = 0; i < said.count; i++)
            if (said.fds[i] >= 0)
                close(said.fds[i]);
    }
}
