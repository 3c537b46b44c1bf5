#include "cli/inspect/finding.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"

static const struct pil_finding rows[PIL_FINDING_COUNT] = {
#define ROW(id, name, severity, what, remedy)                                                      \
    [PIL_FINDING_##id] = {PIL_REACH_##severity, name, what, remedy, NULL},
    PIL_FINDING_LIST(ROW)
#undef ROW
};

static const char *const reach_names[] = {
    [PIL_REACH_NOTE] = "note", [PIL_REACH_LIMITED] = "limited", [PIL_REACH_REFUSED] = "refused"};

/* One more line of evidence for a finding that is there already. */
static void join(struct pil_findings *f, struct pil_finding *to, const char *evidence)
{
    char *both;

    if (asprintf(&both, "%s\n%s", to->evidence, evidence) < 0) {
        f->short_of_memory = true;
        return;
    }
    free(to->evidence);
    to->evidence = both;
}

static struct pil_finding *find(struct pil_findings *f, const struct pil_finding *row)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->item[i].what == row->what)
            return &f->item[i];
    return NULL;
}

/* Takes evidence over. */
static void add(struct pil_findings *f, const struct pil_finding *row, char *evidence)
{
    struct pil_finding *grown, *same = find(f, row);

    if (evidence)
        pil_out_clean(evidence); /* its lines are ours */
    if (evidence && same) {
        join(f, same, evidence);
        free(evidence);
        return;
    }
    grown = realloc(f->item, (f->count + 1) * sizeof(*f->item));

    if (!grown || !evidence) {
        f->short_of_memory = true;
        free(evidence);
    }
    if (grown)
        f->item = grown;
    if (!grown || !evidence)
        return;
    f->item[f->count] = *row;
    f->item[f->count++].evidence = evidence;
}

static char *format_evidence(const char *format, va_list ap)
{
    char *text;

    return vasprintf(&text, format, ap) < 0 ? NULL : text;
}

void pil_findings_add(struct pil_findings *f, enum pil_finding_id id, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    add(f, &rows[id], format_evidence(format, ap));
    va_end(ap);
}

void pil_findings_cover(struct pil_findings *f, enum pil_cover cover, const char *format, ...)
{
    const struct pil_finding row = {.reach = PIL_REACH_REFUSED,
                                    .name = pil_cover_name(cover),
                                    .what = pil_cover_text(cover),
                                    .remedy = pil_cover_remedy(cover)};
    va_list ap;

    if (cover == PIL_COVER_YES)
        return;
    va_start(ap, format);
    add(f, &row, format_evidence(format, ap));
    va_end(ap);
}

bool pil_findings_drop(struct pil_findings *f, const char *name)
{
    size_t kept = 0, before = f->count;

    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->item[i].name, name) == 0)
            free(f->item[i].evidence);
        else
            f->item[kept++] = f->item[i];
    }
    f->count = kept;
    return kept != before;
}

enum pil_reach pil_findings_worst(const struct pil_findings *f)
{
    enum pil_reach worst = f->short_of_memory ? PIL_REACH_REFUSED : PIL_REACH_NOTE;

    for (size_t i = 0; i < f->count; i++)
        if (f->item[i].reach > worst)
            worst = f->item[i].reach;
    return worst;
}

const char *pil_findings_verdict(const struct pil_findings *f)
{
    static const char *const verdicts[] = {[PIL_REACH_NOTE] = "covered",
                                           [PIL_REACH_LIMITED] = "limited",
                                           [PIL_REACH_REFUSED] = "not-covered"};

    return verdicts[pil_findings_worst(f)];
}

static void print_one(const struct pil_finding *one, FILE *to)
{
    fprintf(to, "\n%-10s %s: %s\n", reach_names[one->reach], one->name, one->what);
    for (const char *at = one->evidence; *at;) {
        int len = (int)strcspn(at, "\n");

        fprintf(to, "  %-8s %.*s\n", at == one->evidence ? "evidence" : "", len, at);
        at += len + (at[len] == '\n');
    }
    fprintf(to, "  remedy   %s\n", one->remedy);
}

void pil_findings_print(const struct pil_findings *f, FILE *to)
{
    for (int reach = PIL_REACH_REFUSED; reach >= PIL_REACH_NOTE; reach--)
        for (size_t i = 0; i < f->count; i++)
            if ((int)f->item[i].reach == reach)
                print_one(&f->item[i], to);
    if (f->short_of_memory)
        fputs("\nout of memory: not everything was looked at\n", to);
}

static json_t *evidence_json(const char *evidence)
{
    json_t *list = json_array();

    while (*evidence) {
        size_t len = strcspn(evidence, "\n");
        char *line = strndup(evidence, len);

        json_array_append_new(list, pil_out_json_text(line ? line : ""));
        free(line);
        evidence += len + (evidence[len] == '\n');
    }
    return list;
}

json_t *pil_findings_json(const struct pil_findings *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < f->count; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:o, s:s}", "name", f->item[i].name, "severity",
                            reach_names[f->item[i].reach], "text", f->item[i].what, "evidence",
                            evidence_json(f->item[i].evidence), "remedy", f->item[i].remedy));
    return list;
}

void pil_findings_free(struct pil_findings *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->item[i].evidence);
    free(f->item);
    *f = (struct pil_findings){0};
}
