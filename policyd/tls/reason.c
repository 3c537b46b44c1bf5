#include "policyd/tls/reason.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"

struct row {
    int code;
    enum pil_tls_reason reason;
};

/* Reasons of libssl. What is not here is the peer's breaking of the rules. */
static const struct row rows[] = {
    {SSL_R_CERTIFICATE_VERIFY_FAILED, PIL_TLS_NONE},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, PIL_TLS_NO_CERTIFICATE},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, PIL_TLS_TRUNCATED},
    {SSL_R_UNSUPPORTED_PROTOCOL, PIL_TLS_BAD_VERSION},
    {SSL_R_UNSUPPORTED_SSL_VERSION, PIL_TLS_BAD_VERSION},
    {SSL_R_UNKNOWN_PROTOCOL, PIL_TLS_BAD_VERSION},
    {SSL_R_VERSION_TOO_LOW, PIL_TLS_BAD_VERSION},
    {SSL_R_VERSION_TOO_HIGH, PIL_TLS_BAD_VERSION},
    {SSL_R_WRONG_SSL_VERSION, PIL_TLS_BAD_VERSION},
    {SSL_R_INAPPROPRIATE_FALLBACK, PIL_TLS_BAD_VERSION},
    {SSL_R_NO_SHARED_CIPHER, PIL_TLS_BAD_CIPHER},
    {SSL_R_NO_SHARED_GROUPS, PIL_TLS_BAD_CIPHER},
    {SSL_R_NO_SUITABLE_GROUPS, PIL_TLS_BAD_CIPHER},
    {SSL_R_NO_SUITABLE_KEY_SHARE, PIL_TLS_BAD_CIPHER},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, PIL_TLS_BAD_CIPHER},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, PIL_TLS_BAD_CIPHER},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, PIL_TLS_FORGED},
    {SSL_R_BAD_SIGNATURE, PIL_TLS_FORGED},
    {SSL_R_DIGEST_CHECK_FAILED, PIL_TLS_FORGED},
    {SSL_R_BINDER_DOES_NOT_VERIFY, PIL_TLS_FORGED},
    {ERR_R_MALLOC_FAILURE, PIL_TLS_INTERNAL},
    {ERR_R_INTERNAL_ERROR, PIL_TLS_INTERNAL},
    {SSL_AD_REASON_OFFSET + SSL_AD_PROTOCOL_VERSION, PIL_TLS_BAD_VERSION},
    {SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL, PIL_TLS_NO_PROTOCOL},
    {SSL_AD_REASON_OFFSET + SSL_AD_ACCESS_DENIED, PIL_TLS_PEER_DENIED},
};

static bool is_alert(int code)
{
    return code >= SSL_AD_REASON_OFFSET && code < SSL_AD_REASON_OFFSET + 256;
}

static enum pil_tls_reason look_up(int code)
{
    for (size_t i = 0; i < PIL_NELEM(rows); i++)
        if (rows[i].code == code)
            return rows[i].reason;
    return is_alert(code) ? PIL_TLS_PEER_REFUSED : PIL_TLS_MALFORMED;
}

/* The first bytes decide whether it is TLS that the peer broke; an alert is TLS too. */
static bool began_as_tls(const struct pil_peer *peer)
{
    uint8_t type = peer->head_len > 0 ? peer->head[0] : 0x16;

    return type >= 0x14 && type <= 0x17 && (peer->head_len < 2 || peer->head[1] == 0x03);
}

static void say(char *detail, size_t size, int code, unsigned long error)
{
    const char *text = ERR_reason_error_string(error);

    if (is_alert(code))
        snprintf(detail, size, "alert %d: %s", code - SSL_AD_REASON_OFFSET,
                 SSL_alert_desc_string_long(code - SSL_AD_REASON_OFFSET));
    else
        snprintf(detail, size, "%s", text ? text : "no more is known");
}

static enum pil_tls_reason of_eof(const struct pil_peer *peer, char *detail, size_t size)
{
    snprintf(detail, size, "end of stream");
    return peer->head_len > 0 ? PIL_TLS_TRUNCATED : PIL_TLS_NO_HELLO;
}

/* The first error of libssl in the queue is what stopped it; those before it are causes. */
static unsigned long first_error(void)
{
    unsigned long error, found = 0;

    while ((error = ERR_get_error()) != 0)
        if (found == 0 || (ERR_GET_LIB(found) != ERR_LIB_SSL && ERR_GET_LIB(error) == ERR_LIB_SSL))
            found = error;
    return found;
}

enum pil_tls_reason pil_reason_of_failure(const struct pil_peer *peer, char *detail, size_t size)
{
    unsigned long error = first_error();
    int code = ERR_GET_REASON(error);
    bool ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;

    if (peer->error != 0)
        return pil_reason_of_errno(peer->error, detail, size);
    if (peer->eof && (error == 0 || (ssl && code == SSL_R_UNEXPECTED_EOF_WHILE_READING)))
        return of_eof(peer, detail, size);
    say(detail, size, code, error);
    if (!began_as_tls(peer))
        return PIL_TLS_PLAINTEXT;
    return error ? look_up(code) : PIL_TLS_INTERNAL;
}

enum pil_tls_reason pil_reason_of_errno(int error, char *detail, size_t size)
{
    /* The GNU form, which is safe in threads. */
    char room[64];

    snprintf(detail, size, "%s", strerror_r(error, room, sizeof(room)));
    switch (error) {
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
    case ENOTCONN:
        return PIL_TLS_RESET;
    case ETIMEDOUT:
        return PIL_TLS_TIMEOUT;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
        return PIL_TLS_UNREACHABLE;
    default:
        return PIL_TLS_INTERNAL;
    }
}

int pil_reason_err(enum pil_tls_reason reason)
{
    switch (reason) {
    case PIL_TLS_NONE:
        return PIL_OK;
    case PIL_TLS_TIMEOUT:
        return PIL_E_TIMEOUT;
    case PIL_TLS_UNREACHABLE:
        return PIL_E_UNREACHABLE;
    case PIL_TLS_DENIED:
    case PIL_TLS_LIMIT:
    case PIL_TLS_NO_IDENTITY:
        return PIL_E_REFUSED;
    case PIL_TLS_INTERNAL:
    case PIL_TLS_STOPPED:
        return PIL_E_INTERNAL;
    default:
        return PIL_E_PEER;
    }
}

int pil_reason_x509(enum pil_tls_reason reason)
{
    switch (reason) {
    case PIL_TLS_NONE:
        return X509_V_OK;
    case PIL_TLS_WRONG_ROOT:
    case PIL_TLS_SELF_SIGNED:
        return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    case PIL_TLS_EXPIRED:
        return X509_V_ERR_CERT_HAS_EXPIRED;
    case PIL_TLS_REVOKED:
        return X509_V_ERR_CERT_REVOKED;
    case PIL_TLS_INTERNAL:
        return X509_V_ERR_OUT_OF_MEM;
    default:
        return X509_V_ERR_CERT_REJECTED;
    }
}
