/*
 * policyd/identity/files: sets that another agent renews are taken whole or not at all.
 */
#include "tests/support/support.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/identity/identity.h"
#include "tests/support/certs.h"

#define SIX_PM 1795629600 /* 2026-11-25T18:00:00Z */
#define NOW    (clock_ms / 1000)
#define DOMAIN "corp.example"

static struct pil_settings settings;
static struct event_base *base;
static struct pil_identity *identity;
static int64_t clock_ms;
static char *folder;
static struct test_cert root;

static int64_t now_ms(void)
{
    return clock_ms;
}

static int set_up(void **state)
{
    (void)state;
    clock_ms = (int64_t)SIX_PM * 1000;
    folder = test_folder_make();
    root = test_cert_root(DOMAIN, NOW);
    assert_err(pil_settings_init(&settings), PIL_OK);
    settings.identity = PIL_IDENTITY_FILES;
    base = event_base_new();
    assert_non_null(base);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pil_identity_close(identity);
    identity = NULL;
    pil_settings_free(&settings);
    event_base_free(base);
    test_cert_free(&root);
    test_folder_remove(folder);
    return 0;
}

static void open_it(void)
{
    struct pil_identity_setup setup = {.settings = &settings, .memory = true, .now_ms = now_ms};

    assert_err(pil_identity_open(base, &setup, &identity), PIL_OK);
    pil_identity_domain(identity, DOMAIN, true);
}

static void name_files(const char *one)
{
    char path[600];

    snprintf(path, sizeof(path), "%s/%s", folder, one);
    assert_err(pil_list_add(&settings.identity_files, path), PIL_OK);
}

static void write_file(const char *in, const char *name, char *text)
{
    free(test_file(in, name, text));
    free(text);
}

/* The three files of one identity, under the names of a layout. */
static void write_set(const char *in, const char *const names[3], const struct test_cert *leaf,
                      const struct test_cert *signer)
{
    write_file(in, names[0], test_cert_pem(leaf));
    write_file(in, names[1], test_cert_key_pem(leaf));
    write_file(in, names[2], test_cert_pem(signer));
}

static struct test_cert leaf_of(const struct test_cert *signer, const char *san)
{
    return test_cert_leaf(signer, &(struct test_cert_wish){.now = NOW, .san = san});
}

/* Whether this leaf is what a workload gets now, and our own roots believe it. */
static bool has(const char *workload, const struct test_cert *leaf)
{
    const struct pil_svid *svid = pil_identity_get(identity, workload, NULL);
    const struct pil_bundle *bundle = pil_identity_bundle(identity);
    enum pil_tls_reason reason;
    char id[256], detail[200];
    bool same;

    if (!svid)
        fail_msg("%s: %s", workload, pil_identity_problem(identity));
    same = X509_cmp(svid->leaf, leaf->cert) == 0;
    assert_err(pil_identity_check_peer(bundle, svid->leaf, svid->chain, clock_ms / 1000, id,
                                       sizeof(id), &reason, detail, sizeof(detail)),
               PIL_OK);
    pil_svid_unref(svid);
    pil_bundle_unref(bundle);
    return same;
}

static const char *const cert_manager[] = {"tls.crt", "tls.key", "ca.crt"};
static const char *const helper[] = {"svid.pem", "svid_key.pem", "svid_bundle.pem"};
static const char *const agent[] = {"svid.0.pem", "svid.0.key", "bundle.0.pem"};

static void every_layout_is_found(void **state)
{
    static const char *const *const layouts[] = {cert_manager, helper, agent};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(layouts); i++) {
        struct test_cert leaf = leaf_of(&root, NULL);

        write_set(folder, layouts[i], &leaf, &root);
        name_files("");
        open_it();
        assert_true(has("web", &leaf));
        assert_true(has("db", &leaf)); /* one for all */
        pil_identity_close(identity);
        for (unsigned n = 0; n < 3; n++) {
            char path[600];

            snprintf(path, sizeof(path), "%s/%s", folder, layouts[i][n]);
            unlink(path);
        }
        pil_list_free(&settings.identity_files);
        test_cert_free(&leaf);
    }
    identity = NULL;
}

