/* pillion run: judge the program, bring the library in, let policyd expect it, become it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/governed.h"
#include "cli/inspect/binary.h"
#include "cli/options.h"
#include "cli/preload.h"
#include "cli/program.h"
#include "cli/solo.h"
#include "cli/watcher.h"
#include "core/err.h"

/* The process keeps its pid over exec, so policyd can be told to expect this very one. The
 * connection stays: it is what the watcher learns the outcome from. */
static int announce(struct pil_client *c, const char *socket, uint64_t timeout_ms)
{
    json_t *argument =
        json_pack("{s:I, s:I}", "pid", (json_int_t)getpid(), "timeout_ms", (json_int_t)timeout_ms);
    json_t *answer = NULL;
    int error = pil_client_open(c, socket);

    if (!error)
        error = pil_client_call(c, "expect", argument, &answer, NULL);
    if (error)
        pil_cli_error("%s; nothing was executed", c->problem);
    json_decref(answer);
    json_decref(argument);
    return pil_cli_exit_of(error);
}

static int become(const char *path, char **argv, const char *argv0)
{
    int error;

    if (argv0)
        argv[0] = (char *)argv0;
    execv(path, argv);
    error = errno;
    pil_cli_error("cannot run \"%s\": %s", path, strerror(error));
    return error == ENOENT ? PIL_EXIT_NOTFOUND : PIL_EXIT_UNCOVERED;
}

/* A path that the program finds from whichever folder it stands in. */
static int make_whole(char *socket, size_t cap)
{
    char whole[PATH_MAX];

    if (socket[0] == '/' || socket[0] == '@')
        return PIL_EXIT_OK;
    if (realpath(socket, whole) && strlen(whole) <= PIL_SOCKET_MAX && strlen(whole) < cap) {
        memcpy(socket, whole, strlen(whole) + 1);
        return PIL_EXIT_OK;
    }
    pil_cli_error("run: \"%s\" cannot be named by a whole path of at most %u bytes, which the "
                  "program needs",
                  socket, (unsigned)PIL_SOCKET_MAX);
    return PIL_EXIT_USAGE;
}

struct wishes {
    const char *solo, *socket, *log, *argv0;
    uint64_t timeout_ms;
    bool verbose;
};

/* Where the client will look for policyd. */
static const char *chosen(const struct wishes *w)
{
    const char *named = w->socket ? w->socket : getenv("PILLION_SOCKET");

    return named && *named ? named : PIL_DEFAULT_SOCKET;
}

/* What inspect would say of it, on stderr: the program's own output is not ours to write to. */
static void tell_findings(const char *path, const char *library)
{
    struct pil_inspected subject = {.library = library, .uid = getuid(), .gid = getgid()};
    struct pil_findings findings = {0};
    struct pil_binary binary;

    snprintf(subject.path, sizeof(subject.path), "%s", path);
    pil_inspect_binary(&subject, &binary, &findings);
    pil_binary_print(&binary, &findings, stderr);
    pil_findings_print(&findings, stderr);
    pil_findings_free(&findings);
}

static int run(const struct wishes *w, char **argv)
{
    char path[PATH_MAX], library[PATH_MAX];
    struct pil_client *client;
    struct pil_solo solo;
    const char *reachable;
    int code = pil_program_find(argv[0], path);

    if (!code && !pil_preload_find(library))
        code = PIL_EXIT_FAILED;
    if (!code)
        code = pil_program_judge(path, library);
    if (!code)
        code = pil_governed_judge(w->solo ? NULL : chosen(w), library);
    if (!code && w->verbose)
        tell_findings(path, library);
    if (!code && w->solo)
        code = pil_solo_start(&solo, w->solo, w->log);
    if (code)
        return code;
    client = malloc(sizeof(*client));
    if (!client)
        return PIL_EXIT_FAILED;
    code = announce(client, w->solo ? solo.socket : w->socket, w->timeout_ms);
    if (!code)
        code = make_whole(client->socket, sizeof(client->socket));
    /* The private folder is closed to a program that changes its user; the abstract name is not. */
    reachable = w->solo ? solo.abstract : client->socket;
    if (!code && !pil_preload_environment(library, reachable, w->solo != NULL))
        code = PIL_EXIT_FAILED;
    if (!code)
        pil_watcher_leave(client, path, w->timeout_ms);
    pil_client_close(client);
    free(client);
    return code ? code : become(path, argv, w->argv0);
}

static int judge_wishes(struct wishes *w, const char *timeout)
{
    if (w->solo && w->socket) {
        pil_cli_error("run: --solo makes a socket of its own; --socket cannot be given with it");
        return PIL_EXIT_USAGE;
    }
    if (w->log && !w->solo) {
        pil_cli_error("run: --log belongs to --solo; else policyd's settings name the log");
        return PIL_EXIT_USAGE;
    }
    if (timeout && !pil_options_number("timeout", timeout, 1, 600000, &w->timeout_ms))
        return PIL_EXIT_USAGE;
    return PIL_EXIT_OK;
}

int pil_cmd_run(const struct pil_command *self, int argc, char **argv)
{
    struct wishes w = {.timeout_ms = PIL_HELLO_MS};
    const char *timeout = NULL;
    const struct pil_option rows[] = {
        {0, "solo", "FILE", "a private policyd with this policy, file or folder", NULL, &w.solo,
         NULL},
        {0, "log", "FILE", "with --solo: decision log, - for stderr (none)", NULL, &w.log, NULL},
        {0, "argv0", "NAME", "what the program finds as its own name", NULL, &w.argv0, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &w.socket, NULL},
        {'v', "verbose", NULL, "say first what `pillion inspect` finds", &w.verbose, NULL, NULL},
        {'t', "timeout", "MS", "for the library's hello, else it is ended (5000)", NULL, &timeout,
         NULL},
    };
    int first, code;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), true, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    if (!pil_options_operands(self, argc - first, 1, -1))
        return PIL_EXIT_USAGE;
    code = judge_wishes(&w, timeout);
    return code ? code : run(&w, argv + first);
}
