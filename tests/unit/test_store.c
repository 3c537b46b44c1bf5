/* policyd/store, cache and decide in one process: what is in force decides, from the cache when
 * it can, and never when it must not. */
#include "tests/support/support.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policyd/cache.h"
#include "policyd/decide.h"
#include "policyd/log.h"
#include "policyd/page.h"
#include "policyd/stats.h"
#include "policyd/store.h"
#include "tests/support/daemon.h"

#define OPEN_TO(ip)                                                                                \
    "schema = 1\ndefault = deny\npolicy \"p\" { applies = {\"*\"}\n"                               \
    "rule \"r\" { effect = allow actions = {connect} resources = {\"" ip "\"} } }\n"

struct world {
    struct event_base *base;
    struct pil_settings settings;
    struct pil_stats stats;
    struct pil_store *store;
    struct pil_decider *decider;
    char *folder, *path;
    enum pil_reload outcome;
    unsigned loads;
    uint64_t page_at_swap;
};

static struct pil_genpage *map_page(const struct world *w)
{
    void *map = mmap(NULL, PIL_GENPAGE_SIZE, PROT_READ, MAP_SHARED, pil_store_page(w->store), 0);

    assert_true(map != MAP_FAILED);
    return map;
}

static void on_swapped(void *cookie)
{
    struct world *w = cookie;
    struct pil_genpage *page = map_page(w);

    w->page_at_swap = pil_genpage_generation(pil_genpage_word(page));
    munmap(page, PIL_GENPAGE_SIZE);
}

static void on_done(void *cookie, const struct pil_store_report *report)
{
    struct world *w = cookie;

    w->outcome = report->outcome;
    w->loads++;
    event_base_loopbreak(w->base);
}

static void load(struct world *w, const char *text)
{
    char *fresh = test_file(w->folder, "policy.conf", text);

    free(fresh);
    pil_store_reload(w->store, "command");
    event_base_dispatch(w->base);
}

static void begin(struct world *w, uint32_t max_age_ms)
{
    struct pil_store_hooks hooks = {.cookie = w, .swapped = on_swapped, .done = on_done};

    *w = (struct world){.base = event_base_new(), .folder = test_folder_make()};
    w->path = test_file(w->folder, "policy.conf", "");
    assert_err(pil_settings_init(&w->settings), PIL_OK);
    pil_list_free(&w->settings.policy);
    assert_err(pil_list_add(&w->settings.policy, w->path), PIL_OK);
    assert_err(pil_store_open(w->base, &w->settings.policy, max_age_ms, &hooks, &w->store), PIL_OK);
    assert_err(pil_decider_open(&w->settings, w->store, NULL, &w->stats, &w->decider), PIL_OK);
}

static void finish(struct world *w)
{
    pil_decider_close(w->decider);
    pil_store_close(w->store);
    pil_settings_free(&w->settings);
    event_base_free(w->base);
    free(w->path);
    test_folder_remove(w->folder);
}

static struct pil_verdict ask(struct world *w, const char *ip, unsigned port)
{
    struct pil_subject who = {0, 1000};
    struct pil_query q = test_daemon_query(ip, port);
    struct pil_verdict v;

    pil_decide(w->decider, &who, &q, &v);
    return v;
}

static void without_a_policy_everything_is_denied(void **state)
{
    struct pil_verdict v;
    struct world w;

    (void)state;
    begin(&w, 0);
    v = ask(&w, "10.0.0.1", 80);
    assert_int_equal(v.effect, PIL_DENY);
    assert_int_equal(v.reason, PIL_REASON_NO_POLICY);
    assert_int_equal(v.ttl_ms, 0);
    assert_int_equal(v.generation, 0);
    assert_int_equal(v.rule, PIL_NO_INDEX);
    finish(&w);
}

