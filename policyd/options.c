#include "policyd/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"

static const struct pil_at nowhere = {0};

enum { OPT_ABSTRACT = 256, OPT_SOLO, OPT_LOG_ALLOWS, OPT_ON_FULL, OPT_PIDFILE, OPT_VERSION };

static const struct option longs[] = {
    {"config", required_argument, NULL, 'c'},
    {"check", no_argument, NULL, 'n'},
    {"foreground", no_argument, NULL, 'f'},
    {"keep", no_argument, NULL, 'k'},
    {"policy", required_argument, NULL, 'p'},
    {"socket", required_argument, NULL, 's'},
    {"abstract", required_argument, NULL, OPT_ABSTRACT},
    {"solo-pid", required_argument, NULL, OPT_SOLO},
    {"log", required_argument, NULL, 'l'},
    {"log-allows", required_argument, NULL, OPT_LOG_ALLOWS},
    {"on-full", required_argument, NULL, OPT_ON_FULL},
    {"metrics", required_argument, NULL, 'm'},
    {"pidfile", required_argument, NULL, OPT_PIDFILE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* Options that are settings. */
static const struct {
    int option;
    const char *setting;
} settable[] = {
    {'p', "policy"},
    {'s', "socket"},
    {OPT_ABSTRACT, "abstract"},
    {'l', "log"},
    {OPT_LOG_ALLOWS, "log_allows"},
    {OPT_ON_FULL, "on_full"},
    {'m', "metrics"},
    {OPT_PIDFILE, "pidfile"},
};

const char *pil_options_help(void)
{
    return "usage: policyd [OPTIONS]\n"
           "  -c, --config FILE      settings (" PIL_DEFAULT_SETTINGS ", if it is there)\n"
           "  -n, --check            read settings and policy, say what is wrong, exit\n"
           "  -f, --foreground       do not go to the background\n"
           "  -k, --keep             keep the sockets in a process of its own, which starts "
           "policyd\n"
           "                         again when it ends; SIGUSR2 upgrades\n"
           "  -p, --policy PATH      a policy file or directory; may be given again\n"
           "  -s, --socket PATH      the socket; without --abstract there is no abstract name "
           "then\n"
           "      --abstract NAME    the abstract name, \"@...\", or \"\" for none\n"
           "      --solo-pid PID     leave when that process and all sessions are gone\n"
           "  -l, --log PATH         the decision log, or \"stderr\"\n"
           "      --log-allows WHAT  all, denials\n"
           "      --on-full WHAT     drop, block, deny\n"
           "  -m, --metrics WHERE    127.0.0.1:PORT, [::1]:PORT or unix:/path; may be given again\n"
           "      --pidfile PATH     where the process id is written\n"
           "  -h, --help             this\n"
           "      --version          the version\n";
}

static bool read_pid(const char *text, struct pil_options *out, struct pil_diag *diag)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < 1 || value > 0x7fffffff) {
        pil_diag_error(diag, nowhere, "--solo-pid %s; legal is a process id", text);
        return false;
    }
    out->solo = (pid_t)value;
    return true;
}

static const char *setting_of(int option)
{
    for (size_t i = 0; i < PIL_NELEM(settable); i++)
        if (settable[i].option == option)
            return settable[i].setting;
    return NULL;
}

/* Options that change what is read, before anything is read. */
static const char *first_pass(int argc, char **argv, struct pil_options *out, struct pil_diag *diag)
{
    const char *config = NULL;
    int option;

    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":c:nfkp:s:l:m:h", longs, NULL)) != -1) {
        switch (option) {
        case 'c':
            config = optarg;
            break;
        case 'n':
            out->check = true;
            break;
        case 'f':
            out->foreground = true;
            break;
        case 'k':
            out->keep = true;
            break;
        case 'h':
            out->help = true;
            break;
        case OPT_VERSION:
            out->version = true;
            break;
        case OPT_SOLO:
            read_pid(optarg, out, diag);
            break;
        case ':':
            pil_diag_error(diag, nowhere, "option %s needs a value; policyd --help lists them",
                           argv[optind - 1]);
            break;
        case '?':
            pil_diag_error(diag, nowhere, "unknown option %s; policyd --help lists them",
                           argv[optind - 1]);
            break;
        default:
            break;
        }
    }
    if (optind < argc)
        pil_diag_error(diag, nowhere, "unexpected \"%s\"; policyd takes options only",
                       argv[optind]);
    if (out->keep && out->solo)
        pil_diag_error(diag, nowhere, "--keep and --solo-pid; legal is one of them");
    return config;
}

static void second_pass(int argc, char **argv, struct pil_diag *diag, struct pil_settings *settings)
{
    bool given[512] = {false};
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, ":c:nfkp:s:l:m:h", longs, NULL)) != -1) {
        const char *setting = setting_of(option);

        if (setting &&
            pil_settings_set(settings, setting, optarg, given[option], diag) == PIL_E_NOMEM)
            pil_diag_error(diag, nowhere, "%s", pil_err_text(PIL_E_NOMEM));
        if (setting)
            given[option] = true;
    }
    /* A private socket does not answer for the host's name. */
    if (given['s'] && !given[OPT_ABSTRACT] &&
        pil_settings_set(settings, "abstract", "", false, diag))
        pil_diag_error(diag, nowhere, "%s", pil_err_text(PIL_E_NOMEM));
}

int pil_options_read(int argc, char **argv, struct pil_diag *diag, struct pil_options *out,
                     struct pil_settings *settings)
{
    unsigned before = diag->errors;
    const char *config;

    *out = (struct pil_options){0};
    config = first_pass(argc, argv, out, diag);
    if (out->help || out->version)
        return PIL_OK;
    if (!config && !out->solo && access(PIL_DEFAULT_SETTINGS, F_OK) == 0)
        config = PIL_DEFAULT_SETTINGS;
    if (config && pil_settings_load(config, diag, settings) == PIL_E_NOMEM)
        return PIL_E_NOMEM;
    second_pass(argc, argv, diag, settings);
    return diag->errors > before ? PIL_E_SYNTAX : PIL_OK;
}
