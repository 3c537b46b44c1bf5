#include "policyd/tls/peer_bio.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static bool may_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static void keep_head(struct pil_peer *peer, const uint8_t *data, size_t len)
{
    size_t room = PIL_PEER_HEAD - peer->head_len;

    if (len > room)
        len = room;
    memcpy(peer->head + peer->head_len, data, len);
    peer->head_len = (uint8_t)(peer->head_len + len);
}

static int bio_read(BIO *bio, char *data, size_t len, size_t *got)
{
    struct pil_peer *peer = BIO_get_data(bio);
    ssize_t n = recv(peer->fd, data, len, MSG_DONTWAIT);

    BIO_clear_retry_flags(bio);
    *got = 0;
    if (n > 0) {
        keep_head(peer, (const uint8_t *)data, (size_t)n);
        *got = (size_t)n;
        return 1;
    }
    if (n == 0 && len > 0)
        peer->eof = true;
    else if (may_wait(errno))
        BIO_set_retry_read(bio);
    else
        peer->error = errno;
    return 0;
}

static int bio_write(BIO *bio, const char *data, size_t len, size_t *put)
{
    struct pil_peer *peer = BIO_get_data(bio);
    ssize_t n = send(peer->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    *put = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return 1;
    if (n < 0 && may_wait(errno))
        BIO_set_retry_write(bio);
    else if (n < 0)
        peer->error = errno;
    return 0;
}

static long bio_ctrl(BIO *bio, int what, long number, void *pointer)
{
    struct pil_peer *peer = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    switch (what) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return peer->eof;
    default:
        return 0;
    }
}

BIO_METHOD *pil_peer_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "peer");

    if (method && BIO_meth_set_read_ex(method, bio_read) == 1 &&
        BIO_meth_set_write_ex(method, bio_write) == 1 && BIO_meth_set_ctrl(method, bio_ctrl) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

BIO *pil_peer_bio_new(const BIO_METHOD *method, struct pil_peer *peer)
{
    BIO *bio = BIO_new(method);

    if (!bio)
        return NULL;
    BIO_set_data(bio, peer);
    BIO_set_init(bio, 1);
    return bio;
}

bool pil_peer_is_tls(const uint8_t *head, unsigned len)
{
    return (len < 1 || head[0] == 0x16) && (len < 2 || head[1] == 0x03);
}
