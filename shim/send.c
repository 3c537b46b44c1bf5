/* sendto, sendmsg, sendmmsg: judged when they name a destination, else the plain data path. */
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

#include "shim/call.h"
#include "shim/conn.h"
#include "shim/decide.h"
#include "shim/io.h"
#include "shim/real.h"
#include "shim/secure.h"
#include "shim/shim.h"
#include "shim/site.h"
#include "shim/state.h"

/* TCP takes a destination from a send only with MSG_FASTOPEN, and unix streams never; the kernel
 * ignores or refuses it. Other protocols, SCTP for one, connect by it. */
static bool destination_counts(int fd, const struct pil_copied *to, int flags)
{
    int protocol;

    if (flags & MSG_FASTOPEN)
        return true;
    if (to->sa.ss_family != AF_INET && to->sa.ss_family != AF_INET6)
        return false;
    protocol = pil_call_socket_protocol(fd);
    return protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP;
}

static int judge(int fd, struct pil_copied *to, int flags, const void *caller)
{
    int type = pil_call_socket_type(fd);
    bool stream = type == SOCK_STREAM || type == SOCK_SEQPACKET;
    struct pil_call_room room;
    struct pil_verdict v;
    struct pil_query q;
    int error;

    if (type < 0)
        return -type;
    if (stream && !destination_counts(fd, to, flags))
        return 0;
    if (!stream)
        pil_call_settle_family(fd, to, type, false);
    if (!pil_call_query(&q, stream ? PIL_ACTION_CONNECT : PIL_ACTION_SEND,
                        (const struct sockaddr *)&to->sa, to->len, &room))
        return 0;
    if (q.kind == PIL_KIND_UNIX && pil_site_names(caller))
        return 0;
    error = pil_decide(&q, caller, &v);
    /* Data with the first packet would go before there are keys; programs then connect as usual. */
    return !error && pil_secure_wanted(&q, &v) ? EOPNOTSUPP : error;
}

ssize_t pil_shim_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                        socklen_t addr_len, const void *caller)
{
    struct pil_copied to;
    int error;

    error = pil_io_hold(fd, flags);
    if (error)
        return pil_call_result(error);
    if (pil_conn_maybe(fd)) {
        struct iovec iov = {(void *)(uintptr_t)buf, len};
        ssize_t sent =
            pil_conn_sendmsg(fd, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, flags);

        if (sent != PIL_CONN_NOT)
            return pil_call_result(sent);
    }
    pil_state_ready();
    if (!pil_call_copy(&to, addr, addr_len))
        return pil_call_result(
            pil_real_host.sendto(fd, buf, len, flags, pil_call_nowhere(addr), addr_len));
    error = judge(fd, &to, flags, caller);
    if (error)
        return pil_call_result(-error);
    return pil_call_result(
        pil_real_host.sendto(fd, buf, len, flags, (struct sockaddr *)&to.sa, to.len));
}

/* Copies a message header and its destination; the copy points to the copied destination. Of a
 * destination that is too long the kernel takes the beginning, and so it must be judged. Gives the
 * kernel's errno when there is nothing to copy. */
static int copy_header(struct msghdr *copy, struct pil_copied *to, const struct msghdr *msg)
{
    *copy = *msg;
    if (!copy->msg_name || copy->msg_namelen == 0) {
        copy->msg_name = NULL;
        return 0;
    }
    if (copy->msg_namelen > INT_MAX)
        return EINVAL;
    if (copy->msg_namelen > sizeof(to->sa))
        copy->msg_namelen = sizeof(to->sa);
    if (!pil_call_copy(to, copy->msg_name, copy->msg_namelen))
        return EFAULT;
    copy->msg_name = &to->sa;
    return 0;
}

static int judge_header(int fd, const struct msghdr *copy, struct pil_copied *to, int flags,
                        const void *caller)
{
    return copy->msg_name ? judge(fd, to, flags, caller) : 0;
}

/*
 * Descriptors that are passed to another process leave the hooks' reach, or come to hooks that do
 * not know them: connections whose records are ours go through the relay before. One that cannot
 * be given to it is not passed.
 */
static int pass_descriptors(const struct msghdr *msg)
{
    struct cmsghdr *c = msg->msg_controllen > 0 ? CMSG_FIRSTHDR(msg) : NULL;

    for (; c; c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)msg, c)) {
        const int *fds = (const int *)(const void *)CMSG_DATA(c);
        size_t count = c->cmsg_len < CMSG_LEN(0) ? 0 : (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int err = pil_conn_maybe(fds[i]) ? pil_conn_demote(fds[i]) : 0;

            if (err && err != PIL_CONN_NOT)
                return EIO;
        }
    }
    return 0;
}

