/*
 * policyd/identity: SVIDs by the built-in CA, their renewal, a clock that is set, rotation,
 * revocation, and what outlives policyd.
 */
#include "tests/support/support.h"

#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/identity/cert.h"
#include "policyd/identity/identity.h"
#include "tests/support/certs.h"

#define START  INT64_C(1795629600000) /* 2026-11-25T18:00:00Z */
#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DOMAIN "corp.example"

static struct pil_settings settings;
static struct event_base *base;
static struct pil_identity *identity;
static int64_t clock_ms;
static char *folder, state_path[512];
static unsigned changes;
static char events[4096]; /* "issued:web renewed:web ..." */

static int64_t now_ms(void)
{
    return clock_ms;
}

static void on_note(void *cookie, const struct pil_identity_note *note)
{
    size_t len = strlen(events);

    (void)cookie;
    assert_int_equal(note->now, clock_ms / 1000);
    snprintf(events + len, sizeof(events) - len, "%s%s%s ", note->event + strlen("identity-"),
             note->workload || note->state ? ":" : "",
             note->workload ? note->workload
             : note->state  ? note->state
                            : "");
}

static void on_change(void *cookie, unsigned what)
{
    (void)cookie;
    changes |= what;
}

static void open_it(bool memory)
{
    struct pil_identity_setup setup = {
        .settings = &settings, .memory = memory, .now_ms = now_ms, .note = on_note};

    assert_err(pil_identity_open(base, &setup, &identity), PIL_OK);
    pil_identity_on_change(identity, on_change, NULL);
}

static int set_up(void **state)
{
    (void)state;
    clock_ms = START;
    changes = 0;
    events[0] = '\0';
    folder = test_folder_make();
    snprintf(state_path, sizeof(state_path), "%s/state", folder);
    assert_err(pil_settings_init(&settings), PIL_OK);
    free(settings.state);
    settings.state = strdup(state_path);
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
    test_folder_remove(folder);
    return 0;
}

static const struct pil_svid *get(const char *workload)
{
    int err = -1;
    const struct pil_svid *svid = pil_identity_get(identity, workload, &err);

    if (!svid)
        fail_msg("%s: %s: %s", workload, pil_err_name(err), pil_identity_problem(identity));
    assert_int_equal(err, PIL_OK);
    assert_true(pil_svid_valid(svid, clock_ms));
    return svid;
}

static enum pil_tls_reason judge(const struct pil_svid *svid)
{
    const struct pil_bundle *bundle = pil_identity_bundle(identity);
    enum pil_tls_reason reason;
    char id[256], detail[200];

    assert_non_null(bundle);
    if (pil_identity_check_peer(bundle, svid->leaf, svid->chain, clock_ms / 1000, id, sizeof(id),
                                &reason, detail, sizeof(detail)) == PIL_OK)
        assert_string_equal(id, svid->id);
    pil_bundle_unref(bundle);
    return reason;
}

