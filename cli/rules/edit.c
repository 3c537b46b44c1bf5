#include "cli/rules/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/rules/print.h"
#include "core/err.h"

enum kind { KIND_END = 0, KIND_TEXT, KIND_MARK };

struct token {
    enum kind kind;
    size_t at, end;
    struct pil_slice says;
};

/* ---- tokens --------------------------------------------------------------------------------- */

static bool begins(const struct pil_edit *e, size_t at, const char *what)
{
    size_t len = strlen(what);

    return e->len - at >= len && memcmp(e->text + at, what, len) == 0;
}

static size_t behind(const struct pil_edit *e, size_t from, const char *what)
{
    const char *found = memmem(e->text + from, e->len - from, what, strlen(what));

    return found ? (size_t)(found - e->text) + strlen(what) : e->len;
}

static size_t skip_blanks(const struct pil_edit *e, size_t at)
{
    while (at < e->len) {
        if (strchr(" \t\r\n", e->text[at]))
            at++;
        else if (e->text[at] == '#' || begins(e, at, "//"))
            at = behind(e, at, "\n");
        else if (begins(e, at, "/*"))
            at = behind(e, at + 2, "*/");
        else
            break;
    }
    return at;
}

static struct token take_string(const struct pil_edit *e, size_t at)
{
    struct token t = {KIND_TEXT, at, at + 1, {e->text + at + 1, 0}};
    char quote = e->text[at];

    while (t.end < e->len && e->text[t.end] != quote)
        t.end += e->text[t.end] == '\\' ? 2 : 1;
    t.says.len = t.end - at - 1;
    t.end = t.end < e->len ? t.end + 1 : e->len;
    return t;
}

static bool ends_word(const struct pil_edit *e, size_t at)
{
    return strchr(" \t\r\n{}()=,+#\"'", e->text[at]) || begins(e, at, "//") || begins(e, at, "/*");
}

static struct token next_token(const struct pil_edit *e, size_t at)
{
    struct token t;

    at = skip_blanks(e, at);
    t = (struct token){KIND_MARK, at, at + 1, {e->text + at, 1}};
    if (at >= e->len)
        return (struct token){KIND_END, e->len, e->len, {"", 0}};
    if (e->text[at] == '"' || e->text[at] == '\'')
        return take_string(e, at);
    if (begins(e, at, "+=")) {
        t.end = at + 2;
        t.says.len = 2;
        return t;
    }
    if (strchr("{}()=,", e->text[at]))
        return t;
    t.kind = KIND_TEXT;
    while (t.end < e->len && !ends_word(e, t.end))
        t.end++;
    t.says.len = t.end - at;
    return t;
}

static bool is_mark(const struct token *t, const char *mark)
{
    return t->kind == KIND_MARK && pil_slice_equal(t->says, pil_slice_of(mark));
}

static bool says(const struct token *t, const char *text)
{
    return t->kind == KIND_TEXT && pil_slice_equal(t->says, pil_slice_of(text));
}

/* The brace that closes the one at `open`. */
static size_t closing(const struct pil_edit *e, size_t open)
{
    unsigned depth = 0;
    struct token t;

    for (t = next_token(e, open); t.kind != KIND_END; t = next_token(e, t.end)) {
        depth += is_mark(&t, "{");
        if (is_mark(&t, "}") && --depth == 0)
            return t.at;
    }
    return e->len;
}

/* ---- places --------------------------------------------------------------------------------- */

/* Calls for each word directly in `in` with the tokens behind it; the first that fits. */
static bool search(const struct pil_edit *e, const struct pil_span *in,
                   bool (*fits)(const struct pil_edit *e, const struct token *word,
                                const char *title, size_t *open),
                   const char *keyword, const char *title, struct pil_span *out)
{
    size_t end = in ? in->close : e->len;
    struct token t = next_token(e, in ? in->open + 1 : 0);

    while (t.kind != KIND_END && t.at < end) {
        size_t next = t.end, open;

        if (says(&t, keyword) && fits(e, &t, title, &open)) {
            *out = (struct pil_span){open, closing(e, open)};
            return true;
        }
        if (is_mark(&t, "{"))
            next = closing(e, t.at) + 1;
        t = next_token(e, next);
    }
    return false;
}

