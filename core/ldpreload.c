#include "core/ldpreload.h"

#include <string.h>

#define SEPARATORS " :"

struct pil_slice pil_ldpreload_next(const char **at)
{
    struct pil_slice word;

    *at += strspn(*at, SEPARATORS);
    word = (struct pil_slice){*at, strcspn(*at, SEPARATORS)};
    *at += word.len;
    return word;
}

bool pil_ldpreload_has(const char *value, const char *word)
{
    struct pil_slice wanted = pil_slice_of(word), next;

    while (value && (next = pil_ldpreload_next(&value)).len > 0)
        if (pil_slice_equal(next, wanted))
            return true;
    return false;
}

bool pil_ldpreload_is_library(struct pil_slice word)
{
    size_t base = sizeof(PIL_LDPRELOAD_LIBRARY) - 1;

    if (word.len < base || memcmp(word.at + word.len - base, PIL_LDPRELOAD_LIBRARY, base) != 0)
        return false;
    return word.len == base || word.at[word.len - base - 1] == '/';
}
