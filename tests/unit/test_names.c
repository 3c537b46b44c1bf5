/*
 * shim/names: the one form of a name, and which name gave an address: exactly for the thread that
 * asked, the last one for others, none once it was forgotten. The table outlives tests, so each
 * takes addresses of its own.
 */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdio.h>

#include "shim/names.c" /* its table is its own business */
#include "tests/support/shimworld.h"

static struct pil_name named(const char *text)
{
    struct pil_name name;

    assert_true(pil_name_make(text, &name));
    return name;
}

static void note(struct pil_ip ip, const char *text)
{
    struct pil_name name = named(text);

    pil_names_note(&ip, &name);
}

static void assert_found(struct pil_ip ip, const char *text)
{
    struct pil_name want = named(text), got;

    memset(&got, 0xee, sizeof(got));
    assert_true(pil_names_find(&ip, &got));
    assert_int_equal(got.len, strlen(text));
    assert_memory_equal(got.text, text, got.len);
    assert_memory_equal(&got.digest, &want.digest, sizeof(want.digest));
}

static void assert_unknown(struct pil_ip ip)
{
    struct pil_name got;

    assert_false(pil_names_find(&ip, &got));
}

static void names_have_one_form(void **state)
{
    static const char *const rows[][2] = {
        {"a", "a"},
        {"A.Example.COM", "a.example.com"},
        {"a.example.", "a.example"},
        {"x_y-z.0.9", "x_y-z.0.9"},
        {"b\xc3\xbc"
         "cher.example",
         "b\xc3\xbc"
         "cher.example"},
    };
    struct pil_name name, same;

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(rows); i++) {
        assert_true(pil_name_make(rows[i][0], &name));
        assert_int_equal(name.len, strlen(rows[i][1]));
        assert_string_equal(name.text, rows[i][1]);
        same = named(rows[i][1]);
        assert_memory_equal(&name.digest, &same.digest, sizeof(same.digest));
    }
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const rows[] = {"",    ".",    "a b", "a/b", "a%b",
                                       "a:b", "a\nb", "@a",  "*",   "a,b"};
    char longest[PIL_NAME_MAX + 3];
    struct pil_name name;

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(rows); i++)
        assert_false(pil_name_make(rows[i], &name));
    memset(longest, 'a', sizeof(longest));
    longest[PIL_NAME_MAX] = '\0';
    assert_true(pil_name_make(longest, &name));
    assert_int_equal(name.len, PIL_NAME_MAX);
    longest[PIL_NAME_MAX] = '.';
    longest[PIL_NAME_MAX + 1] = '\0';
    assert_true(pil_name_make(longest, &name)); /* the final dot does not count */
    longest[PIL_NAME_MAX] = 'a';
    assert_false(pil_name_make(longest, &name));
    longest[PIL_NAME_MAX + 1] = '.';
    longest[PIL_NAME_MAX + 2] = '\0';
    assert_false(pil_name_make(longest, &name));
}

static void what_was_noted_is_found(void **state)
{
    struct pil_ip ip = world_ip(10, 1, 0, 1);
    char longest[PIL_NAME_MAX + 1];

    (void)state;
    assert_unknown(ip);
    note(ip, "one.example");
    assert_found(ip, "one.example");
    note(ip, "two.example"); /* the same thread again: the last answer counts */
    assert_found(ip, "two.example");
    memset(longest, 'z', PIL_NAME_MAX);
    longest[PIL_NAME_MAX] = '\0';
    note(ip, longest);
    assert_found(ip, longest);
    assert_unknown(world_ip(10, 1, 0, 2));
}

static void both_families_are_kept_apart(void **state)
{
    struct pil_ip v6 = {{0xfd, [15] = 1}};

    (void)state;
    note(v6, "six.example");
    note(world_ip(0, 0, 0, 1), "four.example");
    assert_found(v6, "six.example");
    assert_found(world_ip(0, 0, 0, 1), "four.example");
}

/* Two threads that take turns; the turn is handed over, never waited out. */
struct turns {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int turn;
};

static struct turns turns = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void wait_turn(int turn)
{
    pthread_mutex_lock(&turns.lock);
    while (turns.turn != turn)
        pthread_cond_wait(&turns.changed, &turns.lock);
    pthread_mutex_unlock(&turns.lock);
}

static void give_turn(int turn)
{
    pthread_mutex_lock(&turns.lock);
    turns.turn = turn;
    pthread_cond_broadcast(&turns.changed);
    pthread_mutex_unlock(&turns.lock);
}

#define SHARED world_ip(10, 2, 0, 1)

static void *other_thread(void *arg)
{
    struct pil_ip ip = SHARED;
    struct pil_name *got = arg;
    struct pil_name mine;

    /* Assertions belong to the main thread: what was found is handed over. */
    pil_names_find(&ip, &got[0]);
    pil_name_make("second.example", &mine);
    pil_names_note(&ip, &mine);
    give_turn(1);
    wait_turn(2);
    pil_names_find(&ip, &got[1]);
    return NULL;
}