static bool is_block(const struct pil_edit *e, const struct token *word, const char *title,
                     size_t *open)
{
    struct token t = next_token(e, word->end);

    if (title) {
        if (!says(&t, title))
            return false;
        t = next_token(e, t.end);
    }
    *open = t.at;
    return is_mark(&t, "{");
}

static bool is_list(const struct pil_edit *e, const struct token *word, const char *title,
                    size_t *open)
{
    struct token t = next_token(e, word->end);

    (void)title;
    if (!is_mark(&t, "=") && !is_mark(&t, "+="))
        return false;
    t = next_token(e, t.end);
    *open = t.at;
    return is_mark(&t, "{");
}

bool pil_edit_block(const struct pil_edit *e, const struct pil_span *in, const char *keyword,
                    const char *title, struct pil_span *out)
{
    return search(e, in, is_block, keyword, title, out);
}

bool pil_edit_list(const struct pil_edit *e, const struct pil_span *in, const char *keyword,
                   struct pil_span *out)
{
    return search(e, in, is_list, keyword, NULL, out);
}

bool pil_edit_next(const struct pil_edit *e, const struct pil_span *list, size_t *cursor,
                   struct pil_edit_value *out)
{
    struct token t = next_token(e, *cursor ? *cursor : list->open + 1);

    while (is_mark(&t, ","))
        t = next_token(e, t.end);
    if (t.kind != KIND_TEXT || t.at >= list->close)
        return false;
    *out = (struct pil_edit_value){t.at, t.end, t.says};
    *cursor = t.end;
    return true;
}

/* ---- changes -------------------------------------------------------------------------------- */

static int change(struct pil_edit *e, size_t at, size_t cut, const char *put)
{
    struct pil_edit_change *grown = realloc(e->change, (e->count + 1) * sizeof(*grown));

    if (!grown)
        return PIL_E_NOMEM;
    e->change = grown;
    grown[e->count] = (struct pil_edit_change){at, cut, strdup(put)};
    return grown[e->count++].put ? PIL_OK : PIL_E_NOMEM;
}

static size_t line_start(const struct pil_edit *e, size_t at)
{
    while (at > 0 && e->text[at - 1] != '\n')
        at--;
    return at;
}

/* The brace is the first thing in its line. */
static bool stands_alone(const struct pil_edit *e, size_t brace)
{
    size_t at = line_start(e, brace);

    return at > 0 && strspn(e->text + at, " \t") >= brace - at;
}

static int indent_of_line(const struct pil_edit *e, size_t at)
{
    return (int)strspn(e->text + line_start(e, at), " \t");
}

int pil_edit_indent(const struct pil_edit *e, const struct pil_span *block)
{
    return indent_of_line(e, block->close) + 4;
}

/* A comma behind the last value, unless there is one or no value. What an earlier change has added
 * behind it ends in a comma of its own, so that one is enough. */
static int add_comma(struct pil_edit *e, const struct pil_span *list)
{
    struct token t = next_token(e, list->open + 1), last = {0};

    for (; t.kind != KIND_END && t.at < list->close; t = next_token(e, t.end))
        last = t;
    if (last.kind != KIND_TEXT)
        return PIL_OK;
    for (size_t i = 0; i < e->count; i++)
        if (e->change[i].at == last.end && strcmp(e->change[i].put, ",") == 0)
            return PIL_OK;
    return change(e, last.end, 0, ",");
}

/* The stream's text, NULL when it failed. */
static char *finish(FILE *to, char **text)
{
    if (fclose(to) == 0)
        return *text;
    free(*text);
    return NULL;
}

int pil_edit_add_value(struct pil_edit *e, const struct pil_span *list,
                       const struct pil_draft_line *line)
{
    bool alone = stands_alone(e, list->close);
    char *text = NULL;
    size_t len;
    FILE *to;
    int error = add_comma(e, list);

    if (error)
        return error;
    to = open_memstream(&text, &len);
    if (!to)
        return PIL_E_NOMEM;
    if (alone) {
        pil_print_line(to, indent_of_line(e, list->close) + 4, line);
    } else {
        fputc(' ', to);
        pil_print_quoted(to, line->text);
        fputc(',', to);
    }
    text = finish(to, &text);
    error =
        text ? change(e, alone ? line_start(e, list->close) : list->close, 0, text) : PIL_E_NOMEM;
    free(text);
    return error;
}

