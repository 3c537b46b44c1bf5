/* preload/plain: the same answers as libc's, for every length around the borders. */
#include "tests/support/support.h"

#define memcpy  own_memcpy
#define memmove own_memmove
#define memset  own_memset
#define memcmp  own_memcmp
#define memchr  own_memchr
#define strlen  own_strlen
#define strnlen own_strnlen
#define strcmp  own_strcmp
#define strncmp own_strncmp
#define strchr  own_strchr
#define strrchr own_strrchr
#define strspn  own_strspn
#define strcspn own_strcspn
#define strstr  own_strstr
#include "preload/plain.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strspn
#undef strcspn
#undef strstr

#define ROOM 200u

static void fill(unsigned char room[ROOM])
{
    for (unsigned i = 0; i < ROOM; i++)
        room[i] = (unsigned char)(i * 7 + 1);
}

static void copies_what_is_asked_and_no_more(void **state)
{
    unsigned char from[ROOM], want[ROOM], got[ROOM];

    (void)state;
    fill(from);
    for (unsigned len = 0; len < ROOM - 2; len++) {
        memset(want, 0xaa, ROOM);
        memset(got, 0xaa, ROOM);
        memcpy(want + 1, from, len);
        assert_ptr_equal(own_memcpy(got + 1, from, len), got + 1);
        assert_memory_equal(got, want, ROOM);
    }
}

static void moves_over_itself_both_ways(void **state)
{
    unsigned char want[ROOM], got[ROOM];

    (void)state;
    for (unsigned from = 0; from < 50; from++)
        for (unsigned to = 0; to < 50; to++)
            for (unsigned len = 0; len < 100; len += 9) {
                fill(want);
                fill(got);
                memmove(want + to, want + from, len);
                own_memmove(got + to, got + from, len);
                assert_memory_equal(got, want, ROOM);
            }
}

static void sets_what_is_asked_and_no_more(void **state)
{
    unsigned char want[ROOM], got[ROOM];

    (void)state;
    for (unsigned len = 0; len < ROOM - 1; len++) {
        fill(want);
        fill(got);
        memset(want, 0x1f5, len);
        own_memset(got, 0x1f5, len);
        assert_memory_equal(got, want, ROOM);
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void compares_as_unsigned_bytes(void **state)
{
    static const char *const texts[] = {"", "a", "b", "ab", "a\xff", "abc", "abd", "abcd"};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(texts); i++)
        for (size_t k = 0; k < PIL_NELEM(texts); k++) {
            const char *a = texts[i], *b = texts[k];

            assert_int_equal(sign(own_strcmp(a, b)), sign(strcmp(a, b)));
            for (size_t most = 0; most < 5; most++)
                assert_int_equal(sign(own_strncmp(a, b, most)), sign(strncmp(a, b, most)));
        }
    assert_int_equal(own_memcmp("abc", "abd", 2), 0);
    assert_true(own_memcmp("a\x01", "a\xff", 2) < 0);
    assert_int_equal(own_memcmp("x", "y", 0), 0);
}

static void finds_the_first_and_the_last(void **state)
{
    const char *text = "/usr/lib";

    (void)state;
    assert_ptr_equal(own_strchr(text, '/'), text);
    assert_ptr_equal(own_strrchr(text, '/'), text + 4);
    assert_ptr_equal(own_strchr(text, '\0'), text + 8);
    assert_ptr_equal(own_strrchr(text, '\0'), text + 8);
    assert_null(own_strchr(text, 'x'));
    assert_null(own_strrchr(text, 'x'));
    assert_ptr_equal(own_memchr(text, 'l', 8), text + 5);
    assert_null(own_memchr(text, 'l', 5));
    assert_ptr_equal(own_strstr(text, "/l"), text + 4);
    assert_ptr_equal(own_strstr(text, ""), text);
    assert_string_equal(own_strstr("", ""), "");
    assert_null(own_strstr(text, "libs"));
}

static void measures(void **state)
{
    (void)state;
    assert_int_equal(own_strlen(""), 0);
    assert_int_equal(own_strlen("four"), 4);
    assert_int_equal(own_strnlen("four", 3), 3);
    assert_int_equal(own_strnlen("four", 9), 4);
    assert_int_equal(own_strspn(" : x:", " :"), 3);
    assert_int_equal(own_strspn("::", " :"), 2);
    assert_int_equal(own_strcspn("a b", " :"), 1);
    assert_int_equal(own_strcspn("ab", " :"), 2);
    assert_int_equal(own_strcspn("ab", ""), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_what_is_asked_and_no_more),
        cmocka_unit_test(moves_over_itself_both_ways),
        cmocka_unit_test(sets_what_is_asked_and_no_more),
        cmocka_unit_test(compares_as_unsigned_bytes),
        cmocka_unit_test(finds_the_first_and_the_last),
        cmocka_unit_test(measures),
    };

    return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
