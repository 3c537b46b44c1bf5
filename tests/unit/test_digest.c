/* shim/digest: the published function (OpenSSL's is the oracle), with a key of its own. */
#include "tests/support/support.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "shim/digest.c" /* its key is its own business */

static void oracle(const uint8_t k[16], const uint8_t *text, size_t len, uint8_t out[16])
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    size_t size = 16, got = 0;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                           OSSL_PARAM_construct_end()};

    assert_non_null(ctx);
    assert_int_equal(EVP_MAC_init(ctx, k, 16, params), 1);
    assert_int_equal(EVP_MAC_update(ctx, text, len), 1);
    assert_int_equal(EVP_MAC_final(ctx, out, &got, 16), 1);
    assert_int_equal(got, 16);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
}

static void it_is_siphash_2_4_128(void **state)
{
    uint8_t k[16], text[254], want[16];

    (void)state;
    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)(i * 151 + 7);
    for (unsigned i = 0; i < sizeof(k); i++)
        k[i] = (uint8_t)(i * 29 + 3);
    memcpy(key, k, sizeof(k));
    for (size_t len = 1; len <= sizeof(text); len++) {
        struct pil_digest d = pil_digest_of((struct pil_slice){(char *)text, len});

        oracle(k, text, len, want);
        assert_memory_equal(&d, want, sizeof(want));
    }
}

static void the_first_published_vector(void **state)
{
    static const uint8_t want[16] = {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44,
                                     0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45};
    struct pil_digest d;

    (void)state;
    for (unsigned i = 0; i < 16; i++)
        ((uint8_t *)key)[i] = (uint8_t)i;
    d = pil_digest_of((struct pil_slice){"\0", 1});
    assert_memory_equal(&d, want, sizeof(want));
}

static void the_empty_text_is_zero(void **state)
{
    struct pil_digest d = pil_digest_of((struct pil_slice){NULL, 0});

    (void)state;
    assert_int_equal(d.half[0], 0);
    assert_int_equal(d.half[1], 0);
}

static void the_key_is_what_the_kernel_drew(void **state)
{
    struct pil_digest a, b;

    (void)state;
    memset(key, 0, sizeof(key));
    a = pil_digest_of(pil_slice_of("a.example"));
    pil_digest_init();
    b = pil_digest_of(pil_slice_of("a.example"));
    assert_memory_equal(key, (const void *)getauxval(AT_RANDOM), sizeof(key));
    assert_true(key[0] != 0 && key[1] != 0);
    assert_memory_not_equal(&a, &b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_siphash_2_4_128),
        cmocka_unit_test(the_first_published_vector),
        cmocka_unit_test(the_empty_text_is_zero),
        cmocka_unit_test(the_key_is_what_the_kernel_drew),
    };

    pil_real_bind();
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
