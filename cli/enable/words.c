#include "cli/enable/words.h"

#include <ctype.h>
#include <string.h>

#define BLANKS " \t\r\n"

/* Behind a quoted or plain character, or behind an escape. */
static const char *step(const char *at, char *quote)
{
    if (*at == '\\' && at[1] != '\0')
        return at + 2;
    if (*quote)
        *quote = *at == *quote ? '\0' : *quote;
    else if (*at == '"' || *at == '\'')
        *quote = *at;
    return at + 1;
}

struct pil_slice pil_word_next(const char **at)
{
    const char *from = *at + strspn(*at, BLANKS), *to = from;
    char quote = '\0';

    while (*to && (quote || !strchr(BLANKS, *to)))
        to = step(to, &quote);
    *at = to;
    return (struct pil_slice){from, (size_t)(to - from)};
}

/* So many digits of a base; -1 when there are not as many. */
static int number(const char *at, unsigned count, int base)
{
    static const char digits[] = "0123456789abcdef";
    int value = 0;

    for (; count > 0; count--, at++) {
        const char *digit = *at ? strchr(digits, tolower((unsigned char)*at)) : NULL;

        if (!digit || digit - digits >= base)
            return -1;
        value = value * base + (int)(digit - digits);
    }
    return value;
}

/* One escape and how long it is; a backslash that systemd leaves alone stands for itself. */
static size_t escape(const char *at, char *out)
{
    static const char names[] = "abfnrtvs\\\"'", means[] = "\a\b\f\n\r\t\v \\\"'";
    const char *known = at[1] ? strchr(names, at[1]) : NULL;
    int value = at[1] == 'x' ? number(at + 2, 2, 16) : number(at + 1, 3, 8);

    *out = known ? means[known - names] : value > 0 ? (char)value : '\\';
    return known ? 2 : value > 0 && value < 256 ? 4 : 1;
}

bool pil_word_plain(struct pil_slice word, char *out, size_t cap)
{
    const char *at = word.at, *end = word.at + word.len;
    char quote = '\0';
    size_t len = 0;

    while (at < end && len + 1 < cap) {
        if (*at == '\\') {
            at += escape(at, &out[len++]);
        } else if (quote ? *at == quote : *at == '"' || *at == '\'') {
            quote = quote ? '\0' : *at;
            at++;
        } else {
            out[len++] = *at++;
        }
    }
    out[len] = '\0';
    return at >= end;
}

bool pil_word_quote(const char *text, bool variables, char *out, size_t cap)
{
    bool plain = *text && !strpbrk(text, BLANKS "\"'\\;");
    size_t len = 0;

    if (!plain && cap > 0)
        out[len++] = '"';
    for (; *text && len + 3 < cap; text++) {
        if ((*text == '"' || *text == '\\') || (*text == '$' && variables))
            out[len++] = *text == '$' ? '$' : '\\';
        out[len++] = *text;
    }
    if (!plain)
        out[len++] = '"';
    out[len] = '\0';
    return *text == '\0';
}
