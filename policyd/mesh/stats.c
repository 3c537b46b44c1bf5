#include "policyd/mesh/stats.h"

const uint64_t pil_mesh_bounds[PIL_HAND_BUCKETS] = {
    500000, 1000000, 2500000, 10000000, 100000000, 1000000000,
};

void pil_mesh_took(struct pil_mesh_stats *s, uint64_t ns)
{
    unsigned at = 0;

    while (at < PIL_HAND_BUCKETS && ns > pil_mesh_bounds[at])
        at++;
    s->took[at]++;
    s->took_ns += ns;
}

const char *pil_cut_name(enum pil_cut why)
{
    static const char *const names[] = {
#define NAME(id, name, text) name,
        PIL_CUT_LIST(NAME)
#undef NAME
    };

    return names[why];
}

const char *pil_cut_text(enum pil_cut why)
{
    static const char *const texts[] = {
#define TEXT(id, name, text) text,
        PIL_CUT_LIST(TEXT)
#undef TEXT
    };

    return texts[why];
}
