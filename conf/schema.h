/*
 * The keywords of the policy language: one table for each block (conf/keywords.c), the only place
 * they are spelled; and the parse by libconfuse, which no other file of the language knows.
 *
 * The scanner (conf/text.h) judges shapes by these tables, the options of libconfuse are made
 * from them, and each row says how its value is taken into the model. A keyword that is in no
 * table is an error.
 *
 * Cost: tables are searched from the front, they are short. Errors: see pil_schema_parse.
 * Threads: tables are constant; parsing is one at a time (libconfuse keeps global state).
 */
#ifndef PIL_CONF_SCHEMA_H
#define PIL_CONF_SCHEMA_H

#include <stddef.h>

#include "conf/diag.h"
#include "conf/model.h"
#include "conf/value.h"
#include "core/bytes.h"

enum pil_shape {
    PIL_SHAPE_VALUE = 0, /* keyword = value */
    PIL_SHAPE_LIST,      /* keyword = { value, value } */
    PIL_SHAPE_BLOCK,     /* keyword { ... }, once */
    PIL_SHAPE_TITLED,    /* keyword "title" { ... }, any number of times */
    PIL_SHAPE_CALL,      /* keyword("text"), any number of times */
};

struct pil_block;

struct pil_keyword {
    const char *name;
    enum pil_shape shape;
    const struct pil_block *block; /* BLOCK and TITLED: what stands inside */
    pil_value_take *take;          /* VALUE and LIST: how it is read */
    const void *with;              /* what take needs: a form, a range, a list of choices */
    size_t offset;                 /* VALUE and LIST: of the field in the block's struct */
    size_t has;                    /* of its bool flag; 0: none */
    size_t at;                     /* of its struct pil_at; 0: none */
};

/* What a block is about, for what is to be done when it ends. */
enum pil_thing {
    PIL_THING_ROOT = 0,
    PIL_THING_WORKLOAD,
    PIL_THING_ROLE,
    PIL_THING_SERVICE,
    PIL_THING_POLICY,
    PIL_THING_RULE,
    PIL_THING_WHEN,
    PIL_THING_RATE,
    PIL_THING_ROUTE,
    PIL_THING_BREAKER,
};

struct pil_block {
    const char *name; /* "" for the root */
    const struct pil_keyword *keyword;
    size_t count; /* at most 32 */
    enum pil_thing thing;
};

/* What may stand outside of all blocks. */
extern const struct pil_block pil_schema_root;

/* The row of a keyword in a block, or NULL. */
const struct pil_keyword *pil_schema_find(const struct pil_block *block, struct pil_slice name);

/* A file that the text asks for. */
struct pil_include {
    char *path;
    unsigned line;
};

struct pil_includes {
    struct pil_include *item;
    size_t count;
};

/*
 * Parses clean text (conf/text.h) and adds what it says to *model. opened[0..opened_count) are the
 * lines in which the blocks begin, in the order in which they end. file belongs to the model.
 * What include() asks for goes to *includes and belongs to the caller. Errors go to the diag;
 * PIL_E_SYNTAX when there were some, PIL_E_MALFORMED when not all was read, PIL_E_NOMEM. The model
 * can be freed in any case.
 */
int pil_schema_parse(const char *text, size_t len, const char *file, const unsigned *opened,
                     size_t opened_count, struct pil_diag *diag, struct pil_model *model,
                     struct pil_includes *includes) PIL_USERESULT;

#endif