/* By the letter of RFC 5280, for both purposes, as others' libraries judge it. */
static bool strictly_good(const struct pil_svid *svid)
{
    static const int purposes[] = {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT};
    const struct pil_bundle *bundle = pil_identity_bundle(identity);
    bool good = true;

    for (size_t i = 0; i < PIL_NELEM(purposes); i++) {
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();

        assert_int_equal(X509_STORE_CTX_init(ctx, bundle->store, svid->leaf, svid->chain), 1);
        X509_STORE_CTX_set_purpose(ctx, purposes[i]);
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
        X509_STORE_CTX_set_time(ctx, 0, clock_ms / 1000);
        good = good && X509_verify_cert(ctx) == 1;
        if (!good)
            print_error("%s\n", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
        X509_STORE_CTX_free(ctx);
    }
    pil_bundle_unref(bundle);
    return good;
}

static void an_svid_is_as_spiffe_has_it(void **state)
{
    const struct pil_svid *svid, *again;

    (void)state;
    open_it(true);
    pil_identity_domain(identity, DOMAIN, false);
    svid = get("web");
    assert_string_equal(svid->id, "spiffe://corp.example/web");
    assert_int_equal(svid->not_before, START / 1000 - 30);
    assert_int_equal(svid->not_after, START / 1000 + 3600);
    assert_int_equal(EVP_PKEY_get_bits(svid->key), 256);
    assert_int_equal(X509_check_private_key(svid->leaf, svid->key), 1);
    assert_int_equal(judge(svid), PIL_TLS_NONE);
    assert_true(strictly_good(svid));
    again = get("web");
    assert_ptr_equal(svid, again);
    pil_svid_unref(again);
    pil_svid_unref(svid);
    assert_string_equal(events, "issued:web ");
}

static void without_a_domain_or_workload_there_is_none(void **state)
{
    int err = 0;

    (void)state;
    open_it(true);
    assert_null(pil_identity_get(identity, "web", &err));
    assert_int_equal(err, PIL_E_NOTFOUND);
    assert_null(pil_identity_bundle(identity));
    pil_identity_domain(identity, DOMAIN, true);
    assert_null(pil_identity_get(identity, "", &err));
    assert_int_equal(err, PIL_E_NOTFOUND);
    assert_null(pil_identity_get(identity, "..", &err));
    assert_int_equal(err, PIL_E_SYNTAX);
    assert_null(pil_identity_get(identity, NULL, &err));
    assert_int_equal(err, PIL_E_NOTFOUND);
}

/* A new key each time; who holds the one before may go on with it. */
static void half_of_its_life_is_enough(void **state)
{
    const struct pil_svid *first, *second;

    (void)state;
    open_it(true);
    pil_identity_domain(identity, DOMAIN, true);
    first = get("web");
    assert_in_range(first->renew_ms, START + HOUR * 4 / 10, START + HOUR * 6 / 10);
    clock_ms = first->renew_ms - 1;
    second = get("web");
    assert_ptr_equal(first, second);
    pil_svid_unref(second);
    clock_ms++;
    pil_identity_tend(identity);
    second = get("web");
    assert_ptr_not_equal(first, second);
    assert_string_not_equal(first->serial, second->serial);
    assert_int_not_equal(EVP_PKEY_eq(first->key, second->key), 1);
    assert_int_equal(judge(first), PIL_TLS_NONE);
    assert_int_equal(judge(second), PIL_TLS_NONE);
    assert_int_equal(changes & PIL_IDENTITY_RENEWED, PIL_IDENTITY_RENEWED);
    assert_string_equal(events, "issued:web renewed:web ");
    pil_svid_unref(first);
    pil_svid_unref(second);
}

/* Asleep for a day, set back by an hour, set ahead by two: what is handed out is valid. */
static void no_clock_makes_a_lapsed_one_come_out(void **state)
{
    static const int64_t steps[] = {24 * HOUR, -HOUR, 2 * HOUR, -3 * HOUR, 100 * 24 * HOUR, 30};

    (void)state;
    open_it(true);
    pil_identity_domain(identity, DOMAIN, true);
    pil_svid_unref(get("web"));
    for (size_t i = 0; i < PIL_NELEM(steps); i++) {
        const struct pil_svid *svid;

        clock_ms += steps[i];
        svid = get("web");
        assert_int_equal(judge(svid), PIL_TLS_NONE);
        pil_svid_unref(svid);
    }
}

static void a_clock_before_the_root_is_told(void **state)
{
    char text[512];
    int err = 0;

    (void)state;
    open_it(true);
    pil_identity_domain(identity, DOMAIN, true);
    pil_svid_unref(get("web"));
    assert_false(pil_identity_ill(identity, PIL_IDENTITY_EXPIRING, text, sizeof(text)));
    clock_ms -= 25 * HOUR;
    assert_null(pil_identity_get(identity, "web", &err));
    assert_int_equal(err, PIL_E_UNMET);
    assert_non_null(strstr(pil_identity_problem(identity),
                           "from 2026-11-24T18:00:00Z to 2027-11-25T18:00:00Z; here it is "
                           "2026-11-24T17:00:00Z"));
    assert_true(pil_identity_ill(identity, PIL_IDENTITY_EXPIRING, text, sizeof(text)));
    clock_ms += 25 * HOUR;
    pil_svid_unref(get("web"));
    assert_false(pil_identity_ill(identity, PIL_IDENTITY_EXPIRING, text, sizeof(text)));
}

/* ---- rotation ------------------------------------------------------------------------------- */

static unsigned roots_now(void)
{
    struct pil_identity_stats stats;

    pil_identity_stats(identity, &stats);
    return stats.roots;
}

static void the_ca_is_rotated_in_three_steps(void **state)
{
    const struct pil_svid *before, *after;

    (void)state;
    open_it(true);
    pil_identity_domain(identity, DOMAIN, true);
    before = get("web");
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_ACTIVATE, false, NULL), PIL_E_NOTFOUND);
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_RETIRE, false, NULL), PIL_E_NOTFOUND);
    changes = 0;
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_PREPARE, false, NULL), PIL_OK);
    assert_int_equal(changes, PIL_IDENTITY_ROOTS);
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_PREPARE, false, NULL), PIL_E_EXISTS);
    assert_int_equal(roots_now(), 2);
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_ACTIVATE, false, NULL), PIL_OK);
    assert_int_equal(roots_now(), 2);
    after = get("web");
    assert_ptr_not_equal(before, after);
    assert_int_equal(judge(before), PIL_TLS_NONE);
    assert_int_equal(judge(after), PIL_TLS_NONE);
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_RETIRE, false, NULL), PIL_E_EXISTS);
    assert_non_null(strstr(pil_identity_problem(identity), "alive until 2026-11-25T19:00:00Z"));
    clock_ms = before->not_after * 1000 + SECOND;
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_RETIRE, false, NULL), PIL_OK);
    assert_int_equal(roots_now(), 1);
    assert_int_equal(judge(before), PIL_TLS_WRONG_ROOT);
    pil_svid_unref(after);
    after = get("web");
    assert_int_equal(judge(after), PIL_TLS_NONE);
    pil_svid_unref(before);
    pil_svid_unref(after);
    assert_string_equal(events, "issued:web rotated:prepared rotated:activated renewed:web "
                                "rotated:retired renewed:web ");
}

