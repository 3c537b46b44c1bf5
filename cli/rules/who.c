#include "cli/rules/who.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/rules/draft.h"
#include "cli/rules/words.h"
#include "core/err.h"

static const char *const interpreters[] = {
    "python*", "perl*",  "ruby*", "node", "nodejs", "java",    "php*",     "bash", "dash",
    "sh",      "zsh",    "ksh*",  "lua*", "tclsh*", "busybox", "beam.smp", "R",    "Rscript",
    "guile*",  "dotnet", "mono*", "gawk", "mawk",   "deno",    "expect",
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool interprets(const char *exe)
{
    for (size_t i = 0; i < PIL_NELEM(interpreters); i++)
        if (fnmatch(interpreters[i], base_name(exe), 0) == 0)
            return true;
    return false;
}

bool pil_who_interprets(const struct pil_who *who)
{
    return interprets(who->as->exe);
}

bool pil_who_by(const char *text, unsigned *out)
{
    static const char *const names[] = {"exe", "user", "unit", "cgroup"};

    return pil_words_bits(text, names, PIL_NELEM(names), out) &&
           (*out & (PIL_WHO_EXE | PIL_WHO_UNIT)) != 0;
}

/* Facts that could not be told are not asked for. */
static unsigned facts_of(const struct pil_who_list *list, const struct pil_seen *seen)
{
    unsigned facts = list->by;

    if (!facts) {
        facts = PIL_WHO_EXE;
        if (list->of_units)
            facts |= PIL_WHO_UNIT;
        else if (interprets(seen->exe))
            facts |= PIL_WHO_USER;
    }
    facts &= ~(*seen->exe ? 0u : PIL_WHO_EXE);
    facts &= ~(*seen->user ? 0u : PIL_WHO_USER);
    facts &= ~(*seen->unit ? 0u : PIL_WHO_UNIT);
    facts &= ~(*seen->cgroup ? 0u : PIL_WHO_CGROUP);
    return facts;
}

static bool same_fact(unsigned facts, unsigned one, const char *a, const char *b)
{
    return !(facts & one) || strcmp(a, b) == 0;
}

static bool is_it(const struct pil_who *who, unsigned facts, const struct pil_seen *seen)
{
    return who->facts == facts && same_fact(facts, PIL_WHO_EXE, who->as->exe, seen->exe) &&
           same_fact(facts, PIL_WHO_USER, who->as->user, seen->user) &&
           same_fact(facts, PIL_WHO_UNIT, who->as->unit, seen->unit) &&
           same_fact(facts, PIL_WHO_CGROUP, who->as->cgroup, seen->cgroup);
}

int pil_who_of(struct pil_who_list *list, const struct pil_seen *seen, unsigned *out)
{
    unsigned facts = facts_of(list, seen);

    if (!facts)
        return PIL_E_NOTFOUND;
    for (unsigned i = 0; i < list->count; i++)
        if (is_it(&list->item[i], facts, seen)) {
            *out = i;
            return PIL_OK;
        }
    if (list->count == PIL_WHO_MAX)
        return PIL_E_FULL;
    *out = (unsigned)list->count;
    list->item[list->count++] = (struct pil_who){.facts = facts, .as = seen};
    return PIL_OK;
}

/* "nginx" of "nginx.service". */
static char *unit_title(const char *unit)
{
    const char *dot = strrchr(unit, '.');
    char *base = strndup(unit, dot && dot != unit ? (size_t)(dot - unit) : strlen(unit));
    char *out = base ? pil_draft_title(base) : NULL;

    free(base);
    return out;
}

static bool is_taken(const struct pil_who_list *list, const char *title,
                     bool (*taken)(void *cookie, const char *title), void *cookie)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->item[i].title && strcmp(list->item[i].title, title) == 0)
            return true;
    return taken && taken(cookie, title);
}

static char *title_of(const struct pil_who_list *list, const struct pil_who *who,
                      bool (*taken)(void *cookie, const char *title), void *cookie)
{
    bool by_unit =
        (who->facts & PIL_WHO_UNIT) && (!(who->facts & PIL_WHO_EXE) || interprets(who->as->exe));
    char *base = *who->as->workload ? strdup(who->as->workload)
                 : by_unit          ? unit_title(who->as->unit)
                                    : pil_draft_title(base_name(who->as->exe));
    char *out = base ? strdup(base) : NULL;

    for (unsigned n = 2; out && is_taken(list, out, taken, cookie); n++) {
        free(out);
        if (asprintf(&out, "%.*s-%u", (int)PIL_TITLE_MAX - 8, base, n) < 0)
            out = NULL;
    }
    free(base);
    return out;
}

int pil_who_name(struct pil_who_list *list, bool (*taken)(void *cookie, const char *title),
                 void *cookie)
{
    for (size_t i = 0; i < list->count; i++) {
        char *title;

        if (list->item[i].title)
            continue;
        title = title_of(list, &list->item[i], taken, cookie);
        if (!title)
            return PIL_E_NOMEM;
        list->item[i].title = title;
    }
    return PIL_OK;
}

void pil_who_free(struct pil_who_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i].title);
    list->count = 0;
}
