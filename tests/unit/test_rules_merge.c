/* cli/rules/merge: whole files, new and added to, against golden ones in tests/policy/learned. */
#include "tests/support/support.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/rules/merge.h"
#include "tests/support/sights.h"

#define GOLDEN "tests/policy/learned/"

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, 65536);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, file) < 65535);
    fclose(file);
    return text;
}

/* With PIL_GOLDEN=write in the environment what is there now becomes what is expected. */
static void expect_golden(const char *path, const char *name)
{
    char golden[128], *got = slurp(path), *want;

    snprintf(golden, sizeof(golden), GOLDEN "%s", name);
    if (getenv("PIL_GOLDEN")) {
        FILE *file = fopen(golden, "we");

        assert_non_null(file);
        fputs(got, file);
        fclose(file);
    }
    want = slurp(golden);
    assert_string_equal(got, want);
    free(got);
    free(want);
}

static struct pil_merge_wishes wishes_of(const char *path)
{
    return (struct pil_merge_wishes){
        .path = path,
        .title = "shop",
        .owner = "shop@corp.example",
        .what = "shop --all",
        .shape = {.chosen = {32768, 60999}},
    };
}

/* A shop of four programs that share some of what they do. */
static void see_shop(struct pil_seen_list *seen)
{
    static const char *const clients[] = {"/opt/shop/cart", "/opt/shop/till"};

    sight(seen, "/opt/shop/front", "listen", AT("0.0.0.0", 80));
    sight(seen, "/opt/shop/front", "accept", AT("10.0.0.1", 80) FROM("10.0.0.7"));
    sight(seen, "/opt/shop/front", "accept", AT("10.0.0.1", 80) FROM("10.0.0.8"));
    sight(seen, "/opt/shop/front", "connect", UNIX("/run/shop/cart-1.sock"));
    sight(seen, "/opt/shop/front", "connect", UNIX("/run/shop/cart-2.sock"));
    for (size_t i = 0; i < PIL_NELEM(clients); i++) {
        sight(seen, clients[i], "resolve", NAME("db.corp.example"));
        sight(seen, clients[i], "connect", NAMED("db.corp.example", "10.0.3.11", 5432));
        sight(seen, clients[i], "send", AT("10.0.0.53", 53));
    }
    sight(seen, "/opt/shop/cart", "listen", AT("127.0.0.1", 40001));
    sight(seen, "/usr/bin/python3.11", "connect", AT("fd00::1", 443));
}

static void a_new_file_is_the_shortest_that_covers_it(void **state)
{
    char *folder = test_folder_make(), path[256], *const lost[] = {(char *)"/opt/shop/static\n"};
    struct pil_seen_list seen = {0};
    struct pil_merge_wishes wishes = wishes_of(path);

    (void)state;
    snprintf(path, sizeof(path), "%s/shop.conf", folder);
    see_shop(&seen);
    pil_seen_fold(&seen);
    wishes.lost = lost;
    wishes.lost_count = 1;
    assert_int_equal(pil_merge(&wishes, &seen), PIL_EXIT_OK);
    expect_golden(path, "shop.conf");
    pil_seen_free(&seen);
    unlink(path);
    test_folder_remove(folder);
}

static void the_order_of_sights_changes_nothing(void **state)
{
    char *folder = test_folder_make(), path[256];
    struct pil_merge_wishes wishes = wishes_of(path);
    struct pil_seen_list seen = {0};

    (void)state;
    snprintf(path, sizeof(path), "%s/shop.conf", folder);
    see_shop(&seen);
    for (size_t i = 0, k = seen.count - 1; i < k; i++, k--) {
        struct pil_seen kept = seen.item[i];

        seen.item[i] = seen.item[k];
        seen.item[k] = kept;
    }
    pil_seen_fold(&seen);
    wishes.lost = (char *const[]){(char *)"/opt/shop/static\n"};
    wishes.lost_count = 1;
    assert_int_equal(pil_merge(&wishes, &seen), PIL_EXIT_OK);
    expect_golden(path, "shop.conf");
    pil_seen_free(&seen);
    unlink(path);
    test_folder_remove(folder);
}

/* What a hand has written, before; and what of it learns. */
static void a_file_gets_what_it_lacks_and_keeps_the_rest(void **state)
{
    char *folder = test_folder_make(), *before = slurp(GOLDEN "hand-before.conf");
    char *path = test_file(folder, "hand.conf", before);
    struct pil_merge_wishes wishes = wishes_of(path);
    struct pil_seen_list seen = {0};
    struct stat st;

    (void)state;
    see_shop(&seen);
    pil_seen_fold(&seen);
    assert_int_equal(pil_merge(&wishes, &seen), PIL_EXIT_OK);
    expect_golden(path, "hand-after.conf");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600); /* as test_file made it */

    /* The same once more changes nothing but counts. */
    assert_int_equal(pil_merge(&wishes, &seen), PIL_EXIT_OK);
    expect_golden(path, "hand-again.conf");
    pil_seen_free(&seen);
    free(before);
    free(path);
    test_folder_remove(folder);
}

