/* conf/compile: the same policy is the same bytes, sets and inheritance are made flat as the
 * language says, and what check should have refused does not become an image. */
#include "tests/support/support.h"

#include <stdio.h>

#include "conf/model.h"
#include "conf/policy.h"
#include "core/image_layout.h"

static void show_message(void *cookie, enum pil_severity severity, const char *message)
{
    (void)cookie;
    if (severity == PIL_SEVERITY_ERROR)
        print_error("%s\n", message);
}

struct built {
    void *block;
    size_t len;
    struct pil_image img;
};

static void build(struct built *b, const char *text)
{
    char *folder = test_folder_make(), *path = test_file(folder, "p.conf", text);
    const char *const paths[] = {path};
    struct pil_diag diag = {.sink = show_message};

    assert_err(pil_policy_build(paths, 1, 7, &diag, &b->block, &b->len, &b->img), PIL_OK);
    free(path);
    test_folder_remove(folder);
}

/* ---- determinism ---------------------------------------------------------------------------- */

#define HEAD    "schema = 1\ntrust_domain = \"corp.example\"\n"
#define ONE     "workload \"a\" { exe = \"/a\" }\n"
#define TWO     "workload \"b\" { exe = \"/b\" }\n"
#define ROLE    "role \"r\" { members = {\"workload:a\", \"workload:b\"} }\n"
#define ELOR    "role \"r\" { members = {\"workload:b\", \"workload:a\"} }\n"
#define SERVICE "service \"s\" { endpoints = {\"10.0.0.1:1\", \"x.example:2\"} }\n"
#define RULE1                                                                                      \
    "rule \"1\" { effect = allow actions = {connect, send} resources = {\"service:s\"} }\n"
#define RULE2                                                                                      \
    "rule \"2\" { effect = deny when { source = {\"10.0.0.0/8\", \"fd00::/8\"} hours = "           \
    "\"01:00-02:00\" timezone = \"Asia/Tokyo\" } }\n"
#define RULE3 "rule \"3\" { effect = deny when { days = {mon, tue} } }\n"

static void order_of_the_text_does_not_show(void **state)
{
    struct built a, b;
    const struct pil_layout_head *h;
    size_t start = sizeof(*h), end;

    (void)state;
    build(&a, HEAD ONE TWO ROLE SERVICE "policy \"p\" { applies = {\"role:r\"} " RULE1 RULE2 RULE3
                                        "}\npolicy \"q\" { applies = {\"*\"} " RULE2 "}\n");
    build(&b, "policy \"q\" { applies = {\"*\"} " RULE2 "}\npolicy \"p\" { " RULE3 RULE1 RULE2
              "applies = {\"role:r\"} }\n" SERVICE ELOR TWO ONE HEAD);
    h = pil_layout_head(&a.img);
    end = h->section[PIL_LAYOUT_PLACES].at;
    assert_int_equal(end, pil_layout_head(&b.img)->section[PIL_LAYOUT_PLACES].at);
    assert_memory_equal((char *)a.block + start, (char *)b.block + start, end - start);
    assert_memory_equal(h->section, pil_layout_head(&b.img)->section,
                        sizeof(h->section[0]) * PIL_LAYOUT_PLACES);
    free(a.block);
    free(b.block);
}

static void another_policy_is_another_digest(void **state)
{
    struct pil_image_counts x, y;
    struct built a, b;

    (void)state;
    build(&a, HEAD ONE "policy \"p\" { applies = {\"*\"} " RULE2 "}\n");
    build(&b, HEAD ONE "policy \"p\" { applies = {\"*\"} " RULE3 "}\n");
    pil_image_count(&a.img, &x);
    pil_image_count(&b.img, &y);
    assert_true(x.digest != y.digest);
    free(a.block);
    free(b.block);
}

/* ---- grants --------------------------------------------------------------------------------- */

/* Grants of a policy as "set:enforce/active ..." with workloads by title. */
static void print_grants(const struct built *b, const char *policy, char *out, size_t cap)
{
    const struct pil_layout_head *h = pil_layout_head(&b->img);
    uint32_t index = 0;

    out[0] = '\0';
    while (strcmp(pil_image_policy_name(&b->img, index), policy) != 0)
        index++;
    for (uint32_t i = 0; i < pil_layout_policies(h)[index].grants.count; i++) {
        const struct pil_layout_grant *g =
            pil_layout_grants(h) + pil_layout_policies(h)[index].grants.first + i;
        size_t at = strlen(out);

        for (uint32_t w = 0; w < pil_layout_count(h, PIL_LAYOUT_WORKLOADS); w++)
            if (pil_layout_set_has(h, g->set, w))
                at += (size_t)snprintf(out + at, cap - at, "%s,",
                                       w ? pil_image_workload_name(&b->img, w) : "*");
        snprintf(out + at, cap - at, ":%u/%u ", g->enforce, g->active);
    }
}

