/* pillion switch: root turns enforcement of this host off, to shadow, or on again. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/duration.h"
#include "cli/options.h"
#include "cli/out.h"
#include "conf/switch.h"
#include "core/err.h"

struct wishes {
    const char *mode, *reason, *lasts, *file, *socket;
    bool json;
};

/* ---- the order ------------------------------------------------------------------------------ */

static bool read_duration(const char *text, int64_t *seconds)
{
    uint64_t ms;

    if (!pil_duration_parse(text, &ms)) {
        pil_cli_error("--for %s; legal is a length of time such as 30m, 2h or 1d", text);
        return false;
    }
    *seconds = (int64_t)((ms + 999) / 1000);
    return true;
}

/* Who sits there: root may have been somebody else before. */
static void name_caller(char *out, size_t cap)
{
    const struct passwd *user = getpwuid(getuid());
    const char *before = getenv("SUDO_USER");

    snprintf(out, cap, "%.64s (uid %u%s%.64s)", user ? user->pw_name : "?", (unsigned)getuid(),
             before ? ", by sudo from " : "", before ? before : "");
    pil_out_clean(out);
}

static int make_order(const struct wishes *w, struct pil_switch_order *order)
{
    int64_t lasts = 0;

    *order = (struct pil_switch_order){.mode = pil_switch_mode_of(w->mode)};
    if (order->mode == PIL_SWITCH_MODES) {
        pil_cli_error("switch \"%s\"; legal is on, shadow, off", w->mode);
        return PIL_EXIT_USAGE;
    }
    if (w->lasts && order->mode == PIL_SWITCH_ON) {
        pil_cli_error("--for belongs to shadow and off");
        return PIL_EXIT_USAGE;
    }
    if (w->lasts && !read_duration(w->lasts, &lasts))
        return PIL_EXIT_USAGE;
    if (w->reason && strlen(w->reason) >= sizeof(order->reason)) {
        pil_cli_error("--reason: legal are %zu bytes", sizeof(order->reason) - 1);
        return PIL_EXIT_USAGE;
    }
    /* The second that has begun does not count. */
    order->until = lasts ? (int64_t)time(NULL) + lasts + 1 : 0;
    name_caller(order->by, sizeof(order->by));
    snprintf(order->reason, sizeof(order->reason), "%s", w->reason ? w->reason : "");
    return PIL_EXIT_OK;
}

/* ---- what is in force ----------------------------------------------------------------------- */

static void print_text(const char *name, const json_t *from, const char *key)
{
    const char *text = pil_out_string(from, key);

    if (*text == '\0')
        return;
    printf("%s", name);
    pil_out_text(stdout, text);
    putchar('\n');
}

static void print(const json_t *now, bool json)
{
    static const char *const means[] = {
        [PIL_SWITCH_ON] = "policy is enforced",
        [PIL_SWITCH_SHADOW] = "nothing is refused; what would have been is reported",
        [PIL_SWITCH_OFF] = "nothing is refused, and policy is not asked",
    };
    const char *mode = pil_out_string(now, "mode");
    enum pil_switch_mode number = pil_switch_mode_of(mode);

    if (json) {
        pil_out_json(stdout, now, true);
        return;
    }
    printf("the switch is %s: %s\n", mode, number < PIL_SWITCH_MODES ? means[number] : "?");
    print_text("  since   ", now, "since");
    print_text("  until   ", now, "until");
    print_text("  by      ", now, "by");
    print_text("  reason  ", now, "reason");
    print_text("  file    ", now, "path");
    print_text("  problem ", now, "problem");
}

static int show(const struct wishes *w)
{
    json_t *status = NULL;
    int error = pil_client_ask(w->socket, "status", NULL, &status, NULL);

    if (!error)
        print(json_object_get(status, "switch"), w->json);
    json_decref(status);
    return pil_cli_exit_of(error);
}

/* ---- turning it ----------------------------------------------------------------------------- */

/* The file that this policyd looks at; a policyd that does not answer leaves the usual one. */
static void find_file(struct pil_client *c, bool there, const struct wishes *w, char *out,
                      size_t cap)
{
    json_t *status = NULL;
    const char *path = "";

    if (there && !w->file && pil_client_call(c, "status", NULL, &status, NULL) == PIL_OK)
        path = pil_out_string(json_object_get(status, "switch"), "path");
    snprintf(out, cap, "%s", w->file ? w->file : *path ? path : PIL_DEFAULT_SWITCH);
    json_decref(status);
}

static int save(const char *path, const struct pil_switch_order *order)
{
    char problem[512] = "";
    int error = pil_switch_save(path, order, problem, sizeof(problem));

    if (!error)
        return PIL_EXIT_OK;
    pil_cli_error("%s; nothing is changed", problem);
    return error == PIL_E_SYNTAX       ? PIL_EXIT_USAGE
           : error == PIL_E_PERMISSION ? PIL_EXIT_PERMISSION
                                       : PIL_EXIT_FAILED;
}

/* policyd sees the file by itself; asking it makes sure, and has the log say who. */
static int tell(struct pil_client *c, const struct wishes *w, const struct pil_switch_order *order)
{
    json_t *now = NULL;
    int code, error = pil_client_call(c, "switch", NULL, &now, NULL);

    if (error) {
        pil_cli_error("%s", c->problem);
        return pil_cli_exit_of(error);
    }
    print(now, w->json);
    code = strcmp(pil_out_string(now, "mode"), pil_switch_name(order->mode)) == 0 ? PIL_EXIT_OK
                                                                                  : PIL_EXIT_NO;
    json_decref(now);
    return code;
}

static int turn(struct pil_client *c, const struct wishes *w)
{
    struct pil_switch_order order;
    char path[4096];
    int code = make_order(w, &order);
    bool there;

    if (code)
        return code;
    there = pil_client_open(c, w->socket) == PIL_OK;
    find_file(c, there, w, path, sizeof(path));
    code = save(path, &order);
    if (!code && there)
        code = tell(c, w, &order);
    else if (!code) {
        pil_cli_error("%s; %s is written, and holds once policyd runs: until then what is not "
                      "cached is refused",
                      c->problem, path);
        code = PIL_EXIT_UNREACHABLE;
    }
    pil_client_close(c);
    return code;
}

int pil_cmd_switch(const struct pil_command *self, int argc, char **argv)
{
    struct wishes w = {0};
    const struct pil_option rows[] = {
        {'r', "reason", "TEXT", "why; the log keeps it", NULL, &w.reason, NULL},
        {0, "for", "TIME", "turns itself on again after 30m, 2h, 1d ...", NULL, &w.lasts, NULL},
        {0, "file", "FILE", "the switch's file (policyd's setting)", NULL, &w.file, NULL},
        {0, "json", NULL, "print JSON", &w.json, NULL, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &w.socket, NULL},
    };
    struct pil_client *c;
    int first, code;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    if (!pil_options_operands(self, argc - first, 0, 1))
        return PIL_EXIT_USAGE;
    w.mode = argv[first];
    if (!w.mode)
        return show(&w);
    c = malloc(sizeof(*c));
    if (!c)
        return PIL_EXIT_FAILED;
    code = turn(c, &w);
    free(c);
    return code;
}