static void two_names_for_one_address_in_two_threads(void **state)
{
    struct pil_name got[2] = {{.len = 0}};
    pthread_t thread;

    (void)state;
    turns.turn = 0;
    note(SHARED, "first.example");
    assert_int_equal(pthread_create(&thread, NULL, other_thread, got), 0);
    wait_turn(1);
    assert_found(SHARED, "first.example"); /* ours, though the other's is newer */
    note(SHARED, "third.example");
    assert_found(SHARED, "third.example");
    give_turn(2);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(got[0].text, "first.example"); /* it had none yet: the last one noted */
    assert_string_equal(got[1].text, "second.example");
}

/* Far more addresses than places: forgotten ones have no name, and none has another's. */
static void what_is_forgotten_has_no_name(void **state)
{
    unsigned found = 0, strangers = 0;
    char text[32];

    (void)state;
    for (unsigned i = 0; i < 4096; i++) {
        snprintf(text, sizeof(text), "n%u.example", i);
        note(world_ip(10, 3, i >> 8, i & 255), text);
        assert_found(world_ip(10, 3, i >> 8, i & 255), text);
    }
    for (unsigned i = 0; i < 4096; i++) {
        struct pil_ip ip = world_ip(10, 3, i >> 8, i & 255);
        struct pil_name got;

        snprintf(text, sizeof(text), "n%u.example", i);
        if (!pil_names_find(&ip, &got))
            continue;
        assert_int_equal(got.len, strlen(text));
        assert_memory_equal(got.text, text, got.len);
        found++;
    }
    assert_in_range(found, 200, 256);
    for (unsigned i = 0; i < 256; i++) {
        struct pil_ip never = world_ip(10, 99, 7, i);

        strangers += pil_names_lost(&never);
    }
    assert_in_range(strangers, 0, 128);    /* a bit is shared with others; 4096 of 32768 are set */
    assert_unknown(world_ip(10, 3, 0, 0)); /* the oldest is gone */
    assert_true(
        pil_names_lost(&(struct pil_ip[]){world_ip(10, 3, 0, 0)}[0])); /* but not unheard of */
}

/* A fork while another thread was writing leaves its entry half-way for ever. */
static void a_half_written_entry_costs_its_place_and_no_more(void **state)
{
    struct pil_ip ip = world_ip(10, 5, 0, 1);
    uint64_t word[2];
    struct entry *ways = set_of(&ip, word);

    (void)state;
    memset(ways, 0, WAYS * sizeof(*ways));
    note(ip, "half.example");
    atomic_fetch_add(&ways[0].sequence, 1);
    assert_unknown(ip);
    note(ip, "whole.example");
    assert_found(ip, "whole.example");
    note(ip, "next.example");
    assert_found(ip, "next.example");
    assert_int_equal(atomic_load(&ways[0].sequence) & 1, 1);
    for (unsigned i = 1; i < WAYS; i++)
        atomic_store(&ways[i].sequence, 3);
    note(ip, "last.example"); /* no place at all: no name, and no harm */
    assert_unknown(ip);
    memset(ways, 0, WAYS * sizeof(*ways));
}

struct worker {
    pthread_t thread;
    unsigned id, wrong, found;
};

/* Every name begins with the address it belongs to; the rest is the thread's. */
static void *hammer(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 0; i < 20000; i++) {
        unsigned host = (i * 5 + w->id) % 32;
        struct pil_ip ip = world_ip(10, 4, 0, host);
        char text[64], own[16];
        struct pil_name name;

        snprintf(own, sizeof(own), "h%02u.", host);
        if (i % 4 == w->id % 4) {
            memset(text, 'a' + (int)w->id, sizeof(text) - 1);
            text[10 + w->id * 6] = '\0';
            memcpy(text, own, 4);
            pil_name_make(text, &name);
            pil_names_note(&ip, &name);
        }
        if (!pil_names_find(&ip, &name))
            continue;
        w->found++;
        w->wrong += memcmp(name.text, own, 4) != 0;
        for (size_t k = 5; k < name.len; k++)
            w->wrong += name.text[k] != name.text[4];
        w->wrong += name.len != 10 + (size_t)(name.text[4] - 'a') * 6;
    }
    return NULL;
}

static void eight_threads_never_see_half_a_name(void **state)
{
    struct worker w[8];

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(w); i++) {
        w[i] = (struct worker){.id = i};
        assert_int_equal(pthread_create(&w[i].thread, NULL, hammer, &w[i]), 0);
    }
    for (unsigned i = 0; i < PIL_NELEM(w); i++)
        assert_int_equal(pthread_join(w[i].thread, NULL), 0);
    for (unsigned i = 0; i < PIL_NELEM(w); i++) {
        assert_int_equal(w[i].wrong, 0);
        assert_true(w[i].found > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_one_form),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(what_was_noted_is_found),
        cmocka_unit_test(both_families_are_kept_apart),
        cmocka_unit_test(two_names_for_one_address_in_two_threads),
        cmocka_unit_test(what_is_forgotten_has_no_name),
        cmocka_unit_test(a_half_written_entry_costs_its_place_and_no_more),
        cmocka_unit_test(eight_threads_never_see_half_a_name),
    };

    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