ssize_t pil_shim_sendmsg(int fd, const struct msghdr *msg, int flags, const void *caller)
{
    struct pil_copied to;
    struct msghdr copy;
    int error;

    error = pil_io_hold(fd, flags);
    if (error)
        return pil_call_result(error);
    if (pil_conn_maybe(fd)) {
        ssize_t sent = pil_conn_sendmsg(fd, msg, flags);

        if (sent != PIL_CONN_NOT)
            return pil_call_result(sent);
    }
    pil_state_ready();
    if (!pil_call_readable(msg, sizeof(*msg)))
        return pil_call_result(pil_real_host.sendmsg(fd, msg, flags));
    error = copy_header(&copy, &to, msg);
    if (!error && PIL_UNLIKELY(pil_conn_any()))
        error = pass_descriptors(msg);
    if (!error)
        error = judge_header(fd, &copy, &to, flags, caller);
    if (error)
        return pil_call_result(-error);
    return pil_call_result(pil_real_host.sendmsg(fd, &copy, flags));
}

#define CHUNK 6u

/* Copies and judges up to count messages; returns how many may go, *error why the next may not. */
static unsigned admit(int fd, struct mmsghdr *copy, struct pil_copied *to,
                      const struct mmsghdr *vec, unsigned count, int flags, const void *caller,
                      int *error)
{
    unsigned i;

    *error = 0;
    for (i = 0; i < count; i++) {
        copy[i].msg_len = 0;
        *error = copy_header(&copy[i].msg_hdr, &to[i], &vec[i].msg_hdr);
        if (!*error && PIL_UNLIKELY(pil_conn_any()))
            *error = pass_descriptors(&vec[i].msg_hdr);
        if (!*error)
            *error = judge_header(fd, &copy[i].msg_hdr, &to[i], flags, caller);
        if (*error)
            break;
    }
    return i;
}

/* Sends one chunk; the result as of sendmmsg, *error when it stopped at a refused message. */
static int send_chunk(int fd, struct mmsghdr *vec, unsigned count, int flags, const void *caller,
                      int *error)
{
    struct mmsghdr copy[CHUNK];
    struct pil_copied to[CHUNK];
    unsigned allowed = admit(fd, copy, to, vec, count, flags, caller, error);
    int sent;

    if (allowed == 0)
        return -*error;
    sent = pil_real_host.sendmmsg(fd, copy, allowed, flags);
    for (int i = 0; i < sent; i++)
        vec[i].msg_len = copy[i].msg_len;
    return sent;
}

/* On a stream a message that was sent in part is the last. */
static int put_messages(int fd, struct mmsghdr *vec, unsigned count, int flags)
{
    unsigned done = 0;
    bool whole = true;

    while (done < count && whole) {
        ssize_t sent = pil_conn_sendmsg(fd, &vec[done].msg_hdr, flags);
        size_t asked = 0;

        if (sent < 0)
            return done ? (int)done : (int)sent;
        for (size_t i = 0; i < vec[done].msg_hdr.msg_iovlen; i++)
            asked += vec[done].msg_hdr.msg_iov[i].iov_len;
        whole = (size_t)sent == asked;
        vec[done++].msg_len = (unsigned)sent;
    }
    return (int)done;
}

/* Like the kernel: an error counts only when it met the first message, else the number sent. */
int pil_shim_sendmmsg(int fd, struct mmsghdr *vec, unsigned count, int flags, const void *caller)
{
    unsigned done = 0;
    int error = 0;

    if (count > 1024) /* UIO_MAXIOV, where the kernel cuts too */
        count = 1024;
    error = pil_io_hold(fd, flags);
    if (error)
        return (int)pil_call_result(error);
    if (pil_conn_maybe(fd) && count > 0) {
        int sent = put_messages(fd, vec, count, flags);

        if (sent != PIL_CONN_NOT)
            return (int)pil_call_result(sent);
    }
    pil_state_ready();
    if (count == 0 || !pil_call_readable(vec, count * sizeof(*vec)))
        return (int)pil_call_result(pil_real_host.sendmmsg(fd, vec, count, flags));
    while (done < count && !error) {
        unsigned chunk = count - done < CHUNK ? count - done : CHUNK;
        int sent = send_chunk(fd, vec + done, chunk, flags, caller, &error);

        if (sent < 0)
            return done ? (int)done : (int)pil_call_result(sent);
        done += (unsigned)sent;
        if ((unsigned)sent < chunk)
            break;
    }
    return (int)done;
}