static void a_root_can_be_retired_by_force(void **state)
{
    const struct pil_svid *before, *after;

    (void)state;
    open_it(true);
    pil_identity_domain(identity, DOMAIN, true);
    before = get("web");
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_PREPARE, false, NULL), PIL_OK);
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_ACTIVATE, false, NULL), PIL_OK);
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_RETIRE, true, NULL), PIL_OK);
    after = get("web");
    assert_int_equal(judge(before), PIL_TLS_WRONG_ROOT);
    assert_int_equal(judge(after), PIL_TLS_NONE);
    pil_svid_unref(before);
    pil_svid_unref(after);
}

/* Nobody looks after them: they are prepared, activated and let go by their age. */
static void roots_are_tended_by_themselves(void **state)
{
    struct pil_identity_stats stats;

    (void)state;
    settings.root_lifetime = 400;
    settings.identity_lifetime = 20;
    open_it(true);
    pil_identity_domain(identity, DOMAIN, true);
    for (unsigned i = 0; i < 2000; i++) {
        const struct pil_svid *svid;

        pil_identity_tend(identity);
        svid = get("web");
        assert_int_equal(judge(svid), PIL_TLS_NONE);
        pil_svid_unref(svid);
        assert_in_range(roots_now(), 1, 3);
        clock_ms += SECOND;
    }
    pil_identity_stats(identity, &stats);
    assert_true(stats.rotations >= 12);
    assert_int_equal(stats.failed, 0);
    assert_true(stats.renewed > 150);
}

/* ---- revocation ----------------------------------------------------------------------------- */