static void engine_then_cache_then_a_new_generation(void **state)
{
    struct pil_genpage *page;
    struct pil_verdict v;
    uint64_t first;
    struct world w;

    (void)state;
    begin(&w, 0);
    load(&w, OPEN_TO("10.0.0.1:80"));
    assert_int_equal(w.outcome, PIL_RELOAD_NEW);
    v = ask(&w, "10.0.0.1", 80);
    assert_int_equal(v.effect, PIL_ALLOW);
    assert_int_equal(v.tier, PIL_TIER_ENGINE);
    assert_int_equal(v.ttl_ms, PIL_VERDICT_TTL_MS);
    first = v.generation;
    v = ask(&w, "10.0.0.1", 80);
    assert_int_equal(v.effect, PIL_ALLOW);
    assert_int_equal(v.tier, PIL_TIER_HOST);
    assert_true(v.ttl_ms <= PIL_VERDICT_TTL_MS);
    assert_int_equal(ask(&w, "10.0.0.1", 81).effect, PIL_DENY);

    load(&w, OPEN_TO("10.0.0.2:80"));
    assert_int_equal(w.page_at_swap, first); /* announced only when everything is in place */
    v = ask(&w, "10.0.0.1", 80);
    assert_int_equal(v.effect, PIL_DENY);
    assert_int_equal(v.tier, PIL_TIER_ENGINE);
    assert_int_equal(v.generation, first + 1);
    page = map_page(&w);
    assert_int_equal(pil_genpage_generation(pil_genpage_word(page)), first + 1);
    assert_non_null(pil_store_of(w.store, first));
    assert_null(pil_store_of(w.store, first - 1));
    assert_int_equal(w.stats.cache_hits, 1);
    assert_int_equal(w.stats.decisions[PIL_TIER_ENGINE][PIL_DENY], 2);
    pil_store_close(w.store);
    assert_true(pil_genpage_is_retired(page));
    munmap(page, PIL_GENPAGE_SIZE);
    assert_err(pil_store_open(w.base, &w.settings.policy, 0, NULL, &w.store), PIL_OK);
    finish(&w);
}

static void a_broken_policy_changes_nothing(void **state)
{
    const struct pil_store_report *report;
    uint64_t generation;
    struct world w;

    (void)state;
    begin(&w, 0);
    load(&w, OPEN_TO("10.0.0.1:80"));
    generation = pil_store_current(w.store)->generation;
    load(&w, "schema = 1\ndefault = deny\nnonsense = 1\n");
    report = pil_store_last(w.store);
    assert_int_equal(report->outcome, PIL_RELOAD_FAILED);
    assert_true(report->errors.count > 0);
    assert_non_null(strstr(report->errors.item[0], "policy.conf:3: "));
    assert_non_null(strstr(report->errors.item[0], "nonsense"));
    assert_int_equal(pil_store_current(w.store)->generation, generation);
    assert_int_equal(ask(&w, "10.0.0.1", 80).effect, PIL_ALLOW);
    assert_int_equal(pil_store_loads(w.store, PIL_RELOAD_FAILED), 1);
    finish(&w);
}

static void the_same_bytes_keep_the_generation(void **state)
{
    uint64_t generation;
    struct world w;

    (void)state;
    begin(&w, 0);
    load(&w, OPEN_TO("10.0.0.1:80"));
    generation = pil_store_current(w.store)->generation;
    load(&w, OPEN_TO("10.0.0.1:80"));
    assert_int_equal(w.outcome, PIL_RELOAD_SAME);
    assert_int_equal(pil_store_current(w.store)->generation, generation);
    finish(&w);
}

static void obligations_that_cannot_be_met_are_refused(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 0);
    load(&w, "schema = 1\ndefault = deny\ntrust_domain = \"a.example\"\n"
             "service \"s\" { endpoints = {\"10.0.0.1:80\"} encrypt = native }\n"
             "policy \"p\" { applies = {\"*\"} rule \"r\" { effect = allow actions = {connect} "
             "resources = {\"service:s\"} } }\n");
    assert_int_equal(w.outcome, PIL_RELOAD_FAILED);
    assert_null(pil_store_current(w.store));
    assert_int_equal(ask(&w, "10.0.0.1", 80).reason, PIL_REASON_NO_POLICY);
    finish(&w);
}

