#include "core/glob.h"

#include <string.h>

/* Where to go on when the text after a star does not fit: one byte further into the text. */
struct retry {
    size_t pattern; /* just behind the star */
    size_t text;
    bool any; /* the star was "**", or slashes are ordinary */
    bool set;
};

/* Steps over "*" or "**" at p and remembers it. */
static size_t open_star(struct pil_slice pattern, size_t p, size_t t, bool slash,
                        struct retry *back)
{
    size_t stars = 0;

    while (p + stars < pattern.len && pattern.at[p + stars] == '*')
        stars++;
    *back = (struct retry){p + stars, t, !slash || stars > 1, true};
    return p + stars;
}

static bool one_fits(char want, char have, bool slash)
{
    return want == have || (want == '?' && !(slash && have == '/'));
}

/*
 * The usual iterative matcher: only the last star is ever retried, which is enough because a
 * later star can make up for anything an earlier one left. A single "*" that may not cross "/"
 * breaks that argument, so then the earlier "**" is kept as a second place to fall back to.
 */
bool pil_glob_match(struct pil_slice pattern, struct pil_slice text, bool slash)
{
    struct retry last = {0}, wide = {0};
    size_t p = 0, t = 0;

    for (;;) {
        if (p < pattern.len && pattern.at[p] == '*') {
            p = open_star(pattern, p, t, slash, &last);
            if (last.any)
                wide = last;
            continue;
        }
        if (p == pattern.len && t == text.len)
            return true;
        if (p < pattern.len && t < text.len && one_fits(pattern.at[p], text.at[t], slash)) {
            p++;
            t++;
            continue;
        }
        if (last.set && !last.any && last.text < text.len && text.at[last.text] == '/')
            last.set = false;
        if (!last.set)
            last = wide;
        if (!last.set || last.text >= text.len)
            return false;
        last.text++;
        if (last.any)
            wide = last;
        p = last.pattern;
        t = last.text;
    }
}

size_t pil_glob_literal(struct pil_slice pattern)
{
    size_t len = 0;

    while (len < pattern.len && pattern.at[len] != '*' && pattern.at[len] != '?')
        len++;
    return len;
}

bool pil_glob_valid(struct pil_slice pattern)
{
    unsigned stars = 0;

    for (size_t i = 0; i < pattern.len; i++) {
        unsigned char c = (unsigned char)pattern.at[i];

        if (c < ' ' || c == 0x7f)
            return false;
        stars += c == '*';
    }
    return pattern.len > 0 && stars <= PIL_GLOB_STARS;
}
