/*
 * policyd/identity/verify and spiffe: SPIFFE's rules, each broken once, and the reason that comes.
 */
#include "tests/support/support.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "policyd/identity/bundle.h"
#include "policyd/identity/cert.h"
#include "policyd/identity/spiffe.h"
#include "policyd/identity/verify.h"
#include "tests/support/certs.h"

#define NOW 1795629600 /* 2026-11-25T18:00:00Z */

static struct test_cert root, other_root;
static struct pil_bundle *bundle;

static int set_up(void **state)
{
    STACK_OF(X509) *roots = sk_X509_new_null();

    (void)state;
    root = test_cert_root("corp.example", NOW);
    other_root = test_cert_root("corp.example", NOW);
    sk_X509_push(roots, root.cert);
    assert_err(pil_bundle_new("corp.example", roots, NULL, 0, 1, &bundle), PIL_OK);
    sk_X509_free(roots);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pil_bundle_unref(bundle);
    test_cert_free(&root);
    test_cert_free(&other_root);
    return 0;
}

/* ---- IDs ------------------------------------------------------------------------------------ */

static void an_id_is_taken_apart(void **state)
{
    struct pil_spiffe id;

    (void)state;
    assert_null(pil_spiffe_parse(pil_slice_of("spiffe://corp.example/web"), &id));
    assert_slice(id.domain, "corp.example");
    assert_slice(id.path, "/web");
    assert_null(pil_spiffe_parse(pil_slice_of("spiffe://a-b_c.9/ns/A.b/sa/-_..x"), &id));
    assert_slice(id.path, "/ns/A.b/sa/-_..x");
    assert_null(pil_spiffe_parse(pil_slice_of("spiffe://corp.example"), &id));
    assert_int_equal(id.path.len, 0);
}

static void what_is_no_id_is_told(void **state)
{
    static const struct {
        const char *id, *says;
    } wrong[] = {
        {"", "does not begin"},
        {"spiffe:/corp.example/web", "does not begin"},
        {"SPIFFE://corp.example/web", "does not begin"},
        {"https://corp.example/web", "does not begin"},
        {"spiffe://", "trust domain"},
        {"spiffe:///web", "trust domain"},
        {"spiffe://Corp.example/web", "trust domain"},
        {"spiffe://corp.example:80/web", "trust domain"},
        {"spiffe://me@corp.example/web", "trust domain"},
        {"spiffe://corp.example?x", "trust domain"},
        {"spiffe://corp.example/", "path"},
        {"spiffe://corp.example/web/", "path"},
        {"spiffe://corp.example//web", "path"},
        {"spiffe://corp.example/.", "path"},
        {"spiffe://corp.example/a/../b", "path"},
        {"spiffe://corp.example/a%20b", "path"},
        {"spiffe://corp.example/web?x=1", "path"},
        {"spiffe://corp.example/web#x", "path"},
    };
    char longest[PIL_SPIFFE_MAX + 2];
    struct pil_spiffe id;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(wrong); i++) {
        const char *says = pil_spiffe_parse(pil_slice_of(wrong[i].id), &id);

        if (!says || !strstr(says, wrong[i].says))
            fail_msg("\"%s\": %s", wrong[i].id, says ? says : "taken");
    }
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "spiffe://corp.example/", 22);
    assert_null(pil_spiffe_parse((struct pil_slice){longest, PIL_SPIFFE_MAX}, &id));
    assert_non_null(pil_spiffe_parse((struct pil_slice){longest, PIL_SPIFFE_MAX + 1}, &id));
    assert_non_null(pil_spiffe_parse((struct pil_slice){"spiffe://a/b\0c", 14}, &id));
    memset(longest + 9, 'a', 300);
    longest[9 + 255] = '/';
    assert_null(pil_spiffe_parse((struct pil_slice){longest, 300}, &id));
    longest[9 + 255] = 'a', longest[9 + 256] = '/';
    assert_non_null(pil_spiffe_parse((struct pil_slice){longest, 300}, &id));
}

/* ---- peers ---------------------------------------------------------------------------------- */

static enum pil_tls_reason judge(const struct test_cert *leaf, STACK_OF(X509) * chain, time_t now,
                                 char *detail, size_t cap)
{
    enum pil_tls_reason reason;
    char id[256];
    int err = pil_identity_check_peer(bundle, leaf->cert, chain, now, id, sizeof(id), &reason,
                                      detail, cap);

    assert_int_equal(err, reason ? PIL_E_PEER : PIL_OK);
    if (!reason)
        assert_string_equal(id, "spiffe://corp.example/web");
    return reason;
}

