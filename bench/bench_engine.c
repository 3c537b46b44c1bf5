/*
 * Cost of one decision of the engine, and size of an image.
 *
 * Prints one JSON object a line: {"name":"...","value":N,"unit":"us"}; units are us (median over
 * rounds of the mean cost of a decision), x (how many times the cost at 1,000 rules), bytes and
 * ms. Names:
 *
 *   engine-1000, engine-100000, engine-growth
 *           rules, ten for each workload; questions of the same 100 workloads, so that ten rules
 *           can apply to each
 *   engine-spread-1000, engine-spread-100000, engine-spread-growth
 *           the same images, questions of all their workloads in random order: nothing of the
 *           larger image stays close to the processor
 *   engine-common-1000, engine-common-100000, engine-common-growth
 *           rules that apply to everyone, ten for each address; questions for all addresses in
 *           random order
 *   engine-image-10000     bytes of an image of 10,000 rules (ten a workload)
 *   engine-compile-10000   ms to compile it, verification included
 *
 * Rounds of the two sizes alternate, so that a slow moment of the machine hits both; growth is the
 * median of what neighbours differ by. An optional argument is the number of rounds (default 401).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/policy.h"
#include "core/eval.h"

#define PER_GROUP      10u   /* rules that can apply to a question */
#define QUESTIONS      1024u /* of a round: short, so that most rounds are never interrupted */
#define SAME_WORKLOADS 100u

static uint64_t seed = UINT64_C(0x2545f4914f6cdd1d);

static uint32_t roll(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % below;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_engine: %s\n", what);
    exit(1);
}

static void *need(size_t count, size_t size)
{
    void *at = calloc(count, size);

    if (!at)
        die("out of memory");
    return at;
}

static char *text(const char *format, ...) PIL_PRINTF(1, 2);
static char *text(const char *format, ...)
{
    va_list args;
    char *out;

    va_start(args, format);
    if (vasprintf(&out, format, args) < 0)
        die("out of memory");
    va_end(args);
    return out;
}

static struct pil_strings one(char *item)
{
    struct pil_strings list = {.item = need(1, sizeof(char *)), .count = 1, .has = true};

    list.item[0] = item;
    return list;
}

/* What the ten rules of a group are about: the group's own address in ever wider prefixes, ports,
 * and two that do not fit. The model lives as long as the program. */
static char *resource(unsigned group, unsigned i)
{
    unsigned high = group >> 8 & 255, low = group & 255;

    switch (i) {
    case 0:
        return text("10.1.%u.%u:5432", high, low);
    case 1:
        return text("10.1.%u.%u:5400-5499", high, low);
    case 2:
        return text("10.1.%u.%u:*", high, low);
    case 3:
        return text("10.1.%u.%u:5000-5999", high, low);
    case 4:
        return text("10.1.%u.%u/32:*", high, low);
    case 5:
        return text("db-%u.z0.example:5432", group);
    case 6:
        return text("*.z%u-1.example:5432", group);
    case 7:
        return text("10.1.%u.%u:80", high, low);
    case 8:
        return text("unix:/run/g%u/*.sock", group);
    default:
        return text("10.1.%u.%u:1024-65535", high, low);
    }
}

static void fill_policy(struct pil_policy *p, unsigned group, bool common)
{
    p->title = text("policy-%06u", group);
    p->stage = PIL_STAGE_ENFORCE;
    p->rollout = 100;
    p->applies = one(common ? text("*") : text("workload:w%06u", group));
    p->rule = need(PER_GROUP, sizeof(*p->rule));
    p->rule_count = PER_GROUP;
    for (unsigned i = 0; i < PER_GROUP; i++) {
        p->rule[i].title = text("rule-%02u", i);
        p->rule[i].has_effect = true;
        p->rule[i].effect = PIL_ALLOW;
        p->rule[i].actions = one(text("connect"));
        p->rule[i].resources = one(resource(group, i));
    }
}