/* Encryption is of the endpoint, and what the engine says of it reaches who asked. */
static void encryption_is_in_the_verdict(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 0);
    load(&w, "schema = 1\ndefault = allow\ntrust_domain = \"a.example\"\n"
             "service \"s\" { endpoints = {\"10.0.0.1:80\"} encrypt = required }\n"
             "policy \"p\" { applies = {\"*\"} rule \"r\" { effect = deny actions = {connect} "
             "resources = {\"10.0.0.1:81\"} } }\n");
    assert_int_equal(w.outcome, PIL_RELOAD_NEW);
    assert_int_equal(ask(&w, "10.0.0.1", 80).encrypt, PIL_ENCRYPT_REQUIRED);
    assert_int_equal(ask(&w, "10.0.0.1", 80).effect, PIL_ALLOW);
    assert_int_equal(ask(&w, "10.0.0.2", 80).encrypt, PIL_ENCRYPT_UNSET);
    finish(&w);
}

static void a_garbled_image_is_refused(void **state)
{
    struct world w;
    int fd = memfd_create("garbled", MFD_CLOEXEC);

    (void)state;
    begin(&w, 0);
    load(&w, OPEN_TO("10.0.0.1:80"));
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_int_not_equal(pil_store_install(w.store, fd, 4096), PIL_OK);
    assert_int_equal(ask(&w, "10.0.0.1", 80).effect, PIL_ALLOW);
    finish(&w);
}

static void an_old_policy_denies(void **state)
{
    struct pil_verdict v;
    struct world w;

    (void)state;
    begin(&w, 1);
    load(&w, OPEN_TO("10.0.0.1:80"));
    while (pil_store_left(w.store) > 0)
        ;
    v = ask(&w, "10.0.0.1", 80);
    assert_int_equal(v.effect, PIL_DENY);
    assert_int_equal(v.reason, PIL_REASON_POLICY_STALE);
    assert_int_equal(v.ttl_ms, 0);
    finish(&w);
    begin(&w, 5000);
    load(&w, OPEN_TO("10.0.0.1:80"));
    v = ask(&w, "10.0.0.1", 80);
    assert_int_equal(v.effect, PIL_ALLOW);
    assert_true(v.ttl_ms <= 5000); /* no verdict outlives its policy */
    finish(&w);
}

static void the_status_page_cannot_be_written(void **state)
{
    struct pil_page page;
    int ring;

    (void)state;
    assert_err(pil_page_open(&page), PIL_OK);
    assert_true(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, page.fd, 0) == MAP_FAILED);
    assert_int_equal(write(page.fd, "x", 1), -1);
    assert_int_equal(ftruncate(page.fd, 0), -1);
    pil_page_close(&page);
    ring = pil_page_memfd("ring", 8192);
    assert_true(ring >= 0);
    assert_int_equal(ftruncate(ring, 0), -1);
    close(ring);
}

static void the_cache_tells_questions_apart(void **state)
{
    struct pil_subject who = {1, 1000}, other = {1, 1001};
    struct pil_query q = test_daemon_query("10.0.0.1", 80), named = q;
    struct pil_verdict v = {.effect = PIL_ALLOW, .ttl_ms = 100, .generation = 7}, out;
    struct pil_cache *cache;

    (void)state;
    named.seen = PIL_FIELD_NAME;
    named.name = pil_slice_of("db");
    assert_err(pil_cache_open(64, &cache), PIL_OK);
    assert_false(pil_cache_get(cache, &who, &q, 7, 1000, &out));
    assert_false(pil_cache_put(cache, &who, &q, 1000, &v));
    assert_true(pil_cache_get(cache, &who, &q, 7, 1040, &out));
    assert_int_equal(out.ttl_ms, 60);
    assert_false(pil_cache_get(cache, &who, &q, 7, 1100, &out));
    assert_false(pil_cache_get(cache, &who, &q, 8, 1040, &out));
    assert_false(pil_cache_get(cache, &other, &q, 7, 1040, &out));
    assert_false(pil_cache_get(cache, &who, &named, 7, 1040, &out));
    v.ttl_ms = 0;
    assert_false(pil_cache_put(cache, &who, &named, 1000, &v));
    assert_false(pil_cache_get(cache, &who, &named, 7, 1000, &out));
    pil_cache_close(cache);
}

