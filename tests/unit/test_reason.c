/* policyd/tls/reason: OpenSSL's errors and the kernel's as the reasons of the list. */
#include "tests/support/support.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "policyd/tls/reason.h"

#define DETAIL 160

static const struct pil_peer tls = {.head = {0x16, 3, 1}, .head_len = 3};

static enum pil_tls_reason of(const struct pil_peer *peer, int lib, int code, char *detail)
{
    ERR_clear_error();
    if (code)
        ERR_raise(lib, code);
    return pil_reason_of_failure(peer, detail, DETAIL);
}

static void errors_of_libssl(void **state)
{
    static const struct {
        int code;
        enum pil_tls_reason reason;
    } rows[] = {
        {SSL_R_CERTIFICATE_VERIFY_FAILED, PIL_TLS_NONE},
        {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, PIL_TLS_NO_CERTIFICATE},
        {SSL_R_UNSUPPORTED_PROTOCOL, PIL_TLS_BAD_VERSION},
        {SSL_R_NO_SHARED_CIPHER, PIL_TLS_BAD_CIPHER},
        {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, PIL_TLS_FORGED},
        {SSL_R_BAD_SIGNATURE, PIL_TLS_FORGED},
        {SSL_R_LENGTH_MISMATCH, PIL_TLS_MALFORMED},
        {SSL_R_BAD_EXTENSION, PIL_TLS_MALFORMED},
        {1000 + 48, PIL_TLS_PEER_REFUSED},
        {1000 + 49, PIL_TLS_PEER_DENIED},
        {1000 + 70, PIL_TLS_BAD_VERSION},
        {1000 + 120, PIL_TLS_NO_PROTOCOL},
        {ERR_R_INTERNAL_ERROR, PIL_TLS_INTERNAL},
    };
    char detail[DETAIL];

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(rows); i++) {
        assert_int_equal(of(&tls, ERR_LIB_SSL, rows[i].code, detail), rows[i].reason);
        assert_int_equal(ERR_peek_error(), 0);
    }
    of(&tls, ERR_LIB_SSL, 1000 + 48, detail);
    assert_string_equal(detail, "alert 48: unknown CA");
}

static void causes_come_behind_what_stopped_it(void **state)
{
    char detail[DETAIL];

    (void)state;
    ERR_clear_error();
    ERR_raise(ERR_LIB_EVP, 101);
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_SIGNATURE);
    assert_int_equal(pil_reason_of_failure(&tls, detail, sizeof(detail)), PIL_TLS_FORGED);
}

static void the_connection_has_its_say(void **state)
{
    struct pil_peer reset = tls, ended = tls, silent = {.eof = true}, ssh = {.head = "SSH"};
    char detail[DETAIL];

    (void)state;
    reset.error = ECONNRESET;
    ended.eof = true;
    ssh.head_len = 3;
    assert_int_equal(of(&reset, 0, 0, detail), PIL_TLS_RESET);
    assert_string_equal(detail, "Connection reset by peer");
    assert_int_equal(of(&ended, ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING, detail),
                     PIL_TLS_TRUNCATED);
    assert_int_equal(of(&silent, ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING, detail),
                     PIL_TLS_NO_HELLO);
    assert_int_equal(of(&ssh, ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER, detail), PIL_TLS_PLAINTEXT);
    assert_int_equal(of(&tls, ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER, detail), PIL_TLS_MALFORMED);
    assert_int_equal(of(&tls, 0, 0, detail), PIL_TLS_INTERNAL);
}

static void errnos(void **state)
{
    char detail[DETAIL];

    (void)state;
    assert_int_equal(pil_reason_of_errno(EPIPE, detail, sizeof(detail)), PIL_TLS_RESET);
    assert_int_equal(pil_reason_of_errno(ETIMEDOUT, detail, sizeof(detail)), PIL_TLS_TIMEOUT);
    assert_int_equal(pil_reason_of_errno(ECONNREFUSED, detail, sizeof(detail)),
                     PIL_TLS_UNREACHABLE);
    assert_string_equal(detail, "Connection refused");
    assert_int_equal(pil_reason_of_errno(ENOMEM, detail, sizeof(detail)), PIL_TLS_INTERNAL);
}

static void classes(void **state)
{
    (void)state;
    assert_int_equal(pil_reason_err(PIL_TLS_NONE), PIL_OK);
    assert_int_equal(pil_reason_x509(PIL_TLS_NONE), X509_V_OK);
    for (unsigned reason = 1; reason < PIL_TLS_REASON_COUNT; reason++) {
        assert_int_not_equal(pil_reason_err(reason), PIL_OK);
        assert_int_not_equal(pil_reason_x509(reason), X509_V_OK);
    }
    assert_int_equal(pil_reason_err(PIL_TLS_DENIED), PIL_E_REFUSED);
    assert_int_equal(pil_reason_err(PIL_TLS_WRONG_ROOT), PIL_E_PEER);
    assert_int_equal(pil_reason_x509(PIL_TLS_EXPIRED), X509_V_ERR_CERT_HAS_EXPIRED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_of_libssl),
        cmocka_unit_test(causes_come_behind_what_stopped_it),
        cmocka_unit_test(the_connection_has_its_say),
        cmocka_unit_test(errnos),
        cmocka_unit_test(classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