static void a_good_peer_is_believed(void **state)
{
    struct test_cert leaf = test_cert_leaf(&root, &(struct test_cert_wish){.now = NOW});
    char detail[160];

    (void)state;
    assert_int_equal(judge(&leaf, NULL, NOW, detail, sizeof(detail)), PIL_TLS_NONE);
    assert_string_equal(detail, "");
    test_cert_free(&leaf);
}

static void each_rule_has_its_reason(void **state)
{
    static const struct {
        const char *what;
        struct test_cert_wish wish;
        enum pil_tls_reason reason;
        const char *says;
    } rows[] = {
        {"no URI", {.san = "DNS:web.corp.example"}, PIL_TLS_NO_URI, "no URI name"},
        {"no names", {.san = ""}, PIL_TLS_NO_URI, "no URI name"},
        {"two URIs",
         {.san = "URI:spiffe://corp.example/web,URI:spiffe://corp.example/x"},
         PIL_TLS_MANY_URIS,
         "2 URI names"},
        {"a second URI of another kind",
         {.san = "URI:spiffe://corp.example/web,URI:https://x/"},
         PIL_TLS_MANY_URIS,
         "2 URI names"},
        {"DNS beside it is legal",
         {.san = "DNS:web,URI:spiffe://corp.example/web,IP:127.0.0.1"},
         PIL_TLS_NONE,
         ""},
        {"another scheme", {.san = "URI:https://corp.example/web"}, PIL_TLS_BAD_SVID, "no SPIFFE"},
        {"dots", {.san = "URI:spiffe://corp.example/../web"}, PIL_TLS_BAD_SVID, "its path"},
        {"the domain itself", {.san = "URI:spiffe://corp.example"}, PIL_TLS_BAD_SVID, "a path"},
        {"another domain",
         {.san = "URI:spiffe://evil.example/web"},
         PIL_TLS_WRONG_DOMAIN,
         "none of spiffe://corp.example"},
        {"a CA", {.basic = "critical,CA:TRUE"}, PIL_TLS_BAD_SVID, "it is a CA"},
        {"no basic constraints are legal", {.basic = ""}, PIL_TLS_NONE, ""},
        {"no key usage", {.usage = ""}, PIL_TLS_BAD_SVID, "missing"},
        {"usage not critical", {.usage = "digitalSignature"}, PIL_TLS_BAD_SVID, "not critical"},
        {"no digitalSignature", {.usage = "critical,keyAgreement"}, PIL_TLS_BAD_SVID, "lacks"},
        {"keyAgreement beside it is legal",
         {.usage = "critical,digitalSignature,keyAgreement"},
         PIL_TLS_NONE,
         ""},
        {"keyCertSign",
         {.usage = "critical,digitalSignature,keyCertSign"},
         PIL_TLS_BAD_SVID,
         "keyCertSign"},
        {"cRLSign", {.usage = "critical,digitalSignature,cRLSign"}, PIL_TLS_BAD_SVID, "cRLSign"},
        {"only serverAuth", {.extended = "serverAuth"}, PIL_TLS_BAD_SVID, "lacks clientAuth"},
        {"only clientAuth", {.extended = "clientAuth"}, PIL_TLS_BAD_SVID, "lacks serverAuth"},
        {"no extended usage is legal", {.extended = ""}, PIL_TLS_NONE, ""},
        {"lapsed", {.from = -7200, .to = -1}, PIL_TLS_EXPIRED, "here it is 2026-11-25T18:00:00Z"},
        {"not yet", {.from = 60, .to = 7200}, PIL_TLS_NOT_YET_VALID, "from 2026-11-25T18:01:00Z"},
        {"its last second is over when it begins",
         {.from = -60, .to = 0},
         PIL_TLS_EXPIRED,
         "to 2026-11-25T18:00:00Z"},
        {"its first second is legal", {.from = 0, .to = 60}, PIL_TLS_NONE, ""},
        {"no subject, names not critical", {.no_subject = true}, PIL_TLS_BAD_SVID, "not critical"},
        {"no subject, names critical",
         {.no_subject = true, .san = "critical,URI:spiffe://corp.example/web"},
         PIL_TLS_NONE,
         ""},
        {"an unknown critical extension", {.unknown = true}, PIL_TLS_BAD_CHAIN, "critical"},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct test_cert_wish wish = rows[i].wish;
        struct test_cert leaf;
        char detail[200];
        enum pil_tls_reason reason;

        wish.now = NOW;
        leaf = test_cert_leaf(&root, &wish);
        reason = judge(&leaf, NULL, NOW, detail, sizeof(detail));
        if (reason != rows[i].reason || !strstr(detail, rows[i].says))
            fail_msg("%s: %s: %s", rows[i].what, pil_tls_reason_name(reason), detail);
        test_cert_free(&leaf);
    }
}

