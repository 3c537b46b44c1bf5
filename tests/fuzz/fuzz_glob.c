// sources: core/glob.c core/bytes.c
/*
 * Globs: one byte of options, then pattern and text parted by a zero byte. The matcher agrees with
 * the definition worked out as a table, and ends whatever the pattern is.
 */
#include <stdlib.h>
#include <string.h>

#include "core/glob.h"

#define LONGEST 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool crosses(struct pil_slice pattern, size_t p, bool slash)
{
    bool before = p > 0 && pattern.at[p - 1] == '*';
    bool behind = p + 1 < pattern.len && pattern.at[p + 1] == '*';

    return !slash || before || behind;
}

/* fits[t]: pattern[p..) matches text[t..); worked out from the pattern's end. */
static bool reference(struct pil_slice pattern, struct pil_slice text, bool slash)
{
    bool fits[LONGEST + 1] = {false}, next[LONGEST + 1];

    fits[text.len] = true;
    for (size_t p = pattern.len; p-- > 0;) {
        char want = pattern.at[p];

        memcpy(next, fits, sizeof(next));
        memset(fits, 0, sizeof(fits));
        for (size_t t = text.len + 1; t-- > 0;) {
            bool more = t < text.len, at_slash = more && text.at[t] == '/';

            if (want == '*')
                fits[t] =
                    next[t] || (more && (!at_slash || crosses(pattern, p, slash)) && fits[t + 1]);
            else
                fits[t] = more && next[t + 1] &&
                          (want == text.at[t] || (want == '?' && !(slash && at_slash)));
        }
    }
    return fits[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *at = (const char *)data + 1, *zero;
    struct pil_slice pattern, text;
    bool slash;

    if (len < 2 || len > LONGEST)
        return 0;
    slash = data[0] & 1;
    zero = memchr(at, 0, len - 1);
    if (!zero)
        return 0;
    pattern = (struct pil_slice){at, (size_t)(zero - at)};
    text = (struct pil_slice){zero + 1, len - 2 - pattern.len};
    if (pil_glob_literal(pattern) > pattern.len)
        abort();
    if (pil_glob_match(pattern, text, slash) != reference(pattern, text, slash))
        abort();
    (void)!pil_glob_valid(pattern);
    return 0;
}