static void a_revoked_serial_is_replaced(void **state)
{
    const struct pil_svid *first, *second;

    (void)state;
    open_it(true);
    pil_identity_domain(identity, DOMAIN, true);
    first = get("web");
    changes = 0;
    assert_err(pil_identity_revoke(identity, first->serial, false, NULL), PIL_OK);
    assert_int_equal(changes, PIL_IDENTITY_REVOKED | PIL_IDENTITY_RENEWED);
    assert_err(pil_identity_revoke(identity, first->serial, false, NULL), PIL_E_EXISTS);
    assert_int_equal(judge(first), PIL_TLS_REVOKED);
    second = get("web");
    assert_int_equal(judge(second), PIL_TLS_NONE);
    assert_true(pil_identity_revoked(identity, first->serial, NULL));
    assert_false(pil_identity_revoked(identity, second->serial, second->id));
    pil_svid_unref(first);
    pil_svid_unref(second);
}

static void a_revoked_id_has_none(void **state)
{
    const struct pil_svid *first, *other;
    int err = 0;

    (void)state;
    open_it(true);
    pil_identity_domain(identity, DOMAIN, true);
    first = get("web");
    assert_err(pil_identity_revoke(identity, "web", false, NULL), PIL_E_SYNTAX);
    assert_err(pil_identity_revoke(identity, "spiffe://corp.example", false, NULL), PIL_E_SYNTAX);
    assert_err(pil_identity_revoke(identity, first->id, true, NULL), PIL_E_NOTFOUND);
    assert_err(pil_identity_revoke(identity, first->id, false, NULL), PIL_OK);
    assert_int_equal(judge(first), PIL_TLS_REVOKED);
    assert_null(pil_identity_get(identity, "web", &err));
    assert_int_equal(err, PIL_E_PERMISSION);
    other = get("db");
    assert_int_equal(judge(other), PIL_TLS_NONE);
    changes = 0;
    assert_err(pil_identity_revoke(identity, first->id, true, NULL), PIL_OK);
    assert_int_equal(changes, PIL_IDENTITY_REVOKED);
    assert_int_equal(judge(first), PIL_TLS_NONE);
    pil_svid_unref(first);
    pil_svid_unref(other);
    pil_svid_unref(get("web"));
}

/* ---- what stays ----------------------------------------------------------------------------- */