static void a_path_is_as_good_as_its_weakest_policy(void **state)
{
    struct built b;
    char grants[256];

    (void)state;
    build(&b, HEAD ONE TWO
          "policy \"base\" { " RULE2 "}\n"
          "policy \"mid\" { stage = shadow inherits = {\"base\"} }\n"
          "policy \"via\" { inherits = {\"mid\"} applies = {\"workload:a\"} }\n"
          "policy \"part\" { rollout = 40 inherits = {\"base\"} applies = {\"workload:a\"} }\n"
          "policy \"all\" { rollout = 10 inherits = {\"base\"} applies = {\"*\"} }\n");
    print_grants(&b, "base", grants, sizeof(grants));
    assert_string_equal(grants, "a,:40/100 *,b,:10/10 ");
    print_grants(&b, "mid", grants, sizeof(grants));
    assert_string_equal(grants, "a,:0/100 ");
    print_grants(&b, "all", grants, sizeof(grants));
    assert_string_equal(grants, "*,a,b,:10/10 ");
    free(b.block);
}

static void spiffe_globs_are_our_own_workloads_only(void **state)
{
    struct built b;
    char grants[256];

    (void)state;
    build(&b, HEAD "workload \"edge-1\" { exe = \"/1\" }\nworkload \"edge-2\" { exe = \"/2\" }\n"
                   "workload \"web\" { exe = \"/w\" }\n"
                   "policy \"p\" { applies = {\"spiffe://corp.example/edge-*\"} " RULE2 "}\n"
                   "policy \"q\" { applies = {\"spiffe://other.example/*\"} " RULE2 "}\n");
    print_grants(&b, "p", grants, sizeof(grants));
    assert_string_equal(grants, "edge-1,edge-2,:100/100 ");
    print_grants(&b, "q", grants, sizeof(grants));
    assert_string_equal(grants, "");
    free(b.block);
}

/* ---- many workloads ------------------------------------------------------------------------- */

/* More workloads than are listed one by one: the common part and its set decide the same. */
static void large_sets_decide_like_small_ones(void **state)
{
    enum { MANY = 200 };
    static char title[MANY][8], subject[MANY][24];
    static struct pil_workload workload[MANY];
    char *members[MANY], *applies = (char *)"role:even", *target = (char *)"10.0.0.0/8:80";
    struct pil_role role = {.title = (char *)"even", .members = {.item = members, .has = true}};
    struct pil_rule rule = {.title = (char *)"r",
                            .has_effect = true,
                            .effect = PIL_ALLOW,
                            .resources = {.item = &target, .count = 1, .has = true}};
    struct pil_policy policy = {.title = (char *)"p",
                                .stage = PIL_STAGE_ENFORCE,
                                .rollout = 100,
                                .applies = {.item = &applies, .count = 1, .has = true},
                                .rule = &rule,
                                .rule_count = 1};
    struct pil_model model = {.workload = workload,
                              .workload_count = MANY,
                              .role = &role,
                              .role_count = 1,
                              .policy = &policy,
                              .policy_count = 1};
    struct pil_eval_env env = {.now = 1700000000, .ttl_ms = 1000};
    struct built b;

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(title[i], sizeof(title[i]), "w%03u", i);
        snprintf(subject[i], sizeof(subject[i]), "workload:w%03u", i);
        workload[i].title = title[i];
        if (i % 2 == 0)
            members[role.members.count++] = subject[i];
    }
    assert_err(pil_compile(&model, &b.block, &b.len), PIL_OK);
    assert_err(pil_image_open(&b.img, b.block, b.len), PIL_OK);
    for (unsigned i = 0; i < MANY; i++) {
        struct pil_subject who = {i + 1, 0};
        struct pil_query q = {.action = PIL_ACTION_CONNECT,
                              .kind = PIL_KIND_INET,
                              .port = 80,
                              .ip = {{[10] = 0xff, [11] = 0xff, [12] = 10}}};
        struct pil_verdict v;

        pil_eval(&b.img, &who, &q, &env, &v);
        assert_int_equal(v.effect, i % 2 == 0 ? PIL_ALLOW : PIL_DENY);
    }
    free(b.block);
}

/* ---- models that check would have refused --------------------------------------------------- */