/* What holds before a handshake, without a peer and for each peer are different answers. */
static void the_cache_tells_peers_apart(void **state)
{
    const struct pil_query plain = test_daemon_query("10.0.0.1", 80);
    struct pil_verdict v = {.effect = PIL_ALLOW, .ttl_ms = 100, .generation = 7}, out;
    struct pil_subject who = {1, 1000};
    struct pil_query q[5] = {plain, plain, plain, plain, plain};
    struct pil_cache *cache;

    (void)state;
    q[1].flags = PIL_QUERY_PEER_LATER;
    for (unsigned i = 2; i < PIL_NELEM(q); i++)
        q[i].seen |= PIL_FIELD_PEER;
    q[3].peer = pil_slice_of("spiffe://corp.example/a");
    q[4].peer = pil_slice_of("spiffe://corp.example/b");
    assert_err(pil_cache_open(64, &cache), PIL_OK);
    for (unsigned i = 0; i < PIL_NELEM(q); i++) {
        assert_false(pil_cache_get(cache, &who, &q[i], 7, 1000, &out));
        v.rule = i;
        assert_false(pil_cache_put(cache, &who, &q[i], 1000, &v));
    }
    for (unsigned i = 0; i < PIL_NELEM(q); i++) {
        q[i].flags |= PIL_QUERY_AHEAD;
        assert_true(pil_cache_get(cache, &who, &q[i], 7, 1000, &out));
        assert_int_equal(out.rule, i);
    }
    pil_cache_close(cache);
}

static void a_full_cache_gives_up_entries(void **state)
{
    struct pil_subject who = {1, 1000};
    struct pil_query q = test_daemon_query("10.0.0.1", 80);
    struct pil_verdict v = {.effect = PIL_ALLOW, .ttl_ms = 100, .generation = 7}, out;
    struct pil_cache *cache;
    unsigned evicted = 0, found = 0;

    (void)state;
    assert_err(pil_cache_open(64, &cache), PIL_OK);
    for (unsigned i = 1; i <= 1000; i++) {
        q.port = (uint16_t)i;
        evicted += pil_cache_put(cache, &who, &q, 1000, &v);
    }
    for (unsigned i = 1; i <= 1000; i++) {
        q.port = (uint16_t)i;
        found += pil_cache_get(cache, &who, &q, 7, 1000, &out);
    }
    assert_int_equal(found, 64);
    assert_int_equal(evicted, 1000 - 64);
    pil_cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_policy_everything_is_denied),
        cmocka_unit_test(engine_then_cache_then_a_new_generation),
        cmocka_unit_test(a_broken_policy_changes_nothing),
        cmocka_unit_test(the_same_bytes_keep_the_generation),
        cmocka_unit_test(obligations_that_cannot_be_met_are_refused),
        cmocka_unit_test(encryption_is_in_the_verdict),
        cmocka_unit_test(a_garbled_image_is_refused),
        cmocka_unit_test(an_old_policy_denies),
        cmocka_unit_test(the_status_page_cannot_be_written),
        cmocka_unit_test(the_cache_tells_questions_apart),
        cmocka_unit_test(the_cache_tells_peers_apart),
        cmocka_unit_test(a_full_cache_gives_up_entries),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