/* Who showed who they are is allowed by that: by name where the policy has one for it. */
static void peers_are_known_by_who_they_are(void **state)
{
    char *folder = test_folder_make(), *before = slurp(GOLDEN "peers-before.conf");
    char *path = test_file(folder, "peers.conf", before);
    struct pil_merge_wishes wishes = wishes_of(path);
    struct pil_seen_list seen = {0};
    static const char *const ids[] = {
        PEER("spiffe://corp.example/web"), PEER("spiffe://corp.example/batch"),
        PEER("spiffe://audit.example/one"), PEER("spiffe://partner.example/a"),
        PEER("spiffe://corp.example/nobody")};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(ids); i++) {
        char where[512];

        snprintf(where, sizeof(where), "%s%s", AT("10.0.3.11", 5432) FROM("10.0.0.7"), ids[i]);
        sight(&seen, "/opt/ledgerd", "accept", where);
    }
    sight(&seen, "/opt/ledgerd", "accept", AT("10.0.3.11", 5433) FROM("10.0.0.8") PEER(""));
    sight(&seen, "/opt/web", "resolve", NAME("ledger.corp.example"));
    sight(&seen, "/opt/web", "connect",
          NAMED("ledger.corp.example", "10.0.3.11", 5432) PEER("spiffe://corp.example/ledger"));
    pil_seen_fold(&seen);
    assert_int_equal(pil_merge(&wishes, &seen), PIL_EXIT_OK);
    expect_golden(path, "peers-after.conf");
    pil_seen_free(&seen);
    free(before);
    free(path);
    test_folder_remove(folder);
}

static void nothing_new_leaves_the_file_alone(void **state)
{
    static const char text[] = "schema = 1\ndefault = allow\n# all of it\n";
    char *folder = test_folder_make(), *path = test_file(folder, "open.conf", text), *after;
    struct pil_merge_wishes wishes = wishes_of(path);
    struct pil_seen_list seen = {0};
    struct stat st, st2;

    (void)state;
    see_shop(&seen);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(pil_merge(&wishes, &seen), PIL_EXIT_OK);
    assert_int_equal(stat(path, &st2), 0);
    assert_true(st.st_ino == st2.st_ino);
    after = slurp(path);
    assert_string_equal(after, text);
    free(after);
    free(path);
    pil_seen_free(&seen);
    test_folder_remove(folder);
}

static void what_was_refused_is_not_learned(void **state)
{
    char *folder = test_folder_make(), path[256];
    struct pil_merge_wishes wishes = wishes_of(path);
    struct pil_seen_list seen = {0};

    (void)state;
    snprintf(path, sizeof(path), "%s/none.conf", folder);
    sight(&seen, "/bin/x", "connect", AT("10.0.0.1", 80))->effect = PIL_DENY;
    assert_int_equal(pil_merge(&wishes, &seen), PIL_EXIT_NO);
    assert_int_equal(access(path, F_OK), -1);
    pil_seen_free(&seen);
    test_folder_remove(folder);
}

static void what_cannot_be_added_to_is_refused(void **state)
{
    static const char text[] = "Dear diary,\n";
    char *folder = test_folder_make(), *path = test_file(folder, "diary", text), *after;
    struct pil_merge_wishes wishes = wishes_of(path);
    struct pil_seen_list seen = {0};

    (void)state;
    see_shop(&seen);
    assert_int_equal(pil_merge_possible(&wishes), PIL_EXIT_FAILED);
    assert_int_equal(pil_merge(&wishes, &seen), PIL_EXIT_FAILED);
    after = slurp(path);
    assert_string_equal(after, text);
    free(after);
    wishes.replace = true;
    assert_int_equal(pil_merge_possible(&wishes), PIL_EXIT_OK);
    assert_int_equal(pil_merge(&wishes, &seen), PIL_EXIT_OK);
    wishes.replace = false;
    assert_int_equal(pil_merge_possible(&wishes), PIL_EXIT_OK);
    wishes.path = "/no/such/folder/x.conf";
    assert_int_equal(pil_merge_possible(&wishes), PIL_EXIT_FAILED);
    free(path);
    pil_seen_free(&seen);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_file_is_the_shortest_that_covers_it),
        cmocka_unit_test(the_order_of_sights_changes_nothing),
        cmocka_unit_test(a_file_gets_what_it_lacks_and_keeps_the_rest),
        cmocka_unit_test(peers_are_known_by_who_they_are),
        cmocka_unit_test(nothing_new_leaves_the_file_alone),
        cmocka_unit_test(what_was_refused_is_not_learned),
        cmocka_unit_test(what_cannot_be_added_to_is_refused),
    };

    return cmocka_run_group_tests_name("rules_merge", tests, NULL, NULL);
}
