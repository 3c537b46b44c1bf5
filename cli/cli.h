/*
 * What all subcommands of `pillion` share: the table row, the exit codes, the way to complain.
 *
 * A command is one file cmd_NAME.c with one function; main.c holds the table. Everything else in
 * this folder is a tool of the commands and knows none of them.
 *
 * Errors: a command prints what is wrong on stderr, once, and returns an exit code. Memory: a
 * command is a process; still everything is released, so that leak checkers stay useful.
 */
#ifndef PIL_CLI_CLI_H
#define PIL_CLI_CLI_H

#include "core/defs.h"

/* Documented in pillion.1 and in --help; never renumber. */
enum pil_exit {
    PIL_EXIT_OK = 0,
    PIL_EXIT_NO = 1,          /* denied, a check that failed, covered with limits */
    PIL_EXIT_USAGE = 2,       /* wrong options or arguments */
    PIL_EXIT_UNREACHABLE = 3, /* policyd does not run or does not answer */
    PIL_EXIT_PERMISSION = 4,  /* policyd refuses, or is not who it must be */
    PIL_EXIT_NOHELLO = 123,   /* run: the library said no hello, the program was ended */
    PIL_EXIT_FAILED = 125,    /* pillion itself could not do its work */
    PIL_EXIT_UNCOVERED = 126, /* the program cannot be covered or executed */
    PIL_EXIT_NOTFOUND = 127,  /* no such program, process, unit */
};

struct pil_command {
    const char *name;
    const char *synopsis;                                              /* behind the name */
    const char *summary;                                               /* one line */
    int (*run)(const struct pil_command *self, int argc, char **argv); /* argv[0] is the name */
};

extern const struct pil_command pil_commands[];
extern const size_t pil_command_count;

/* "pillion: ..." and a newline on stderr. */
void pil_cli_error(const char *format, ...) PIL_PRINTF(1, 2);

/* Exit code that belongs to an enum pil_err. */
int pil_cli_exit_of(int error);

/* Lists commands and exit codes, as `pillion help` and `pillion --help` do. */
void pil_cli_help(void);

int pil_cmd_run(const struct pil_command *self, int argc, char **argv);
int pil_cmd_check(const struct pil_command *self, int argc, char **argv);
int pil_cmd_inspect(const struct pil_command *self, int argc, char **argv);
int pil_cmd_explain(const struct pil_command *self, int argc, char **argv);
int pil_cmd_render(const struct pil_command *self, int argc, char **argv);
int pil_cmd_status(const struct pil_command *self, int argc, char **argv);
int pil_cmd_reload(const struct pil_command *self, int argc, char **argv);
int pil_cmd_enable(const struct pil_command *self, int argc, char **argv);
int pil_cmd_disable(const struct pil_command *self, int argc, char **argv);
int pil_cmd_switch(const struct pil_command *self, int argc, char **argv);
int pil_cmd_decisions(const struct pil_command *self, int argc, char **argv);
int pil_cmd_learn(const struct pil_command *self, int argc, char **argv);
int pil_cmd_shadow(const struct pil_command *self, int argc, char **argv);
int pil_cmd_identity(const struct pil_command *self, int argc, char **argv);
int pil_cmd_version(const struct pil_command *self, int argc, char **argv);
int pil_cmd_help(const struct pil_command *self, int argc, char **argv);

#endif
