/* core/bytes: cursors never pass their end, failure stays, text is cut and terminated. */
#include "tests/support/support.h"

static void slices_compare_by_content(void **state)
{
    const char text[] = "abcabc";

    (void)state;
    assert_int_equal(pil_slice_of(NULL).len, 0);
    assert_int_equal(pil_slice_of("abc").len, 3);
    assert_true(pil_slice_equal((struct pil_slice){text, 3}, (struct pil_slice){text + 3, 3}));
    assert_false(pil_slice_equal((struct pil_slice){text, 3}, (struct pil_slice){text + 1, 3}));
    assert_false(pil_slice_equal((struct pil_slice){text, 3}, (struct pil_slice){text, 2}));
    assert_true(pil_slice_equal(pil_slice_of(NULL), pil_slice_of("")));
}

static void integers_come_out_as_they_went_in(void **state)
{
    uint8_t buf[64];
    struct pil_writer w;
    struct pil_reader r;

    (void)state;
    pil_writer_init(&w, buf, sizeof(buf));
    pil_put_u8(&w, 0xab);
    pil_put_u16(&w, 0x1234);
    pil_put_u32(&w, 0xdeadbeef);
    pil_put_u64(&w, UINT64_MAX - 1);
    pil_put_text(&w, pil_slice_of("host"));
    pil_put_text(&w, pil_slice_of(NULL));
    assert_err(pil_writer_end(&w), PIL_OK);
    assert_int_equal(w.len, 1 + 2 + 4 + 8 + 2 + 4 + 2);
    /* Little-endian on the wire. */
    assert_int_equal(buf[1], 0x34);
    assert_int_equal(buf[2], 0x12);

    pil_reader_init(&r, buf, w.len);
    assert_int_equal(pil_get_u8(&r), 0xab);
    assert_int_equal(pil_get_u16(&r), 0x1234);
    assert_int_equal(pil_get_u32(&r), 0xdeadbeef);
    assert_true(pil_get_u64(&r) == UINT64_MAX - 1);
    assert_slice(pil_get_text(&r, 4), "host");
    assert_slice(pil_get_text(&r, 0), "");
    assert_err(pil_reader_end(&r), PIL_OK);
}

static void reader_fails_at_every_short_length(void **state)
{
    const uint8_t buf[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    for (size_t len = 0; len < sizeof(buf); len++) {
        struct pil_reader r;

        pil_reader_init(&r, buf, len);
        assert_true(pil_get_u64(&r) == 0);
        assert_true(r.failed);
        assert_err(pil_reader_end(&r), PIL_E_TRUNCATED);
    }
}

static void reader_failure_is_sticky(void **state)
{
    const uint8_t buf[4] = {9, 9, 9, 9};
    uint8_t out[2] = {7, 7};
    struct pil_reader r;

    (void)state;
    pil_reader_init(&r, buf, sizeof(buf));
    assert_int_equal(pil_get_u8(&r), 9);
    assert_int_equal(pil_get_u32(&r), 0);
    /* Three bytes would still be there, but nothing is given any more. */
    assert_int_equal(pil_get_u8(&r), 0);
    pil_get_bytes(&r, out, sizeof(out));
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 0);
    assert_int_equal(pil_get_text(&r, 10).len, 0);
    assert_err(pil_reader_end(&r), PIL_E_TRUNCATED);
}

static void reader_reports_what_is_left(void **state)
{
    const uint8_t buf[3] = {1, 2, 3};
    struct pil_reader r;

    (void)state;
    pil_reader_init(&r, buf, sizeof(buf));
    assert_int_equal(pil_get_u16(&r), 0x0201);
    assert_err(pil_reader_end(&r), PIL_E_TRAILING);
    assert_int_equal(pil_get_u8(&r), 3);
    assert_err(pil_reader_end(&r), PIL_OK);
    pil_reader_init(&r, NULL, 0);
    assert_err(pil_reader_end(&r), PIL_OK);
    pil_get_bytes(&r, NULL, 0);
    assert_err(pil_reader_end(&r), PIL_OK);
}

static void a_length_that_would_wrap_is_refused(void **state)
{
    const uint8_t buf[4] = {0};
    struct pil_reader r;
    struct pil_writer w;
    uint8_t out[4];

    (void)state;
    pil_reader_init(&r, buf + 2, 2);
    pil_get_u8(&r);
    r.left = 1;
    pil_get_bytes(&r, out, 2);
    assert_true(r.failed);
    pil_writer_init(&w, out, sizeof(out));
    pil_put_u8(&w, 1);
    pil_put_bytes(&w, buf, SIZE_MAX);
    assert_err(pil_writer_end(&w), PIL_E_FULL);
    assert_int_equal(w.len, 1);
}

