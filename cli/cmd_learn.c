/* pillion learn: looks on while a program runs, and writes the policy that it needs. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/duration.h"
#include "cli/lesson.h"
#include "cli/options.h"
#include "cli/rules/merge.h"
#include "cli/rules/who.h"

struct wishes {
    struct pil_merge_wishes merge;
    const char *unit, *workload, *socket;
    uint64_t for_ms;
    bool wait;
};

/* "redis-cli -p 6379 ping"; long ones are cut. */
static char *words_of(char **argv)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    for (size_t i = 0; argv[i] && ftell(to) < 80; i++)
        fprintf(to, "%s%.60s", i > 0 ? " " : "", argv[i]);
    return fclose(to) ? NULL : text;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* What the policy would not cover if nobody looked. */
static void warn(const struct pil_lesson *lesson)
{
    for (size_t i = 0; i < lesson->lost_count; i++)
        pil_cli_error("%s was started and is not covered: nothing is known of what it did",
                      lesson->lost[i]);
    if (lesson->missed)
        pil_cli_error("%llu decisions found no room in policyd and are missing here",
                      (unsigned long long)lesson->missed);
}

static int write_policy(struct wishes *w, const struct pil_lesson *lesson)
{
    int code;

    warn(lesson);
    w->merge.lost = lesson->lost;
    w->merge.lost_count = lesson->lost_count;
    pil_shape_open(&w->merge.shape);
    code = pil_merge(&w->merge, &lesson->seen);
    pil_shape_close(&w->merge.shape);
    return code;
}

static int learn_command(struct wishes *w, char **argv)
{
    struct pil_lesson lesson = {0};
    char *words = words_of(argv);
    int status = 0, code = pil_lesson_command(argv, w->wait, &lesson, &status);

    w->merge.what = words ? words : argv[0];
    if (!w->merge.title)
        w->merge.title = base_name(argv[0]);
    if (!code && lesson.processes > 0)
        pil_cli_error("%u of its processes still run; what they do from now on is not learned "
                      "(--wait waits for them)",
                      lesson.processes);
    if (!code)
        code = write_policy(w, &lesson);
    pil_lesson_free(&lesson);
    free(words);
    /* That there was nothing to be learned is said, and the program's own status tells why. */
    return code && code != PIL_EXIT_NO ? code : status;
}

static int learn_host(struct wishes *w)
{
    struct pil_lesson lesson = {0};
    const char *what = w->unit ? w->unit : w->workload;
    char *title = strndup(what, strcspn(what, "."));
    int code = pil_lesson_watch(w->socket, w->unit, w->workload, w->for_ms, &lesson);

    w->merge.what = what;
    if (!w->merge.title)
        w->merge.title = title && *title ? title : what;
    w->merge.of_units = w->unit != NULL;
    if (!code)
        code = write_policy(w, &lesson);
    pil_lesson_free(&lesson);
    free(title);
    return code;
}

/* ---- options -------------------------------------------------------------------------------- */

struct texts {
    const char *widen, *by, *span;
    bool force;
};

static int wrong(const char *text)
{
    pil_cli_error("learn: %s", text);
    return PIL_EXIT_USAGE;
}

static int judge(struct wishes *w, const struct texts *t, bool command)
{
    bool host = w->unit || w->workload;

    if (host == command)
        return wrong("either a program behind --, or --unit or --workload, is needed");
    if (command && (t->span || w->socket))
        return wrong("--for and --socket belong to --unit and --workload");
    if (!command && w->wait)
        return wrong("--wait belongs to a program; --for says how long to look on");
    if (t->widen && !pil_shape_widen(t->widen, &w->merge.shape.widen))
        return wrong("--widen: legal is a list of loopback, network, private, any");
    if (t->by && !pil_who_by(t->by, &w->merge.by))
        return wrong("--by: legal is a list of exe, user, unit, cgroup, with exe or unit in it");
    if (t->span && !pil_duration_parse(t->span, &w->for_ms))
        return wrong("--for: legal is a duration such as 90s, 10m or 2h");
    if (t->force && !w->merge.path)
        return wrong("--force belongs to --output");
    return PIL_EXIT_OK;
}

static const char *own_name(void)
{
    const struct passwd *pw = getpwuid(getuid());

    return pw ? pw->pw_name : NULL;
}

int pil_cmd_learn(const struct pil_command *self, int argc, char **argv)
{
    struct wishes w = {0};
    struct texts t = {0};
    const struct pil_option rows[] = {
        {'o', "output", "FILE", "the policy; one that is there is added to (stdout)", NULL,
         &w.merge.path, NULL},
        {0, "title", "TITLE", "of a new policy (the program's name)", NULL, &w.merge.title, NULL},
        {0, "owner", "OWNER", "of a new policy (your name)", NULL, &w.merge.owner, NULL},
        {0, "by", "FACTS", "what tells programs: of exe,user,unit,cgroup", NULL, &t.by, NULL},
        {0, "widen", "CLASSES", "of peers: of loopback,network,private,any", NULL, &t.widen, NULL},
        {0, "exact", NULL, "generalise no ports and paths", &w.merge.shape.exact, NULL, NULL},
        {0, "force", NULL, "write the file anew, whatever is there", &t.force, NULL, NULL},
        {0, "wait", NULL, "also for what the program leaves running", &w.wait, NULL, NULL},
        {'u', "unit", "UNIT", "look on what runs in this systemd unit", NULL, &w.unit, NULL},
        {'w', "workload", "WORKLOAD", "look on this workload", NULL, &w.workload, NULL},
        {0, "for", "TIME", "with --unit: how long (until interrupted)", NULL, &t.span, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &w.socket, NULL},
    };
    int first, code;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), true, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    code = judge(&w, &t, argc > first);
    if (code)
        return code;
    w.merge.replace = t.force;
    code = pil_merge_possible(&w.merge);
    if (code)
        return code;
    if (!w.merge.owner)
        w.merge.owner = own_name();
    return argc > first ? learn_command(&w, argv + first) : learn_host(&w);
}
