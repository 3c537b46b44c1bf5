/* core/eval: defaults, shadow, time and malformed questions, one by one; what explain says. The
 * broad comparison with another evaluator is in test_eval_naive.c. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>

#include "conf/policy.h"
#include "core/eval.h"

/* ---- policies as text, for the cases one by one --------------------------------------------- */

struct policy {
    void *block;
    struct pil_image img;
    int32_t offsets[4];
    struct pil_eval_env env;
};

static void show_message(void *cookie, enum pil_severity severity, const char *message)
{
    (void)cookie;
    if (severity == PIL_SEVERITY_ERROR)
        print_error("%s\n", message);
}

static void load(struct policy *p, const char *text)
{
    char *folder = test_folder_make(), *path = test_file(folder, "p.conf", text);
    const char *const paths_in[] = {path};
    struct pil_diag diag = {.sink = show_message};
    size_t len;

    memset(p, 0, sizeof(*p));
    assert_err(pil_policy_build(paths_in, 1, 7, &diag, &p->block, &len, &p->img), PIL_OK);
    p->env = (struct pil_eval_env){1700000000, p->offsets, pil_image_zones(&p->img), 0, 10000};
    test_folder_remove(folder);
    free(path);
}

static struct pil_verdict ask(const struct policy *p, const char *who, unsigned action,
                              const char *ip, uint16_t port)
{
    struct pil_query q = {
        .action = (uint8_t)action, .kind = PIL_KIND_INET, .seen = PIL_FIELD_ALL, .port = port};
    struct pil_subject subject = {pil_image_workload_find(&p->img, pil_slice_of(who)), 0};
    struct pil_verdict v;

    assert_err(pil_ip_parse(pil_slice_of(ip), &q.ip), PIL_OK);
    pil_eval(&p->img, &subject, &q, &p->env, &v);
    return v;
}

#define HEAD "schema = 1\ntrust_domain = \"corp.example\"\n"
#define WEB  "workload \"web\" { exe = \"/bin/web\" }\nworkload \"db\" { exe = \"/bin/db\" }\n"

static void nearest_default_wins_and_equal_distance_denies(void **state)
{
    struct policy p;
    struct pil_verdict v;

    (void)state;
    load(&p, HEAD
         "default = allow\n" WEB "policy \"far\" { default = deny }\n"
         "policy \"mid\" { inherits = {\"far\"} default = allow }\n"
         "policy \"a\" { applies = {\"workload:web\"} inherits = {\"mid\"} }\n"
         "policy \"b1\" { applies = {\"workload:db\"} default = allow }\n"
         "policy \"b2\" { applies = {\"workload:db\"} default = deny errno = ECONNREFUSED }\n");
    v = ask(&p, "web", PIL_ACTION_CONNECT, "1.2.3.4", 1);
    assert_int_equal(v.reason, PIL_REASON_DEFAULT_ALLOW);
    assert_string_equal(pil_image_policy_name(&p.img, v.policy), "mid");
    v = ask(&p, "db", PIL_ACTION_CONNECT, "1.2.3.4", 1);
    assert_int_equal(v.reason, PIL_REASON_DEFAULT_DENY);
    assert_string_equal(pil_image_policy_name(&p.img, v.policy), "b2");
    assert_int_equal(v.error, ECONNREFUSED);
    v = ask(&p, "", PIL_ACTION_CONNECT, "1.2.3.4", 1);
    assert_int_equal(v.reason, PIL_REASON_DEFAULT_ALLOW);
    assert_int_equal(v.policy, PIL_NO_INDEX);
    free(p.block);
}

static void shadow_policy_is_reported_and_changes_nothing(void **state)
{
    struct policy p;
    struct pil_verdict v;

    (void)state;
    load(&p, HEAD WEB
         "policy \"live\" { applies = {\"*\"} rule \"r\" { effect = allow actions = {connect} } }\n"
         "policy \"next\" { applies = {\"workload:web\"} stage = shadow\n"
         "  rule \"no\" { effect = deny resources = {\"10.0.0.0/8:*\"} } }\n");
    v = ask(&p, "web", PIL_ACTION_CONNECT, "10.1.1.1", 80);
    assert_int_equal(v.effect, PIL_ALLOW);
    assert_int_equal(v.shadow, PIL_SHADOW_WOULD_DENY);
    assert_int_equal(v.shadow_reason, PIL_REASON_RULE_DENY);
    assert_string_equal(pil_image_rule_name(&p.img, v.shadow_rule), "no");
    v = ask(&p, "db", PIL_ACTION_CONNECT, "10.1.1.1", 80);
    assert_int_equal(v.shadow, PIL_SHADOW_NONE);
    free(p.block);
}

