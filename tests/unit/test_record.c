/*
 * core/record and shim/aead: the records of RFC 8448; the same as OpenSSL's for every suite; what
 * is forged, cut, too long or without a type is refused; keys wear out and are changed.
 */
#include "tests/support/support.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "core/err.h"
#include "core/record.h"
#include "shim/aead.h"

static const unsigned suites[] = {PIL_SUITE_AES_128_GCM, PIL_SUITE_AES_256_GCM, PIL_SUITE_CHACHA20};

/* One direction, with a context for each end. */
struct way {
    unsigned suite;
    struct pil_traffic out, in;
    uint8_t seal[PIL_AEAD_ROOM] __attribute__((aligned(16)));
    uint8_t open[PIL_AEAD_ROOM] __attribute__((aligned(16)));
};

static const struct pil_aead *aead;

static void start(struct way *w, unsigned suite, const struct pil_traffic *t)
{
    memset(w, 0, sizeof(*w));
    w->suite = suite;
    w->out = w->in = *t;
    assert_int_equal(aead->init(w->seal, suite, t->key), PIL_OK);
    assert_int_equal(aead->init(w->open, suite, t->key), PIL_OK);
}

static void start_any(struct way *w, unsigned suite)
{
    struct pil_traffic t = {.seq = 3, .secret_len = (uint8_t)pil_suite_hash_len(suite)};

    for (unsigned i = 0; i < 32; i++)
        t.key[i] = (uint8_t)(i * 7 + suite);
    for (unsigned i = 0; i < 48; i++)
        t.secret[i] = (uint8_t)(i * 5 + 1);
    memset(t.iv, 0x5a, sizeof(t.iv));
    start(w, suite, &t);
}

static int seal(struct way *w, uint8_t type, const void *in, size_t len, uint8_t *out)
{
    return pil_record_seal(aead, w->seal, w->suite, &w->out, type, in, len, out);
}

static int open_record(struct way *w, uint8_t *record, size_t total, struct pil_opened *opened)
{
    size_t length = 0;
    int err = pil_record_length(record, total, &length);

    assert_int_equal(err, PIL_OK);
    assert_int_equal(length, total);
    return pil_record_open(aead, w->open, &w->in, record, total, opened);
}

/* ---- RFC 8448, section 3 ------------------------------------------------------------------- */

static const struct pil_traffic client = {
    .key = {0x17, 0x42, 0x2d, 0xda, 0x59, 0x6e, 0xd5, 0xd9, 0xac, 0xd8, 0x90, 0xe3, 0xc6, 0x3f,
            0x50, 0x51},
    .iv = {0x5b, 0x78, 0x92, 0x3d, 0xee, 0x08, 0x57, 0x90, 0x33, 0xe5, 0x23, 0xd9},
    .secret_len = 32,
    .secret = {0x9e, 0x40, 0x64, 0x6c, 0xe7, 0x9a, 0x7f, 0x9d, 0xc0, 0x5a, 0xf8,
               0x88, 0x9b, 0xce, 0x65, 0x52, 0x87, 0x5a, 0xfa, 0x0b, 0x06, 0xdf,
               0x00, 0x87, 0xf7, 0x92, 0xeb, 0xb7, 0xc1, 0x75, 0x04, 0xa5},
};

static const uint8_t client_data[] = {
    0x17, 0x03, 0x03, 0x00, 0x43, 0xa2, 0x3f, 0x70, 0x54, 0xb6, 0x2c, 0x94, 0xd0, 0xaf, 0xfa,
    0xfe, 0x82, 0x28, 0xba, 0x55, 0xcb, 0xef, 0xac, 0xea, 0x42, 0xf9, 0x14, 0xaa, 0x66, 0xbc,
    0xab, 0x3f, 0x2b, 0x98, 0x19, 0xa8, 0xa5, 0xb4, 0x6b, 0x39, 0x5b, 0xd5, 0x4a, 0x9a, 0x20,
    0x44, 0x1e, 0x2b, 0x62, 0x97, 0x4e, 0x1f, 0x5a, 0x62, 0x92, 0xa2, 0x97, 0x70, 0x14, 0xbd,
    0x1e, 0x3d, 0xea, 0xe6, 0x3a, 0xee, 0xbb, 0x21, 0x69, 0x49, 0x15, 0xe4};