static void a_foreign_root_is_none(void **state)
{
    struct test_cert_wish wish = {.now = NOW};
    struct test_cert foreign = test_cert_leaf(&other_root, &wish),
                     alone = test_cert_leaf(NULL, &wish);
    STACK_OF(X509) *chain = sk_X509_new_null();
    char detail[200];

    (void)state;
    assert_int_equal(judge(&foreign, NULL, NOW, detail, sizeof(detail)), PIL_TLS_WRONG_ROOT);
    sk_X509_push(chain, other_root.cert); /* sending a root does not make it one */
    assert_int_equal(judge(&foreign, chain, NOW, detail, sizeof(detail)), PIL_TLS_WRONG_ROOT);
    assert_int_equal(judge(&alone, NULL, NOW, detail, sizeof(detail)), PIL_TLS_SELF_SIGNED);
    sk_X509_free(chain);
    test_cert_free(&foreign);
    test_cert_free(&alone);
}

/* A leaf that signs another, and intermediates that break a rule each. */
static void who_may_not_sign_does_not(void **state)
{
    static const struct {
        const char *what;
        struct test_cert_wish wish;
        enum pil_tls_reason reason;
    } rows[] = {
        {"a good one",
         {.san = "URI:spiffe://corp.example",
          .basic = "critical,CA:TRUE",
          .usage = "critical,keyCertSign",
          .extended = ""},
         PIL_TLS_NONE},
        {"one without a name",
         {.san = "", .basic = "critical,CA:TRUE", .usage = "critical,keyCertSign", .extended = ""},
         PIL_TLS_NONE},
        {"a leaf", {.now = NOW}, PIL_TLS_BAD_CHAIN},
        {"a CA that may not sign",
         {.san = "", .basic = "critical,CA:TRUE", .usage = "critical,cRLSign", .extended = ""},
         PIL_TLS_BAD_CHAIN},
        {"a CA without usage",
         {.san = "", .basic = "critical,CA:TRUE", .usage = "", .extended = ""},
         PIL_TLS_BAD_CHAIN},
        {"usage not critical",
         {.san = "", .basic = "critical,CA:TRUE", .usage = "keyCertSign", .extended = ""},
         PIL_TLS_BAD_CHAIN},
        {"one with a path",
         {.san = "URI:spiffe://corp.example/ca",
          .basic = "critical,CA:TRUE",
          .usage = "critical,keyCertSign",
          .extended = ""},
         PIL_TLS_BAD_CHAIN},
        {"one of another domain",
         {.san = "URI:spiffe://evil.example",
          .basic = "critical,CA:TRUE",
          .usage = "critical,keyCertSign",
          .extended = ""},
         PIL_TLS_BAD_CHAIN},
        {"one that has lapsed",
         {.san = "",
          .basic = "critical,CA:TRUE",
          .usage = "critical,keyCertSign",
          .extended = "",
          .from = -7200,
          .to = -60},
         PIL_TLS_EXPIRED},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct test_cert_wish wish = rows[i].wish, plain = {.now = NOW};
        struct test_cert middle, leaf;
        STACK_OF(X509) *chain = sk_X509_new_null();
        enum pil_tls_reason reason;
        char detail[200];

        wish.now = NOW;
        middle = test_cert_leaf(&root, &wish);
        leaf = test_cert_leaf(&middle, &plain);
        sk_X509_push(chain, middle.cert);
        reason = judge(&leaf, chain, NOW, detail, sizeof(detail));
        if (reason != rows[i].reason)
            fail_msg("%s: %s: %s", rows[i].what, pil_tls_reason_name(reason), detail);
        sk_X509_free(chain);
        test_cert_free(&leaf);
        test_cert_free(&middle);
    }
}

