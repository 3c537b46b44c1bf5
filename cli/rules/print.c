#include "cli/rules/print.h"

#include <string.h>

void pil_print_quoted(FILE *to, const char *text)
{
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', to);
        /* "${" is no text of a policy. A "?" stands for any byte in a pattern of paths. */
        fputc((unsigned char)*text < ' ' || *text == 0x7f || (*text == '$' && text[1] == '{')
                  ? '?'
                  : *text,
              to);
    }
    fputc('"', to);
}

/* ---- times ---------------------------------------------------------------------------------- */

void pil_print_times(FILE *to, const struct pil_times *times)
{
    if (times->count == 1)
        fprintf(to, "# once, %s", times->last);
    else
        fprintf(to, "# %llu times, %s to %s", (unsigned long long)times->count, times->first,
                times->last);
}

/* "2026-11-25 15:50:03" by its shape. */
static bool is_time(const char *text)
{
    static const char shape[] = "0000-00-00 00:00:00";

    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
            return false;
    return true;
}

static void keep_time(char out[PIL_TIMES_TEXT], const char *text)
{
    memcpy(out, text, PIL_TIMES_TEXT - 1);
    out[PIL_TIMES_TEXT - 1] = '\0';
}

bool pil_print_read_times(const char *text, struct pil_times *out, size_t *len)
{
    unsigned long long count;
    int at = 0;

    if (strncmp(text, "# once, ", 8) == 0 && is_time(text + 8)) {
        out->count = 1;
        keep_time(out->first, text + 8);
        keep_time(out->last, text + 8);
        *len = 8 + PIL_TIMES_TEXT - 1;
        return true;
    }
    if (sscanf(text, "# %llu times, %n", &count, &at) != 1 || at == 0 || !is_time(text + at) ||
        strncmp(text + at + PIL_TIMES_TEXT - 1, " to ", 4) != 0 ||
        !is_time(text + at + PIL_TIMES_TEXT + 3))
        return false;
    out->count = count;
    keep_time(out->first, text + at);
    keep_time(out->last, text + at + PIL_TIMES_TEXT + 3);
    *len = (size_t)at + 2 * (PIL_TIMES_TEXT - 1) + 4;
    return true;
}

/* ---- lists ---------------------------------------------------------------------------------- */

void pil_print_line(FILE *to, int indent, const struct pil_draft_line *line)
{
    fprintf(to, "%*s", indent, "");
    pil_print_quoted(to, line->text);
    fputc(',', to);
    if (line->times.count > 0) {
        fputs("  ", to);
        pil_print_times(to, &line->times);
        if (line->note)
            fprintf(to, "; %s", line->note);
    }
    fputc('\n', to);
}

static void print_list(FILE *to, int indent, const char *keyword, const struct pil_draft_list *list)
{
    if (list->count == 1 && list->item[0].times.count == 0) {
        fprintf(to, "%*s%s = {", indent, "", keyword);
        pil_print_quoted(to, list->item[0].text);
        fputs("}\n", to);
        return;
    }
    fprintf(to, "%*s%s = {\n", indent, "", keyword);
    for (size_t i = 0; i < list->count; i++)
        pil_print_line(to, indent + 4, &list->item[i]);
    fprintf(to, "%*s}\n", indent, "");
}

void pil_print_subjects(FILE *to, const struct pil_draft *draft, uint64_t who)
{
    const struct pil_draft_role *role = pil_draft_role_of(draft, who);
    const char *comma = "";

    if (role) {
        fprintf(to, "\"role:%s\"", role->title);
        return;
    }
    for (; who; who &= who - 1) {
        fprintf(to, "%s\"workload:%s\"", comma, draft->subject[__builtin_ctzll(who)]);
        comma = ", ";
    }
}

/* ---- things --------------------------------------------------------------------------------- */

static void print_fact(FILE *to, const char *keyword, const char *value)
{
    fputc(' ', to);
    fprintf(to, "%s = ", keyword);
    pil_print_quoted(to, value);
}

void pil_print_workload(FILE *to, const struct pil_who *who)
{
    if (pil_who_interprets(who) && (who->facts & PIL_WHO_EXE) && !(who->facts & PIL_WHO_UNIT))
        fputs("# An interpreter: every program that it runs is this workload.\n", to);
    fprintf(to, "workload \"%s\" {", who->title);
    if (who->facts & PIL_WHO_EXE)
        print_fact(to, "exe", who->as->exe);
    if (who->facts & PIL_WHO_USER)
        print_fact(to, "user", who->as->user);
    if (who->facts & PIL_WHO_UNIT)
        print_fact(to, "unit", who->as->unit);
    if (who->facts & PIL_WHO_CGROUP)
        print_fact(to, "cgroup", who->as->cgroup);
    fputs(" }\n", to);
}

void pil_print_role(FILE *to, const struct pil_draft *draft, const struct pil_draft_role *role)
{
    const char *comma = "";

    fprintf(to, "role \"%s\" { members = {", role->title);
    for (uint64_t who = role->who; who; who &= who - 1) {
        fprintf(to, "%s\"workload:%s\"", comma, draft->subject[__builtin_ctzll(who)]);
        comma = ", ";
    }
    fputs("} }\n", to);
}

void pil_print_service(FILE *to, const struct pil_draft_service *service)
{
    fprintf(to, "service \"%s\" {\n", service->title);
    print_list(to, 4, "endpoints", &service->endpoints);
    fputs("}\n", to);
}

static void print_actions(FILE *to, unsigned actions)
{
    const char *comma = "";

    for (unsigned action = 1; action < PIL_ACTION_COUNT; action++)
        if (actions & PIL_BIT(action)) {
            fprintf(to, "%s%s", comma, pil_action_name(action));
            comma = ", ";
        }
}

void pil_print_rule(FILE *to, int indent, const struct pil_draft *draft,
                    const struct pil_draft_rule *rule)
{
    int in = indent + 4;

    fprintf(to, "%*srule \"%s\" {\n", indent, "", rule->title);
    fprintf(to, "%*seffect    = allow\n", in, "");
    if (rule->who != draft->all) {
        fprintf(to, "%*ssubjects  = {", in, "");
        pil_print_subjects(to, draft, rule->who);
        fputs("}\n", to);
    }
    fprintf(to, "%*sactions   = {", in, "");
    print_actions(to, rule->actions);
    fputs("}\n", to);
    print_list(to, in, "resources", &rule->resources);
    if (rule->sources.count > 0) {
        fprintf(to, "%*swhen {\n", in, "");
        print_list(to, in + 4, pil_grant_keyword(rule->sources.item[0].text), &rule->sources);
        fprintf(to, "%*s}\n", in, "");
    }
    fprintf(to, "%*s}\n", indent, "");
}