static const uint8_t client_alert[] = {0x17, 0x03, 0x03, 0x00, 0x13, 0xc9, 0x87, 0x27,
                                       0x60, 0x65, 0x56, 0x66, 0xb7, 0x4d, 0x7f, 0xf1,
                                       0x15, 0x3e, 0xfd, 0x6d, 0xb6, 0xd0, 0xb0, 0xe3};

static void the_records_of_the_rfc(void **state)
{
    uint8_t data[50], out[128];
    struct pil_opened opened;
    struct way w;

    (void)state;
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)i;
    start(&w, PIL_SUITE_AES_128_GCM, &client);
    assert_int_equal(seal(&w, PIL_CONTENT_DATA, data, sizeof(data), out), PIL_OK);
    assert_memory_equal(out, client_data, sizeof(client_data));
    assert_int_equal(open_record(&w, out, sizeof(client_data), &opened), PIL_OK);
    assert_int_equal(opened.type, PIL_CONTENT_DATA);
    assert_int_equal(opened.len, sizeof(data));
    assert_memory_equal(out + PIL_RECORD_HEAD, data, sizeof(data));
    assert_int_equal(pil_record_alert(aead, w.seal, w.suite, &w.out, PIL_ALERT_CLOSE_NOTIFY, out),
                     PIL_OK);
    assert_memory_equal(out, client_alert, sizeof(client_alert));
    assert_int_equal(w.out.seq, 2);
}

static void keys_come_from_secrets(void **state)
{
    uint8_t key[16], iv[12];

    (void)state;
    assert_int_equal(aead->expand(PIL_SUITE_AES_128_GCM, client.secret, 32, "key", key, 16),
                     PIL_OK);
    assert_int_equal(aead->expand(PIL_SUITE_AES_128_GCM, client.secret, 32, "iv", iv, 12), PIL_OK);
    assert_memory_equal(key, client.key, 16);
    assert_memory_equal(iv, client.iv, 12);
    assert_int_equal(aead->expand(PIL_SUITE_AES_128_GCM, client.secret, 32, "key", key, 33),
                     PIL_E_RANGE);
}

/* ---- as OpenSSL does it ---------------------------------------------------------------------- */

static const EVP_CIPHER *evp_of(unsigned suite)
{
    return suite == PIL_SUITE_AES_128_GCM   ? EVP_aes_128_gcm()
           : suite == PIL_SUITE_AES_256_GCM ? EVP_aes_256_gcm()
                                            : EVP_chacha20_poly1305();
}

static void reference(unsigned suite, const struct pil_traffic *t, const uint8_t *in, size_t len,
                      uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t nonce[12], type = PIL_CONTENT_DATA;
    size_t body = len + 17;
    int n;

    memcpy(nonce, t->iv, 12);
    for (unsigned i = 0; i < 8; i++)
        nonce[11 - i] ^= (uint8_t)(t->seq >> (8 * i));
    memcpy(out, (uint8_t[]){23, 3, 3, (uint8_t)(body >> 8), (uint8_t)body}, 5);
    assert_int_equal(EVP_EncryptInit_ex(ctx, evp_of(suite), NULL, t->key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, out, 5), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out + 5, &n, in, (int)len), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out + 5 + len, &n, &type, 1), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, out + 6 + len, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + 6 + len), 1);
    EVP_CIPHER_CTX_free(ctx);
}

static void all_lengths_of(unsigned suite)
{
    static uint8_t in[PIL_RECORD_MAX], out[PIL_RECORD_WIRE_MAX], want[PIL_RECORD_WIRE_MAX];
    struct pil_opened opened;
    struct way w;

    for (unsigned i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 31 + i / 251);
    start_any(&w, suite);
    for (size_t len = 0; len <= PIL_RECORD_MAX; len += len < 300 ? 1 : 1231) {
        reference(suite, &w.out, in, len, want);
        assert_int_equal(seal(&w, PIL_CONTENT_DATA, in, len, out), PIL_OK);
        assert_memory_equal(out, want, len + PIL_RECORD_OVERHEAD);
        assert_int_equal(open_record(&w, out, len + PIL_RECORD_OVERHEAD, &opened), PIL_OK);
        assert_int_equal(opened.len, len);
        assert_memory_equal(out + 5, in, len);
    }
    assert_int_equal(seal(&w, PIL_CONTENT_DATA, in, PIL_RECORD_MAX + 1, out), PIL_E_RANGE);
}

