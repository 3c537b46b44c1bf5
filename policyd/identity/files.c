#include "policyd/identity/files.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "policyd/identity/bundle.h"
#include "policyd/identity/files_read.h"
#include "policyd/identity/keys.h"
#include "policyd/identity/trust.h"
#include "policyd/identity/verify.h"

/* What one set of files gave last. */
struct set {
    struct set *next;
    char workload[PIL_TITLE_MAX + 1]; /* "": the one for all */
    STACK_OF(X509) * roots;
};

struct files {
    const struct pil_list *paths;
    char *domain;
    struct set *sets;
};

/* ---- a set ---------------------------------------------------------------------------------- */

static bool is_root(X509 *cert)
{
    return X509_check_ca(cert) > 0 &&
           X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

/* In one file for all, roots are what signed itself; without any, the last CA. */
static STACK_OF(X509) * roots_among(STACK_OF(X509) * certs)
{
    STACK_OF(X509) *roots = sk_X509_new_null();
    int count = sk_X509_num(certs);
    X509 *last = NULL;

    for (int i = 1; roots && i < count; i++) {
        X509 *cert = sk_X509_value(certs, i);

        last = X509_check_ca(cert) > 0 ? cert : last;
        if (is_root(cert) && X509_add_cert(roots, cert, X509_ADD_FLAG_UP_REF) != 1)
            break;
    }
    if (roots && last && sk_X509_num(roots) == 0 &&
        X509_add_cert(roots, last, X509_ADD_FLAG_UP_REF) != 1)
        sk_X509_zero(roots);
    return roots;
}

/* The leaf out of its list, which becomes the chain: roots are not sent. */
static X509 *split(STACK_OF(X509) * certs)
{
    X509 *leaf = sk_X509_shift(certs);

    for (int i = sk_X509_num(certs) - 1; i >= 0; i--)
        if (is_root(sk_X509_value(certs, i)))
            X509_free(sk_X509_delete(certs, i));
    return leaf;
}

static const char *check_roots(STACK_OF(X509) * roots, const char *domain, char *detail, size_t cap)
{
    if (!roots || sk_X509_num(roots) == 0)
        return "it has no root";
    for (int i = 0; i < sk_X509_num(roots); i++)
        if (pil_verify_root(sk_X509_value(roots, i), domain, detail, cap))
            return detail;
    return NULL;
}

/* Would a peer that has these roots believe it now? */
static bool believe(const struct pil_svid *svid, STACK_OF(X509) * roots, const char *domain,
                    int64_t now_ms, char *detail, size_t cap)
{
    char id[PIL_SPIFFE_MAX + 1];
    struct pil_bundle *bundle = NULL;
    enum pil_tls_reason reason = PIL_TLS_INTERNAL;
    bool good = pil_bundle_new(domain, roots, NULL, 0, 0, &bundle) == PIL_OK &&
                pil_identity_check_peer(bundle, svid->leaf, svid->chain, (time_t)(now_ms / 1000),
                                        id, sizeof(id), &reason, detail, cap) == PIL_OK;

    pil_bundle_unref(bundle);
    return good;
}

static int refuse(char *problem, size_t cap, const char *part, const char *what)
{
    snprintf(problem, cap, "%s: %s", part, what);
    return PIL_E_UNMET;
}

/* certs is taken over. */
static int make_svid(STACK_OF(X509) * certs, const struct pil_files_text *text,
                     struct pil_svid **out, char *problem, size_t cap)
{
    EVP_PKEY *key = pil_keys_pem(text->key, text->key_len);
    X509 *leaf = split(certs);
    int err = PIL_OK;

    if (!key)
        err = refuse(problem, cap, "the key", "it cannot be read; legal is PEM without a password");
    else if (X509_check_private_key(leaf, key) != 1)
        err = refuse(problem, cap, "the key", "it is not the certificate's");
    ERR_clear_error();
    if (err) {
        X509_free(leaf);
        EVP_PKEY_free(key);
        sk_X509_pop_free(certs, X509_free);
        return err;
    }
    if (pil_svid_new(leaf, certs, key, out) == PIL_OK)
        return PIL_OK;
    return refuse(problem, cap, "the certificate", "legal is exactly one URI name");
}

int pil_files_parse(const struct pil_files_text *text, const char *domain, int64_t now_ms,
                    struct pil_svid **svid, STACK_OF(X509) * *roots, char *problem, size_t cap)
{
    char detail[256] = "";
    STACK_OF(X509) *certs = pil_trust_certs(text->leaf, text->leaf_len, detail, sizeof(detail));
    const char *wrong;
    int err;

    *svid = NULL;
    *roots = NULL;
    if (!certs)
        return refuse(problem, cap, "the certificate", detail);
    *roots = text->roots == text->leaf
                 ? roots_among(certs)
                 : pil_trust_certs(text->roots, text->roots_len, detail, sizeof(detail));
    wrong = *roots ? check_roots(*roots, domain, detail, sizeof(detail)) : detail;
    err = make_svid(certs, text, svid, problem, cap);
    if (!err && wrong)
        err = refuse(problem, cap, "the roots", wrong);
    if (!err && !believe(*svid, *roots, domain, now_ms, detail, sizeof(detail)))
        err = refuse(problem, cap, "the certificate", detail);
    if (!err)
        return PIL_OK;
    pil_svid_unref(*svid);
    sk_X509_pop_free(*roots, X509_free);
    *svid = NULL;
    *roots = NULL;
    return err;
}

/* ---- the source ----------------------------------------------------------------------------- */

static struct set *set_of(struct files *f, const char *workload)
{
    struct set *set = f->sets;

    while (set && strcmp(set->workload, workload) != 0)
        set = set->next;
    if (set)
        return set;
    set = calloc(1, sizeof(*set));
    if (!set)
        return NULL;
    snprintf(set->workload, sizeof(set->workload), "%s", workload);
    set->next = f->sets;
    f->sets = set;
    return set;
}

static int load(struct files *f, const char *workload, int64_t now_ms, struct pil_svid **out,
                char *problem, size_t cap)
{
    struct pil_files_read read;
    STACK_OF(X509) *roots = NULL;
    struct set *set;
    int err = pil_files_read(f->paths, workload, &read, problem, cap);

    if (!err) {
        char detail[320] = "";

        err = pil_files_parse(&read.text, f->domain, now_ms, out, &roots, detail, sizeof(detail));
        if (err)
            snprintf(problem, cap, "%s: %s", read.where, detail);
    }
    set = err ? NULL : set_of(f, read.own ? workload : "");
    pil_files_read_free(&read);
    if (set) {
        sk_X509_pop_free(set->roots, X509_free);
        set->roots = roots;
        return PIL_OK;
    }
    sk_X509_pop_free(roots, X509_free);
    return err ? err : PIL_E_NOMEM;
}

static int files_svid(void *self, const char *workload, const struct pil_svid *have, int64_t now_ms,
                      struct pil_svid **out, char *problem, size_t cap)
{
    struct pil_svid *fresh = NULL;
    int err = load(self, workload, now_ms, &fresh, problem, cap);

    if (err) {
        pil_svid_unref(fresh);
        return err;
    }
    if (have && X509_cmp(have->leaf, fresh->leaf) == 0) {
        pil_svid_unref(fresh);
        return PIL_E_EXISTS;
    }
    *out = fresh;
    return PIL_OK;
}

static int files_roots(void *self, STACK_OF(X509) * into)
{
    const struct files *f = self;

    for (const struct set *set = f->sets; set; set = set->next)
        for (int i = 0; i < sk_X509_num(set->roots); i++)
            if (X509_add_cert(into, sk_X509_value(set->roots, i), X509_ADD_FLAG_UP_REF) != 1)
                return PIL_E_NOMEM;
    return PIL_OK;
}

static void files_close(void *self)
{
    struct files *f = self;

    while (f->sets) {
        struct set *set = f->sets;

        f->sets = set->next;
        sk_X509_pop_free(set->roots, X509_free);
        free(set);
    }
    free(f->domain);
    free(f);
}

int pil_files_open(const struct pil_list *paths, const char *domain, int64_t now_ms,
                   struct pil_source *out, char *problem, size_t cap)
{
    char unheard[320];
    struct pil_svid *svid = NULL;
    struct files *f;

    if (paths->count == 0) {
        snprintf(problem, cap, "identity = files, and identity_files names none");
        return PIL_E_SYNTAX;
    }
    f = calloc(1, sizeof(*f));
    if (!f)
        return PIL_E_NOMEM;
    f->paths = paths;
    f->domain = strdup(domain);
    if (!f->domain) {
        free(f);
        return PIL_E_NOMEM;
    }
    /* So that there are roots before the first workload asks. */
    if (load(f, "", now_ms, &svid, unheard, sizeof(unheard)) == PIL_OK)
        pil_svid_unref(svid);
    *out = (struct pil_source){"files", f, files_svid, files_roots, files_close};
    return PIL_OK;
}

int pil_files_watch(void *self, struct pil_list *into)
{
    const struct files *f = self;
    int err = PIL_OK;

    for (const struct set *set = f->sets; !err && set; set = set->next) {
        char path[4352];

        if (set->workload[0] == '\0')
            continue;
        snprintf(path, sizeof(path), "%s/%s", f->paths->item[0], set->workload);
        err = pil_list_add(into, path);
    }
    return err;
}
