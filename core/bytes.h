/*
 * Bounded cursors over memory, with sticky failure.
 *
 * A reader or writer that once ran past its end stays failed: every later get gives zero, every
 * later put writes nothing, and the one check at the end (pil_reader_end, pil_writer_end) tells.
 * So decoders read straight down, and cannot forget a length. Space is compared by subtraction,
 * sums never wrap.
 *
 * Cost: a comparison and a copy each. Errors: as above. Memory: the caller's; strings that come
 * out of a reader point into its buffer. Threads: a cursor belongs to one thread; safe after
 * fork and in signal handlers.
 */
#ifndef PIL_CORE_BYTES_H
#define PIL_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/defs.h"

/* A piece of text or memory that somebody else owns; not NUL-terminated. */
struct pil_slice {
    const char *at;
    size_t len;
};

/* The slice of a NUL-terminated string; NULL gives the empty slice. */
struct pil_slice pil_slice_of(const char *text);

/* True when both hold the same bytes. */
bool pil_slice_equal(struct pil_slice a, struct pil_slice b);

struct pil_reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

void pil_reader_init(struct pil_reader *r, const void *buf, size_t len);
uint8_t pil_get_u8(struct pil_reader *r);
uint16_t pil_get_u16(struct pil_reader *r);
uint32_t pil_get_u32(struct pil_reader *r);
uint64_t pil_get_u64(struct pil_reader *r);

/* Copies len bytes to out; zeroes out when they are not there. */
void pil_get_bytes(struct pil_reader *r, void *out, size_t len);

/* A string with a 16-bit length in front. Longer than max bytes, or one that holds a NUL byte,
 * fails the reader and gives the empty slice. */
struct pil_slice pil_get_text(struct pil_reader *r, size_t max);

/* PIL_OK when nothing failed and nothing is left, else PIL_E_TRUNCATED or PIL_E_TRAILING. */
int pil_reader_end(const struct pil_reader *r) PIL_USERESULT;

struct pil_writer {
    uint8_t *start;
    size_t len; /* bytes written so far */
    size_t cap;
    bool failed;
};

void pil_writer_init(struct pil_writer *w, void *buf, size_t cap);
void pil_put_u8(struct pil_writer *w, uint8_t value);
void pil_put_u16(struct pil_writer *w, uint16_t value);
void pil_put_u32(struct pil_writer *w, uint32_t value);
void pil_put_u64(struct pil_writer *w, uint64_t value);
void pil_put_bytes(struct pil_writer *w, const void *from, size_t len);

/* A string with a 16-bit length in front; one longer than 65535 bytes fails the writer. */
void pil_put_text(struct pil_writer *w, struct pil_slice text);

/* PIL_OK, or PIL_E_FULL when something did not fit; then nothing of it may be used. */
int pil_writer_end(const struct pil_writer *w) PIL_USERESULT;

/*
 * printf's job for the few places in the host process that need text, without printf: appends
 * text to a fixed buffer and always terminates it. Longer text is cut, which is not an error.
 */
struct pil_text {
    char *at;
    size_t len; /* without the NUL */
    size_t cap; /* with the NUL; 0 is legal and keeps nothing */
};

void pil_text_init(struct pil_text *t, char *buf, size_t cap);
void pil_text_add(struct pil_text *t, const char *text);
void pil_text_add_slice(struct pil_text *t, struct pil_slice text);
void pil_text_add_u64(struct pil_text *t, uint64_t value);

#endif
