/*
 * An alert after the handshake: OpenSSL sends none but its own, and a peer that is refused by
 * policy is to know why.
 *
 * Cost: one record, one call. Errors: none; an alert that cannot be sent is not. Threads: any.
 */
#ifndef PIL_POLICYD_TLS_ALERT_H
#define PIL_POLICYD_TLS_ALERT_H

#include <stdint.h>

#include "core/record.h"

/* Sends the fatal alert `code` (SSL_AD_...) as the next record of this direction, without waiting.
 * Nothing may be sealed with out after that. */
void pil_alert_send(int fd, uint16_t suite, const struct pil_traffic *out, uint8_t code);

#endif