static void a_verdict_ends_before_its_hours_do(void **state)
{
    struct policy p;
    struct pil_verdict v;
    const int64_t midnight = 1700006400; /* a Wednesday, 00:00 UTC */

    (void)state;
    load(&p, HEAD WEB "policy \"day\" { applies = {\"*\"}\n"
                      "  rule \"r\" { effect = allow when { hours = \"06:00-22:00\" } } }\n");
    p.env.now = midnight + 22 * 3600 - 5;
    v = ask(&p, "web", PIL_ACTION_CONNECT, "10.1.1.1", 80);
    assert_int_equal(v.effect, PIL_ALLOW);
    assert_int_equal(v.ttl_ms, 4000); /* the clock may stand at .999 of its second */
    p.env.now = midnight + 22 * 3600 - 1;
    assert_int_equal(ask(&p, "web", PIL_ACTION_CONNECT, "10.1.1.1", 80).ttl_ms, 0);
    p.env.now = midnight + 22 * 3600;
    v = ask(&p, "web", PIL_ACTION_CONNECT, "10.1.1.1", 80);
    assert_int_equal(v.reason, PIL_REASON_NO_DEFAULT);
    assert_int_equal(v.ttl_ms, 10000);
    p.env.now = midnight + 6 * 3600 - 3;
    assert_int_equal(ask(&p, "web", PIL_ACTION_CONNECT, "10.1.1.1", 80).ttl_ms, 2000);
    p.offsets[0] = 3 * 3600; /* the same instant is 09:00 there */
    assert_int_equal(ask(&p, "web", PIL_ACTION_CONNECT, "10.1.1.1", 80).effect, PIL_ALLOW);
    p.env.now = INT64_MAX; /* no calendar reaches there: unseen, so no allow */
    assert_int_equal(ask(&p, "web", PIL_ACTION_CONNECT, "10.1.1.1", 80).effect, PIL_DENY);
    p.env.now = INT64_MIN;
    p.offsets[0] = -1;
    assert_int_equal(ask(&p, "web", PIL_ACTION_CONNECT, "10.1.1.1", 80).effect, PIL_DENY);
    free(p.block);
}

static void a_question_nobody_can_ask_is_refused(void **state)
{
    struct policy p;
    struct pil_query q = {0};
    struct pil_subject who = {0, 0};
    struct pil_verdict v;

    (void)state;
    load(&p, HEAD "default = allow\n" WEB);
    pil_eval(&p.img, &who, &q, &p.env, &v);
    assert_int_equal(v.effect, PIL_DENY);
    assert_int_equal(v.reason, PIL_REASON_MALFORMED);
    q.action = PIL_ACTION_CONNECT;
    q.kind = PIL_KIND_INET;
    pil_eval(&p.img, &who, &q, &p.env, &v);
    assert_int_equal(v.effect, PIL_ALLOW);
    q.action = PIL_ACTION_COUNT;
    pil_eval(&p.img, &who, &q, &p.env, &v);
    assert_int_equal(v.reason, PIL_REASON_MALFORMED);
    q.action = PIL_ACTION_CONNECT;
    who.workload = 3;
    pil_eval(&p.img, &who, &q, &p.env, &v);
    assert_int_equal(v.reason, PIL_REASON_MALFORMED);
    assert_int_equal(v.effect, PIL_DENY);
    free(p.block);
}

struct told {
    char text[512];
};

static void tell(void *cookie, const struct pil_eval_step *s)
{
    struct told *told = cookie;
    size_t len = strlen(told->text);

    snprintf(told->text + len, sizeof(told->text) - len, "%u %s [%s] %u\n", s->rule,
             pil_step_text(s->outcome), s->wanted, s->fits);
}

