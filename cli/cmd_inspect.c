/* pillion inspect: whether a program, a unit or a process is covered, why not, and the remedy. */
#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/facts.h"
#include "cli/inspect/binary.h"
#include "cli/inspect/process.h"
#include "cli/inspect/unit.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/preload.h"
#include "cli/program.h"
#include "core/err.h"

struct wishes {
    bool json, unit, pid;
    const char *user, *socket;
};

/* What one look ends with: printed, and turned into an exit status. */
struct report {
    struct pil_findings findings;
    const char *kind;
    json_t *json; /* what there is beside the findings */
};

static int exit_of(const struct pil_findings *f)
{
    static const int codes[] = {[PIL_REACH_NOTE] = PIL_EXIT_OK,
                                [PIL_REACH_LIMITED] = PIL_EXIT_NO,
                                [PIL_REACH_REFUSED] = PIL_EXIT_UNCOVERED};

    return codes[pil_findings_worst(f)];
}

static int finish(const struct wishes *w, const char *subject, struct report *r)
{
    int code = exit_of(&r->findings);

    if (w->json) {
        json_t *all = json_pack("{s:o, s:s, s:s, s:o}", "subject", pil_out_json_text(subject),
                                "kind", r->kind, "verdict", pil_findings_verdict(&r->findings),
                                "findings", pil_findings_json(&r->findings));

        json_object_update(all, r->json);
        pil_out_json(stdout, all, true);
        json_decref(all);
    } else {
        pil_findings_print(&r->findings, stdout);
    }
    json_decref(r->json);
    pil_findings_free(&r->findings);
    return code;
}

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

/* A word without a slash that is no program in PATH but ends like a unit is one. */
static bool is_unit(const char *text)
{
    const char *dot = strrchr(text, '.');

    return !strchr(text, '/') && dot && strcmp(dot, ".service") == 0;
}

/* Who would start it. */
static int subject_for(const struct wishes *w, const char *library, struct pil_inspected *out)
{
    struct pil_process_facts facts = {0};
    const struct passwd *owner;

    memset(out, 0, sizeof(*out));
    out->library = library;
    out->uid = getuid();
    out->gid = getgid();
    out->anybody = !w->user;
    if (!w->user)
        return PIL_EXIT_OK;
    if (pil_facts_user(w->user, &facts)) {
        pil_cli_error("inspect: there is no user \"%s\"", w->user);
        return PIL_EXIT_USAGE;
    }
    out->uid = facts.uid;
    owner = getpwuid(facts.uid);
    out->gid = owner ? owner->pw_gid : out->gid;
    return PIL_EXIT_OK;
}

static int inspect_program(const struct wishes *w, const char *name, struct pil_inspected *subject)
{
    struct report r = {.kind = "program"};
    struct pil_binary binary;
    int code = pil_program_find(name, subject->path);

    if (code)
        return code;
    pil_inspect_binary(subject, &binary, &r.findings);
    if (!w->json)
        pil_binary_print(&binary, &r.findings, stdout);
    r.json = json_pack("{s:o}", "program", pil_binary_json(&binary));
    return finish(w, name, &r);
}

static int inspect_unit(const struct wishes *w, const char *name, struct pil_inspected *subject)
{
    struct report r = {.kind = "unit"};
    struct pil_binary binary;
    struct pil_unit unit;
    int code = pil_inspect_unit(name, w->socket, subject, &unit, &binary, &r.findings);

    if (!code && !w->json) {
        printf("unit       %s, by %s\n", unit.name, unit.source);
        pil_binary_print(&binary, &r.findings, stdout);
    }
    if (!code) {
        r.json = json_pack("{s:o, s:{s:o, s:o}, s:i}", "program", pil_binary_json(&binary), "unit",
                           "name", pil_out_json_text(unit.name), "source",
                           pil_out_json_text(unit.source), "uid", (int)subject->uid);
        code = finish(w, name, &r);
    } else {
        pil_findings_free(&r.findings);
    }
    pil_unit_free(&unit);
    return code;
}

static int inspect_process(const struct wishes *w, const char *text)
{
    struct report r = {.kind = "process"};
    uint64_t pid;
    int code;

    if (!pil_options_number("pid", text, 1, INT32_MAX, &pid))
        return PIL_EXIT_USAGE;
    code = pil_inspect_process((pid_t)pid, w->socket, &r.json, &r.findings);
    if (code)
        return code;
    if (!w->json)
        pil_process_print(r.json, &r.findings, stdout);
    return finish(w, text, &r);
}

int pil_cmd_inspect(const struct pil_command *self, int argc, char **argv)
{
    struct wishes w = {0};
    const struct pil_option rows[] = {
        {0, "json", NULL, "one JSON document", &w.json, NULL, NULL},
        {0, "unit", NULL, "the argument is a unit, whatever it looks like", &w.unit, NULL, NULL},
        {0, "pid", NULL, "the argument is a process", &w.pid, NULL, NULL},
        {'u', "user", "USER", "who would start the program (you)", NULL, &w.user, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &w.socket, NULL},
    };
    struct pil_inspected subject;
    char library[PATH_MAX];
    int first, code;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    if (!pil_options_operands(self, argc - first, 1, 1))
        return PIL_EXIT_USAGE;
    if (w.pid || (!w.unit && is_number(argv[first])))
        return inspect_process(&w, argv[first]);
    if (!pil_preload_find(library))
        return PIL_EXIT_FAILED;
    code = subject_for(&w, library, &subject);
    if (code)
        return code;
    if (w.unit || is_unit(argv[first]))
        return inspect_unit(&w, argv[first], &subject);
    return inspect_program(&w, argv[first], &subject);
}