static void text_is_refused_when_long_or_with_nul(void **state)
{
    const uint8_t with_nul[] = {3, 0, 'a', 0, 'b'};
    const uint8_t plain[] = {3, 0, 'a', 'b', 'c'};
    const uint8_t lying[] = {4, 0, 'a', 'b', 'c'};
    const uint8_t half[] = {3};
    struct pil_reader r;
    struct pil_slice got;

    (void)state;
    pil_reader_init(&r, plain, sizeof(plain));
    got = pil_get_text(&r, 3);
    assert_slice(got, "abc");
    assert_ptr_equal(got.at, plain + 2);
    pil_reader_init(&r, plain, sizeof(plain));
    assert_int_equal(pil_get_text(&r, 2).len, 0);
    assert_true(r.failed);
    pil_reader_init(&r, with_nul, sizeof(with_nul));
    assert_null(pil_get_text(&r, 10).at);
    assert_true(r.failed);
    pil_reader_init(&r, lying, sizeof(lying));
    assert_null(pil_get_text(&r, 10).at);
    assert_true(r.failed);
    pil_reader_init(&r, half, sizeof(half));
    assert_null(pil_get_text(&r, 10).at);
    assert_true(r.failed);
}

static void writer_keeps_what_fits_and_stays_failed(void **state)
{
    uint8_t buf[4] = {0xee, 0xee, 0xee, 0xee};
    struct pil_writer w;

    (void)state;
    pil_writer_init(&w, buf, 3);
    pil_put_u16(&w, 0x0101);
    pil_put_u16(&w, 0x0202);
    assert_true(w.failed);
    pil_put_u8(&w, 3);
    assert_int_equal(w.len, 2);
    assert_int_equal(buf[2], 0xee);
    assert_int_equal(buf[3], 0xee);
    assert_err(pil_writer_end(&w), PIL_E_FULL);
}

static void writer_refuses_text_over_its_length_field(void **state)
{
    static char big[65537];
    static uint8_t buf[70000];
    struct pil_writer w;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    pil_writer_init(&w, buf, sizeof(buf));
    pil_put_text(&w, (struct pil_slice){big, 65535});
    assert_err(pil_writer_end(&w), PIL_OK);
    assert_int_equal(w.len, 65537);
    pil_writer_init(&w, buf, sizeof(buf));
    pil_put_text(&w, (struct pil_slice){big, 65536});
    assert_err(pil_writer_end(&w), PIL_E_FULL);
    assert_int_equal(w.len, 0);
}

static void text_is_cut_and_always_terminated(void **state)
{
    char buf[8];
    struct pil_text t;

    (void)state;
    for (size_t cap = 1; cap <= sizeof(buf); cap++) {
        memset(buf, '#', sizeof(buf));
        pil_text_init(&t, buf, cap);
        pil_text_add(&t, "abc");
        pil_text_add(&t, "defghi");
        pil_text_add(&t, NULL);
        assert_int_equal(t.len, cap - 1);
        assert_int_equal(buf[cap - 1], '\0');
        assert_memory_equal(buf, "abcdefghi", cap - 1);
        if (cap < sizeof(buf))
            assert_int_equal(buf[cap], '#');
    }
    pil_text_init(&t, NULL, 0);
    pil_text_add(&t, "nothing is kept");
    pil_text_add_u64(&t, 1);
    assert_int_equal(t.len, 0);
}

static void numbers_print_in_full(void **state)
{
    char buf[64];
    struct pil_text t;

    (void)state;
    pil_text_init(&t, buf, sizeof(buf));
    pil_text_add_u64(&t, 0);
    pil_text_add(&t, " ");
    pil_text_add_u64(&t, 10);
    pil_text_add(&t, " ");
    pil_text_add_u64(&t, UINT64_MAX);
    assert_string_equal(buf, "0 10 18446744073709551615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare_by_content),
        cmocka_unit_test(integers_come_out_as_they_went_in),
        cmocka_unit_test(reader_fails_at_every_short_length),
        cmocka_unit_test(reader_failure_is_sticky),
        cmocka_unit_test(reader_reports_what_is_left),
        cmocka_unit_test(a_length_that_would_wrap_is_refused),
        cmocka_unit_test(text_is_refused_when_long_or_with_nul),
        cmocka_unit_test(writer_keeps_what_fits_and_stays_failed),
        cmocka_unit_test(writer_refuses_text_over_its_length_field),
        cmocka_unit_test(text_is_cut_and_always_terminated),
        cmocka_unit_test(numbers_print_in_full),
    };

    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
