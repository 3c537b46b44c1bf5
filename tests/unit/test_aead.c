/* policyd/tls/aead: the table by EVP holds to published vectors, forgeries are found, contexts are
 * made anew. */
#include "tests/support/support.h"

#include <stdio.h>

#include "policyd/tls/aead.h"

static void from_hex(const char *hex, uint8_t *out)
{
    for (size_t i = 0; hex[2 * i]; i++)
        assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &out[i]), 1);
}

/* RFC 8448 section 3: "Alert", the first record but one that the client seals with its key. */
static void a_record_of_the_rfc(void **state)
{
    struct pil_traffic t = {.seq = 1};
    uint8_t out[PIL_RECORD_ALERT], want[PIL_RECORD_ALERT];
    void *ctx = calloc(1, pil_aead_evp.room);

    (void)state;
    from_hex("17422dda596ed5d9acd890e3c63f5051", t.key);
    from_hex("5b78923dee08579033e523d9", t.iv);
    from_hex("1703030013c9872760655666b74d7ff1153efd6db6d0b0e3", want);
    assert_err(pil_aead_evp.init(ctx, PIL_SUITE_AES_128_GCM, t.key), PIL_OK);
    assert_err(pil_record_alert(&pil_aead_evp, ctx, PIL_SUITE_AES_128_GCM, &t,
                                PIL_ALERT_CLOSE_NOTIFY, out),
               PIL_OK);
    assert_memory_equal(out, want, sizeof(out));
    assert_int_equal(t.seq, 2);
    pil_aead_drop(ctx);
    free(ctx);
}

static void every_suite_opens_what_it_seals(void **state)
{
    static const unsigned suites[] = {PIL_SUITE_AES_128_GCM, PIL_SUITE_AES_256_GCM,
                                      PIL_SUITE_CHACHA20};
    void *ctx = calloc(1, pil_aead_evp.room);
    uint8_t text[3000], record[3000 + PIL_RECORD_OVERHEAD];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (unsigned i = 0; i < PIL_NELEM(suites); i++) {
        struct pil_traffic t = {.key = {1, 2, 3}, .iv = {4, 5}, .seq = 77}, u = t;
        struct pil_opened opened;

        for (unsigned round = 0; round < 3; round++) {
            assert_err(pil_aead_evp.init(ctx, suites[i], t.key), PIL_OK);
            assert_err(pil_record_seal(&pil_aead_evp, ctx, suites[i], &t, PIL_CONTENT_DATA, text,
                                       sizeof(text), record),
                       PIL_OK);
            assert_err(pil_record_open(&pil_aead_evp, ctx, &u, record, sizeof(record), &opened),
                       PIL_OK);
            assert_int_equal(opened.type, PIL_CONTENT_DATA);
            assert_int_equal(opened.len, sizeof(text));
            assert_memory_equal(record + PIL_RECORD_HEAD, text, sizeof(text));
        }
    }
    pil_aead_drop(ctx);
    pil_aead_drop(ctx);
    free(ctx);
}

static void forgeries_are_found(void **state)
{
    struct pil_traffic t = {.key = {9}, .iv = {8}};
    void *ctx = calloc(1, pil_aead_evp.room);
    uint8_t record[4 + PIL_RECORD_OVERHEAD];

    (void)state;
    assert_err(pil_aead_evp.init(ctx, PIL_SUITE_CHACHA20, t.key), PIL_OK);
    for (size_t at = PIL_RECORD_HEAD; at < sizeof(record); at++) {
        struct pil_traffic u = t, v = t;
        struct pil_opened opened;

        assert_err(pil_record_seal(&pil_aead_evp, ctx, PIL_SUITE_CHACHA20, &u, PIL_CONTENT_DATA,
                                   (const uint8_t *)"text", 4, record),
                   PIL_OK);
        record[at] ^= 0x10;
        assert_err(pil_record_open(&pil_aead_evp, ctx, &v, record, sizeof(record), &opened),
                   PIL_E_PEER);
    }
    pil_aead_drop(ctx);
    free(ctx);
}

static void other_suites_are_refused(void **state)
{
    void *ctx = calloc(1, pil_aead_evp.room);
    uint8_t key[32] = {0}, out[16];

    (void)state;
    assert_err(pil_aead_evp.init(ctx, 0x1304, key), PIL_E_RANGE);
    assert_err(pil_aead_evp.expand(0x1304, key, 32, "key", out, 16), PIL_E_RANGE);
    pil_aead_drop(ctx);
    free(ctx);
}

/* RFC 8448 section 3, from the server's first application secret. */
static void labels_are_expanded(void **state)
{
    uint8_t secret[32], out[16], want[16];

    (void)state;
    from_hex("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643", secret);
    from_hex("9f02283b6c9c07efc26bb9f2ac92e356", want);
    assert_err(pil_aead_evp.expand(PIL_SUITE_AES_128_GCM, secret, 32, "key", out, 16), PIL_OK);
    assert_memory_equal(out, want, 16);
    assert_err(pil_aead_evp.expand(PIL_SUITE_AES_256_GCM, secret, 32, "key", out, 16), PIL_OK);
    assert_memory_not_equal(out, want, 16); /* by another hash */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_of_the_rfc), cmocka_unit_test(every_suite_opens_what_it_seals),
        cmocka_unit_test(forgeries_are_found), cmocka_unit_test(other_suites_are_refused),
        cmocka_unit_test(labels_are_expanded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
