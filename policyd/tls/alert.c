#include "policyd/tls/alert.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/err.h"
#include "policyd/tls/aead.h"

void pil_alert_send(int fd, uint16_t suite, const struct pil_traffic *out, uint8_t code)
{
    struct pil_traffic traffic = *out;
    uint8_t record[PIL_RECORD_ALERT];
    void *ctx = calloc(1, pil_aead_evp.room);

    if (ctx && pil_aead_evp.init(ctx, suite, traffic.key) == PIL_OK &&
        pil_record_alert(&pil_aead_evp, ctx, suite, &traffic, (enum pil_alert)code, record) ==
            PIL_OK)
        (void)send(fd, record, sizeof(record), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (ctx)
        pil_aead_drop(ctx);
    free(ctx);
    OPENSSL_cleanse(&traffic, sizeof(traffic));
}