static void every_length_is_as_openssl_has_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(suites); i++)
        all_lengths_of(suites[i]);
}

static void pieces_make_one_message(void **state)
{
    uint8_t nonce[12] = {1, 2, 3}, head[5] = {23, 3, 3, 1, 0}, in[500], whole[500], parts[500];
    uint8_t tag[16], again[16];
    uint8_t ctx[PIL_AEAD_ROOM] __attribute__((aligned(16)));

    (void)state;
    for (unsigned i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 13);
    for (unsigned s = 0; s < PIL_NELEM(suites); s++) {
        assert_int_equal(aead->init(ctx, suites[s], in), PIL_OK);
        assert_int_equal(aead->seal(ctx, nonce, head, &(struct pil_piece){in, whole, 500}, 1, tag),
                         PIL_OK);
        for (size_t a = 0; a < 150; a += 7)
            for (size_t b = 0; b < 150; b += 11) {
                const struct pil_piece p[] = {{in, parts, a},
                                              {in + a, parts + a, b},
                                              {in + a + b, parts + a + b, 500 - a - b}};

                assert_int_equal(aead->seal(ctx, nonce, head, p, 3, again), PIL_OK);
                assert_memory_equal(parts, whole, 500);
                assert_memory_equal(again, tag, 16);
            }
    }
}

