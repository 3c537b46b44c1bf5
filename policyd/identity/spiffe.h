/*
 * SPIFFE IDs as text: spiffe://trust.domain/path/of/it
 *
 * By SPIFFE-ID sections 2.1 to 2.4: a trust domain of a-z 0-9 . - _ and at most 255 bytes; a path
 * of segments of a-z A-Z 0-9 . - _, none of them empty, "." or "..", without a slash at the
 * end; no port, user, query or fragment; at most 2048 bytes in all. Other spellings of the same ID
 * (SPIFFE://, %xx) are refused and not made equal, so that IDs can be compared as text.
 *
 * Cost: one look at each byte. Errors: a sentence that is a constant. Threads: safe everywhere.
 */
#ifndef PIL_POLICYD_IDENTITY_SPIFFE_H
#define PIL_POLICYD_IDENTITY_SPIFFE_H

#include "core/bytes.h"

struct pil_spiffe {
    struct pil_slice domain;
    struct pil_slice path; /* with its slash; empty: the ID of the trust domain itself */
};

/* NULL when it is one, else what is wrong with it. The slices point into id. */
const char *pil_spiffe_parse(struct pil_slice id, struct pil_spiffe *out) PIL_USERESULT;

/* May it stand in a path? */
bool pil_spiffe_segment(struct pil_slice segment);

#endif