static void expect_refusal(struct pil_policy *policy, size_t count, int err)
{
    struct pil_model model = {.policy = policy, .policy_count = count};
    void *block = NULL;
    size_t len = 0;

    assert_err(pil_compile(&model, &block, &len), err);
    assert_null(block);
}

static void illegal_models_do_not_become_images(void **state)
{
    char *text = (char *)"workload:nobody";
    struct pil_strings list = {.item = &text, .count = 1, .has = true};
    struct pil_rule rule = {.title = (char *)"r"};
    struct pil_policy p = {.title = (char *)"p",
                           .stage = PIL_STAGE_ENFORCE,
                           .rollout = 100,
                           .rule = &rule,
                           .rule_count = 1};

    (void)state;
    p.applies = list;
    expect_refusal(&p, 1, PIL_E_NOTFOUND);
    p.applies = (struct pil_strings){0};
    text = (char *)"somebody";
    rule.subjects = list;
    expect_refusal(&p, 1, PIL_E_SYNTAX);
    rule.subjects = (struct pil_strings){0};
    text = (char *)"service:none";
    rule.resources = list;
    expect_refusal(&p, 1, PIL_E_NOTFOUND);
    text = (char *)"10.0.0.1/8:80";
    expect_refusal(&p, 1, PIL_E_RANGE);
    rule.resources = (struct pil_strings){0};
    text = (char *)"conect";
    rule.actions = list;
    expect_refusal(&p, 1, PIL_E_SYNTAX);
    rule.actions = (struct pil_strings){0};
    p.rollout = 101;
    expect_refusal(&p, 1, PIL_E_INTERNAL);
    p.rollout = 100;
    text = (char *)"*";
    p.applies = list;
    p.inherits = (struct pil_strings){.item = (char *[]){(char *)"p"}, .count = 1, .has = true};
    expect_refusal(&p, 1, PIL_E_RANGE); /* a circle has no end */
}

/* ---- memory that runs out ------------------------------------------------------------------- */

/* With a sanitizer malloc is its own, and this test is not there. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define OWN_MALLOC
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *at, size_t size);
extern void *__libc_memalign(size_t to, size_t size);
extern void __libc_free(void *at);

static long left = -1; /* allocations that still succeed; below zero: all */
static long live;      /* blocks that nobody has freed */

static bool spent(void)
{
    return left >= 0 && left-- == 0;
}

static void *counted(void *at)
{
    live += at != NULL;
    return at;
}

void *malloc(size_t size)
{
    return spent() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return spent() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *at, size_t size)
{
    if (!at)
        return malloc(size);
    return spent() ? NULL : __libc_realloc(at, size);
}

void *aligned_alloc(size_t to, size_t size)
{
    return spent() ? NULL : counted(__libc_memalign(to, size));
}

void free(void *at)
{
    live -= at != NULL;
    __libc_free(at);
}

/* Whichever allocation fails: an error, no block, and nothing left behind. qsort falls back by
 * itself. */
static void running_out_of_memory_is_an_error(void **state)
{
    struct pil_diag diag = {.sink = show_message};
    char *folder = test_folder_make();
    char *path = test_file(folder, "p.conf",
                           HEAD ONE TWO ROLE SERVICE
                           "policy \"p\" { applies = {\"role:r\"} " RULE1 RULE2 RULE3
                           "}\npolicy \"q\" { inherits = {\"p\"} default = deny "
                           "applies = {\"workload:a\"} }\n");
    struct pil_model model = {0};
    long most = 0, before;
    int err;

    (void)state;
    assert_err(pil_load((const char *const *)&path, 1, &diag, &model), PIL_OK);
    do {
        void *block = NULL;
        size_t len = 0;

        before = live;
        left = most++;
        err = pil_compile(&model, &block, &len);
        left = -1;
        if (err) {
            assert_err(err, PIL_E_NOMEM);
            assert_null(block);
        }
        free(block);
        assert_int_equal(live, before);
    } while (err);
    assert_true(most > 50);
    pil_model_free(&model);
    free(path);
    test_folder_remove(folder);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_the_text_does_not_show),
        cmocka_unit_test(another_policy_is_another_digest),
        cmocka_unit_test(a_path_is_as_good_as_its_weakest_policy),
        cmocka_unit_test(spiffe_globs_are_our_own_workloads_only),
        cmocka_unit_test(large_sets_decide_like_small_ones),
        cmocka_unit_test(illegal_models_do_not_become_images),
#ifdef OWN_MALLOC
        cmocka_unit_test(running_out_of_memory_is_an_error),
#endif
    };

    return cmocka_run_group_tests_name("compile", tests, NULL, NULL);
}
