#include "policyd/mesh/diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/err.h"

#ifndef SOCK_DESTROY
#define SOCK_DESTROY 21
#endif

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

union answer {
    struct nlmsghdr head;
    char room[4096];
};

int pil_diag_open(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
}

static void put_ends(struct inet_diag_sockid *id, const union pil_standin_addr *own,
                     const union pil_standin_addr *other)
{
    if (own->sa.sa_family == AF_INET) {
        id->idiag_sport = own->v4.sin_port;
        id->idiag_dport = other->v4.sin_port;
        memcpy(id->idiag_src, &own->v4.sin_addr, 4);
        memcpy(id->idiag_dst, &other->v4.sin_addr, 4);
    } else {
        id->idiag_sport = own->v6.sin6_port;
        id->idiag_dport = other->v6.sin6_port;
        memcpy(id->idiag_src, &own->v6.sin6_addr, 16);
        memcpy(id->idiag_dst, &other->v6.sin6_addr, 16);
        id->idiag_if = own->v6.sin6_scope_id;
    }
}

/* The number of the last question, so that an old answer is not taken for a new one. */
static uint32_t sequence;

static int ask(int diag, uint16_t type, uint16_t flags, const union pil_standin_addr *own,
               const union pil_standin_addr *other, uint64_t cookie)
{
    struct question q = {
        .head = {.nlmsg_len = sizeof(q), .nlmsg_type = type, .nlmsg_flags = flags},
        .body = {.sdiag_family = (uint8_t)own->sa.sa_family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = UINT32_MAX},
    };

    q.head.nlmsg_seq = ++sequence;
    put_ends(&q.body.id, own, other);
    q.body.id.idiag_cookie[0] = (uint32_t)cookie;
    q.body.id.idiag_cookie[1] = (uint32_t)(cookie >> 32);
    return send(diag, &q, sizeof(q), 0) == (ssize_t)sizeof(q) ? PIL_OK : PIL_E_SYSTEM;
}

/* Answers come before send has returned. */
static int receive(int diag, union answer *a)
{
    for (;;) {
        ssize_t got = recv(diag, a, sizeof(*a), MSG_DONTWAIT);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < (ssize_t)sizeof(a->head))
            return PIL_E_SYSTEM;
        if (a->head.nlmsg_seq == sequence && a->head.nlmsg_len <= (size_t)got)
            return PIL_OK;
    }
}

static int error_of(const union answer *a)
{
    const struct nlmsgerr *error = NLMSG_DATA(&a->head);

    switch (error->error) {
    case 0:
        return PIL_OK;
    case -ENOENT:
    case -ESTALE:
        return PIL_E_NOTFOUND;
    case -EPERM:
    case -EACCES:
    case -EOPNOTSUPP:
    case -EINVAL:
        return PIL_E_PERMISSION;
    default:
        return PIL_E_SYSTEM;
    }
}

int pil_diag_find(int diag, const union pil_standin_addr *own, const union pil_standin_addr *other,
                  uint64_t cookie)
{
    const struct inet_diag_msg *found;
    union answer a;
    int err = ask(diag, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, own, other, cookie);

    if (!err)
        err = receive(diag, &a);
    if (err)
        return err;
    if (a.head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return a.head.nlmsg_type == NLMSG_ERROR && error_of(&a) == PIL_E_NOTFOUND ? PIL_E_NOTFOUND
                                                                                  : PIL_E_SYSTEM;
    found = NLMSG_DATA(&a.head);
    return found->idiag_inode ? PIL_OK : PIL_E_NOTFOUND; /* 0: no process has it any more */
}

int pil_diag_destroy(int diag, const union pil_standin_addr *own,
                     const union pil_standin_addr *other, uint64_t cookie)
{
    union answer a;
    int err = ask(diag, SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, own, other, cookie);

    if (!err)
        err = receive(diag, &a);
    if (err)
        return err;
    return a.head.nlmsg_type == NLMSG_ERROR ? error_of(&a) : PIL_E_SYSTEM;
}