static void a_weak_key_is_refused(void **state)
{
    struct test_cert leaf =
        test_cert_leaf(&root, &(struct test_cert_wish){.now = NOW, .rsa_bits = 1024});
    char detail[200];

    (void)state;
    assert_int_equal(judge(&leaf, NULL, NOW, detail, sizeof(detail)), PIL_TLS_BAD_CHAIN);
    test_cert_free(&leaf);
}

static void revoked_is_revoked(void **state)
{
    struct test_cert leaf = test_cert_leaf(&root, &(struct test_cert_wish){.now = NOW});
    STACK_OF(X509) *roots = sk_X509_new_null();
    struct pil_bundle *before = bundle;
    char serial[PIL_SERIAL_TEXT], detail[200];
    char id[] = "spiffe://corp.example/web", longer[] = "spiffe://corp.example/web/x";
    char shorter[] = "spiffe://corp.example/we", number[] = "00ff";
    char *by_serial[] = {serial}, *by_id[] = {id}, *others[] = {number, shorter, longer};

    (void)state;
    assert_true(pil_cert_serial(leaf.cert, serial));
    sk_X509_push(roots, root.cert);
    assert_err(pil_bundle_new("corp.example", roots, by_serial, 1, 2, &bundle), PIL_OK);
    assert_int_equal(judge(&leaf, NULL, NOW, detail, sizeof(detail)), PIL_TLS_REVOKED);
    assert_non_null(strstr(detail, serial));
    pil_bundle_unref(bundle);
    assert_err(pil_bundle_new("corp.example", roots, by_id, 1, 3, &bundle), PIL_OK);
    assert_int_equal(judge(&leaf, NULL, NOW, detail, sizeof(detail)), PIL_TLS_REVOKED);
    pil_bundle_unref(bundle);
    assert_err(pil_bundle_new("corp.example", roots, others, 3, 4, &bundle), PIL_OK);
    assert_int_equal(judge(&leaf, NULL, NOW, detail, sizeof(detail)), PIL_TLS_NONE);
    pil_bundle_unref(bundle);
    bundle = before;
    sk_X509_free(roots);
    test_cert_free(&leaf);
}

static void an_id_that_does_not_fit_is_refused(void **state)
{
    struct test_cert leaf = test_cert_leaf(&root, &(struct test_cert_wish){.now = NOW});
    enum pil_tls_reason reason;
    char id[256], detail[160];

    (void)state;
    assert_err(pil_identity_check_peer(bundle, leaf.cert, NULL, NOW, id, 26, &reason, detail,
                                       sizeof(detail)),
               PIL_OK);
    assert_err(pil_identity_check_peer(bundle, leaf.cert, NULL, NOW, id, 25, &reason, detail,
                                       sizeof(detail)),
               PIL_E_PEER);
    assert_int_equal(reason, PIL_TLS_BAD_SVID);
    test_cert_free(&leaf);
}

static void roots_have_rules_too(void **state)
{
    struct test_cert_wish wish = {.now = NOW};
    struct test_cert leaf = test_cert_leaf(&root, &wish);
    char detail[160];

    (void)state;
    assert_err(pil_verify_root(root.cert, "corp.example", detail, sizeof(detail)), PIL_OK);
    assert_err(pil_verify_root(root.cert, "evil.example", detail, sizeof(detail)), PIL_E_SYNTAX);
    assert_non_null(strstr(detail, "another trust domain"));
    assert_err(pil_verify_root(leaf.cert, "corp.example", detail, sizeof(detail)), PIL_E_SYNTAX);
    assert_non_null(strstr(detail, "no CA"));
    test_cert_free(&leaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_taken_apart),
        cmocka_unit_test(what_is_no_id_is_told),
        cmocka_unit_test(a_good_peer_is_believed),
        cmocka_unit_test(each_rule_has_its_reason),
        cmocka_unit_test(a_foreign_root_is_none),
        cmocka_unit_test(who_may_not_sign_does_not),
        cmocka_unit_test(a_weak_key_is_refused),
        cmocka_unit_test(revoked_is_revoked),
        cmocka_unit_test(an_id_that_does_not_fit_is_refused),
        cmocka_unit_test(roots_have_rules_too),
    };

    return cmocka_run_group_tests_name("identity_verify", tests, set_up, tear_down);
}