static void three_files_and_one_are_legal_too(void **state)
{
    struct test_cert leaf = leaf_of(&root, NULL);
    char *a = test_cert_pem(&leaf), *b = test_cert_key_pem(&leaf), *c = test_cert_pem(&root);
    char all[8192];

    (void)state;
    write_set(folder, cert_manager, &leaf, &root);
    for (unsigned i = 0; i < 3; i++)
        name_files(cert_manager[i]);
    open_it();
    assert_true(has("web", &leaf));
    pil_identity_close(identity);
    pil_list_free(&settings.identity_files);
    snprintf(all, sizeof(all), "%s%s%s", b, a, c);
    free(test_file(folder, "vault.pem", all));
    name_files("vault.pem");
    open_it();
    assert_true(has("web", &leaf));
    free(a);
    free(b);
    free(c);
    test_cert_free(&leaf);
}

static void a_chain_is_sent_along(void **state)
{
    struct test_cert middle =
        test_cert_leaf(&root, &(struct test_cert_wish){.now = NOW,
                                                       .san = "URI:spiffe://" DOMAIN,
                                                       .basic = "critical,CA:TRUE",
                                                       .usage = "critical,keyCertSign",
                                                       .extended = ""});
    struct test_cert leaf = leaf_of(&middle, NULL);
    char *a = test_cert_pem(&leaf), *b = test_cert_pem(&middle);
    const struct pil_svid *svid;
    char both[8192];

    (void)state;
    write_set(folder, helper, &leaf, &root);
    snprintf(both, sizeof(both), "%s%s", a, b);
    free(test_file(folder, helper[0], both));
    name_files("");
    open_it();
    assert_true(has("web", &leaf));
    svid = pil_identity_get(identity, "web", NULL);
    assert_int_equal(sk_X509_num(svid->chain), 1);
    pil_svid_unref(svid);
    free(a);
    free(b);
    test_cert_free(&leaf);
    test_cert_free(&middle);
}

/* At every step of a renewal in place, file by file, what was there goes on. */
static void a_set_is_taken_whole(void **state)
{
    struct test_cert other = test_cert_root(DOMAIN, NOW), before = leaf_of(&root, NULL),
                     after = leaf_of(&other, NULL);

    (void)state;
    write_set(folder, cert_manager, &before, &root);
    name_files("");
    open_it();
    assert_true(has("web", &before));
    write_file(folder, cert_manager[0], test_cert_pem(&after));
    pil_identity_reload(identity);
    assert_true(has("web", &before));
    write_file(folder, cert_manager[1], test_cert_key_pem(&after));
    pil_identity_reload(identity);
    assert_true(has("web", &before));
    write_file(folder, cert_manager[2], test_cert_pem(&other));
    pil_identity_reload(identity);
    assert_true(has("web", &after));
    test_cert_free(&before);
    test_cert_free(&after);
    test_cert_free(&other);
}

/* Roots alone: another one is added while the leaf stays. */
static void roots_come_without_a_leaf(void **state)
{
    struct test_cert other = test_cert_root(DOMAIN, NOW), leaf = leaf_of(&root, NULL);
    char *a = test_cert_pem(&root), *b = test_cert_pem(&other), both[8192];
    struct pil_identity_stats stats;

    (void)state;
    write_set(folder, cert_manager, &leaf, &root);
    name_files("");
    open_it();
    assert_true(has("web", &leaf));
    snprintf(both, sizeof(both), "%s%s", a, b);
    free(test_file(folder, cert_manager[2], both));
    pil_identity_reload(identity);
    assert_true(has("web", &leaf));
    pil_identity_stats(identity, &stats);
    assert_int_equal(stats.roots, 2);
    assert_int_equal(stats.renewed, 0);
    free(a);
    free(b);
    test_cert_free(&leaf);
    test_cert_free(&other);
}

