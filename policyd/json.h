/*
 * One line of JSON into a fixed buffer, without allocation: for records that are written by the
 * thousand. Answers to people are made with jansson.
 *
 * Text that is not UTF-8 is legal input (paths are bytes): each bad byte becomes U+FFFD. Text is
 * cut at PIL_JSON_TEXT bytes, and then ends in U+2026. A line that outgrows its buffer is failed
 * as a whole (pil_json_end gives 0), never half written.
 *
 * Cost: linear in the text. Threads: a line belongs to one thread.
 */
#ifndef PIL_POLICYD_JSON_H
#define PIL_POLICYD_JSON_H

#include <stdbool.h>

#include "core/bytes.h"

#define PIL_JSON_TEXT 1100u  /* longest text value kept */
#define PIL_JSON_LINE 24576u /* room that any record of ours fits into */

struct pil_json {
    char *at;
    size_t len, cap;
    bool failed, comma;
};

void pil_json_begin(struct pil_json *j, char *buf, size_t cap);
/* Closes the object and adds a newline; its length, or 0 when it did not fit. */
size_t pil_json_end(struct pil_json *j);

void pil_json_text(struct pil_json *j, const char *key, struct pil_slice value);
void pil_json_string(struct pil_json *j, const char *key, const char *value); /* NULL: null */
void pil_json_u64(struct pil_json *j, const char *key, uint64_t value);
void pil_json_bool(struct pil_json *j, const char *key, bool value);
/* Nanoseconds as microseconds with three decimals. */
void pil_json_micros(struct pil_json *j, const char *key, uint64_t nanoseconds);
/* CLOCK_REALTIME nanoseconds as RFC 3339 in UTC with microseconds. */
void pil_json_time(struct pil_json *j, const char *key, uint64_t realtime_ns);
void pil_json_list(struct pil_json *j, const char *key, char *const *item, size_t count);

#endif
