// sources: policyd conf core -lssl -lcrypto -levent -ljansson -lconfuse -lcap -lsystemd
/*
 * One side of a handshake, fed with any bytes: as a server (required or permissive) or as a client,
 * by the lowest bits of the first byte. The rest arrives in pieces whose lengths are in the bytes
 * too; then the peer closes. It must come to an end, and never to a good one but for plaintext.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/identity/cert.h"
#include "policyd/identity/keys.h"
#include "policyd/tls/hand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct pil_hand_tools tools;
static struct pil_bundle *bundle;
static struct pil_svid *svid;

static void need(bool holds)
{
    if (!holds)
        abort();
}

static X509 *certificate(const char *id, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    const struct pil_cert_order order = {.id = id,
                                         .name = "fuzz",
                                         .ca = !issuer,
                                         .not_before = time(NULL) - 60,
                                         .not_after = time(NULL) + 864000,
                                         .key = key,
                                         .issuer = issuer,
                                         .issuer_key = issuer_key};

    return pil_cert_make(&order);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    EVP_PKEY *root_key, *key;
    STACK_OF(X509) *roots = sk_X509_new_null();
    X509 *root;

    (void)argc;
    (void)argv;
    need(pil_keys_open() == PIL_OK);
    root_key = pil_keys_make();
    key = pil_keys_make();
    root = certificate("spiffe://fuzz.example", root_key, NULL, root_key);
    need(root != NULL);
    sk_X509_push(roots, root);
    need(pil_bundle_new("fuzz.example", roots, NULL, 0, 1, &bundle) == PIL_OK);
    sk_X509_free(roots);
    need(pil_svid_new(certificate("spiffe://fuzz.example/one", key, root, root_key),
                      sk_X509_new_null(), key, &svid) == PIL_OK);
    tools.bio = pil_peer_bio_method();
    need(pil_sessions_open(16, &tools.given) == PIL_OK);
    need(pil_sessions_open(16, &tools.got) == PIL_OK);
    need(pil_vetted_open(&tools.vetted) == PIL_OK);
    need(pil_ctx_open(&pil_hand_hooks, &tools.ctxs) == PIL_OK);
    need(pil_caps_open(16, 16, &tools.caps) == PIL_OK);
    return 0;
}

static void done(void *cookie, uint64_t id, const struct pil_hand_result *result)
{
    (void)cookie;
    (void)id;
    (void)result;
}

static struct pil_hand *make(uint8_t how, int fd)
{
    const struct pil_hand_order order = {
        .fd = fd,
        .role = how & 1 ? PIL_ROLE_SERVER : PIL_ROLE_CLIENT,
        .permissive = how & 2,
        .established = !(how & 4),
        .svid = svid,
        .bundle = bundle,
        .deadline_ms = 1000,
        .done = done,
    };
    struct pil_hand *hand;

    need(pil_hand_makes_sense(&order) && pil_hand_make(&tools, &order, &hand) == PIL_OK);
    return hand;
}

static enum pil_hand_next feed(struct pil_hand *hand, int fd, const uint8_t *data, size_t len)
{
    enum pil_hand_next next = pil_hand_step(hand);

    while (next == PIL_HAND_WAIT && len > 1) {
        size_t n = 1u + data[0] * 4u;

        data++;
        len--;
        n = n > len ? len : n;
        (void)send(fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        data += n;
        len -= n;
        next = pil_hand_step(hand);
    }
    shutdown(fd, SHUT_RDWR);
    return next == PIL_HAND_WAIT ? pil_hand_step(hand) : next;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pil_hand *hand;
    enum pil_hand_next next;
    int fd[2];

    if (len < 2)
        return 0;
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
    hand = make(data[0], fd[0]);
    next = feed(hand, fd[1], data + 1, len - 1);
    need(next == PIL_HAND_END);
    need(hand->result.plaintext ? (data[0] & 3) == 3 && !hand->result.err
                                : hand->result.err && hand->result.reason);
    pil_hand_free(hand);
    close(fd[0]);
    close(fd[1]);
    return 0;
}
