#include "policyd/identity/svid.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "core/err.h"
#include "policyd/identity/cert.h"

static void destroy(struct pil_svid *svid)
{
    X509_free(svid->leaf);
    sk_X509_pop_free(svid->chain, X509_free);
    EVP_PKEY_free(svid->key); /* OpenSSL wipes the private half */
    free(svid->id);
    free(svid);
}

/* What the leaf says. */
static int read_leaf(struct pil_svid *svid)
{
    struct pil_cert_uris uris;

    if (!pil_cert_serial(svid->leaf, svid->serial) ||
        !pil_cert_times(svid->leaf, &svid->not_before, &svid->not_after))
        return PIL_E_MALFORMED;
    /* OpenSSL reads extensions when it is first asked: here, and not under the hands of threads. */
    X509_check_purpose(svid->leaf, -1, 0);
    for (int i = 0; i < sk_X509_num(svid->chain); i++)
        X509_check_purpose(sk_X509_value(svid->chain, i), -1, 0);
    pil_cert_uris(svid->leaf, &uris);
    svid->id = uris.count == 1 ? strndup(uris.first.at, uris.first.len) : NULL;
    pil_cert_uris_free(&uris);
    return svid->id ? PIL_OK : PIL_E_MALFORMED;
}

int pil_svid_new(X509 *leaf, STACK_OF(X509) * chain, EVP_PKEY *key, struct pil_svid **out)
{
    struct pil_svid *svid = calloc(1, sizeof(*svid));
    int err = PIL_E_NOMEM;

    if (svid) {
        *svid = (struct pil_svid){.leaf = leaf, .chain = chain, .key = key};
        atomic_init(&svid->refs, 1);
        err = leaf && chain && key ? read_leaf(svid) : PIL_E_NOMEM;
        if (!err) {
            *out = svid;
            return PIL_OK;
        }
        destroy(svid);
        return err;
    }
    X509_free(leaf);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    return err;
}

/* The counter is the one thing that changes; everybody else sees a constant. */
static _Atomic unsigned *refs_of(const struct pil_svid *svid)
{
    return (_Atomic unsigned *)&svid->refs;
}

const struct pil_svid *pil_svid_ref(const struct pil_svid *svid)
{
    if (svid)
        atomic_fetch_add_explicit(refs_of(svid), 1, memory_order_relaxed);
    return svid;
}

void pil_svid_unref(const struct pil_svid *svid)
{
    if (svid && atomic_fetch_sub_explicit(refs_of(svid), 1, memory_order_acq_rel) == 1)
        destroy((struct pil_svid *)svid);
}

bool pil_svid_valid(const struct pil_svid *svid, int64_t now_ms)
{
    return svid->not_before * 1000 <= now_ms && now_ms < svid->not_after * 1000;
}
