#include "conf/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "conf/resource.h"
#include "core/bytes.h"
#include "core/err.h"

#define QUOTED 80

enum token_kind {
    TOKEN_END = 0,
    TOKEN_WORD,
    TOKEN_STRING, /* quoted; text is what stands between the quotes */
    TOKEN_MARK,   /* one of { } ( ) = , or "+=" */
    TOKEN_BAD,    /* told already */
};

struct token {
    enum token_kind kind;
    char *start; /* with the quotes */
    struct pil_slice text;
    unsigned line;
};

/* Where the pass is. A copy of it is a place to come back to. */
struct cursor {
    char *at;
    char *end;
    unsigned line;
};

struct scan {
    struct cursor cursor;
    const char *file;
    struct pil_diag *diag;
    struct pil_text_lines *opened;
    bool nomem;
};

static struct pil_at place(const struct scan *s, unsigned line)
{
    return (struct pil_at){s->file, line};
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("._-:@%", c));
}

static size_t left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

/* Overwrites [from, to) with blanks; lines stay. */
static void blank(char *from, const char *to)
{
    for (; from < to; from++)
        if (*from != '\n')
            *from = ' ';
}

static char *find(char *from, char *end, const char *what)
{
    char *at = memmem(from, (size_t)(end - from), what, strlen(what));

    return at ? at : end;
}

/* Blanks a comment at the cursor. Returns false when there is none, or it has no end. */
static bool skip_comment(struct scan *s)
{
    struct cursor *c = &s->cursor;
    char *start = c->at, *stop;

    if (*start == '#' || (left(c) > 1 && start[0] == '/' && start[1] == '/')) {
        c->at = find(start, c->end, "\n");
    } else if (left(c) > 1 && start[0] == '/' && start[1] == '*') {
        stop = find(start + 2, c->end, "*/");
        if (stop == c->end)
            return false;
        c->at = stop + 2;
        for (const char *p = start; p < c->at; p++)
            c->line += *p == '\n';
    } else {
        return false;
    }
    blank(start, c->at);
    return true;
}

static void skip_blanks(struct scan *s)
{
    struct cursor *c = &s->cursor;

    while (c->at < c->end) {
        if (*c->at == '\n')
            c->line++;
        else if (*c->at != ' ' && *c->at != '\t' && *c->at != '\r') {
            if (!skip_comment(s))
                return;
            continue;
        }
        c->at++;
    }
}

static struct token bad(struct scan *s, const struct token *t, const char *what, const char *legal)
{
    int len = t->text.len < QUOTED ? (int)t->text.len : QUOTED;

    pil_diag_error(s->diag, place(s, t->line), "%s \"%.*s\"; legal is %s", what, len, t->text.at,
                   legal);
    return (struct token){.kind = TOKEN_BAD};
}

/* What stands between quotes: bytes of one line, no control bytes, no environment. */
static struct token take_string(struct scan *s, struct token t)
{
    struct cursor *c = &s->cursor;
    char quote = *c->at++;

    t.kind = TOKEN_STRING;
    t.text.at = c->at;
    for (; c->at < c->end && *c->at != quote; c->at++) {
        unsigned char byte = (unsigned char)*c->at;
        char next = left(c) > 1 ? c->at[1] : '\0';

        t.text.len = (size_t)(c->at - t.text.at);
        if (byte == '\n')
            return bad(s, &t, "no closing quote in this line behind", "a string within one line");
        if (byte < ' ' || byte == 0x7f)
            return bad(s, &t, "control byte behind", "printable text");
        if (byte == '$' && next == '{')
            return bad(s, &t, "\"${\" behind",
                       "text as it is: policies do not read the environment");
        if (byte == '\\' && (quote != '"' || (next != '"' && next != '\\')))
            return bad(s, &t, "backslash behind", "\\\" and \\\\ in a string in double quotes");
        if (byte == '\\')
            c->at++;
    }
    t.text.len = (size_t)(c->at - t.text.at);
    if (c->at >= c->end)
        return bad(s, &t, "no closing quote behind", "a string within one line");
    c->at++;
    if (t.text.len > PIL_TEXT_MAX)
        return bad(s, &t, "text of more than 1023 bytes", "at most 1023 bytes");
    return t;
}

