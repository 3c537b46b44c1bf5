#include "policyd/tls/vetted.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/glob.h"
#include "policyd/identity/cert.h"
#include "policyd/identity/verify.h"
#include "policyd/tls/sessions.h"

#define SLOTS 1024u /* chains remembered; each has one place */

struct slot {
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint64_t bundle;               /* version of the roots */
    int64_t checked;               /* second since boot; 0: nothing here */
    int64_t not_before, not_after; /* while all of its certificates are valid */
    char id[PIL_TLS_ID_MAX];
};

struct pil_vetted {
    pthread_mutex_t lock;
    uint64_t full;
    struct slot slots[SLOTS];
};

int pil_vetted_open(struct pil_vetted **out)
{
    struct pil_vetted *v = calloc(1, sizeof(*v));

    if (!v)
        return PIL_E_NOMEM;
    pthread_mutex_init(&v->lock, NULL);
    *out = v;
    return PIL_OK;
}

static bool add_cert(EVP_MD_CTX *md, const X509 *cert, struct slot *slot)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    int64_t not_before, not_after;
    bool good = len > 0 && EVP_DigestUpdate(md, der, (size_t)len) == 1 &&
                pil_cert_times(cert, &not_before, &not_after);

    OPENSSL_free(der);
    if (!good)
        return false;
    if (not_before > slot->not_before)
        slot->not_before = not_before;
    if (not_after < slot->not_after)
        slot->not_after = not_after;
    return true;
}

/* What is asked, as it would be remembered. */
static bool describe(const struct pil_vet_order *order, struct slot *slot)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool good = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;

    memset(slot, 0, sizeof(*slot));
    slot->not_before = INT64_MIN;
    slot->not_after = INT64_MAX;
    slot->bundle = order->bundle->version;
    good = good && add_cert(md, order->leaf, slot);
    for (int i = 0; good && i < sk_X509_num(order->chain); i++)
        if (X509_cmp(sk_X509_value(order->chain, i), order->leaf) != 0)
            good = add_cert(md, sk_X509_value(order->chain, i), slot);
    good = good && EVP_DigestFinal_ex(md, slot->digest, NULL) == 1;
    EVP_MD_CTX_free(md);
    return good;
}

static struct slot *slot_of(struct pil_vetted *v, const uint8_t *digest)
{
    return &v->slots[(digest[0] | (unsigned)digest[1] << 8) % SLOTS];
}

static bool recall(struct pil_vetted *v, const struct slot *asked, time_t now, char *id)
{
    struct slot *slot = slot_of(v, asked->digest);
    bool known;

    pthread_mutex_lock(&v->lock);
    known = slot->checked != 0 && slot->bundle == asked->bundle &&
            memcmp(slot->digest, asked->digest, sizeof(slot->digest)) == 0 &&
            pil_sessions_now() - slot->checked < PIL_VETTED_SECONDS && now >= slot->not_before &&
            now <= slot->not_after;
    if (known)
        memcpy(id, slot->id, sizeof(slot->id));
    pthread_mutex_unlock(&v->lock);
    return known;
}

static void remember(struct pil_vetted *v, struct slot *asked, const char *id)
{
    asked->checked = pil_sessions_now() + 1; /* never 0 */
    memcpy(asked->id, id, sizeof(asked->id));
    pthread_mutex_lock(&v->lock);
    *slot_of(v, asked->digest) = *asked;
    pthread_mutex_unlock(&v->lock);
}

static void count(struct pil_vetted *v)
{
    pthread_mutex_lock(&v->lock);
    v->full++;
    pthread_mutex_unlock(&v->lock);
}

static int check_chain(struct pil_vetted *v, const struct pil_vet_order *order,
                       struct pil_hand_result *result)
{
    struct slot asked;
    bool described = describe(order, &asked);
    int err;

    if (described && recall(v, &asked, order->now, result->peer))
        return PIL_OK;
    count(v);
    err = pil_identity_check_peer(order->bundle, order->leaf, order->chain, order->now,
                                  result->peer, sizeof(result->peer), &result->reason,
                                  result->detail, sizeof(result->detail));
    if (!err && described)
        remember(v, &asked, result->peer);
    return err;
}

static bool is_expected(const struct pil_vet_order *order, const char *id)
{
    for (unsigned i = 0; i < order->expect_count; i++)
        if (pil_glob_match(pil_slice_of(order->expect[i]), pil_slice_of(id), true))
            return true;
    return order->expect_count == 0;
}

enum pil_tls_reason pil_vetted_check(struct pil_vetted *v, const struct pil_vet_order *order,
                                     struct pil_hand_result *result)
{
    result->reason = PIL_TLS_NONE;
    result->peer[0] = '\0';
    if (!pil_cert_serial(order->leaf, result->serial))
        result->serial[0] = '\0';
    if (!pil_cert_times(order->leaf, &result->not_before, &result->not_after)) {
        snprintf(result->detail, sizeof(result->detail), "its times cannot be read");
        result->reason = PIL_TLS_MALFORMED;
    } else if (check_chain(v, order, result) != PIL_OK) {
        if (result->reason == PIL_TLS_NONE)
            result->reason = PIL_TLS_INTERNAL;
    } else if (!is_expected(order, result->peer)) {
        snprintf(result->detail, sizeof(result->detail), "it is %.140s", result->peer);
        result->reason = PIL_TLS_WRONG_ID;
    }
    return result->reason;
}

uint64_t pil_vetted_full(struct pil_vetted *v)
{
    uint64_t full;

    pthread_mutex_lock(&v->lock);
    full = v->full;
    pthread_mutex_unlock(&v->lock);
    return full;
}

void pil_vetted_close(struct pil_vetted *v)
{
    if (!v)
        return;
    pthread_mutex_destroy(&v->lock);
    free(v);
}