static void hkdf(const char *digest, const uint8_t *secret, size_t len, const char *label,
                 uint8_t *out, size_t out_len)
{
    uint8_t info[64] = {0, (uint8_t)out_len, (uint8_t)(6 + strlen(label))};
    size_t at = 3 + (size_t)sprintf((char *)info + 3, "tls13 %s", label) + 1;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int("mode", &mode),
        OSSL_PARAM_construct_utf8_string("digest", (char *)(uintptr_t)digest, 0),
        OSSL_PARAM_construct_octet_string("key", (void *)(uintptr_t)secret, len),
        OSSL_PARAM_construct_octet_string("info", info, at),
        OSSL_PARAM_construct_end(),
    };

    assert_int_equal(EVP_KDF_derive(ctx, out, out_len, params), 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static void keys_are_changed_as_openssl_would(void **state)
{
    (void)state;
    for (unsigned s = 0; s < PIL_NELEM(suites); s++) {
        size_t size = pil_suite_hash_len(suites[s]), key_len = pil_suite_key_len(suites[s]);
        const char *digest = size == 48 ? "SHA384" : "SHA256";
        uint8_t secret[48], key[32], iv[12], record[64];
        struct pil_opened opened;
        struct way w;

        start_any(&w, suites[s]);
        hkdf(digest, w.out.secret, size, "traffic upd", secret, size);
        hkdf(digest, secret, size, "key", key, key_len);
        hkdf(digest, secret, size, "iv", iv, 12);
        assert_int_equal(pil_record_update(aead, w.seal, w.suite, &w.out, record), PIL_OK);
        assert_int_equal(w.out.seq, 0);
        assert_memory_equal(w.out.secret, secret, size);
        assert_memory_equal(w.out.key, key, key_len);
        assert_memory_equal(w.out.iv, iv, 12);

        assert_int_equal(open_record(&w, record, PIL_RECORD_UPDATE, &opened), PIL_OK);
        assert_int_equal(opened.type, PIL_CONTENT_HANDSHAKE);
        assert_memory_equal(record + 5, ((uint8_t[]){24, 0, 0, 1, 0}), 5);
        assert_int_equal(pil_record_rekey(aead, w.open, w.suite, &w.in), PIL_OK);
        assert_int_equal(seal(&w, PIL_CONTENT_DATA, "next", 4, record), PIL_OK);
        assert_int_equal(open_record(&w, record, 26, &opened), PIL_OK);
        assert_memory_equal(record + 5, "next", 4);
    }
}

/* ---- refused ------------------------------------------------------------------------------- */

static void any_bit_that_is_changed_shows(void **state)
{
    uint8_t good[64], bad[64];
    struct pil_opened opened;
    struct way w;

    (void)state;
    for (unsigned s = 0; s < PIL_NELEM(suites); s++) {
        start_any(&w, suites[s]);
        assert_int_equal(seal(&w, PIL_CONTENT_DATA, "twenty bytes of text", 20, good), PIL_OK);
        for (unsigned bit = 0; bit < 42 * 8; bit++) {
            struct pil_traffic in = w.in;

            if (bit / 8 == 3 || bit / 8 == 4 || bit / 8 == 0)
                continue; /* another length, or no record: see below */
            memcpy(bad, good, 42);
            bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(pil_record_open(aead, w.open, &in, bad, 42, &opened), PIL_E_PEER);
            assert_int_equal(memcmp(bad + 5, "twenty", 6) == 0, 0);
        }
        assert_int_equal(open_record(&w, good, 42, &opened), PIL_OK);
    }
}

static void a_record_counts_once_and_in_its_place(void **state)
{
    uint8_t one[64], two[64], copy[64];
    struct pil_opened opened;
    struct way w;

    (void)state;
    start_any(&w, PIL_SUITE_AES_128_GCM);
    assert_int_equal(seal(&w, PIL_CONTENT_DATA, "one", 3, one), PIL_OK);
    assert_int_equal(seal(&w, PIL_CONTENT_DATA, "two", 3, two), PIL_OK);
    memcpy(copy, one, sizeof(copy));
    assert_int_equal(open_record(&w, one, 25, &opened), PIL_OK);
    assert_int_equal(open_record(&w, copy, 25, &opened), PIL_E_PEER);
    start_any(&w, PIL_SUITE_AES_128_GCM);
    assert_int_equal(open_record(&w, two, 25, &opened), PIL_E_PEER);
}

static void lengths_and_types_are_judged(void **state)
{
    size_t total = 0;

    (void)state;
    assert_int_equal(pil_record_length((uint8_t[]){0}, 0, &total), PIL_E_AGAIN);
    assert_int_equal(pil_record_length((uint8_t[]){23, 3, 3, 0}, 4, &total), PIL_E_AGAIN);
    assert_int_equal(pil_record_length((uint8_t[]){22}, 1, &total), PIL_E_MALFORMED);
    assert_int_equal(pil_record_length((uint8_t[]){20, 3, 3, 0, 1}, 5, &total), PIL_E_MALFORMED);
    assert_int_equal(pil_record_length((uint8_t[]){23, 3, 3, 0, 16}, 5, &total), PIL_E_MALFORMED);
    assert_int_equal(pil_record_length((uint8_t[]){23, 3, 3, 0x41, 0x01}, 5, &total), PIL_E_RANGE);
    assert_int_equal(pil_record_length((uint8_t[]){23, 3, 3, 0x41, 0x00}, 5, &total), PIL_OK);
    assert_int_equal(total, PIL_RECORD_WIRE_MAX);
    assert_int_equal(pil_record_length((uint8_t[]){23, 3, 3, 0, 17}, 5, &total), PIL_OK);
    assert_int_equal(total, 22);
}

/* Seals an inner plaintext as it is: content, type and padding are in `inner`. */
static size_t seal_inner(struct way *w, const uint8_t *inner, size_t len, uint8_t *out)
{
    uint8_t type = inner[len - 1];

    assert_int_equal(seal(w, type, inner, len - 1, out), PIL_OK);
    return len + PIL_RECORD_HEAD + PIL_RECORD_TAG;
}

static int open_inner(const uint8_t *inner, size_t len, struct pil_opened *opened)
{
    static uint8_t record[PIL_RECORD_WIRE_MAX + 16];
    struct way w;

    start_any(&w, PIL_SUITE_AES_256_GCM);
    return open_record(&w, record, seal_inner(&w, inner, len, record), opened);
}

static void padding_is_taken_off(void **state)
{
    struct pil_opened opened = {0};

    (void)state;
    assert_int_equal(open_inner((uint8_t[]){'a', 'b', 23, 0, 0, 0}, 6, &opened), PIL_OK);
    assert_int_equal(opened.len, 2);
    assert_int_equal(open_inner((uint8_t[]){0, 23, 0}, 3, &opened), PIL_OK);
    assert_int_equal(opened.len, 1);
    assert_int_equal(open_inner((uint8_t[]){23}, 1, &opened), PIL_OK);
    assert_int_equal(opened.len, 0);
    assert_int_equal(open_inner((uint8_t[]){0, 0, 0}, 3, &opened), PIL_E_MALFORMED);
    assert_int_equal(open_inner((uint8_t[]){1, 20}, 2, &opened), PIL_E_MALFORMED);
    assert_int_equal(open_inner((uint8_t[]){1, 24}, 2, &opened), PIL_E_MALFORMED);
    assert_int_equal(open_inner((uint8_t[]){21}, 1, &opened), PIL_E_MALFORMED);
    assert_int_equal(open_inner((uint8_t[]){22, 0}, 2, &opened), PIL_E_MALFORMED);
}

/* ---- limits -------------------------------------------------------------------------------- */

static void a_key_wears_out(void **state)
{
    uint8_t out[64];
    struct way w;

    (void)state;
    start_any(&w, PIL_SUITE_AES_128_GCM);
    w.out.seq = (1u << 24) - 1;
    assert_false(pil_record_worn(w.suite, &w.out));
    assert_int_equal(seal(&w, PIL_CONTENT_DATA, "x", 1, out), PIL_OK);
    assert_true(pil_record_worn(w.suite, &w.out));
    w.out.seq = 23726565;
    assert_int_equal(seal(&w, PIL_CONTENT_DATA, "x", 1, out), PIL_OK);
    assert_int_equal(seal(&w, PIL_CONTENT_DATA, "x", 1, out), PIL_E_FULL);
    assert_int_equal(w.out.seq, 23726566);

    start_any(&w, PIL_SUITE_CHACHA20);
    w.out.seq = (1u << 25);
    assert_false(pil_record_worn(w.suite, &w.out));
    w.out.seq = UINT64_MAX - 1;
    assert_int_equal(seal(&w, PIL_CONTENT_DATA, "x", 1, out), PIL_E_FULL);
    assert_int_equal(pil_record_rekey(aead, w.seal, w.suite, &w.out), PIL_OK);
    assert_int_equal(seal(&w, PIL_CONTENT_DATA, "x", 1, out), PIL_OK);
}

static void a_number_is_never_used_twice(void **state)
{
    static uint8_t out[PIL_RECORD_WIRE_MAX];
    struct way w;

    (void)state;
    start_any(&w, PIL_SUITE_AES_128_GCM);
    w.in.seq = UINT64_MAX - 1;
    assert_int_equal(pil_record_open(aead, w.open, &w.in, out, 22, &(struct pil_opened){0}),
                     PIL_E_FULL);
    assert_int_equal(w.in.seq, UINT64_MAX - 1);
    w.in.seq = 9;
    assert_int_equal(pil_record_open(aead, w.open, &w.in, out, 22, &(struct pil_opened){0}),
                     PIL_E_PEER);
    assert_int_equal(w.in.seq, 10);
    w.out.secret_len = 5;
    assert_int_equal(pil_record_rekey(aead, w.seal, w.suite, &w.out), PIL_E_INTERNAL);
}

static void unknown_suites_have_no_keys(void **state)
{
    uint8_t ctx[PIL_AEAD_ROOM] __attribute__((aligned(16))) = {0};

    (void)state;
    assert_int_equal(aead->init(ctx, 0x1304, ctx), PIL_E_RANGE);
    assert_int_equal(pil_suite_key_len(0x1304), 0);
    assert_int_equal(pil_suite_hash_len(0), 0);
    assert_true(aead->room <= PIL_AEAD_ROOM);
}

static void errors_have_their_alerts(void **state)
{
    (void)state;
    assert_int_equal(pil_record_alert_for(PIL_E_PEER), 20);
    assert_int_equal(pil_record_alert_for(PIL_E_RANGE), 22);
    assert_int_equal(pil_record_alert_for(PIL_E_SYNTAX), 50);
    assert_int_equal(pil_record_alert_for(PIL_E_MALFORMED), 10);
    assert_int_equal(pil_record_alert_for(PIL_E_INTERNAL), 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_records_of_the_rfc),
        cmocka_unit_test(keys_come_from_secrets),
        cmocka_unit_test(every_length_is_as_openssl_has_it),
        cmocka_unit_test(pieces_make_one_message),
        cmocka_unit_test(keys_are_changed_as_openssl_would),
        cmocka_unit_test(any_bit_that_is_changed_shows),
        cmocka_unit_test(a_record_counts_once_and_in_its_place),
        cmocka_unit_test(lengths_and_types_are_judged),
        cmocka_unit_test(padding_is_taken_off),
        cmocka_unit_test(a_key_wears_out),
        cmocka_unit_test(a_number_is_never_used_twice),
        cmocka_unit_test(unknown_suites_have_no_keys),
        cmocka_unit_test(errors_have_their_alerts),
    };

    aead = pil_aead_host();
    assert_non_null(aead);
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