struct subject {
    struct pil_image img;
    void *block;
    size_t len;
    unsigned groups;
    bool common;
};

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Returns how long compiling took, in ns. */
static double build(struct subject *s, unsigned rules, bool common)
{
    struct pil_model model = {.has_schema = true, .schema = 1, .has_default = true};
    double start;

    s->groups = rules / PER_GROUP;
    s->common = common;
    model.workload = need(s->groups, sizeof(*model.workload));
    model.policy = need(s->groups, sizeof(*model.policy));
    model.workload_count = common ? 1 : s->groups;
    model.policy_count = s->groups;
    for (unsigned i = 0; i < s->groups; i++) {
        model.workload[i].title = text("w%06u", i);
        model.workload[i].exe = text("/usr/bin/w%u", i);
        fill_policy(&model.policy[i], i, common);
    }
    start = now_ns();
    if (pil_compile(&model, &s->block, &s->len) || pil_image_open(&s->img, s->block, s->len))
        die("the model does not compile");
    return now_ns() - start;
}

struct question {
    struct pil_subject who;
    struct pil_query q;
    char name[32];
};

/* Questions of the first `groups` groups. Workloads are numbered by title, from 1. */
static void ask_about(struct question *list, const struct subject *s, unsigned groups)
{
    for (unsigned i = 0; i < QUESTIONS; i++) {
        struct question *q = &list[i];
        unsigned group = roll(groups);

        memset(q, 0, sizeof(*q));
        q->who.workload = s->common ? 1 : group + 1;
        q->q = (struct pil_query){.action = PIL_ACTION_CONNECT,
                                  .kind = PIL_KIND_INET,
                                  .seen = PIL_FIELD_ALL,
                                  .port = 5432};
        memcpy(q->q.ip.octet, (uint8_t[16]){[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 1}, 16);
        q->q.ip.octet[14] = (uint8_t)(group >> 8);
        q->q.ip.octet[15] = (uint8_t)group;
        snprintf(q->name, sizeof(q->name), "db-%u.z0.example", group);
        q->q.name = pil_slice_of(q->name);
    }
}

static double round_of(const struct subject *s, const struct question *list)
{
    struct pil_eval_env env = {.now = 1700000000, .zone_count = 0, .ttl_ms = 10000};
    struct pil_verdict v;
    double start = now_ns();

    for (unsigned i = 0; i < QUESTIONS; i++) {
        pil_eval(&s->img, &list[i].who, &list[i].q, &env, &v);
        if (v.effect != PIL_ALLOW)
            die("a question was denied that must be allowed");
    }
    return (now_ns() - start) / QUESTIONS;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print(const char *name, double value, const char *unit)
{
    printf("{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"}\n", name, value, unit);
}

/* Rounds over both, alternating; the first of each only warms up. */
static void compare(const char *name, const struct subject *few, const struct subject *many,
                    unsigned groups, unsigned rounds)
{
    struct question *small = need(QUESTIONS, sizeof(*small));
    struct question *large = need(QUESTIONS, sizeof(*large));
    double *a = need(rounds, sizeof(*a)), *b = need(rounds, sizeof(*b));
    double *ratio = need(rounds, sizeof(*ratio));
    char label[64];

    ask_about(small, few, groups && groups < few->groups ? groups : few->groups);
    ask_about(large, many, groups && groups < many->groups ? groups : many->groups);
    round_of(few, small);
    round_of(many, large);
    for (unsigned i = 0; i < rounds; i++) {
        a[i] = round_of(few, small);
        b[i] = round_of(many, large);
        ratio[i] = b[i] / a[i];
    }
    qsort(ratio, rounds, sizeof(*ratio), by_value);
    qsort(a, rounds, sizeof(*a), by_value);
    qsort(b, rounds, sizeof(*b), by_value);
    snprintf(label, sizeof(label), "engine%s-1000", name);
    print(label, a[rounds / 2] / 1e3, "us");
    snprintf(label, sizeof(label), "engine%s-100000", name);
    print(label, b[rounds / 2] / 1e3, "us");
    snprintf(label, sizeof(label), "engine%s-growth", name);
    print(label, ratio[rounds / 2], "x");
    free(small);
    free(large);
    free(a);
    free(b);
    free(ratio);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 401;
    struct subject few, many, common_few, common_many, middle;
    double ns;

    if (rounds == 0)
        die("usage: bench_engine [ROUNDS]");
    build(&few, 1000, false);
    build(&many, 100000, false);
    build(&common_few, 1000, true);
    build(&common_many, 100000, true);
    compare("", &few, &many, SAME_WORKLOADS, rounds);
    compare("-spread", &few, &many, 0, rounds);
    compare("-common", &common_few, &common_many, 0, rounds);
    ns = build(&middle, 10000, false);
    print("engine-image-10000", (double)middle.len, "bytes");
    print("engine-compile-10000", ns / 1e6, "ms");
    return 0;
}
