#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 24u
#define FIRST_LONG  256 /* getopt values of rows; letters are below */

static void print_help(const struct pil_command *command, const struct pil_option *rows,
                       size_t count)
{
    printf("usage: pillion %s %s\n\n%s\n\n", command->name, command->synopsis, command->summary);
    for (size_t i = 0; i < count; i++) {
        char left[48];

        snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].value ? " " : "",
                 rows[i].value ? rows[i].value : "");
        if (rows[i].letter)
            printf("  -%c, %-20s %s\n", rows[i].letter, left, rows[i].help);
        else
            printf("      %-20s %s\n", left, rows[i].help);
    }
    puts("  -h, --help               print this");
}

static bool add_word(struct pil_words *list, const char *word)
{
    const char **grown = realloc(list->item, (list->count + 1) * sizeof(*grown));

    if (!grown)
        return false;
    list->item = grown;
    list->item[list->count++] = word;
    return true;
}

static bool store(const struct pil_option *row, const char *value)
{
    if (row->flag)
        *row->flag = true;
    else if (row->text)
        *row->text = value;
    else
        return add_word(row->list, value);
    return true;
}

struct tables {
    struct option longs[OPTIONS_MAX + 2];
    char letters[3 * OPTIONS_MAX + 4];
};

static void build(struct tables *t, const struct pil_option *rows, size_t count, bool program)
{
    size_t n = 0;

    memset(t, 0, sizeof(*t));
    if (program)
        t->letters[n++] = '+';
    t->letters[n++] = ':';
    t->letters[n++] = 'h';
    for (size_t i = 0; i < count; i++) {
        t->longs[i] = (struct option){.name = rows[i].name,
                                      .has_arg = rows[i].value ? required_argument : no_argument,
                                      .val = FIRST_LONG + (int)i};
        if (rows[i].letter) {
            t->letters[n++] = rows[i].letter;
            if (rows[i].value)
                t->letters[n++] = ':';
        }
    }
    t->longs[count] = (struct option){.name = "help", .has_arg = no_argument, .val = 'h'};
}

static const struct pil_option *row_of(int got, const struct pil_option *rows, size_t count)
{
    if (got >= FIRST_LONG)
        return (size_t)(got - FIRST_LONG) < count ? &rows[got - FIRST_LONG] : NULL;
    for (size_t i = 0; i < count; i++)
        if (rows[i].letter == got)
            return &rows[i];
    return NULL;
}

static void complain(const struct pil_command *command, int got, const char *word)
{
    pil_cli_error("%s: %s \"%s\"; `pillion %s --help` lists what is legal", command->name,
                  got == ':' ? "a value is missing behind" : "there is no option", word,
                  command->name);
}

enum pil_options pil_options_read(const struct pil_command *command, const struct pil_option *rows,
                                  size_t count, bool program, int argc, char **argv, int *first)
{
    struct tables t;
    int got;

    build(&t, rows, count < OPTIONS_MAX ? count : OPTIONS_MAX, program);
    opterr = 0;
    optind = 0; /* GNU: start anew, also after an earlier call */
    while ((got = getopt_long(argc, argv, t.letters, t.longs, NULL)) != -1) {
        const struct pil_option *row = row_of(got, rows, count);

        if (got == 'h') {
            print_help(command, rows, count);
            return PIL_OPTIONS_HELP;
        }
        if (!row) {
            complain(command, got, optind > 0 ? argv[optind - 1] : "");
            return PIL_OPTIONS_WRONG;
        }
        if (!store(row, optarg)) {
            pil_cli_error("out of memory");
            return PIL_OPTIONS_WRONG;
        }
    }
    *first = optind;
    return PIL_OPTIONS_OK;
}

int pil_options_exit(enum pil_options result)
{
    return result == PIL_OPTIONS_WRONG ? PIL_EXIT_USAGE : PIL_EXIT_OK;
}

bool pil_options_number(const char *name, const char *text, uint64_t low, uint64_t high,
                        uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && *out >= low && *out <= high)
        return true;
    pil_cli_error("--%s: \"%s\" is not a whole number from %llu to %llu", name, text,
                  (unsigned long long)low, (unsigned long long)high);
    return false;
}

bool pil_options_operands(const struct pil_command *command, int given, int least, int most)
{
    if (given >= least && (most < 0 || given <= most))
        return true;
    pil_cli_error("%s: too %s arguments; usage: pillion %s %s", command->name,
                  given < least ? "few" : "many", command->name, command->synopsis);
    return false;
}

void pil_words_free(struct pil_words *words)
{
    free(words->item);
    *words = (struct pil_words){0};
}
