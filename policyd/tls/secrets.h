/*
 * Traffic keys of a finished handshake: secrets as OpenSSL tells them by its key log, sequence
 * numbers as counted from the records that it says it handled.
 *
 * Cost: a key schedule for each direction. Errors: PIL_E_INTERNAL when OpenSSL told less than it
 * must have; then nothing is handed out. Threads: that of its SSL object.
 */
#ifndef PIL_POLICYD_TLS_SECRETS_H
#define PIL_POLICYD_TLS_SECRETS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/defs.h"
#include "core/record.h"

#define PIL_SECRET_MAX 48u

/* What has been heard of one direction. */
struct pil_secret {
    uint8_t at[PIL_SECRET_MAX];
    uint8_t len;      /* 0: not told yet */
    bool finished;    /* its Finished is over, so records count */
    bool rekeyed;     /* a KeyUpdate went by: the secret is an old one */
    uint64_t records; /* under the application's key */
};

struct pil_secrets {
    struct pil_secret client, server; /* by whose sending they protect */
    bool is_server;                   /* whose side this is */
};

/* One line of the key log. Lines of other secrets are passed over. */
void pil_secrets_line(struct pil_secrets *s, const char *line);

/* A message or record, as SSL_set_msg_callback tells. */
void pil_secrets_message(struct pil_secrets *s, bool sent, int type, const void *at, size_t len);

/* Fills in one direction: sent = true that of this side. */
int pil_secrets_traffic(const struct pil_secrets *s, unsigned suite, bool sent,
                        struct pil_traffic *out) PIL_USERESULT;

void pil_secrets_wipe(struct pil_secrets *s);

#endif
