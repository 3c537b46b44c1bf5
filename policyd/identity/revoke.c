#include "policyd/identity/revoke.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/bytes.h"
#include "core/err.h"
#include "policyd/identity/cert.h"
#include "policyd/identity/keep.h"
#include "policyd/identity/keys.h"
#include "policyd/identity/spiffe.h"

#define FILE_NAME "revoked"
#define LINE_ROOM (PIL_SPIFFE_MAX + 32u)
#define FILE_MAX  (16u << 20)

static const char head[] = "pillion-revoked 1";

/* ---- words ---------------------------------------------------------------------------------- */

/* Colons are how some tools print serial numbers. */
static bool spell_serial(const char *text, char *out, size_t cap)
{
    size_t len = 0;

    for (; *text; text++) {
        char c = *text >= 'A' && *text <= 'F' ? (char)(*text + 'a' - 'A') : *text;

        if (c == ':' || (c == '0' && len == 0))
            continue;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) || len + 2 > PIL_SERIAL_TEXT ||
            len + 2 > cap)
            return false;
        out[len++] = c;
    }
    /* Certificates' numbers are whole bytes. */
    if (len % 2 == 1 && len + 2 <= cap) {
        memmove(out + 1, out, len++);
        out[0] = '0';
    }
    out[len] = '\0';
    return len > 0;
}

bool pil_revoked_spell(const char *text, char *out, size_t cap)
{
    struct pil_spiffe spiffe;

    if (pil_spiffe_parse(pil_slice_of(text), &spiffe))
        return spell_serial(text, out, cap);
    return spiffe.path.len > 0 && (size_t)snprintf(out, cap, "%s", text) < cap;
}

/* ---- the list ------------------------------------------------------------------------------- */

/* Where it is, or would be. */
static size_t place(const struct pil_revoked *list, const char *what, bool *there)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strcmp(list->what[middle], what) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *there = low < list->count && strcmp(list->what[low], what) == 0;
    return low;
}

bool pil_revoked_has(const struct pil_revoked *list, const char *what)
{
    bool there = false;

    place(list, what, &there);
    return there;
}

static bool make_room(struct pil_revoked *list)
{
    char **what = realloc(list->what, (list->count + 1) * sizeof(*what));
    int64_t *since;

    if (what)
        list->what = what;
    since = what ? realloc(list->since, (list->count + 1) * sizeof(*since)) : NULL;
    if (since)
        list->since = since;
    return since != NULL;
}

int pil_revoked_add(struct pil_revoked *list, const char *what, int64_t since)
{
    bool there;
    size_t at = place(list, what, &there), behind = list->count - at;
    char *copy;

    if (there)
        return PIL_E_EXISTS;
    if (list->count >= PIL_REVOKED_MAX)
        return PIL_E_FULL;
    copy = make_room(list) ? strdup(what) : NULL;
    if (!copy)
        return PIL_E_NOMEM;
    memmove(&list->what[at + 1], &list->what[at], behind * sizeof(*list->what));
    memmove(&list->since[at + 1], &list->since[at], behind * sizeof(*list->since));
    list->what[at] = copy;
    list->since[at] = since;
    list->count++;
    return PIL_OK;
}

int pil_revoked_remove(struct pil_revoked *list, const char *what)
{
    bool there;
    size_t at = place(list, what, &there), behind;

    if (!there)
        return PIL_E_NOTFOUND;
    free(list->what[at]);
    behind = --list->count - at;
    memmove(&list->what[at], &list->what[at + 1], behind * sizeof(*list->what));
    memmove(&list->since[at], &list->since[at + 1], behind * sizeof(*list->since));
    return PIL_OK;
}

int pil_revoked_copy(const struct pil_revoked *from, struct pil_revoked *to)
{
    int err = PIL_OK;

    *to = (struct pil_revoked){0};
    for (size_t i = 0; !err && i < from->count; i++)
        err = pil_revoked_add(to, from->what[i], from->since[i]);
    if (err)
        pil_revoked_free(to);
    return err;
}

void pil_revoked_free(struct pil_revoked *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->what[i]);
    free(list->what);
    free(list->since);
    *list = (struct pil_revoked){0};
}

/* ---- the file ------------------------------------------------------------------------------- */

/* "TIME WHAT" */
static int take_line(struct pil_revoked *out, const char *line)
{
    char what[PIL_SPIFFE_MAX + 1];
    struct tm tm = {0};
    const char *rest = strptime(line, "%Y-%m-%dT%H:%M:%SZ ", &tm);

    if (!rest || !pil_revoked_spell(rest, what, sizeof(what)))
        return PIL_E_SYNTAX;
    return pil_revoked_add(out, what, (int64_t)timegm(&tm));
}

static int complain(char *problem, size_t cap, unsigned line, int err)
{
    snprintf(problem, cap, "line %u: %s", line,
             err == PIL_E_EXISTS  ? "it is there twice"
             : err == PIL_E_FULL  ? "there are more than 4096"
             : err == PIL_E_NOMEM ? "no memory"
             : line == 1          ? "legal is \"pillion-revoked 1\""
                         : "legal is a time in UTC and a serial number in hex or a SPIFFE ID");
    return err == PIL_E_EXISTS ? PIL_E_MALFORMED : err;
}

int pil_revoked_parse(const char *text, size_t len, struct pil_revoked *out, char *problem,
                      size_t cap)
{
    unsigned number = 0;
    int err = PIL_OK;

    *out = (struct pil_revoked){0};
    for (size_t at = 0; !err && (at < len || number == 0);) {
        const char *end = len > at ? memchr(text + at, '\n', len - at) : NULL;
        size_t is = end ? (size_t)(end - text) - at : len - at;
        char line[LINE_ROOM];

        number++;
        if (!end || is >= sizeof(line) || memchr(text + at, '\0', is)) {
            err = PIL_E_SYNTAX;
            break;
        }
        memcpy(line, text + at, is);
        line[is] = '\0';
        at += is + 1;
        if (number == 1)
            err = strcmp(line, head) == 0 ? PIL_OK : PIL_E_SYNTAX;
        else
            err = take_line(out, line);
    }
    if (!err)
        return PIL_OK;
    pil_revoked_free(out);
    return complain(problem, cap, number, err);
}

int pil_revoked_load(const char *state, struct pil_revoked *out, char *problem, size_t cap)
{
    char detail[160] = "", *text = NULL;
    size_t len = 0;
    int err = pil_keep_read(state, NULL, FILE_NAME, FILE_MAX, &text, &len, problem, cap);

    *out = (struct pil_revoked){0};
    if (err == PIL_E_NOTFOUND) {
        problem[0] = '\0';
        return PIL_OK;
    }
    if (!err)
        err = pil_revoked_parse(text, len, out, detail, sizeof(detail));
    if (*detail)
        snprintf(problem, cap, "%s/" FILE_NAME ": %s", state, detail);
    pil_keys_free(text, len);
    return err;
}

int pil_revoked_save(const char *state, const struct pil_revoked *list, char *problem, size_t cap)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    int err = PIL_E_NOMEM;

    if (out) {
        fprintf(out, "%s\n", head);
        for (size_t i = 0; i < list->count; i++) {
            char at[PIL_CERT_TIME_TEXT];

            pil_cert_time(list->since[i], at);
            fprintf(out, "%s %s\n", at, list->what[i]);
        }
        err = fclose(out) ? PIL_E_NOMEM : PIL_OK;
    }
    if (err)
        snprintf(problem, cap, "revocations cannot be written: no memory");
    else
        err = pil_keep_write(state, NULL, FILE_NAME, text, len, problem, cap);
    free(text);
    return err;
}
