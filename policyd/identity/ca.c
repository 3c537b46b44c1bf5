#include "policyd/identity/ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "policyd/identity/ca_file.h"
#include "policyd/identity/cert.h"
#include "policyd/identity/keys.h"
#include "policyd/identity/spiffe.h"

#define BEFORE_SVID 30          /* seconds that clocks of peers may be behind ours */
#define BEFORE_ROOT (24 * 3600) /* a clock that is set back by hours leaves roots valid */
#define ID_MAX      512u

struct pil_ca {
    char *domain, *folder;
    int64_t lifetime, root_lifetime; /* seconds */
    struct pil_ca_roots roots;
    uint64_t numbers;
};

static const char *const states[] = {"prepared", "active", "old"};

const char *pil_ca_state_name(enum pil_ca_state state)
{
    return state < PIL_NELEM(states) ? states[state] : "unknown";
}

/* ---- sets ----------------------------------------------------------------------------------- */

static void root_free(struct pil_ca_root *root)
{
    X509_free(root->cert);
    EVP_PKEY_free(root->key);
    *root = (struct pil_ca_root){0};
}

void pil_ca_roots_free(struct pil_ca_roots *roots)
{
    for (unsigned i = 0; i < roots->count; i++)
        root_free(&roots->item[i]);
    roots->count = 0;
}

static struct pil_ca_roots copy(const struct pil_ca_roots *from)
{
    struct pil_ca_roots to = *from;

    for (unsigned i = 0; i < to.count; i++) {
        X509_up_ref(to.item[i].cert);
        if (to.item[i].key)
            EVP_PKEY_up_ref(to.item[i].key);
    }
    return to;
}

static void drop(struct pil_ca_roots *roots, unsigned at)
{
    root_free(&roots->item[at]);
    roots->item[at] = roots->item[--roots->count];
    roots->item[roots->count] = (struct pil_ca_root){0};
}

static struct pil_ca_root *find(struct pil_ca_roots *roots, enum pil_ca_state state)
{
    for (unsigned i = 0; i < roots->count; i++)
        if (roots->item[i].state == state)
            return &roots->item[i];
    return NULL;
}

/* Saves the set and puts it into force; it is taken over either way. */
static int commit(struct pil_ca *ca, struct pil_ca_roots *next, char *problem, size_t cap)
{
    int err = ca->folder ? pil_ca_file_save(ca->folder, ca->domain, next, problem, cap) : PIL_OK;
    struct pil_ca_roots gone = err ? *next : ca->roots;

    if (!err)
        ca->roots = *next;
    pil_ca_roots_free(&gone);
    return err;
}

/* ---- roots ---------------------------------------------------------------------------------- */

/* A name that tells roots apart: OpenSSL looks for issuers by it. */
static void name_root(const struct pil_ca *ca, int64_t now, char *out, size_t cap)
{
    char at[PIL_CERT_TIME_TEXT];

    /* X.520 allows 64 characters. */
    pil_cert_time(now, at);
    snprintf(out, cap, "%.40s %s", ca->domain, at);
}

static int add_root(struct pil_ca *ca, struct pil_ca_roots *roots, enum pil_ca_state state,
                    int64_t now, char *problem, size_t cap)
{
    char id[ID_MAX], name[72];
    struct pil_cert_order order = {.id = id,
                                   .name = name,
                                   .ca = true,
                                   .not_before = now - BEFORE_ROOT,
                                   .not_after = now + ca->root_lifetime,
                                   .key = pil_keys_make()};
    struct pil_ca_root root = {.state = state, .key = order.key, .number = ++ca->numbers};

    snprintf(id, sizeof(id), "spiffe://%s", ca->domain);
    name_root(ca, now, name, sizeof(name));
    root.cert = root.key && roots->count < PIL_CA_ROOTS ? pil_cert_make(&order) : NULL;
    if (!root.cert) {
        EVP_PKEY_free(root.key);
        snprintf(problem, cap, "a root cannot be made: %s",
                 roots->count < PIL_CA_ROOTS ? "no memory" : "there are too many; retire old ones");
        return roots->count < PIL_CA_ROOTS ? PIL_E_NOMEM : PIL_E_FULL;
    }
    roots->item[roots->count++] = root;
    return PIL_OK;
}

static int first_root(struct pil_ca *ca, int64_t now, char *problem, size_t cap)
{
    struct pil_ca_roots next = {0};
    int err = add_root(ca, &next, PIL_CA_ACTIVE, now, problem, cap);

    return err ? err : commit(ca, &next, problem, cap);
}

