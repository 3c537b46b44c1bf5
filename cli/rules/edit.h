/*
 * Policy text changed by insertion: everything that was written by hand stays byte for byte.
 *
 * The text must be one that the loader took; this finds places in it (blocks, lists, values) with
 * the language's own idea of comments and quotes, collects changes, and applies them at once.
 *
 * Cost: linear in the text for each look. Memory: the edit owns its changes, the text is the
 * caller's. Errors: enum pil_err; a place that is not there is false. Threads: one.
 */
#ifndef PIL_CLI_RULES_EDIT_H
#define PIL_CLI_RULES_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/rules/draft.h"
#include "core/bytes.h"

struct pil_edit_change {
    size_t at, cut;
    char *put;
};

struct pil_edit {
    const char *text;
    size_t len;
    struct pil_edit_change *change;
    size_t count;
};

/* From an opening brace to the one that closes it. */
struct pil_span {
    size_t open, close;
};

/* A value of a list: where it stands, quotes included, and what it says (as written). */
struct pil_edit_value {
    size_t at, end;
    struct pil_slice says;
};

/* The block `keyword "title" {`, directly in `in` (NULL: outside of all); title NULL: has none. */
bool pil_edit_block(const struct pil_edit *e, const struct pil_span *in, const char *keyword,
                    const char *title, struct pil_span *out) PIL_USERESULT;

/* The first list of that keyword, directly in `in`. */
bool pil_edit_list(const struct pil_edit *e, const struct pil_span *in, const char *keyword,
                   struct pil_span *out) PIL_USERESULT;

/* The values of a list one by one; *cursor is 0 at first. */
bool pil_edit_next(const struct pil_edit *e, const struct pil_span *list, size_t *cursor,
                   struct pil_edit_value *out) PIL_USERESULT;

/* Adds a value at the end of a list; with its comment where the list has lines of its own. */
int pil_edit_add_value(struct pil_edit *e, const struct pil_span *list,
                       const struct pil_draft_line *line) PIL_USERESULT;

/* Adds text, whole lines, at the end of a block; `indent` of the block's own lines in *indent
 * when the text is still to be made: pil_edit_indent. */
int pil_edit_add_text(struct pil_edit *e, const struct pil_span *block,
                      const char *text) PIL_USERESULT;
int pil_edit_indent(const struct pil_edit *e, const struct pil_span *block);

/* Adds whole lines behind everything. */
int pil_edit_append(struct pil_edit *e, const char *text) PIL_USERESULT;

/* Adds to the times in the comment behind a value. False when there is no such comment. */
bool pil_edit_add_times(struct pil_edit *e, const struct pil_edit_value *value,
                        const struct pil_times *times);

/* Adds one to `version = N` of a block, if it has one. */
int pil_edit_raise_version(struct pil_edit *e, const struct pil_span *block) PIL_USERESULT;

/* The changed text, malloc'd and NUL-terminated; NULL when memory is out. */
char *pil_edit_apply(struct pil_edit *e) PIL_USERESULT;

void pil_edit_free(struct pil_edit *e);

#endif
