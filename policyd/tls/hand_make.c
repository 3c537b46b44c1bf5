/* Hands, from the order to the end. */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "core/err.h"
#include "policyd/tls/hand.h"

#define EXPECT_MAX 64u

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool copy_expect(struct pil_hand *hand, const struct pil_hand_order *order)
{
    if (order->expect_count == 0)
        return true;
    hand->expect = calloc(order->expect_count, sizeof(hand->expect[0]));
    if (!hand->expect)
        return false;
    for (; hand->expect_count < order->expect_count; hand->expect_count++) {
        hand->expect[hand->expect_count] = strdup(order->expect[hand->expect_count]);
        if (!hand->expect[hand->expect_count])
            return false;
    }
    return true;
}

static void copy_alpn(struct pil_hand *hand, const struct pil_hand_order *order)
{
    static const uint8_t web[] = "\x08http/1.1";
    const uint8_t *more = order->alpn ? order->alpn : web;
    unsigned more_len = order->alpn ? order->alpn_len : (unsigned)sizeof(web) - 1;

    hand->alpn[0] = sizeof(PIL_TLS_ALPN) - 1;
    memcpy(hand->alpn + 1, PIL_TLS_ALPN, sizeof(PIL_TLS_ALPN) - 1);
    hand->alpn_len = sizeof(PIL_TLS_ALPN);
    memcpy(hand->alpn + hand->alpn_len, more, more_len);
    hand->alpn_len += more_len;
}

bool pil_hand_makes_sense(const struct pil_hand_order *order)
{
    return order->fd >= 0 && order->done && order->deadline_ms > 0 && order->bundle &&
           (order->role == PIL_ROLE_CLIENT || order->role == PIL_ROLE_SERVER) &&
           order->expect_count <= EXPECT_MAX &&
           (!order->alpn || order->alpn_len <= PIL_HAND_ALPN_MAX - sizeof(PIL_TLS_ALPN));
}

static enum pil_hand_state first_state(const struct pil_hand_order *order)
{
    if (order->role == PIL_ROLE_SERVER)
        return PIL_HAND_PEEKING;
    return order->established ? PIL_HAND_SHAKING : PIL_HAND_CONNECTING;
}

static void fill(struct pil_hand *hand, const struct pil_hand_order *order)
{
    hand->verified = order->verified;
    hand->done = order->done;
    hand->cookie = order->cookie;
    hand->role = order->role;
    hand->permissive = order->permissive;
    hand->fresh = order->fresh;
    hand->deadline = now_ms() + order->deadline_ms;
    hand->svid = pil_svid_ref(order->svid);
    hand->bundle = pil_bundle_ref(order->bundle);
    hand->state = first_state(order);
    copy_alpn(hand, order);
}

/* A client whose address cannot be told any more has hung up; the handshake will find out. */
static bool cap_client(struct pil_hand *hand, int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    struct pil_addr peer;

    if (getpeername(fd, (struct sockaddr *)&address, &len) != 0 ||
        pil_addr_from((struct sockaddr *)&address, len, &peer) != PIL_OK)
        return true;
    hand->address = peer.ip;
    hand->counted = pil_caps_take(hand->tools->caps, &hand->address);
    return hand->counted;
}

static int prepare(struct pil_hand *hand, const struct pil_hand_order *order)
{
    int err;

    if (order->role == PIL_ROLE_SERVER && !cap_client(hand, order->fd))
        return PIL_E_FULL;
    if (!copy_expect(hand, order))
        return PIL_E_NOMEM;
    err = pil_ctx_get(hand->tools->ctxs, order->svid, &hand->ctx);
    if (err)
        return err;
    hand->peer.fd = fcntl(order->fd, F_DUPFD_CLOEXEC, 0);
    return hand->peer.fd >= 0 ? PIL_OK : PIL_E_SYSTEM;
}

int pil_hand_make(const struct pil_hand_tools *tools, const struct pil_hand_order *order,
                  struct pil_hand **out)
{
    struct pil_hand *hand = calloc(1, sizeof(*hand));
    int err;

    if (!hand)
        return PIL_E_NOMEM;
    hand->tools = tools;
    hand->peer.fd = -1;
    fill(hand, order);
    err = prepare(hand, order);
    if (err)
        pil_hand_free(hand);
    else
        *out = hand;
    return err;
}

void pil_hand_free(struct pil_hand *hand)
{
    if (hand->counted)
        pil_caps_give(hand->tools->caps, &hand->address);
    pil_hand_release(hand);
    SSL_CTX_free(hand->ctx);
    pil_svid_unref(hand->svid);
    pil_bundle_unref(hand->bundle);
    for (unsigned i = 0; i < hand->expect_count; i++)
        free(hand->expect[i]);
    free(hand->expect);
    OPENSSL_cleanse(hand, sizeof(*hand));
    free(hand);
}