static struct token take_word(struct scan *s, struct token t)
{
    struct cursor *c = &s->cursor;

    t.kind = TOKEN_WORD;
    while (c->at < c->end &&
           (is_word_byte(*c->at) || (*c->at == '/' && left(c) > 1 && is_word_byte(c->at[1]))))
        c->at++;
    t.text.len = (size_t)(c->at - t.text.at);
    if (t.text.len > PIL_TEXT_MAX)
        return bad(s, &t, "word of more than 1023 bytes", "at most 1023 bytes");
    return t;
}

static struct token next_token(struct scan *s)
{
    struct cursor *c = &s->cursor;
    struct token t;

    skip_blanks(s);
    t = (struct token){.start = c->at, .text = {c->at, 1}, .line = c->line};
    if (c->at == c->end)
        return (struct token){.start = c->at, .text = {"", 0}, .line = c->line};
    if (*c->at == '"' || *c->at == '\'')
        return take_string(s, t);
    if (is_word_byte(*c->at) || (*c->at == '/' && left(c) > 1 && is_word_byte(c->at[1])))
        return take_word(s, t);
    t.kind = TOKEN_MARK;
    if (strchr("{}()=,", *c->at) && *c->at) {
        c->at++;
        return t;
    }
    if (*c->at == '+' && left(c) > 1 && c->at[1] == '=') {
        t.text.len = 2;
        c->at += 2;
        return t;
    }
    if (left(c) > 1 && c->at[0] == '/' && c->at[1] == '*')
        return bad(s, &t, "comment without its end at", "a comment that ends in \"*/\"");
    return bad(s, &t, "unexpected byte", "words, strings in quotes and { } ( ) = += ,");
}

static bool is_mark(const struct token *t, const char *mark)
{
    return t->kind == TOKEN_MARK && pil_slice_equal(t->text, pil_slice_of(mark));
}

static bool is_text(const struct token *t)
{
    return t->kind == TOKEN_WORD || t->kind == TOKEN_STRING;
}

/* The next token without stepping over it; what it would complain about is told once, later. */
static struct token peek(struct scan *s)
{
    struct pil_diag quiet = {0}, *diag = s->diag;
    struct cursor before = s->cursor;
    struct token t;

    s->diag = &quiet;
    t = next_token(s);
    s->diag = diag;
    s->cursor = before;
    return t;
}

/* An error at a token that does not belong there. Always false. */
static bool unexpected(struct scan *s, const struct token *t, const char *keyword,
                       const char *legal)
{
    if (t->kind == TOKEN_END)
        pil_diag_error(s->diag, place(s, t->line), "the text ends behind \"%s\"; legal is %s",
                       keyword, legal);
    else if (t->kind != TOKEN_BAD)
        pil_diag_error(s->diag, place(s, t->line), "unexpected \"%.*s\" behind \"%s\"; legal is %s",
                       t->text.len < QUOTED ? (int)t->text.len : QUOTED, t->text.at, keyword,
                       legal);
    return false;
}

/* Everything up to the mark that closes `open`, which was read. */
static bool skip_nested(struct scan *s, const char *keyword)
{
    size_t depth = 1;

    while (depth > 0) {
        struct token t = next_token(s);

        if (t.kind == TOKEN_END || t.kind == TOKEN_BAD)
            return unexpected(s, &t, keyword, "a closing brace");
        if (is_mark(&t, "{") || is_mark(&t, "("))
            depth++;
        else if (is_mark(&t, "}") || is_mark(&t, ")"))
            depth--;
    }
    return true;
}

