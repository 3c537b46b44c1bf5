/*
 * policyd/identity under load: a thousand renewals and a rotation of the CA in every hundred, while
 * threads do with SVIDs and bundles what handshakes do. Nobody is refused.
 */
#include "tests/support/support.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "policyd/identity/identity.h"

#define RENEWALS 1000u
#define WORKERS  3u
#define START    INT64_C(1795629600000)

/* What a handshake begins with; a worker has its own references. */
struct order {
    const struct pil_svid *svid;
    const struct pil_bundle *bundle;
    int64_t now_ms;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static struct order waiting[64];
static unsigned count, done, failed;
static bool over;
static char why[300];
static int64_t clock_ms = START;

static int64_t now_ms(void)
{
    return clock_ms;
}

/* Signs by the one's key and checks by the other's certificate, as both sides do. */
static bool shake(const struct order *order, char *detail, size_t cap)
{
    static const unsigned char said[] = "what both sides have said so far";
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    enum pil_tls_reason reason;
    unsigned char made[128];
    size_t len = sizeof(made);
    char id[256];
    bool good = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, order->svid->key) == 1 &&
                EVP_DigestSign(ctx, made, &len, said, sizeof(said)) == 1;

    EVP_MD_CTX_free(ctx);
    ctx = EVP_MD_CTX_new();
    good = good &&
           EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
                                X509_get0_pubkey(order->svid->leaf)) == 1 &&
           EVP_DigestVerify(ctx, made, len, said, sizeof(said)) == 1;
    EVP_MD_CTX_free(ctx);
    return good && pil_identity_check_peer(order->bundle, order->svid->leaf, order->svid->chain,
                                           order->now_ms / 1000, id, sizeof(id), &reason, detail,
                                           cap) == PIL_OK;
}

static bool take(struct order *out)
{
    bool there;

    pthread_mutex_lock(&lock);
    while (count == 0 && !over)
        pthread_cond_wait(&moved, &lock);
    there = count > 0;
    if (there)
        *out = waiting[--count];
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
    return there;
}

static void *work(void *cookie)
{
    struct order order;

    (void)cookie;
    while (take(&order)) {
        char detail[200] = "";
        bool good = shake(&order, detail, sizeof(detail));

        pthread_mutex_lock(&lock);
        done++;
        if (!good && failed++ == 0)
            snprintf(why, sizeof(why), "%s", detail);
        pthread_mutex_unlock(&lock);
        pil_svid_unref(order.svid);
        pil_bundle_unref(order.bundle);
    }
    return NULL;
}

/* The peer that the SVID is shown to has the bundle of now, or, a moment later, the next. */
static void give(struct pil_identity *identity)
{
    struct order order = {pil_identity_get(identity, "web", NULL), pil_identity_bundle(identity),
                          clock_ms};

    assert_non_null(order.svid);
    assert_non_null(order.bundle);
    pthread_mutex_lock(&lock);
    while (count == PIL_NELEM(waiting))
        pthread_cond_wait(&moved, &lock);
    waiting[count++] = order;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

static void renew_and_rotate(struct pil_identity *identity)
{
    struct pil_identity_stats stats = {0};

    for (unsigned step = 0; stats.renewed < RENEWALS; step++) {
        give(identity);
        clock_ms += 100;
        pil_identity_tend(identity);
        if (step % 1000 == 300)
            assert_err(pil_identity_rotate(identity, PIL_IDENTITY_PREPARE, false, NULL), PIL_OK);
        if (step % 1000 == 400)
            assert_err(pil_identity_rotate(identity, PIL_IDENTITY_ACTIVATE, false, NULL), PIL_OK);
        if (step % 1000 == 500)
            assert_err(pil_identity_rotate(identity, PIL_IDENTITY_RETIRE, false, NULL), PIL_OK);
        pil_identity_stats(identity, &stats);
    }
    assert_int_equal(stats.failed, 0);
    assert_int_equal(stats.expired, 0);
    assert_true(stats.rotations >= 24);
}

static void nobody_is_refused_while_all_is_renewed(void **state)
{
    struct pil_settings settings;
    struct pil_identity_setup setup = {.settings = &settings, .memory = true, .now_ms = now_ms};
    struct pil_identity *identity = NULL;
    struct event_base *base = event_base_new();
    pthread_t worker[WORKERS];

    (void)state;
    assert_err(pil_settings_init(&settings), PIL_OK);
    settings.identity_lifetime = 2;
    assert_err(pil_identity_open(base, &setup, &identity), PIL_OK);
    pil_identity_domain(identity, "corp.example", true);
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&worker[i], NULL, work, NULL), 0);
    renew_and_rotate(identity);
    pthread_mutex_lock(&lock);
    over = true;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(worker[i], NULL);
    if (failed)
        fail_msg("%u of %u: %s", failed, done, why);
    assert_true(done >= RENEWALS);
    pil_identity_close(identity);
    pil_settings_free(&settings);
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_refused_while_all_is_renewed),
    };

    return cmocka_run_group_tests_name("identity_load", tests, NULL, NULL);
}
