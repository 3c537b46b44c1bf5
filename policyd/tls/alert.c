#include "policyd/tls/alert.h"

#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#include "core/err.h"
#include "policyd/tls/aead.h"

#define HEADER 5u
#define TEXT   3u /* level, description, type of record */

static void nonce_of(const struct pil_traffic *out, uint8_t nonce[PIL_AEAD_NONCE])
{
    memcpy(nonce, out->iv, PIL_AEAD_NONCE);
    for (unsigned i = 0; i < 8; i++)
        nonce[PIL_AEAD_NONCE - 1 - i] ^= (uint8_t)(out->seq >> (8 * i));
}

static int seal(uint16_t suite, const struct pil_traffic *out, uint8_t code, uint8_t *record)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t text[TEXT] = {SSL3_AL_FATAL, code, SSL3_RT_ALERT};
    uint8_t nonce[PIL_AEAD_NONCE];
    int err = ctx ? pil_aead_init(ctx, suite, out->key) : PIL_E_NOMEM;

    nonce_of(out, nonce);
    if (!err)
        err = pil_aead_seal(ctx, nonce, record, HEADER, text, sizeof(text), record + HEADER);
    EVP_CIPHER_CTX_free(ctx);
    return err;
}

void pil_alert_send(int fd, uint16_t suite, const struct pil_traffic *out, uint8_t code)
{
    uint8_t record[HEADER + TEXT + PIL_AEAD_TAG] = {SSL3_RT_APPLICATION_DATA, TLS1_2_VERSION_MAJOR,
                                                    TLS1_2_VERSION_MINOR, 0, TEXT + PIL_AEAD_TAG};

    if (seal(suite, out, code, record) == PIL_OK)
        (void)send(fd, record, sizeof(record), MSG_DONTWAIT | MSG_NOSIGNAL);
}
