/*
 * Handshakes for a second of processor time: both ends in one policyd with one handshake thread,
 * mutual TLS 1.3 over loopback, TCP and the ready record included. Once in full and once resumed,
 * in turns; the ratio of the resumed ones is to the full ones of the same round.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/lib/bench.h"
#include "policyd/identity/bundle.h"
#include "policyd/identity/cert.h"
#include "policyd/identity/keys.h"
#include "policyd/identity/svid.h"
#include "policyd/tls/handshake.h"

#define ROUNDS    5u
#define EACH      500u /* handshakes of a kind in a round */
#define AT_ONCE   32u
#define DOMAIN_ID "spiffe://bench.example"

struct bench {
    struct event_base *base;
    struct pil_hands *hands;
    const struct pil_svid *client, *server;
    struct pil_bundle *bundle;
    int listener;
    struct sockaddr_in address;
    bool fresh;
    unsigned begun, ended;
};

/* Both ends of one connection; the sockets live until both are done. */
struct pair {
    struct bench *bench;
    int fd[2];
    unsigned done;
};

static X509 *certificate(const char *id, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *cert = pil_cert_make(&(struct pil_cert_order){.id = id,
                                                        .name = "bench",
                                                        .ca = !issuer,
                                                        .not_before = time(NULL) - 60,
                                                        .not_after = time(NULL) + 3600,
                                                        .key = key,
                                                        .issuer = issuer,
                                                        .issuer_key = issuer_key});

    bench_need(cert != NULL, id);
    return cert;
}

static const struct pil_svid *identity(const char *id, X509 *root, EVP_PKEY *root_key)
{
    EVP_PKEY *key = pil_keys_make();
    struct pil_svid *svid;

    if (pil_svid_new(certificate(id, key, root, root_key), sk_X509_new_null(), key, &svid))
        bench_fail("no identity %s", id);
    return svid;
}

static void make_identities(struct bench *b)
{
    EVP_PKEY *root_key;
    X509 *root;
    STACK_OF(X509) *roots = sk_X509_new_null();

    if (pil_keys_open())
        bench_fail("no memory for keys");
    root_key = pil_keys_make();
    root = certificate(DOMAIN_ID, root_key, NULL, root_key);
    sk_X509_push(roots, root);
    b->client = identity(DOMAIN_ID "/client", root, root_key);
    b->server = identity(DOMAIN_ID "/server", root, root_key);
    if (pil_bundle_new(DOMAIN_ID + strlen("spiffe://"), roots, NULL, 0, 1, &b->bundle))
        bench_fail("no bundle");
}

static void listen_somewhere(struct bench *b)
{
    socklen_t len = sizeof(b->address);

    b->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_need(bind(b->listener, (struct sockaddr *)&b->address, len) == 0, "bind");
    bench_need(listen(b->listener, 512) == 0, "listen");
    bench_need(getsockname(b->listener, (struct sockaddr *)&b->address, &len) == 0, "getsockname");
}

static void begin(struct bench *b);

static void done(void *cookie, uint64_t id, const struct pil_hand_result *result)
{
    struct pair *pair = cookie;
    struct bench *b = pair->bench;

    (void)id;
    if (result->err)
        bench_fail("a handshake failed: %s: %s", pil_tls_reason_name(result->reason),
                   result->detail);
    if (result->resumed == b->fresh)
        bench_fail("a handshake was %s", result->resumed ? "resumed" : "not resumed");
    if (++pair->done < 2)
        return;
    close(pair->fd[0]);
    close(pair->fd[1]);
    free(pair);
    b->ended++;
    if (b->begun < EACH)
        begin(b);
}

static void start(struct pair *pair, enum pil_tls_role role, int fd)
{
    struct bench *b = pair->bench;
    const struct pil_hand_order order = {
        .fd = fd,
        .role = role,
        .svid = role == PIL_ROLE_CLIENT ? b->client : b->server,
        .bundle = b->bundle,
        .deadline_ms = 60000,
        .established = true,
        .fresh = b->fresh,
        .done = done,
        .cookie = pair,
    };
    uint64_t id;

    if (pil_hands_start(b->hands, &order, &id, NULL))
        bench_fail("a handshake cannot begin");
}

static void begin(struct bench *b)
{
    struct pair *pair = calloc(1, sizeof(*pair));

    bench_need(pair != NULL, "calloc");
    pair->bench = b;
    pair->fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_need(connect(pair->fd[0], (struct sockaddr *)&b->address, sizeof(b->address)) == 0,
               "connect");
    pair->fd[1] = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
    bench_need(pair->fd[1] >= 0, "accept");
    b->begun++;
    start(pair, PIL_ROLE_SERVER, pair->fd[1]);
    start(pair, PIL_ROLE_CLIENT, pair->fd[0]);
}

/* Of the whole process: what both ends cost, however busy the machine is otherwise. */
static double processor_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double per_second(struct bench *b, bool fresh)
{
    double before = processor_seconds();

    b->fresh = fresh;
    b->begun = b->ended = 0;
    while (b->begun < AT_ONCE)
        begin(b);
    while (b->ended < EACH)
        event_base_loop(b->base, EVLOOP_ONCE);
    return EACH / (processor_seconds() - before);
}

int main(void)
{
    struct pil_hands_setup setup = {.workers = 1, .total = 4 * AT_ONCE, .per_peer = 4 * AT_ONCE};
    double full[ROUNDS], resumed[ROUNDS], one[ROUNDS], ratio[ROUNDS];
    struct bench b = {.base = event_base_new()};

    make_identities(&b);
    listen_somewhere(&b);
    if (pil_hands_open(b.base, &setup, &b.hands))
        bench_fail("the pool cannot be opened");
    per_second(&b, true); /* leaves a session, and warms up */
    for (unsigned i = 0; i < ROUNDS; i++) {
        full[i] = per_second(&b, true);
        resumed[i] = per_second(&b, false);
        ratio[i] = resumed[i] / full[i];
        one[i] = 1;
    }
    bench_rows("handshake-full", full, "1/s", one, ROUNDS);
    bench_rows("handshake-resumed", resumed, "1/s", ratio, ROUNDS);
    pil_hands_close(b.hands);
    event_base_free(b.base);
    return 0;
}
