// sources: core conf -lconfuse
/*
 * Arbitrary questions to the golden policy that has one of everything. What the index finds must
 * be what a walk over all rules finds, whatever is asked: deny before allow, first rule of its
 * kind, nothing but the documented values.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/policy.h"
#include "core/eval.h"

static struct pil_image image;

static void load(void)
{
    static const char *const path = "tests/policy/golden/full.conf";
    struct pil_diag diag = {0};
    struct pil_model model = {0};
    void *block;
    size_t len;

    if (pil_load(&path, 1, &diag, &model) || pil_compile(&model, &block, &len) ||
        pil_image_open(&image, block, len)) {
        fprintf(stderr, "%s cannot be loaded: start from the repository's root\n", path);
        abort();
    }
    pil_model_free(&model);
}

struct walk {
    uint32_t deny, allow;
};

static void step(void *cookie, const struct pil_eval_step *s)
{
    struct walk *w = cookie;
    bool unseen = s->outcome == PIL_STEP_UNSEEN;
    bool later = s->outcome == PIL_STEP_LATER && s->effect == PIL_ALLOW;

    if (s->shadow || (s->outcome != PIL_STEP_MATCH && !unseen && !later))
        return;
    if (s->effect == PIL_DENY && w->deny == PIL_NO_INDEX)
        w->deny = s->rule;
    if (s->effect == PIL_ALLOW && !unseen && w->allow == PIL_NO_INDEX)
        w->allow = s->rule;
}

static void check(const struct pil_verdict *v, const struct walk *w)
{
    uint32_t rule = w->deny != PIL_NO_INDEX ? w->deny : w->allow;

    if (v->reason == PIL_REASON_MALFORMED) {
        if (v->effect != PIL_DENY || v->ttl_ms != 0)
            abort();
        return;
    }
    if (v->reason == PIL_REASON_UNENCRYPTED) {
        if (v->effect != PIL_DENY || v->rule != PIL_NO_INDEX || w->deny != PIL_NO_INDEX)
            abort();
        return;
    }
    if (v->rule != rule || v->effect > PIL_ALLOW || v->reason >= PIL_REASON_COUNT ||
        v->encrypt > PIL_ENCRYPT_REQUIRED || v->ttl_ms > 10000)
        abort();
    if (rule != PIL_NO_INDEX && (v->effect == PIL_DENY) != (w->deny != PIL_NO_INDEX))
        abort();
}

/* Names that lead somewhere, so that the fuzzer need not guess them byte by byte. */
static struct pil_slice name_of(uint8_t pick, const uint8_t *data, size_t size)
{
    static const char *const names[] = {"ledger.corp.example", "a.cache.corp.example",
                                        "/run/cache/x.sock",   "tracker.example",
                                        "x.y.tracker.example", "@cache"};

    if (pick < PIL_NELEM(names))
        return pil_slice_of(names[pick]);
    return (struct pil_slice){(const char *)data, size};
}

static struct pil_slice peer_of(uint8_t pick, const uint8_t *data, size_t size)
{
    static const char *const peers[] = {
        "", "spiffe://corp.example/web", "spiffe://corp.example/edge-1",
        "spiffe://partner.example/x", "spiffe://mail.example/mx-1/a/b"};

    if (pick < PIL_NELEM(peers))
        return pil_slice_of(peers[pick]);
    return (struct pil_slice){(const char *)data, size};
}

static void count_identity(void *cookie, const char *identity)
{
    if (strncmp(identity, "spiffe://", 9) != 0)
        abort();
    ++*(unsigned *)cookie;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int32_t offsets[] = {3600, 0};
    struct walk w = {PIL_NO_INDEX, PIL_NO_INDEX};
    struct pil_query q = {0};
    struct pil_verdict v;
    uint8_t head[52];
    unsigned told = 0, count;

    if (!image.base)
        load();
    if (size < sizeof(head))
        return 0;
    memcpy(head, data, sizeof(head));
    q.action = head[0] % 8;
    q.kind = head[1] % 5;
    q.seen = head[2];
    memcpy(&q.port, head + 4, 2);
    memcpy(&q.ip, head + 8, 16);
    memcpy(&q.source, head + 24, 16);
    if (head[3] & 1) /* an IPv4 address */
        memcpy(q.ip.octet, "\0\0\0\0\0\0\0\0\0\0\377\377\12\0\3", 15);
    q.name = name_of(head[7], data + sizeof(head), size - sizeof(head));
    q.caller = (struct pil_slice){(const char *)data + sizeof(head), size - sizeof(head)};
    q.flags = head[42];
    q.peer = peer_of(head[43], data + sizeof(head), size - sizeof(head));
    struct pil_subject who = {head[6] % 6, head[3] >> 1};
    struct pil_eval_env env = {.zone_offset = offsets,
                               .zone_count = head[40] & 1 ? 2 : head[40],
                               .host_bucket = head[41],
                               .ttl_ms = 10000};
    memcpy(&env.now, head + 44, 8);
    pil_eval_explain(&image, &who, &q, &env, &v, step, &w);
    check(&v, &w);
    if (v.encrypt != PIL_ENCRYPT_UNSET && v.encrypt != pil_eval_encrypt(&image, &q))
        abort();
    count = pil_eval_identities(&image, &q, count_identity, &told);
    if (count != told)
        abort();
    return 0;
}