/* As cert-manager and the kubelet do: a new folder, and a link that is renamed. */
static void a_swapped_folder_is_one_version(void **state)
{
    struct test_cert first = leaf_of(&root, NULL), second = leaf_of(&root, NULL);
    char one[600], two[600], link[600], fresh[600];

    (void)state;
    snprintf(one, sizeof(one), "%s/..1", folder);
    snprintf(two, sizeof(two), "%s/..2", folder);
    snprintf(link, sizeof(link), "%s/..data", folder);
    snprintf(fresh, sizeof(fresh), "%s/..data_tmp", folder);
    mkdir(one, 0755);
    mkdir(two, 0755);
    write_set(one, cert_manager, &first, &root);
    write_set(two, cert_manager, &second, &root);
    assert_int_equal(symlink("..1", link), 0);
    name_files("");
    open_it();
    assert_true(has("web", &first));
    assert_int_equal(symlink("..2", fresh), 0);
    assert_int_equal(rename(fresh, link), 0);
    pil_identity_reload(identity);
    assert_true(has("web", &second));
    test_cert_free(&first);
    test_cert_free(&second);
}

/* And it is noticed without being told. */
static void on_change(void *cookie, unsigned changes)
{
    (void)changes;
    event_base_loopbreak(cookie);
}

static void a_change_is_seen(void **state)
{
    struct test_cert first, second;
    char sub[600];

    (void)state;
    /* The loop's alarm goes by the real clock. */
    clock_ms = (int64_t)time(NULL) * 1000;
    test_cert_free(&root);
    root = test_cert_root(DOMAIN, NOW);
    first = leaf_of(&root, NULL);
    second = leaf_of(&root, "URI:spiffe://" DOMAIN "/other");
    snprintf(sub, sizeof(sub), "%s/web", folder);
    mkdir(sub, 0755);
    write_set(sub, helper, &first, &root);
    name_files("");
    open_it();
    assert_true(has("web", &first));
    pil_identity_on_change(identity, on_change, base);
    write_set(sub, helper, &second, &root);
    event_base_dispatch(base);
    assert_true(has("web", &second));
    test_cert_free(&first);
    test_cert_free(&second);
}

static void a_workload_may_have_its_own(void **state)
{
    struct test_cert all = leaf_of(&root, NULL), web = leaf_of(&root, "URI:spiffe://" DOMAIN "/x");
    char sub[600];

    (void)state;
    snprintf(sub, sizeof(sub), "%s/web", folder);
    mkdir(sub, 0755);
    write_set(sub, helper, &web, &root);
    name_files("");
    open_it();
    assert_true(has("web", &web));
    assert_null(pil_identity_get(identity, "db", NULL));
    assert_non_null(strstr(pil_identity_problem(identity), "it has none of tls.crt"));
    write_set(folder, cert_manager, &all, &root);
    pil_identity_reload(identity);
    assert_true(has("db", &all));
    assert_true(has("web", &web));
    test_cert_free(&all);
    test_cert_free(&web);
}

/* What breaks a rule is not taken, by name; what was there stays. */
static void what_breaks_a_rule_is_not_taken(void **state)
{
    static const struct {
        struct test_cert_wish wish;
        const char *says;
    } rows[] = {
        {{.san = "DNS:web"}, "one URI name"},
        {{.san = "URI:spiffe://corp.example/a,URI:spiffe://corp.example/b"}, "one URI name"},
        {{.san = "URI:spiffe://evil.example/web"}, "none of spiffe://corp.example"},
        {{.usage = "critical,digitalSignature,keyCertSign"}, "keyCertSign"},
        {{.extended = "serverAuth"}, "clientAuth"},
        {{.from = -7200, .to = -3600}, "here it is 2026-11-25T18:00:00Z"},
        {{.from = 3600, .to = 7200}, "here it is 2026-11-25T18:00:00Z"},
    };
    struct test_cert good = leaf_of(&root, NULL);
    char path[600];
    json_t *report;

    (void)state;
    write_set(folder, cert_manager, &good, &root);
    name_files("");
    open_it();
    assert_true(has("web", &good));
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct test_cert_wish wish = rows[i].wish;
        struct test_cert bad;
        char *text;

        wish.now = NOW;
        bad = test_cert_leaf(&root, &wish);
        write_set(folder, cert_manager, &bad, &root);
        pil_identity_reload(identity);
        assert_true(has("web", &good));
        report = pil_identity_report(identity);
        text = json_dumps(json_object_get(report, "identities"), 0);
        if (!strstr(text, rows[i].says))
            fail_msg("%s: %s", rows[i].says, text);
        free(text);
        json_decref(report);
        test_cert_free(&bad);
    }
    write_set(folder, cert_manager, &good, &root);
    snprintf(path, sizeof(path), "%s/tls.key", folder);
    chmod(path, 0644);
    pil_identity_close(identity);
    open_it();
    assert_null(pil_identity_get(identity, "web", NULL));
    assert_non_null(strstr(pil_identity_problem(identity), "tls.key: mode 0644"));
    test_cert_free(&good);
}