int pil_edit_add_text(struct pil_edit *e, const struct pil_span *block, const char *text)
{
    char *lines;
    int error;

    if (stands_alone(e, block->close))
        return change(e, line_start(e, block->close), 0, text);
    if (asprintf(&lines, "\n%s", text) < 0)
        return PIL_E_NOMEM;
    error = change(e, block->close, 0, lines);
    free(lines);
    return error;
}

int pil_edit_append(struct pil_edit *e, const char *text)
{
    int error = PIL_OK;

    if (e->len > 0 && e->text[e->len - 1] != '\n' && e->count == 0)
        error = change(e, e->len, 0, "\n");
    return error ? error : change(e, e->len, 0, text);
}

/* Only blanks and a comma may stand between a value and its comment. */
bool pil_edit_add_times(struct pil_edit *e, const struct pil_edit_value *value,
                        const struct pil_times *times)
{
    size_t at = value->end, len = 0;
    struct pil_times sum;
    char *text = NULL;
    bool fine;
    FILE *to;

    at += strspn(e->text + at, " \t");
    at += e->text[at] == ',';
    at += strspn(e->text + at, " \t");
    if (!pil_print_read_times(e->text + at, &sum, &len))
        return false;
    pil_times_add(&sum, times);
    to = open_memstream(&text, &(size_t){0});
    if (!to)
        return false;
    pil_print_times(to, &sum);
    text = finish(to, &text);
    fine = text && change(e, at, len, text) == PIL_OK;
    free(text);
    return fine;
}

int pil_edit_raise_version(struct pil_edit *e, const struct pil_span *block)
{
    struct token t = next_token(e, block->open + 1), number;
    char text[24];

    while (t.kind != KIND_END && t.at < block->close && !says(&t, "version"))
        t = next_token(e, is_mark(&t, "{") ? closing(e, t.at) + 1 : t.end);
    if (!says(&t, "version") || t.at >= block->close)
        return PIL_OK;
    t = next_token(e, t.end);
    number = next_token(e, t.end);
    if (!is_mark(&t, "=") || number.kind != KIND_TEXT)
        return PIL_OK;
    for (size_t i = 0; i < e->count; i++)
        if (e->change[i].at == number.at)
            return PIL_OK; /* raised already */
    snprintf(text, sizeof(text), "%lu", strtoul(number.says.at, NULL, 10) + 1);
    return change(e, number.at, number.end - number.at, text);
}

/* ---- applying ------------------------------------------------------------------------------- */

/* In the order of their places; those at one place stay in the order in which they were made,
 * but a comma, which belongs to what stands before, comes first. */
static void sort(struct pil_edit *e)
{
    for (size_t i = 1; i < e->count; i++) {
        struct pil_edit_change one = e->change[i];
        bool comma = strcmp(one.put, ",") == 0;
        size_t k = i;

        while (k > 0 &&
               (e->change[k - 1].at > one.at || (comma && e->change[k - 1].at == one.at &&
                                                 strcmp(e->change[k - 1].put, ",") != 0))) {
            e->change[k] = e->change[k - 1];
            k--;
        }
        e->change[k] = one;
    }
}

char *pil_edit_apply(struct pil_edit *e)
{
    char *text = NULL;
    size_t at = 0, len;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    sort(e);
    for (size_t i = 0; i < e->count; i++) {
        const struct pil_edit_change *c = &e->change[i];

        if (c->at > at)
            fwrite(e->text + at, 1, c->at - at, to);
        fputs(c->put, to);
        at = c->at + c->cut > at ? c->at + c->cut : at;
    }
    fwrite(e->text + at, 1, e->len - at, to);
    return finish(to, &text);
}

void pil_edit_free(struct pil_edit *e)
{
    for (size_t i = 0; i < e->count; i++)
        free(e->change[i].put);
    free(e->change);
    *e = (struct pil_edit){0};
}
