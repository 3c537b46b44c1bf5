#include "cli/rules/words.h"

#include <string.h>

static size_t index_of(const char *word, size_t len, const char *const *names, size_t count)
{
    size_t i = 0;

    while (i < count && (strlen(names[i]) != len || strncmp(names[i], word, len) != 0))
        i++;
    return i;
}

bool pil_words_bits(const char *text, const char *const *names, size_t count, unsigned *out)
{
    *out = 0;
    while (*text) {
        size_t len = strcspn(text, ","), i = index_of(text, len, names, count);

        if (i == count)
            return false;
        *out |= 1u << i;
        text += len + (text[len] == ',');
    }
    return *out != 0;
}