static void explain_names_the_first_misfit(void **state)
{
    struct policy p;
    struct pil_query q = {
        .action = PIL_ACTION_CONNECT, .kind = PIL_KIND_INET, .seen = PIL_FIELD_ALL, .port = 443};
    struct pil_subject who;
    struct told told = {""};
    struct pil_verdict v;

    (void)state;
    load(&p, HEAD WEB "policy \"p\" { applies = {\"workload:web\"}\n"
                      "  rule \"a\" { effect = allow actions = {listen} }\n"
                      "  rule \"b\" { effect = allow resources = {\"10.0.0.1:80\"} }\n"
                      "  rule \"c\" { effect = allow resources = {\"10.0.0.2:443\"} }\n"
                      "  rule \"d\" { effect = allow subjects = {\"workload:db\"} }\n"
                      "  rule \"e\" { effect = allow when { uid = {7} } }\n"
                      "  rule \"f\" { effect = deny }\n}\n");
    who = (struct pil_subject){pil_image_workload_find(&p.img, pil_slice_of("web")), 0};
    assert_err(pil_ip_parse(pil_slice_of("10.0.0.1"), &q.ip), PIL_OK);
    pil_eval_explain(&p.img, &who, &q, &p.env, &v, tell, &told);
    assert_string_equal(told.text, "0 it is for other actions [listen] 4\n"
                                   "1 it is for other ports [10.0.0.1:80] 4\n"
                                   "2 it is for other addresses, names or paths [10.0.0.2:443] 3\n"
                                   "3 it is for other workloads [workload:db] 4\n"
                                   "4 it is for other users [7] 4\n"
                                   "5 matches [] 5\n");
    assert_int_equal(v.rule, 5);
    free(p.block);
}

/* ---- encryption and peers -------------------------------------------------------------------- */

static const char *const mesh =
    HEAD "default = allow\n" WEB
         "role \"ours\" { members = {\"workload:web\", \"spiffe://partner.example/*\"} }\n"
         "service \"db\" { endpoints = {\"10.0.3.11:5432\", \"db.corp.example:5432\"}\n"
         "  identity = \"spiffe://corp.example/db\" encrypt = required }\n"
         "service \"all\" { endpoints = {\"10.0.0.0/8:5000-5999\"} encrypt = permissive }\n"
         "service \"tls\" { endpoints = {\"[fd00::1]:443\"} encrypt = permissive\n"
         "  identity = \"spiffe://corp.example/tls-*\" }\n"
         "service \"off\" { endpoints = {\"10.0.9.9:80\"} encrypt = off }\n"
         "policy \"p\" { applies = {\"*\"} default = deny\n"
         "  rule \"known\" { effect = allow actions = {connect, accept} resources = {\"*\"}\n"
         "    when { peer = {\"role:ours\", \"workload:db\"} } }\n"
         "  rule \"listen\" { effect = allow actions = {listen, send} }\n"
         "  rule \"never\" { effect = deny actions = {connect, accept} resources = {\"*\"}\n"
         "    when { peer = {\"spiffe://partner.example/bad\"} } } }\n";

/* A question with what is known of the peer: NULL is unseen. */
static struct pil_verdict ask_peer(const struct policy *p, unsigned action, const char *ip,
                                   uint16_t port, unsigned flags, const char *peer)
{
    struct pil_query q = {.action = (uint8_t)action,
                          .kind = PIL_KIND_INET,
                          .seen = PIL_FIELD_TOLD,
                          .flags = (uint8_t)flags,
                          .port = port};
    struct pil_subject subject = {0, 0};
    struct pil_verdict v;

    if (peer) {
        q.seen |= PIL_FIELD_PEER;
        q.peer = pil_slice_of(peer);
    }
    assert_err(pil_ip_parse(pil_slice_of(ip), &q.ip), PIL_OK);
    pil_eval(&p->img, &subject, &q, &p->env, &v);
    if (action != PIL_ACTION_SEND)
        assert_int_equal(pil_eval_encrypt(&p->img, &q), v.encrypt);
    return v;
}

static void a_peer_is_known_by_its_name_and_nothing_else(void **state)
{
    static const struct {
        const char *peer;
        uint8_t effect, reason;
    } rows[] = {
        {"spiffe://corp.example/web", PIL_ALLOW, PIL_REASON_RULE_ALLOW},
        {"spiffe://corp.example/db", PIL_ALLOW, PIL_REASON_RULE_ALLOW},
        {"spiffe://partner.example/x", PIL_ALLOW, PIL_REASON_RULE_ALLOW},
        {"spiffe://partner.example/x/y", PIL_DENY, PIL_REASON_DEFAULT_DENY},
        {"spiffe://other.example/web", PIL_DENY, PIL_REASON_DEFAULT_DENY},
        {"spiffe://corp.example/web2", PIL_DENY, PIL_REASON_DEFAULT_DENY},
        {"spiffe://partner.example/bad", PIL_DENY, PIL_REASON_RULE_DENY},
        {"", PIL_DENY, PIL_REASON_DEFAULT_DENY},
        {NULL, PIL_DENY, PIL_REASON_UNSEEN_FIELD},
    };
    struct policy p;

    (void)state;
    load(&p, mesh);
    assert_int_equal(pil_image_fields(&p.img), PIL_FIELD_PEER | PIL_FIELD_NAME);
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_verdict v = ask_peer(&p, PIL_ACTION_ACCEPT, "10.0.3.11", 5432, 0, rows[i].peer);

        assert_int_equal(v.effect, rows[i].effect);
        assert_int_equal(v.reason, rows[i].reason);
        assert_int_equal(v.encrypt, PIL_ENCRYPT_REQUIRED);
    }
    free(p.block);
}