static void roots_and_revocations_outlive_policyd(void **state)
{
    const struct pil_svid *before;
    struct stat st;
    char path[600];

    (void)state;
    open_it(false);
    pil_identity_domain(identity, DOMAIN, true);
    before = get("web");
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_PREPARE, false, NULL), PIL_OK);
    assert_err(pil_identity_revoke(identity, "spiffe://corp.example/db", false, NULL), PIL_OK);
    pil_identity_close(identity);
    open_it(false);
    pil_identity_domain(identity, DOMAIN, true);
    assert_int_equal(judge(before), PIL_TLS_NONE);
    assert_int_equal(roots_now(), 2);
    assert_true(pil_identity_revoked(identity, NULL, "spiffe://corp.example/db"));
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_ACTIVATE, false, NULL), PIL_OK);
    pil_svid_unref(before);
    before = get("web");
    assert_int_equal(judge(before), PIL_TLS_NONE);
    pil_svid_unref(before);
    snprintf(path, sizeof(path), "%s/ca/" DOMAIN, state_path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    snprintf(path, sizeof(path), "%s/ca", state_path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void another_domain_has_other_roots(void **state)
{
    const struct pil_svid *one, *other;

    (void)state;
    open_it(false);
    pil_identity_domain(identity, DOMAIN, true);
    one = get("web");
    pil_identity_domain(identity, "evil.example", true);
    other = get("web");
    assert_string_equal(other->id, "spiffe://evil.example/web");
    assert_int_equal(judge(one), PIL_TLS_WRONG_DOMAIN);
    pil_identity_domain(identity, DOMAIN, true);
    assert_int_equal(judge(one), PIL_TLS_NONE);
    pil_svid_unref(one);
    pil_svid_unref(other);
}

static void nothing_is_written_when_it_lives_in_memory(void **state)
{
    (void)state;
    open_it(true);
    pil_identity_domain(identity, DOMAIN, true);
    pil_svid_unref(get("web"));
    assert_err(pil_identity_revoke(identity, "00ff", false, NULL), PIL_OK);
    assert_int_equal(access(state_path, F_OK), -1);
}

/* Each is refused by name, and health says so; nothing is put in its place. */
static void what_others_can_touch_is_refused(void **state)
{
    static const struct {
        const char *path;
        mode_t mode;
        const char *says;
    } rows[] = {
        {"", 0755, "mode 0755"},
        {"/ca", 0710, "mode 0710"},
        {"/ca/" DOMAIN, 0640, "mode 0640"},
        {"/ca/" DOMAIN, 0604, "mode 0604"},
    };
    char path[600], text[512];
    const struct pil_svid *svid;
    struct stat st;
    int err = 0;

    (void)state;
    open_it(false);
    pil_identity_domain(identity, DOMAIN, true);
    svid = get("web");
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        snprintf(path, sizeof(path), "%s%s", state_path, rows[i].path);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(chmod(path, rows[i].mode), 0);
        pil_identity_close(identity);
        open_it(false);
        pil_identity_domain(identity, DOMAIN, true);
        assert_null(pil_identity_get(identity, "web", &err));
        assert_int_equal(err, PIL_E_PERMISSION);
        assert_null(pil_identity_bundle(identity));
        assert_true(pil_identity_ill(identity, PIL_IDENTITY_FAILED, text, sizeof(text)));
        assert_non_null(strstr(text, path));
        assert_non_null(strstr(text, rows[i].says));
        assert_int_equal(chmod(path, st.st_mode & 07777), 0);
        clock_ms += 2 * SECOND; /* it is tried again once a second */
        assert_int_equal(judge(svid), PIL_TLS_NONE);
        assert_false(pil_identity_ill(identity, PIL_IDENTITY_FAILED, text, sizeof(text)));
    }
    pil_svid_unref(svid);
}

static void links_are_not_followed(void **state)
{
    char path[600], aside[600];
    int err = 0;

    (void)state;
    open_it(false);
    pil_identity_domain(identity, DOMAIN, true);
    pil_svid_unref(get("web"));
    pil_identity_close(identity);
    snprintf(path, sizeof(path), "%s/ca/" DOMAIN, state_path);
    snprintf(aside, sizeof(aside), "%s/aside", folder);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(symlink(aside, path), 0);
    open_it(false);
    pil_identity_domain(identity, DOMAIN, true);
    assert_null(pil_identity_get(identity, "web", &err));
    assert_int_equal(err, PIL_E_SYSTEM);
    assert_non_null(strstr(pil_identity_problem(identity), "it is a link"));
    pil_identity_close(identity);
    unlink(path);
    assert_int_equal(link(aside, path), 0);
    open_it(false);
    pil_identity_domain(identity, DOMAIN, true);
    assert_null(pil_identity_get(identity, "web", &err));
    assert_non_null(strstr(pil_identity_problem(identity), "one name"));
}

static void one_state_is_one_daemon_s(void **state)
{
    struct pil_identity *first;
    int err = 0;

    (void)state;
    open_it(false);
    pil_identity_domain(identity, DOMAIN, true);
    pil_svid_unref(get("web"));
    first = identity;
    open_it(false);
    pil_identity_domain(identity, DOMAIN, true);
    assert_null(pil_identity_get(identity, "web", &err));
    assert_int_equal(err, PIL_E_EXISTS);
    assert_non_null(strstr(pil_identity_problem(identity), "another policyd uses it"));
    pil_identity_close(first);
    clock_ms += 2 * SECOND;
    pil_svid_unref(get("web"));
}

/* Whatever is left of it, a root file that is cut is refused and stays as it is. */
static void a_torn_file_is_refused_at_any_length(void **state)
{
    char path[600], *whole;
    struct stat st;
    FILE *file;

    (void)state;
    open_it(false);
    pil_identity_domain(identity, DOMAIN, true);
    assert_err(pil_identity_rotate(identity, PIL_IDENTITY_PREPARE, false, NULL), PIL_OK);
    pil_identity_close(identity);
    snprintf(path, sizeof(path), "%s/ca/" DOMAIN, state_path);
    assert_int_equal(stat(path, &st), 0);
    whole = calloc(1, (size_t)st.st_size + 1);
    file = fopen(path, "r");
    assert_int_equal(fread(whole, 1, (size_t)st.st_size, file), st.st_size);
    fclose(file);
    for (long len = st.st_size - 2; len >= 0; len -= 97) {
        int err = 0;

        file = fopen(path, "w");
        fwrite(whole, 1, (size_t)len, file);
        fclose(file);
        open_it(false);
        pil_identity_domain(identity, DOMAIN, true);
        assert_null(pil_identity_get(identity, "web", &err));
        assert_int_equal(err, PIL_E_MALFORMED);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, len);
        pil_identity_close(identity);
    }
    free(whole);
    identity = NULL;
}

