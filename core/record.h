/*
 * The keys of TLS 1.3 records: what a handshake leaves behind for whoever seals and opens them.
 *
 * Plain data without ownership; whoever holds one wipes it. Threads, fork, signals: data only.
 */
#ifndef PIL_CORE_RECORD_H
#define PIL_CORE_RECORD_H

#include <stdint.h>

/* IANA's numbers. */
enum pil_suite {
    PIL_SUITE_AES_128_GCM = 0x1301,
    PIL_SUITE_AES_256_GCM = 0x1302,
    PIL_SUITE_CHACHA20 = 0x1303,
};

/* One direction. The key takes 16 or 32 bytes by suite; seq is that of the next record. */
struct pil_traffic {
    uint8_t key[32];
    uint8_t iv[12];
    uint64_t seq;
    uint8_t secret[48]; /* from which the next key comes (RFC 8446 7.2) */
    uint8_t secret_len;
};

#endif
