/*
 * What commands print: tables for people, JSON for programs.
 *
 * Text that came from elsewhere (paths, names, answers of policyd) may hold anything; on the way
 * to people its control characters become "?", so that nobody's terminal is steered by a file name.
 *
 * Cost: a table keeps its cells until it is printed. Errors: none; the output stream remembers
 * them and main.c looks. Memory: cells are copied; pil_table_print releases them. Threads: one.
 */
#ifndef PIL_CLI_OUT_H
#define PIL_CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "core/defs.h"

#define PIL_TABLE_COLUMNS 12u

struct pil_table {
    unsigned columns;
    char **cell;
    size_t count, room;
};

/* The first row of cells is the heading. */
void pil_table_init(struct pil_table *table, unsigned columns);
void pil_table_add(struct pil_table *table, const char *format, ...) PIL_PRINTF(2, 3);
void pil_table_print(struct pil_table *table, FILE *to);

/* Replaces control characters in place; the text never grows. */
void pil_out_clean(char *text);

/* Text with its control characters replaced. */
void pil_out_text(FILE *to, const char *text);

/* The document and a newline; indented for `whole` documents, else one line. */
void pil_out_json(FILE *to, const json_t *value, bool whole);

/* Text that may be any bytes as a JSON string; those that are not UTF-8 become "?" each. */
json_t *pil_out_json_text(const char *text);

/* Members of an object, with "" and 0 for what is missing or of another type. */
const char *pil_out_string(const json_t *object, const char *key);
json_int_t pil_out_number(const json_t *object, const char *key);

/* "3d 4h", "2m 5s", "12s". */
void pil_out_age(char *buf, size_t len, json_int_t seconds);

#endif
