/*
 * TLS 1.3 records (RFC 8446 section 5): sealed and opened, their keys updated.
 *
 * One direction of a connection is a struct pil_traffic and a context of the cipher in use. The
 * cipher itself comes by a table: the shim has a small one of its own, policyd OpenSSL's. What a
 * handshake leaves behind for whoever seals and opens is struct pil_traffic, plain data without
 * ownership; whoever holds one wipes it.
 *
 * Sequence numbers are taken before the cipher runs, so that no failure can lead to a second record
 * under one number.
 *
 * Cost: that of the cipher. Errors: enum pil_err as each function says; after any of them but
 * PIL_E_AGAIN and PIL_E_FULL the connection is to be given up, with pil_record_alert_for as the
 * alert. Memory: the caller's, no allocation. Threads, fork: one user of a direction at a time.
 * Signals: pure functions.
 */
#ifndef PIL_CORE_RECORD_H
#define PIL_CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/defs.h"

#define PIL_RECORD_MAX      16384u /* bytes of content in one record */
#define PIL_RECORD_HEAD     5u
#define PIL_RECORD_TAG      16u
#define PIL_RECORD_OVERHEAD 22u /* head, type, tag: what a record without padding adds */
#define PIL_RECORD_WIRE_MAX (PIL_RECORD_HEAD + PIL_RECORD_MAX + 256u)
#define PIL_RECORD_NONCE    12u

/* IANA's numbers. */
enum pil_suite {
    PIL_SUITE_AES_128_GCM = 0x1301,
    PIL_SUITE_AES_256_GCM = 0x1302,
    PIL_SUITE_CHACHA20 = 0x1303,
};

/* Bytes of a suite's key, and of its hash; 0 for a suite that is none of the three. */
size_t pil_suite_key_len(unsigned suite);
size_t pil_suite_hash_len(unsigned suite);

/* One direction. The key takes 16 or 32 bytes by suite; seq is that of the next record. */
struct pil_traffic {
    uint8_t key[32];
    uint8_t iv[PIL_RECORD_NONCE];
    uint64_t seq;
    uint8_t secret[48]; /* from which the next key comes (RFC 8446 7.2) */
    uint8_t secret_len;
};

/* A stretch of what is enciphered; out may be in, but they do not overlap otherwise. */
struct pil_piece {
    const uint8_t *in;
    uint8_t *out;
    size_t len;
};

/* A cipher implementation. All functions give PIL_OK or an enum pil_err. */
struct pil_aead {
    size_t room; /* bytes of a context, which is aligned to 16 */

    /* Makes a context usable with that key; it can be made anew over an old one. */
    int (*init)(void *ctx, unsigned suite, const uint8_t *key);

    /* Enciphers the pieces one after the other as one message, with the record's head as what is
     * authenticated besides. */
    int (*seal)(void *ctx, const uint8_t nonce[PIL_RECORD_NONCE],
                const uint8_t head[PIL_RECORD_HEAD], const struct pil_piece *pieces, unsigned count,
                uint8_t tag[PIL_RECORD_TAG]);

    /* The way back; PIL_E_PEER when the tag is not that of the message, whose pieces must not be
     * used then. */
    int (*open)(void *ctx, const uint8_t nonce[PIL_RECORD_NONCE],
                const uint8_t head[PIL_RECORD_HEAD], const struct pil_piece *pieces, unsigned count,
                const uint8_t tag[PIL_RECORD_TAG]);

    /* HKDF-Expand-Label (RFC 8446 7.1) without a context, by the hash of the suite. */
    int (*expand)(unsigned suite, const uint8_t *secret, size_t secret_len, const char *label,
                  uint8_t *out, size_t len);
};

/* Content types. */
enum pil_content {
    PIL_CONTENT_ALERT = 21,
    PIL_CONTENT_HANDSHAKE = 22,
    PIL_CONTENT_DATA = 23,
};

/* Alerts that this layer sends or tells apart. */
enum pil_alert {
    PIL_ALERT_CLOSE_NOTIFY = 0,
    PIL_ALERT_UNEXPECTED_MESSAGE = 10,
    PIL_ALERT_BAD_RECORD_MAC = 20,
    PIL_ALERT_RECORD_OVERFLOW = 22,
    PIL_ALERT_DECODE_ERROR = 50,
    PIL_ALERT_INTERNAL_ERROR = 80,
    PIL_ALERT_USER_CANCELED = 90,
};

/* The alert with which to answer an error of this header. */
uint8_t pil_record_alert_for(int err);

/*
 * Seals len (0..PIL_RECORD_MAX) bytes as one record of that type into out, which has room for len +
 * PIL_RECORD_OVERHEAD; in is out + PIL_RECORD_HEAD or does not overlap out. PIL_E_FULL when this
 * key has sealed all that it may (RFC 8446 5.5): see pil_record_worn.
 */
int pil_record_seal(const struct pil_aead *aead, void *ctx, unsigned suite, struct pil_traffic *t,
                    uint8_t type, const uint8_t *in, size_t len, uint8_t *out) PIL_USERESULT;

/* True when the sender's key should be changed before the next record; some millions of records
 * before it must be. */
bool pil_record_worn(unsigned suite, const struct pil_traffic *t);

/*
 * Seals a KeyUpdate (which takes PIL_RECORD_UPDATE bytes of out) and changes the sender's key. The
 * peer is not asked to change its own.
 */
#define PIL_RECORD_UPDATE (5u + PIL_RECORD_OVERHEAD)
int pil_record_update(const struct pil_aead *aead, void *ctx, unsigned suite, struct pil_traffic *t,
                      uint8_t *out) PIL_USERESULT;

/* Seals an alert, which takes PIL_RECORD_ALERT bytes of out. */
#define PIL_RECORD_ALERT (2u + PIL_RECORD_OVERHEAD)
int pil_record_alert(const struct pil_aead *aead, void *ctx, unsigned suite, struct pil_traffic *t,
                     enum pil_alert alert, uint8_t *out) PIL_USERESULT;

/* Changes a direction's key to the next one. */
int pil_record_rekey(const struct pil_aead *aead, void *ctx, unsigned suite,
                     struct pil_traffic *t) PIL_USERESULT;

/*
 * Bytes of the whole record that begins at `at`, of which have are there. PIL_E_AGAIN when not even
 * its length can be told; PIL_E_MALFORMED when it is no protected record, PIL_E_RANGE when it is
 * too long.
 */
int pil_record_length(const uint8_t *at, size_t have, size_t *total) PIL_USERESULT;

struct pil_opened {
    uint8_t type; /* enum pil_content */
    size_t len;   /* of the content, padding taken off */
};

/*
 * Opens the record of total bytes (pil_record_length) in place: its content is at record +
 * PIL_RECORD_HEAD then. PIL_E_PEER when it is forged, PIL_E_MALFORMED when it has no type or one
 * that may not come, PIL_E_RANGE when its content is too long.
 */
int pil_record_open(const struct pil_aead *aead, void *ctx, struct pil_traffic *t, uint8_t *record,
                    size_t total, struct pil_opened *out) PIL_USERESULT;

/* The same, with the content at `to`, which has room for total - PIL_RECORD_OVERHEAD bytes. What
 * was padding, or is of another type than asked for, has been written there, too. */
int pil_record_open_to(const struct pil_aead *aead, void *ctx, struct pil_traffic *t,
                       const uint8_t *record, size_t total, uint8_t *to,
                       struct pil_opened *out) PIL_USERESULT;

/* Overwrites memory with zeroes, in a way that the compiler keeps. */
void pil_record_wipe(void *memory, size_t len);

#endif