/* Cut anywhere, no part of a single file is taken. */
static void a_torn_file_is_not_taken(void **state)
{
    struct test_cert before = leaf_of(&root, NULL), after = leaf_of(&root, NULL);
    char *key = test_cert_key_pem(&after), *leaf = test_cert_pem(&after),
         *ca = test_cert_pem(&root);
    char whole[8192], cut[8192];
    size_t len;

    (void)state;
    len = (size_t)snprintf(whole, sizeof(whole), "%s%s%s", leaf, key, ca);
    write_set(folder, cert_manager, &before, &root);
    snprintf(cut, sizeof(cut), "%s", whole);
    name_files("one.pem");
    free(test_file(folder, "one.pem", whole));
    open_it();
    assert_true(has("web", &after));
    pil_identity_close(identity);
    for (size_t at = 0; at < len - 1; at += 61) {
        memcpy(cut, whole, at);
        cut[at] = '\0';
        free(test_file(folder, "one.pem", cut));
        open_it();
        assert_null(pil_identity_get(identity, "web", NULL));
        pil_identity_close(identity);
    }
    identity = NULL;
    free(key);
    free(leaf);
    free(ca);
    test_cert_free(&before);
    test_cert_free(&after);
}

/* The agent is dead: health turns red while there is time left, then the identity goes. */
static void an_agent_that_stops_is_seen_in_time(void **state)
{
    struct test_cert leaf = leaf_of(&root, NULL);
    struct pil_identity_stats stats;
    char text[512];

    (void)state;
    write_set(folder, cert_manager, &leaf, &root);
    name_files("");
    open_it();
    assert_true(has("web", &leaf));
    clock_ms += 2600 * 1000;
    pil_identity_tend(identity);
    assert_false(pil_identity_ill(identity, PIL_IDENTITY_EXPIRING, text, sizeof(text)));
    clock_ms += 101 * 1000;
    pil_identity_tend(identity);
    assert_true(has("web", &leaf));
    assert_true(pil_identity_ill(identity, PIL_IDENTITY_EXPIRING, text, sizeof(text)));
    assert_non_null(strstr(text, "to 2026-11-25T19:00:00Z; here it is 2026-11-25T18:45:01Z"));
    clock_ms += 900 * 1000;
    assert_null(pil_identity_get(identity, "web", NULL));
    assert_true(pil_identity_ill(identity, PIL_IDENTITY_EXPIRING, text, sizeof(text)));
    assert_non_null(strstr(text, "web has no identity; here it is 2026-11-25T19:00:01Z"));
    pil_identity_stats(identity, &stats);
    assert_int_equal(stats.expired, 1);
    test_cert_free(&leaf);
}

static void the_issuer_rotates_and_not_we(void **state)
{
    struct test_cert leaf = leaf_of(&root, NULL);

    (void)state;
    write_set(folder, cert_manager, &leaf, &root);
    name_files("");
    open_it();
    assert_true(has("web", &leaf));
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_PREPARE, false, NULL), PIL_E_NOTFOUND);
    assert_err(pil_identity_revoke(identity, "spiffe://corp.example/web", false, NULL), PIL_OK);
    assert_null(pil_identity_get(identity, "web", NULL));
    test_cert_free(&leaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        T(every_layout_is_found),
        T(three_files_and_one_are_legal_too),
        T(a_chain_is_sent_along),
        T(a_set_is_taken_whole),
        T(roots_come_without_a_leaf),
        T(a_swapped_folder_is_one_version),
        T(a_change_is_seen),
        T(a_workload_may_have_its_own),
        T(what_breaks_a_rule_is_not_taken),
        T(a_torn_file_is_not_taken),
        T(an_agent_that_stops_is_seen_in_time),
        T(the_issuer_rotates_and_not_we),
#undef T
    };

    return cmocka_run_group_tests_name("identity_files", tests, NULL, NULL);
}