/* Steps over what seems to belong to an unknown keyword and blanks it all. */
static bool skip_unknown(struct scan *s, const struct token *keyword)
{
    struct token t = peek(s);
    bool fine = true;

    if (is_mark(&t, "=") || is_mark(&t, "+=")) {
        next_token(s);
        t = peek(s);
    } else if (is_text(&t)) {
        struct cursor before = s->cursor;

        next_token(s);
        t = peek(s);
        if (!is_mark(&t, "{")) { /* it was the next keyword, not a title */
            s->cursor = before;
            blank(keyword->start, s->cursor.at);
            return true;
        }
    }
    if (is_text(&t)) {
        next_token(s);
    } else if (is_mark(&t, "{") || is_mark(&t, "(")) {
        next_token(s);
        fine = skip_nested(s, "the unknown keyword");
    }
    if (fine)
        blank(keyword->start, s->cursor.at);
    return fine;
}

static bool scan_value(struct scan *s, const char *name)
{
    struct token t = next_token(s);

    return is_text(&t) || unexpected(s, &t, name, "one value");
}

static bool scan_list(struct scan *s, const char *name)
{
    struct token t = next_token(s);
    struct token first = t;
    size_t count = 0;

    if (is_text(&t))
        return true; /* one value without braces is a list of one */
    if (!is_mark(&t, "{"))
        return unexpected(s, &t, name, "a list { value, value }");
    for (t = next_token(s); !is_mark(&t, "}"); t = next_token(s)) {
        if (!is_text(&t))
            return unexpected(s, &t, name, "a value, or } at the end of the list");
        count++;
        t = next_token(s);
        if (is_mark(&t, "}"))
            break;
        if (!is_mark(&t, ","))
            return unexpected(s, &t, name, "a comma, or } at the end of the list");
    }
    if (count > PIL_LIST_MAX) {
        pil_diag_error(s->diag, place(s, first.line),
                       "list of %zu values in \"%s\"; legal is at most %u", count, name,
                       PIL_LIST_MAX);
        return false;
    }
    return true;
}

static bool scan_call(struct scan *s, const char *name)
{
    struct token open = next_token(s), path, close;

    if (!is_mark(&open, "("))
        return unexpected(s, &open, name, "(\"PATH\")");
    path = next_token(s);
    if (!is_text(&path))
        return unexpected(s, &path, name, "(\"PATH\")");
    close = next_token(s);
    return is_mark(&close, ")") || unexpected(s, &close, name, "(\"PATH\")");
}

/* One block that is open: whose it is, and what was seen in it. */
struct open_block {
    const struct pil_block *block;
    struct pil_slice title;
    unsigned line;
    uint32_t seen; /* bit n: row n of the block */
};

static bool scan_block(struct scan *s, struct open_block *open);

static bool scan_inner(struct scan *s, const struct pil_keyword *row, unsigned line)
{
    struct open_block inner = {.block = row->block, .line = line};
    struct token t = next_token(s);

    if (row->shape == PIL_SHAPE_TITLED) {
        if (!is_text(&t))
            return unexpected(s, &t, row->name, "a title and {");
        inner.title = t.text;
        if (!pil_resource_title(t.text))
            bad(s, &t, "bad title", "1 to 63 of A-Z a-z 0-9 . _ -");
        t = next_token(s);
    }
    if (!is_mark(&t, "{"))
        return unexpected(s, &t, row->name, "{");
    return scan_block(s, &inner);
}

/* All that follows a known keyword. */
static bool scan_rest(struct scan *s, const struct pil_keyword *row, unsigned line)
{
    struct token t;

    if (row->shape == PIL_SHAPE_CALL)
        return scan_call(s, row->name);
    if (row->shape == PIL_SHAPE_BLOCK || row->shape == PIL_SHAPE_TITLED)
        return scan_inner(s, row, line);
    t = next_token(s);
    if (!is_mark(&t, "=") && !is_mark(&t, "+="))
        return unexpected(s, &t, row->name, "= and a value");
    return row->shape == PIL_SHAPE_LIST ? scan_list(s, row->name) : scan_value(s, row->name);
}

