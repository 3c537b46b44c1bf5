/* core/posthand: tickets are skipped however they are cut, key updates end their record, the rest
 * is refused. */
#include "tests/support/support.h"

#include "core/err.h"
#include "core/posthand.h"

static int take(struct pil_posthand *p, uint8_t type, const void *content, size_t len,
                unsigned *todo)
{
    *todo = 0xff;
    return pil_posthand_take(p, &(struct pil_opened){type, len}, content, todo);
}

#define HANDSHAKE(p, todo, ...)                                                                    \
    take(p, PIL_CONTENT_HANDSHAKE, (const uint8_t[]){__VA_ARGS__},                                 \
         sizeof((const uint8_t[]){__VA_ARGS__}), todo)

static void data_asks_for_nothing(void **state)
{
    struct pil_posthand p = {0};
    unsigned todo;

    (void)state;
    assert_int_equal(take(&p, PIL_CONTENT_DATA, "data", 4, &todo), PIL_OK);
    assert_int_equal(todo, 0);
}

static void alerts_end_a_connection(void **state)
{
    struct pil_posthand p = {0};
    unsigned todo;

    (void)state;
    assert_int_equal(take(&p, PIL_CONTENT_ALERT, "\1\0", 2, &todo), PIL_OK);
    assert_int_equal(todo, PIL_POST_CLOSED);
    assert_int_equal(take(&p, PIL_CONTENT_ALERT, "\2\0", 2, &todo), PIL_OK);
    assert_int_equal(todo, PIL_POST_CLOSED);
    assert_int_equal(take(&p, PIL_CONTENT_ALERT, "\1\x5a", 2, &todo), PIL_OK);
    assert_int_equal(todo, 0);
    assert_int_equal(take(&p, PIL_CONTENT_ALERT, "\2\x14", 2, &todo), PIL_OK);
    assert_int_equal(todo, PIL_POST_FATAL);
    assert_int_equal(take(&p, PIL_CONTENT_ALERT, "\1", 1, &todo), PIL_E_SYNTAX);
    assert_int_equal(take(&p, PIL_CONTENT_ALERT, "\1\0\1", 3, &todo), PIL_E_SYNTAX);
}

/* Two tickets and a key update, cut everywhere. */
static void messages_may_be_cut_anywhere(void **state)
{
    static const uint8_t text[] = {4, 0, 0, 3, 'a', 'b', 'c', 4, 0, 0, 1, 'd', 24, 0, 0, 1, 1};

    (void)state;
    for (size_t a = 1; a < sizeof(text); a++)
        for (size_t b = a + 1; b < sizeof(text); b++) {
            struct pil_posthand p = {0};
            unsigned todo;

            assert_int_equal(take(&p, PIL_CONTENT_HANDSHAKE, text, a, &todo), PIL_OK);
            assert_int_equal(todo, 0);
            assert_int_equal(take(&p, PIL_CONTENT_HANDSHAKE, text + a, b - a, &todo), PIL_OK);
            assert_int_equal(todo, 0);
            assert_int_equal(take(&p, PIL_CONTENT_HANDSHAKE, text + b, sizeof(text) - b, &todo),
                             PIL_OK);
            assert_int_equal(todo, PIL_POST_REKEY | PIL_POST_ANSWER);
            assert_int_equal(take(&p, PIL_CONTENT_DATA, "", 0, &todo), PIL_OK);
        }
}

static void key_updates(void **state)
{
    struct pil_posthand p = {0};
    unsigned todo;

    (void)state;
    assert_int_equal(HANDSHAKE(&p, &todo, 24, 0, 0, 1, 0), PIL_OK);
    assert_int_equal(todo, PIL_POST_REKEY);
    assert_int_equal(HANDSHAKE(&p, &todo, 24, 0, 0, 1, 2), PIL_E_SYNTAX);
    p = (struct pil_posthand){0};
    assert_int_equal(HANDSHAKE(&p, &todo, 24, 0, 0, 2, 0, 0), PIL_E_SYNTAX);
    p = (struct pil_posthand){0};
    assert_int_equal(HANDSHAKE(&p, &todo, 24, 0, 0, 1, 0, 4), PIL_E_MALFORMED);
}

static void nothing_comes_between_the_pieces(void **state)
{
    struct pil_posthand p = {0};
    unsigned todo;

    (void)state;
    assert_int_equal(HANDSHAKE(&p, &todo, 4, 0), PIL_OK);
    assert_int_equal(take(&p, PIL_CONTENT_DATA, "x", 1, &todo), PIL_E_MALFORMED);
    assert_int_equal(take(&p, PIL_CONTENT_ALERT, "\1\0", 2, &todo), PIL_E_MALFORMED);
}

static void other_messages_may_not_come(void **state)
{
    unsigned todo;

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        struct pil_posthand p = {0};

        if (type == 4 || type == 24)
            continue;
        assert_int_equal(HANDSHAKE(&p, &todo, (uint8_t)type, 0, 0, 1, 0), PIL_E_MALFORMED);
    }
}

static void tickets_have_a_longest(void **state)
{
    struct pil_posthand p = {0};
    unsigned todo;

    (void)state;
    assert_int_equal(HANDSHAKE(&p, &todo, 4, 0, 0, 0), PIL_E_SYNTAX);
    p = (struct pil_posthand){0};
    assert_int_equal(HANDSHAKE(&p, &todo, 4, 2, 1, 9), PIL_OK);
    p = (struct pil_posthand){0};
    assert_int_equal(HANDSHAKE(&p, &todo, 4, 2, 1, 10), PIL_E_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_asks_for_nothing),
        cmocka_unit_test(alerts_end_a_connection),
        cmocka_unit_test(messages_may_be_cut_anywhere),
        cmocka_unit_test(key_updates),
        cmocka_unit_test(nothing_comes_between_the_pieces),
        cmocka_unit_test(other_messages_may_not_come),
        cmocka_unit_test(tickets_have_a_longest),
    };

    return cmocka_run_group_tests_name("posthand", tests, NULL, NULL);
}
