/*
 * Lines of the text that Prometheus reads (exposition format 0.0.4): names get "pillion_" in front.
 *
 * Cost: what is appended. Errors: none; without memory a line is missing. Threads: as the buffer.
 */
#ifndef PIL_POLICYD_EXPOSITION_H
#define PIL_POLICYD_EXPOSITION_H

#include <stdint.h>

struct evbuffer;

/* What the metric is, in front of its values; type is "counter", "gauge" or "histogram". */
void pil_exposition_head(struct evbuffer *out, const char *name, const char *type,
                         const char *help);

/* A metric with one value, and its head. */
void pil_exposition_one(struct evbuffer *out, const char *name, const char *type, const char *help,
                        uint64_t value);

/* One value of several, told apart by a label. */
void pil_exposition_labelled(struct evbuffer *out, const char *name, const char *label,
                             const char *is, uint64_t value);

#endif