/* " in rule \"r1\"", for messages. */
static const char *where(const struct open_block *open, char *buf, size_t cap)
{
    struct pil_text text;

    pil_text_init(&text, buf, cap);
    if (open->block->name[0]) {
        pil_text_add(&text, " in ");
        pil_text_add(&text, open->block->name);
    }
    if (open->title.len > 0) {
        pil_text_add(&text, " \"");
        pil_text_add_slice(&text, open->title);
        pil_text_add(&text, "\"");
    }
    return buf;
}

static void tell_unknown(struct scan *s, const struct open_block *open, const struct token *t)
{
    char legal[512], in[PIL_TITLE_MAX + 32];
    struct pil_text text;

    pil_text_init(&text, legal, sizeof(legal));
    for (size_t i = 0; i < open->block->count; i++) {
        pil_text_add(&text, i ? ", " : "");
        pil_text_add(&text, open->block->keyword[i].name);
    }
    pil_diag_error(s->diag, place(s, t->line), "unknown keyword \"%.*s\"%s; legal is %s",
                   t->text.len < QUOTED ? (int)t->text.len : QUOTED, t->text.at,
                   where(open, in, sizeof(in)), legal);
}

/* A keyword that gives one thing can do so once; += adds to a list that is there. */
static void note_seen(struct scan *s, struct open_block *open, const struct pil_keyword *row,
                      const struct token *t)
{
    uint32_t bit = UINT32_C(1) << (row - open->block->keyword);
    struct token next = peek(s);
    char in[PIL_TITLE_MAX + 32];

    if (row->shape == PIL_SHAPE_TITLED || row->shape == PIL_SHAPE_CALL)
        return;
    if ((open->seen & bit) && !(row->shape == PIL_SHAPE_LIST && is_mark(&next, "+=")))
        pil_diag_error(s->diag, place(s, t->line), "\"%s\" is written twice%s; legal is once",
                       row->name, where(open, in, sizeof(in)));
    open->seen |= bit;
}

static bool scan_statement(struct scan *s, struct open_block *open, const struct token *t)
{
    const struct pil_keyword *row;

    if (t->kind != TOKEN_WORD)
        return unexpected(s, t, open->block->name[0] ? open->block->name : "the last statement",
                          "a keyword");
    row = pil_schema_find(open->block, t->text);
    if (!row) {
        tell_unknown(s, open, t);
        return skip_unknown(s, t);
    }
    note_seen(s, open, row, t);
    return scan_rest(s, row, t->line);
}

static bool close_block(struct scan *s, unsigned line)
{
    unsigned *lines = pil_value_grow(s->opened->line, s->opened->count, sizeof(*lines));

    if (!lines) {
        s->nomem = true;
        return false;
    }
    s->opened->line = lines;
    lines[s->opened->count++] = line;
    return true;
}

/* Up to the end of a block or, for the root, of the text. The depth is that of the schema. */
static bool scan_block(struct scan *s, struct open_block *open)
{
    bool root = open->block->name[0] == '\0';

    for (;;) {
        struct token t = next_token(s);

        if (t.kind == TOKEN_END && root)
            return true;
        if (t.kind == TOKEN_END) {
            pil_diag_error(s->diag, place(s, open->line),
                           "no end of this \"%s\" up to the end of the file; legal is a closing "
                           "brace",
                           open->block->name);
            return false;
        }
        if (is_mark(&t, "}") && !root)
            return close_block(s, open->line);
        if (!scan_statement(s, open, &t))
            return false;
    }
}

int pil_text_clean(char *text, size_t len, const char *file, const struct pil_block *root,
                   struct pil_diag *diag, struct pil_text_lines *opened)
{
    struct scan s = {
        .cursor = {.at = text, .end = text + len, .line = 1},
        .file = file,
        .diag = diag,
        .opened = opened,
    };
    struct open_block top = {.block = root, .line = 1};

    *opened = (struct pil_text_lines){0};
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        blank(text, text + 3); /* the mark that some editors put in front of UTF-8 */
    if (scan_block(&s, &top))
        return PIL_OK;
    free(opened->line);
    *opened = (struct pil_text_lines){0};
    return s.nomem ? PIL_E_NOMEM : PIL_E_SYNTAX;
}
