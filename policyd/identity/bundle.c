#include "policyd/identity/bundle.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "core/err.h"

static void destroy(struct pil_bundle *bundle)
{
    X509_STORE_free(bundle->store);
    sk_X509_pop_free(bundle->roots, X509_free);
    for (size_t i = 0; i < bundle->revoked_count; i++)
        free(bundle->revoked[i]);
    free(bundle->revoked);
    free(bundle->domain);
    free(bundle);
}

static bool fill_store(struct pil_bundle *bundle)
{
    if (!bundle->store || !bundle->roots)
        return false;
    for (int i = 0; i < sk_X509_num(bundle->roots); i++) {
        /* Extensions are read here, and not under the hands of threads. */
        X509_check_purpose(sk_X509_value(bundle->roots, i), -1, 0);
        if (X509_STORE_add_cert(bundle->store, sk_X509_value(bundle->roots, i)) != 1)
            return false;
    }
    return X509_STORE_set_flags(bundle->store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

static bool fill_revoked(struct pil_bundle *bundle, char *const *revoked, size_t count)
{
    bundle->revoked = calloc(count ? count : 1, sizeof(*bundle->revoked));
    for (size_t i = 0; bundle->revoked && i < count; i++) {
        bundle->revoked[i] = strdup(revoked[i]);
        if (!bundle->revoked[i])
            return false;
        bundle->revoked_count++;
    }
    return bundle->revoked != NULL;
}

int pil_bundle_new(const char *domain, STACK_OF(X509) * roots, char *const *revoked,
                   size_t revoked_count, uint64_t version, struct pil_bundle **out)
{
    struct pil_bundle *bundle = calloc(1, sizeof(*bundle));

    if (!bundle)
        return PIL_E_NOMEM;
    atomic_init(&bundle->refs, 1);
    bundle->version = version;
    bundle->domain = strdup(domain);
    bundle->store = X509_STORE_new();
    bundle->roots = X509_chain_up_ref(roots);
    if (bundle->domain && fill_store(bundle) && fill_revoked(bundle, revoked, revoked_count)) {
        *out = bundle;
        return PIL_OK;
    }
    destroy(bundle);
    ERR_clear_error();
    return PIL_E_NOMEM;
}

static _Atomic unsigned *refs_of(const struct pil_bundle *bundle)
{
    return (_Atomic unsigned *)&bundle->refs;
}

const struct pil_bundle *pil_bundle_ref(const struct pil_bundle *bundle)
{
    if (bundle)
        atomic_fetch_add_explicit(refs_of(bundle), 1, memory_order_relaxed);
    return bundle;
}

void pil_bundle_unref(const struct pil_bundle *bundle)
{
    if (bundle && atomic_fetch_sub_explicit(refs_of(bundle), 1, memory_order_acq_rel) == 1)
        destroy((struct pil_bundle *)bundle);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, *(char *const *)b);
}

static bool has(const struct pil_bundle *bundle, const char *text)
{
    return text && bundle->revoked_count > 0 &&
           bsearch(text, bundle->revoked, bundle->revoked_count, sizeof(*bundle->revoked), by_text);
}

bool pil_bundle_revoked(const struct pil_bundle *bundle, const char *serial, const char *id)
{
    return has(bundle, serial) || has(bundle, id);
}
