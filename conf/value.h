/*
 * Values of the policy language: from what was written to a field of the model.
 *
 * One function for each kind of value; what makes keywords of a kind differ (the form of a text,
 * a range, a list of words) is data that the schema's row brings along.
 *
 * Cost: linear in the text. Errors: told to the diag with the line of the very item, the field
 * then keeps what it had; running out of memory sets pil_fill.nomem. Memory: taken texts are
 * copies that belong to the model. Threads: one at a time.
 */
#ifndef PIL_CONF_VALUE_H
#define PIL_CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/diag.h"

/* One word or string of the text, with its line. */
struct pil_word {
    unsigned line;
    char text[];
};

/* What stands behind one keyword. */
struct pil_written {
    const char *keyword;
    struct pil_word *const *word;
    size_t count;  /* a single value has exactly one */
    unsigned line; /* of the first word, or of the block when there is none */
};

/* Where taken values go and who hears of errors. */
struct pil_fill {
    struct pil_diag *diag;
    const char *file;
    bool nomem;
};

typedef void pil_value_take(struct pil_fill *fill, const void *with,
                            const struct pil_written *written, void *field);

/* How a text must look. */
struct pil_form {
    const char *what; /* "path", "resource": names it in messages */
    bool (*fits)(const char *text, const char **legal); /* may point *legal to a better sentence */
    void (*normalize)(char *text);                      /* applied to the copy first; may be NULL */
    const char *legal;
    size_t max; /* bytes; 0: PIL_TEXT_MAX */
};

/* A number and where it may lie; width is the size of the field in bytes (1, 2 or 4). */
struct pil_range {
    uint32_t low, high;
    size_t width;
    const char *legal;
};

/* Words that stand for small numbers; ends with a NULL word. */
struct pil_choice {
    const char *word;
    uint16_t number;
};
struct pil_choices {
    const struct pil_choice *choice;
    size_t width; /* 1 or 2 */
};

pil_value_take pil_value_text;     /* with: struct pil_form;    field: char * */
pil_value_take pil_value_texts;    /* with: struct pil_form;    field: struct pil_strings */
pil_value_take pil_value_number;   /* with: struct pil_range */
pil_value_take pil_value_duration; /* with: struct pil_range;   field: uint32_t, milliseconds */
pil_value_take pil_value_choice;   /* with: struct pil_choices */
pil_value_take pil_value_hours;    /* with: nothing;            field: struct pil_hours */
pil_value_take pil_value_days;     /* with: nothing;            field: uint8_t, bit 0 is Monday */
pil_value_take pil_value_uids;     /* with: offset of the count from the field;
                                      field: uint32_t * */

extern const struct pil_form pil_form_path, pil_form_user, pil_form_unit, pil_form_cgroup,
    pil_form_sha256, pil_form_member, pil_form_subject, pil_form_title, pil_form_resource,
    pil_form_endpoint, pil_form_spiffe, pil_form_domain, pil_form_owner, pil_form_zone,
    pil_form_action, pil_form_prefix, pil_form_caller, pil_form_fallback;

/* Array with room for one more item: grows when count is zero or a power of two. NULL when out of
 * memory, the old array then stays. */
void *pil_value_grow(void *array, size_t count, size_t size) PIL_USERESULT;

#endif