int pil_ca_open(const struct pil_ca_setup *setup, int64_t now_ms, struct pil_ca **out,
                char *problem, size_t cap)
{
    struct pil_ca *ca = calloc(1, sizeof(*ca));
    int err = PIL_E_NOMEM;

    if (!ca)
        return err;
    ca->lifetime = setup->lifetime;
    ca->root_lifetime = setup->root_lifetime;
    ca->domain = strdup(setup->domain);
    ca->folder = setup->folder ? strdup(setup->folder) : NULL;
    if (ca->domain && (ca->folder || !setup->folder))
        err = ca->folder ? pil_ca_file_load(ca->folder, ca->domain, &ca->roots, problem, cap)
                         : PIL_E_NOTFOUND;
    for (unsigned i = 0; i < ca->roots.count; i++)
        ca->roots.item[i].number = ++ca->numbers;
    if (err == PIL_E_NOTFOUND)
        err = first_root(ca, now_ms / 1000, problem, cap);
    if (err)
        pil_ca_close(ca);
    else
        *out = ca;
    return err;
}

void pil_ca_close(struct pil_ca *ca)
{
    if (!ca)
        return;
    pil_ca_roots_free(&ca->roots);
    free(ca->domain);
    free(ca->folder);
    free(ca);
}

const struct pil_ca_roots *pil_ca_roots(const struct pil_ca *ca)
{
    return &ca->roots;
}

const struct pil_ca_root *pil_ca_active(const struct pil_ca *ca)
{
    return find((struct pil_ca_roots *)&ca->roots, PIL_CA_ACTIVE);
}

/* ---- signing -------------------------------------------------------------------------------- */

/* The root that signs, when it may at this time. */
static struct pil_ca_root *signer(struct pil_ca *ca, int64_t now, int64_t *until, char *problem,
                                  size_t cap)
{
    struct pil_ca_root *root = find(&ca->roots, PIL_CA_ACTIVE);
    char here[PIL_CERT_TIME_TEXT], from[PIL_CERT_TIME_TEXT], to[PIL_CERT_TIME_TEXT];
    int64_t not_before = 0, not_after = 0;

    if (root && pil_cert_times(root->cert, &not_before, &not_after) && not_before <= now &&
        now < not_after) {
        *until = not_after;
        return root;
    }
    pil_cert_time(now, here);
    pil_cert_time(not_before, from);
    pil_cert_time(not_after, to);
    snprintf(problem, cap, "the root that signs is valid from %s to %s; here it is %s", from, to,
             here);
    return NULL;
}

static int make_svid(const struct pil_cert_order *order, struct pil_ca_root *root,
                     struct pil_svid **out)
{
    X509 *leaf = order->key ? pil_cert_make(order) : NULL;
    int err;

    if (!leaf) {
        EVP_PKEY_free(order->key);
        return PIL_E_NOMEM;
    }
    err = pil_svid_new(leaf, sk_X509_new_null(), order->key, out);
    if (!err) {
        (*out)->signer = root->number;
        if (root->signed_until < order->not_after)
            root->signed_until = order->not_after;
    }
    return err;
}

int pil_ca_issue(struct pil_ca *ca, const char *workload, int64_t now_ms, struct pil_svid **out,
                 char *problem, size_t cap)
{
    int64_t now = now_ms / 1000, until;
    struct pil_ca_root *root = signer(ca, now, &until, problem, cap);
    struct pil_cert_order order = {.name = workload, .not_before = now - BEFORE_SVID};
    char id[ID_MAX];
    int err;

    if (!root)
        return PIL_E_UNMET;
    if (!pil_spiffe_segment(pil_slice_of(workload))) {
        snprintf(problem, cap, "\"%s\" cannot stand in a SPIFFE ID", workload);
        return PIL_E_SYNTAX;
    }
    snprintf(id, sizeof(id), "spiffe://%s/%s", ca->domain, workload);
    order.id = id;
    order.not_after = now + ca->lifetime < until ? now + ca->lifetime : until;
    order.key = pil_keys_make();
    order.issuer = root->cert;
    order.issuer_key = root->key;
    err = make_svid(&order, root, out);
    if (err)
        snprintf(problem, cap, "no certificate can be made: %s", pil_err_text(err));
    return err;
}