/* Ahead of a handshake that comes, the peer may be anyone; where none comes, it is unseen. */
static void a_peer_that_comes_later_is_given_the_benefit(void **state)
{
    static const struct {
        const char *ip;
        uint16_t port;
        uint8_t encrypt, effect, reason;
    } rows[] = {
        {"10.0.3.11", 5432, PIL_ENCRYPT_REQUIRED, PIL_ALLOW, PIL_REASON_RULE_ALLOW},
        {"fd00::1", 443, PIL_ENCRYPT_PERMISSIVE, PIL_ALLOW, PIL_REASON_RULE_ALLOW},
        {"10.0.3.12", 5433, PIL_ENCRYPT_UNSET, PIL_DENY, PIL_REASON_UNSEEN_FIELD},
        {"10.0.9.9", 80, PIL_ENCRYPT_UNSET, PIL_DENY, PIL_REASON_UNSEEN_FIELD},
        {"192.0.2.1", 1, PIL_ENCRYPT_UNSET, PIL_DENY, PIL_REASON_UNSEEN_FIELD},
    };
    struct policy p;
    struct pil_verdict v;

    (void)state;
    load(&p, mesh);
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        v = ask_peer(&p, PIL_ACTION_CONNECT, rows[i].ip, rows[i].port, PIL_QUERY_PEER_LATER, NULL);
        assert_int_equal(v.encrypt, rows[i].encrypt);
        assert_int_equal(v.effect, rows[i].effect);
        assert_int_equal(v.reason, rows[i].reason);
    }
    v = ask_peer(&p, PIL_ACTION_CONNECT, "10.0.3.11", 5432, 0, NULL);
    assert_int_equal(v.reason, PIL_REASON_UNSEEN_FIELD);
    v = ask_peer(&p, PIL_ACTION_CONNECT, "10.0.3.11", 5432, 0, "spiffe://partner.example/bad");
    assert_int_equal(v.reason, PIL_REASON_RULE_DENY);
    free(p.block);
}

static void encryption_is_the_endpoints_and_not_the_rules(void **state)
{
    static const struct {
        uint8_t action;
        const char *ip;
        uint16_t port;
        uint8_t encrypt;
    } rows[] = {
        {PIL_ACTION_LISTEN, "10.0.3.11", 5432, PIL_ENCRYPT_REQUIRED},
        {PIL_ACTION_LISTEN, "0.0.0.0", 5432, PIL_ENCRYPT_REQUIRED},
        {PIL_ACTION_LISTEN, "::", 5432, PIL_ENCRYPT_REQUIRED},
        {PIL_ACTION_LISTEN, "::", 443, PIL_ENCRYPT_PERMISSIVE},
        {PIL_ACTION_LISTEN, "0.0.0.0", 443, PIL_ENCRYPT_UNSET},
        {PIL_ACTION_LISTEN, "0.0.0.0", 5999, PIL_ENCRYPT_PERMISSIVE},
        {PIL_ACTION_LISTEN, "10.0.3.12", 5432, PIL_ENCRYPT_PERMISSIVE},
        {PIL_ACTION_LISTEN, "10.0.9.9", 80, PIL_ENCRYPT_UNSET},
        {PIL_ACTION_ACCEPT, "10.0.3.12", 5000, PIL_ENCRYPT_PERMISSIVE},
        {PIL_ACTION_ACCEPT, "0.0.0.0", 5432, PIL_ENCRYPT_UNSET},
        {PIL_ACTION_CONNECT, "10.0.3.12", 5000, PIL_ENCRYPT_UNSET},
        {PIL_ACTION_CONNECT, "10.0.3.11", 5432, PIL_ENCRYPT_REQUIRED},
    };
    struct policy p;

    (void)state;
    load(&p, mesh);
    for (size_t i = 0; i < PIL_NELEM(rows); i++)
        assert_int_equal(ask_peer(&p, rows[i].action, rows[i].ip, rows[i].port, 0, "").encrypt,
                         rows[i].encrypt);
    free(p.block);
    load(&p, HEAD "default = allow\nservice \"s\" { endpoints = {\"10.0.0.1:1\"} encrypt = "
                  "required }\n");
    assert_int_equal(ask(&p, "", PIL_ACTION_CONNECT, "10.0.0.1", 1).encrypt, PIL_ENCRYPT_REQUIRED);
    assert_int_equal(ask(&p, "", PIL_ACTION_CONNECT, "10.0.0.1", 1).reason,
                     PIL_REASON_DEFAULT_ALLOW);
    free(p.block);
}

