/*
 * What image_verify.c and image_verify_index.c share, and nobody else includes.
 *
 * Cost: linear in what is looked at. Errors: false. Threads, fork, signals: pure functions.
 */
#ifndef PIL_CORE_IMAGE_VERIFY_H
#define PIL_CORE_IMAGE_VERIFY_H

#include "core/image_layout.h"

bool pil_verify_zero(const void *at, size_t len);

/* The span lies within the section. */
bool pil_verify_span(const struct pil_layout_head *h, unsigned section,
                     const struct pil_layout_span *span);

/* The offset is one of the text section, whose last byte is a NUL. */
bool pil_verify_text(const struct pil_layout_head *h, uint32_t offset);

/*
 * Parts, shapes, slots and candidates: every table ends a search, every slot is found from its
 * key and announced by a shape of its part, every candidate agrees with its rule.
 */
bool pil_verify_index(const struct pil_layout_head *h);

#endif
