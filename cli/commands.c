/* The table of subcommands, in the order of the help. */
#include <stdio.h>

#include "cli/cli.h"

const struct pil_command pil_commands[] = {
    {"run", "[OPTIONS] [--] COMMAND [ARGUMENT...]", "start a program under policy", pil_cmd_run},
    {"inspect", "[OPTIONS] PROGRAM|PID|UNIT", "say whether a program will be covered, and why not",
     pil_cmd_inspect},
    {"check", "[OPTIONS] FILE|FOLDER...", "show every error and warning of a policy",
     pil_cmd_check},
    {"explain", "[OPTIONS] ACTION RESOURCE", "say who may do what, and which rule decides",
     pil_cmd_explain},
    {"render", "[OPTIONS] [FILE|FOLDER...]", "print a policy, or the one in force, as stable text",
     pil_cmd_render},
    {"status", "[OPTIONS]", "show policyd, its policy and the processes under it", pil_cmd_status},
    {"reload", "[OPTIONS]", "make policyd read its policy again", pil_cmd_reload},
    {"decisions", "[OPTIONS]", "show decisions as they are taken", pil_cmd_decisions},
    {"learn", "[OPTIONS] [--] COMMAND [ARGUMENT...] | --unit UNIT [OPTIONS]",
     "look on while a program runs, and write its policy", pil_cmd_learn},
    {"shadow", "[OPTIONS]", "show what policies in shadow would have changed", pil_cmd_shadow},
    {"enable", "[OPTIONS] UNIT...", "start a systemd service under Pillion", pil_cmd_enable},
    {"disable", "[OPTIONS] UNIT...", "start it without", pil_cmd_disable},
    {"switch", "[OPTIONS] [on|shadow|off]", "turn enforcement of the host off, or on again",
     pil_cmd_switch},
    {"identity", "[OPTIONS] [roots | rotate STEP | revoke WHAT | restore WHAT]",
     "show and rotate identities and roots, revoke an identity", pil_cmd_identity},
    {"version", "[OPTIONS]", "print the version", pil_cmd_version},
    {"help", "[COMMAND]", "print this list, or how a command is used", pil_cmd_help},
};
const size_t pil_command_count = PIL_NELEM(pil_commands);

static const struct {
    int code;
    const char *text;
} exits[] = {
    {PIL_EXIT_OK, "done, allowed"},
    {PIL_EXIT_NO, "denied, a check that failed, or covered with limits"},
    {PIL_EXIT_USAGE, "wrong options or arguments"},
    {PIL_EXIT_UNREACHABLE, "policyd does not run or does not answer"},
    {PIL_EXIT_PERMISSION, "policyd refuses, or is not who it must be"},
    {PIL_EXIT_NOHELLO, "run: the program was ended, because its library said no hello in time"},
    {PIL_EXIT_FAILED, "pillion itself could not do its work"},
    {PIL_EXIT_UNCOVERED, "run, inspect: the program cannot be covered or executed"},
    {PIL_EXIT_NOTFOUND, "run, inspect: there is no such program, process or unit"},
};

void pil_cli_help(void)
{
    puts("usage: pillion COMMAND [OPTIONS] [ARGUMENTS]\n");
    for (size_t i = 0; i < pil_command_count; i++)
        printf("  %-10s %s\n", pil_commands[i].name, pil_commands[i].summary);
    puts("\n`pillion COMMAND --help` tells more. Exit codes:");
    for (size_t i = 0; i < PIL_NELEM(exits); i++)
        printf("  %3d  %s\n", exits[i].code, exits[i].text);
}