static void a_datagram_does_not_reach_what_must_be_encrypted(void **state)
{
    struct policy p;
    struct pil_verdict v;

    (void)state;
    load(&p, mesh);
    v = ask_peer(&p, PIL_ACTION_SEND, "10.0.3.11", 5432, 0, NULL);
    assert_int_equal(v.effect, PIL_DENY);
    assert_int_equal(v.reason, PIL_REASON_UNENCRYPTED);
    assert_int_equal(v.rule, PIL_NO_INDEX);
    v = ask_peer(&p, PIL_ACTION_SEND, "10.0.3.12", 5432, 0, NULL);
    assert_int_equal(v.effect, PIL_ALLOW);
    assert_int_equal(v.encrypt, PIL_ENCRYPT_UNSET);
    free(p.block);
}

/* The name of the server is what the address was resolved for; unseen, it may be any. */
static void names_are_endpoints_too(void **state)
{
    struct policy p;
    struct pil_query q = {.action = PIL_ACTION_CONNECT,
                          .kind = PIL_KIND_INET,
                          .seen = PIL_FIELD_NAME,
                          .port = 5432,
                          .name = {"db.corp.example", 15}};

    (void)state;
    load(&p, mesh);
    assert_err(pil_ip_parse(pil_slice_of("192.0.2.7"), &q.ip), PIL_OK);
    assert_int_equal(pil_eval_encrypt(&p.img, &q), PIL_ENCRYPT_REQUIRED);
    q.name.len = 0;
    assert_int_equal(pil_eval_encrypt(&p.img, &q), PIL_ENCRYPT_UNSET);
    q.seen = 0;
    assert_int_equal(pil_eval_encrypt(&p.img, &q), PIL_ENCRYPT_REQUIRED);
    q.port = 5431;
    assert_int_equal(pil_eval_encrypt(&p.img, &q), PIL_ENCRYPT_UNSET);
    free(p.block);
}

static void add_identity(void *cookie, const char *identity)
{
    char *all = cookie;

    strcat(strcat(all, identity), " ");
}

static void services_say_who_must_be_there(void **state)
{
    struct policy p;
    struct pil_query q = {
        .action = PIL_ACTION_CONNECT, .kind = PIL_KIND_INET, .port = 5432, .seen = PIL_FIELD_NAME};
    char all[256] = "";

    (void)state;
    load(&p, mesh);
    assert_err(pil_ip_parse(pil_slice_of("10.0.3.11"), &q.ip), PIL_OK);
    assert_int_equal(pil_eval_identities(&p.img, &q, add_identity, all), 1);
    assert_string_equal(all, "spiffe://corp.example/db ");
    q.port = 5433;
    assert_int_equal(pil_eval_identities(&p.img, &q, add_identity, all), 0);
    assert_err(pil_ip_parse(pil_slice_of("fd00::1"), &q.ip), PIL_OK);
    q.port = 443;
    assert_int_equal(pil_eval_identities(&p.img, &q, add_identity, all), 1);
    assert_string_equal(all, "spiffe://corp.example/db spiffe://corp.example/tls-* ");
    free(p.block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_is_known_by_its_name_and_nothing_else),
        cmocka_unit_test(a_peer_that_comes_later_is_given_the_benefit),
        cmocka_unit_test(encryption_is_the_endpoints_and_not_the_rules),
        cmocka_unit_test(a_datagram_does_not_reach_what_must_be_encrypted),
        cmocka_unit_test(names_are_endpoints_too),
        cmocka_unit_test(services_say_who_must_be_there),
        cmocka_unit_test(nearest_default_wins_and_equal_distance_denies),
        cmocka_unit_test(shadow_policy_is_reported_and_changes_nothing),
        cmocka_unit_test(a_verdict_ends_before_its_hours_do),
        cmocka_unit_test(a_question_nobody_can_ask_is_refused),
        cmocka_unit_test(explain_names_the_first_misfit),
    };

    return cmocka_run_group_tests_name("eval", tests, NULL, NULL);
}
