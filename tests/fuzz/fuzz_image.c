// sources: core conf -lconfuse
/*
 * Arbitrary bytes as an image. The first byte of the input says how much is put right for the
 * fuzzer, so that it gets past the digest and the frame to the deep checks: bit 0 magic, version,
 * size and digest; bit 1 starts from a whole image that the rest of the input is laid over.
 * Whatever is accepted must bear every accessor and decisions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/policy.h"
#include "core/eval.h"
#include "core/image_layout.h"

static volatile unsigned sink;

static void touch(const char *text)
{
    sink += (unsigned)strlen(text);
}

static void touch_place(struct pil_place place)
{
    touch(place.file);
    sink += place.line;
}

static void tell(void *cookie, struct pil_place place, const char *what)
{
    (void)cookie;
    touch_place(place);
    touch(what);
}

static void step(void *cookie, const struct pil_eval_step *s)
{
    (void)cookie;
    touch(s->wanted);
    touch(pil_step_text(s->outcome));
}

static void touch_all(const struct pil_image *img)
{
    struct pil_image_counts n;
    struct pil_facts facts = {"/bin/web", "web", "web.service", "/system.slice", "00"};

    pil_image_count(img, &n);
    touch(pil_image_trust_domain(img));
    touch_place(pil_image_default_place(img));
    sink += pil_image_fields(img) + pil_image_attest(img, &facts);
    sink += pil_image_wants_sha256(img, NULL) + pil_image_wants_sha256(img, "/bin/web");
    sink += pil_image_unmet(img, 0, tell, NULL);
    for (uint32_t i = 0; i <= n.workloads; i++) {
        touch(pil_image_workload_name(img, i));
        sink += pil_image_workload_covered(img, i);
        sink += pil_image_workload_find(img, pil_slice_of(pil_image_workload_name(img, i)));
    }
    for (uint32_t i = 0; i < n.rules; i++) {
        touch(pil_image_rule_name(img, i));
        touch_place(pil_image_rule_place(img, i));
        sink += pil_image_rule_policy(img, i);
    }
    for (uint32_t i = 0; i < n.policies; i++) {
        touch(pil_image_policy_name(img, i));
        touch(pil_image_policy_owner(img, i));
        touch_place(pil_image_policy_place(img, i));
        sink += pil_image_policy_version(img, i) + pil_image_policy_stage(img, i);
    }
    for (uint32_t i = 0; i < n.zones; i++)
        touch(pil_image_zone_name(img, i));
}

static void decide(const struct pil_image *img)
{
    static const char *const names[] = {"db.corp.example", "/run/a/b.sock", "@x", ""};
    static const int32_t offsets[8] = {0};
    struct pil_image_counts n;

    pil_image_count(img, &n);
    for (unsigned i = 0; i < 60; i++) {
        struct pil_query q = {.action = (uint8_t)(1 + i % 5),
                              .kind = (uint8_t)(1 + i % 3),
                              .seen = (uint8_t)(i % 8),
                              .port = (uint16_t)(i * 997)};
        struct pil_subject who = {i % (n.workloads + 1), i % 3};
        struct pil_eval_env env = {1700000000 + i * 3600, offsets, n.zones <= 8 ? n.zones : 0,
                                   (uint8_t)(i % 100), 10000};
        struct pil_verdict v;

        q.name = pil_slice_of(names[i / 3 % 4]);
        q.caller = pil_slice_of("libpq.so.5");
        q.ip.octet[10] = q.ip.octet[11] = 0xff;
        q.ip.octet[12] = 10;
        pil_eval_explain(img, &who, &q, &env, &v, step, NULL);
        if (v.effect > PIL_ALLOW || v.reason >= PIL_REASON_COUNT)
            abort();
    }
}

/* The image of the golden policy that has one of everything. */
static const uint8_t *whole(size_t *len)
{
    static const char *const path = "tests/policy/golden/full.conf";
    static void *bytes;
    static size_t size;
    struct pil_diag diag = {0};
    struct pil_model model = {0};

    if (!bytes && (pil_load(&path, 1, &diag, &model) || pil_compile(&model, &bytes, &size))) {
        fprintf(stderr, "%s cannot be loaded: start from the repository's root\n", path);
        abort();
    }
    pil_model_free(&model); /* empty when the image was there already */
    *len = size;
    return bytes;
}

/* Lays patches (16-bit offset, length, bytes) over a whole image. */
static size_t patch(uint8_t *block, const uint8_t *data, size_t size)
{
    size_t len;
    const uint8_t *base = whole(&len);

    memcpy(block, base, len);
    while (size >= 4) {
        size_t at = (size_t)(data[0] | data[1] << 8) % len, count = data[2] % 9;

        data += 3;
        size -= 3;
        for (; count > 0 && size > 0 && at < len; count--, size--)
            block[at++] = *data++;
    }
    return len;
}

static void put_right(uint8_t *block, size_t len)
{
    struct pil_layout_head *head = (void *)block;

    if (len < sizeof(*head))
        return;
    head->magic = PIL_IMAGE_MAGIC;
    head->version = PIL_IMAGE_VERSION;
    head->size = len;
    head->digest = pil_layout_digest(block, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pil_image img;
    uint8_t *block;
    size_t len;

    if (size == 0)
        return 0;
    block = malloc(size + 65536);
    if (!block)
        return 0;
    len = data[0] & 2 ? patch(block, data + 1, size - 1) : 0;
    if (len == 0) {
        len = size - 1;
        memcpy(block, data + 1, len);
    }
    block = realloc(block, len ? len : 1); /* so that one byte beyond is seen */
    if (data[0] & 1)
        put_right(block, len);
    if (pil_image_open(&img, block, len) == 0) {
        touch_all(&img);
        decide(&img);
    }
    free(block);
    return 0;
}
