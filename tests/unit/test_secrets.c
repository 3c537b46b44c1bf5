/* policyd/tls/secrets, aead: keys by the examples of RFC 8448, records counted from Finished on,
 * and nothing handed out that is not whole. */
#include "tests/support/support.h"

#include <openssl/ssl.h>
#include <stdio.h>

#include "policyd/tls/aead.h"
#include "policyd/tls/secrets.h"

/* RFC 8448 section 3: the application traffic secrets of both sides, and what comes of them. */
#define SERVER_SECRET "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"
#define SERVER_KEY    "9f02283b6c9c07efc26bb9f2ac92e356"
#define SERVER_IV     "cf782b88dd83549aadf1e984"
#define CLIENT_SECRET "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
#define CLIENT_KEY    "17422dda596ed5d9acd890e3c63f5051"
#define CLIENT_IV     "5b78923dee08579033e523d9"

static void from_hex(const char *hex, uint8_t *out)
{
    for (size_t i = 0; hex[2 * i]; i++)
        assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &out[i]), 1);
}

static void assert_hex(const void *bytes, const char *hex)
{
    uint8_t want[64];

    from_hex(hex, want);
    assert_memory_equal(bytes, want, strlen(hex) / 2);
}

static void message(struct pil_secrets *s, bool sent, uint8_t type)
{
    pil_secrets_message(s, sent, SSL3_RT_HANDSHAKE, &type, 1);
}

static void record(struct pil_secrets *s, bool sent)
{
    uint8_t type = 23;

    pil_secrets_message(s, sent, SSL3_RT_INNER_CONTENT_TYPE, &type, 1);
}

static void told(struct pil_secrets *s, bool is_server)
{
    memset(s, 0, sizeof(*s));
    s->is_server = is_server;
    pil_secrets_line(s, "CLIENT_HANDSHAKE_TRAFFIC_SECRET 00ff 11" CLIENT_SECRET);
    pil_secrets_line(s, "CLIENT_TRAFFIC_SECRET_0 00ff " CLIENT_SECRET);
    pil_secrets_line(s, "SERVER_TRAFFIC_SECRET_0 00ff " SERVER_SECRET);
    pil_secrets_line(s, "EXPORTER_SECRET 00ff 22" CLIENT_SECRET);
    record(s, true); /* of the handshake: not counted */
    record(s, false);
    message(s, true, SSL3_MT_FINISHED);
    message(s, false, SSL3_MT_FINISHED);
}

static void keys_are_those_of_the_rfc(void **state)
{
    struct pil_secrets s;
    struct pil_traffic out;

    (void)state;
    told(&s, true);
    record(&s, true);
    record(&s, true);
    assert_err(pil_secrets_traffic(&s, PIL_SUITE_AES_128_GCM, true, &out), PIL_OK);
    assert_hex(out.key, SERVER_KEY);
    assert_hex(out.iv, SERVER_IV);
    assert_hex(out.secret, SERVER_SECRET);
    assert_int_equal(out.secret_len, 32);
    assert_int_equal(out.seq, 2);
    assert_err(pil_secrets_traffic(&s, PIL_SUITE_AES_128_GCM, false, &out), PIL_OK);
    assert_hex(out.key, CLIENT_KEY);
    assert_hex(out.iv, CLIENT_IV);
    assert_int_equal(out.seq, 0);
    told(&s, false);
    assert_err(pil_secrets_traffic(&s, PIL_SUITE_AES_128_GCM, true, &out), PIL_OK);
    assert_hex(out.key, CLIENT_KEY);
    pil_secrets_wipe(&s);
    assert_int_equal(s.client.len + s.server.len + s.client.at[0], 0);
}

static void what_is_not_whole_is_not_handed_out(void **state)
{
    static const struct pil_traffic none;
    struct pil_secrets s;
    struct pil_traffic out;

    (void)state;
    told(&s, true);
    assert_err(pil_secrets_traffic(&s, PIL_SUITE_AES_256_GCM, true, &out), PIL_E_INTERNAL);
    assert_err(pil_secrets_traffic(&s, 0x1304, true, &out), PIL_E_INTERNAL);
    assert_memory_equal(&out, &none, sizeof(out));
    s.server.finished = false;
    assert_err(pil_secrets_traffic(&s, PIL_SUITE_AES_128_GCM, true, &out), PIL_E_INTERNAL);
    told(&s, true);
    message(&s, false, SSL3_MT_KEY_UPDATE);
    assert_err(pil_secrets_traffic(&s, PIL_SUITE_AES_128_GCM, true, &out), PIL_OK);
    assert_err(pil_secrets_traffic(&s, PIL_SUITE_AES_128_GCM, false, &out), PIL_E_INTERNAL);
    memset(&s, 0, sizeof(s));
    message(&s, true, SSL3_MT_FINISHED);
    assert_err(pil_secrets_traffic(&s, PIL_SUITE_AES_128_GCM, true, &out), PIL_E_INTERNAL);
}

static void odd_lines_are_passed_over(void **state)
{
    static const char *const lines[] = {
        "",
        " ",
        "CLIENT_TRAFFIC_SECRET_0 ",
        "CLIENT_TRAFFIC_SECRET_0 00ff ",
        "CLIENT_TRAFFIC_SECRET_0 00ff zz",
        "CLIENT_TRAFFIC_SECRET_0 00ff " CLIENT_SECRET CLIENT_SECRET,
        "CLIENT_TRAFFIC_SECRET_1 00ff " CLIENT_SECRET,
        "X_CLIENT_TRAFFIC_SECRET_0 00ff " CLIENT_SECRET,
    };
    struct pil_secrets s = {0};

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(lines); i++)
        pil_secrets_line(&s, lines[i]);
    assert_int_equal(s.client.len + s.server.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_those_of_the_rfc),
        cmocka_unit_test(what_is_not_whole_is_not_handed_out),
        cmocka_unit_test(odd_lines_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
