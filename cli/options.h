/*
 * Options of a subcommand as a table: what is parsed and what --help prints come from the same
 * rows. Exactly one of flag, text and list of a row says where the value goes.
 *
 * Cost: nothing. Errors: said on stderr. Memory: values point into argv; a list is malloc'd and
 * released by pil_words_free. Threads: one (getopt).
 */
#ifndef PIL_CLI_OPTIONS_H
#define PIL_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"

struct pil_words {
    const char **item;
    size_t count;
};

struct pil_option {
    char letter; /* 0: only the long name */
    const char *name;
    const char *value; /* what --help calls the value; NULL for flags */
    const char *help;
    bool *flag;
    const char **text;
    struct pil_words *list; /* may be given more than once */
};

/* How pil_options_read ended. */
enum pil_options {
    PIL_OPTIONS_OK = 0,
    PIL_OPTIONS_HELP,  /* --help: printed; exit 0 */
    PIL_OPTIONS_WRONG, /* said what is wrong; exit 2 */
};

/*
 * Reads the options; *first is the index of the first operand. With `program` set the options end
 * at the first operand, because what follows belongs to another program.
 */
enum pil_options pil_options_read(const struct pil_command *command, const struct pil_option *rows,
                                  size_t count, bool program, int argc, char **argv,
                                  int *first) PIL_USERESULT;

/* PIL_EXIT_OK or PIL_EXIT_USAGE. */
int pil_options_exit(enum pil_options result);

/* A whole number between low and high; says what is legal when it is not one. */
bool pil_options_number(const char *name, const char *text, uint64_t low, uint64_t high,
                        uint64_t *out) PIL_USERESULT;

/* Complains about operands that a command does not take, or that are missing. */
bool pil_options_operands(const struct pil_command *command, int given, int least,
                          int most) PIL_USERESULT;

void pil_words_free(struct pil_words *words);

#endif