/* ---- rotation ------------------------------------------------------------------------------- */

int pil_ca_prepare(struct pil_ca *ca, int64_t now_ms, char *problem, size_t cap)
{
    struct pil_ca_roots next;
    int err;

    if (find(&ca->roots, PIL_CA_PREPARED)) {
        snprintf(problem, cap, "a root is prepared already; the next step is activate");
        return PIL_E_EXISTS;
    }
    next = copy(&ca->roots);
    err = add_root(ca, &next, PIL_CA_PREPARED, now_ms / 1000, problem, cap);
    if (!err)
        return commit(ca, &next, problem, cap);
    pil_ca_roots_free(&next);
    return err;
}

int pil_ca_activate(struct pil_ca *ca, int64_t now_ms, char *problem, size_t cap)
{
    struct pil_ca_roots next;
    struct pil_ca_root *before, *after;

    (void)now_ms;
    if (!find(&ca->roots, PIL_CA_PREPARED)) {
        snprintf(problem, cap, "no root is prepared; the first step is prepare");
        return PIL_E_NOTFOUND;
    }
    next = copy(&ca->roots);
    before = find(&next, PIL_CA_ACTIVE);
    after = find(&next, PIL_CA_PREPARED);
    if (before) {
        before->state = PIL_CA_OLD;
        EVP_PKEY_free(before->key);
        before->key = NULL;
    }
    after->state = PIL_CA_ACTIVE;
    return commit(ca, &next, problem, cap);
}

/* The old root whose SVIDs live longest; NULL when none are alive. */
static const struct pil_ca_root *in_use(const struct pil_ca_roots *roots, int64_t now)
{
    const struct pil_ca_root *last = NULL;

    for (unsigned i = 0; i < roots->count; i++)
        if (roots->item[i].state == PIL_CA_OLD && roots->item[i].signed_until >= now &&
            (!last || roots->item[i].signed_until > last->signed_until))
            last = &roots->item[i];
    return last;
}

int pil_ca_retire(struct pil_ca *ca, int64_t now_ms, bool force, char *problem, size_t cap)
{
    const struct pil_ca_root *used = in_use(&ca->roots, now_ms / 1000);
    char until[PIL_CERT_TIME_TEXT];
    struct pil_ca_roots next;

    if (!find(&ca->roots, PIL_CA_OLD)) {
        snprintf(problem, cap, "no root is old; the steps are prepare, activate, retire");
        return PIL_E_NOTFOUND;
    }
    if (used && !force) {
        pil_cert_time(used->signed_until, until);
        snprintf(problem, cap, "identities that an old root signed are alive until %s", until);
        return PIL_E_EXISTS;
    }
    next = copy(&ca->roots);
    for (unsigned i = next.count; i-- > 0;)
        if (next.item[i].state == PIL_CA_OLD)
            drop(&next, i);
    return commit(ca, &next, problem, cap);
}

/* Lapsed old roots go one by one with the rest untouched. */
static bool drop_lapsed(struct pil_ca *ca, int64_t now, char *problem, size_t cap)
{
    struct pil_ca_roots next = copy(&ca->roots);
    int64_t not_before, not_after;
    unsigned had = next.count;

    for (unsigned i = next.count; i-- > 0;)
        if (next.item[i].state == PIL_CA_OLD &&
            pil_cert_times(next.item[i].cert, &not_before, &not_after) && not_after < now)
            drop(&next, i);
    if (next.count < had)
        return commit(ca, &next, problem, cap) == PIL_OK;
    pil_ca_roots_free(&next);
    return false;
}

bool pil_ca_tend(struct pil_ca *ca, int64_t now_ms, const char **step, char *problem, size_t cap)
{
    const struct pil_ca_root *active = pil_ca_active(ca);
    bool prepared = find(&ca->roots, PIL_CA_PREPARED) != NULL;
    int64_t now = now_ms / 1000, left, not_before, not_after;

    if (!active || !pil_cert_times(active->cert, &not_before, &not_after))
        return false;
    left = not_after - now;
    *step = prepared ? "activated" : "prepared";
    if (prepared && left <= ca->root_lifetime / 4)
        return pil_ca_activate(ca, now_ms, problem, cap) == PIL_OK;
    if (!prepared && left <= ca->root_lifetime / 2)
        return pil_ca_prepare(ca, now_ms, problem, cap) == PIL_OK;
    *step = "retired";
    return drop_lapsed(ca, now, problem, cap);
}
