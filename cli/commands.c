/* The table of subcommands, in the order of the help. */
#include "cli/cli.h"

const struct pil_command pil_commands[] = {
    {"run", "[OPTIONS] [--] COMMAND [ARGUMENT...]", "start a program under policy", pil_cmd_run},
    {"check", "[OPTIONS] FILE|FOLDER...", "show every error and warning of a policy",
     pil_cmd_check},
    {"explain", "[OPTIONS] ACTION RESOURCE", "say who may do what, and which rule decides",
     pil_cmd_explain},
    {"render", "[OPTIONS] [FILE|FOLDER...]", "print a policy, or the one in force, as stable text",
     pil_cmd_render},
    {"status", "[OPTIONS]", "show policyd, its policy and the processes under it", pil_cmd_status},
    {"reload", "[OPTIONS]", "make policyd read its policy again", pil_cmd_reload},
    {"decisions", "[OPTIONS]", "show decisions as they are taken", pil_cmd_decisions},
    {"version", "[OPTIONS]", "print the version", pil_cmd_version},
    {"help", "[COMMAND]", "print this list, or how a command is used", pil_cmd_help},
};
const size_t pil_command_count = PIL_NELEM(pil_commands);