/* ---- roots of others ------------------------------------------------------------------------ */

static void roots_of_others_are_believed(void **state)
{
    struct test_cert theirs = test_cert_root(DOMAIN, START / 1000),
                     third = test_cert_root("evil.example", START / 1000);
    struct test_cert leaf = test_cert_leaf(&theirs, &(struct test_cert_wish){.now = START / 1000});
    char *pem = test_cert_pem(&theirs), *wrong = test_cert_pem(&third), *path, text[512];
    struct pil_svid peer = {.leaf = leaf.cert, .id = (char *)"spiffe://corp.example/web"};

    (void)state;
    path = test_file(folder, "peer.pem", pem);
    assert_err(pil_list_add(&settings.trust, path), PIL_OK);
    open_it(true);
    pil_identity_domain(identity, DOMAIN, true);
    assert_int_equal(judge(&peer), PIL_TLS_NONE);
    assert_int_equal(roots_now(), 2);

    /* Torn, foreign, open to others: what was believed stays believed. */
    pem[strlen(pem) - 40] = '\0';
    free(test_file(folder, "peer.pem", pem));
    pil_identity_reload(identity);
    assert_int_equal(judge(&peer), PIL_TLS_NONE);
    assert_true(pil_identity_ill(identity, PIL_IDENTITY_TRUST, text, sizeof(text)));
    assert_non_null(strstr(text, "cut short"));
    free(test_file(folder, "peer.pem", wrong));
    pil_identity_reload(identity);
    assert_int_equal(judge(&peer), PIL_TLS_NONE);
    assert_true(pil_identity_ill(identity, PIL_IDENTITY_TRUST, text, sizeof(text)));
    assert_non_null(strstr(text, "another trust domain"));
    unlink(path);
    pil_identity_reload(identity);
    assert_int_equal(judge(&peer), PIL_TLS_NONE);
    assert_true(pil_identity_ill(identity, PIL_IDENTITY_TRUST, text, sizeof(text)));

    /* Another root instead: the first one is believed no more. */
    free(pem);
    test_cert_free(&third);
    third = test_cert_root(DOMAIN, START / 1000);
    pem = test_cert_pem(&third);
    free(test_file(folder, "peer.pem", pem));
    changes = 0;
    pil_identity_reload(identity);
    assert_int_equal(changes, PIL_IDENTITY_ROOTS);
    assert_int_equal(judge(&peer), PIL_TLS_WRONG_ROOT);
    assert_false(pil_identity_ill(identity, PIL_IDENTITY_TRUST, text, sizeof(text)));
    free(pem);
    free(wrong);
    free(path);
    test_cert_free(&leaf);
    test_cert_free(&theirs);
    test_cert_free(&third);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        T(an_svid_is_as_spiffe_has_it),
        T(without_a_domain_or_workload_there_is_none),
        T(half_of_its_life_is_enough),
        T(no_clock_makes_a_lapsed_one_come_out),
        T(a_clock_before_the_root_is_told),
        T(the_ca_is_rotated_in_three_steps),
        T(a_root_can_be_retired_by_force),
        T(roots_are_tended_by_themselves),
        T(a_revoked_serial_is_replaced),
        T(a_revoked_id_has_none),
        T(roots_and_revocations_outlive_policyd),
        T(another_domain_has_other_roots),
        T(nothing_is_written_when_it_lives_in_memory),
        T(what_others_can_touch_is_refused),
        T(links_are_not_followed),
        T(one_state_is_one_daemon_s),
        T(a_torn_file_is_refused_at_any_length),
        T(roots_of_others_are_believed),
#undef T
    };

    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
