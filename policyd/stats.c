#include "policyd/stats.h"

const uint64_t pil_stats_bounds[PIL_LATENCY_BUCKETS] = {
    500, 1000, 2500, 5000, 10000, 100000, 1000000, 10000000,
};

static const char *const names[] = {
#define NAME(id, name, text) name,
    PIL_REFUSAL_LIST(NAME)
#undef NAME
};

static const char *const texts[] = {
#define TEXT(id, name, text) text,
    PIL_REFUSAL_LIST(TEXT)
#undef TEXT
};

void pil_stats_latency(struct pil_stats *stats, uint64_t ns)
{
    unsigned at = 0;

    while (at < PIL_LATENCY_BUCKETS && ns > pil_stats_bounds[at])
        at++;
    stats->latency[at]++;
    stats->latency_ns += ns;
}

const char *pil_stats_refusal(enum pil_refusal why)
{
    return why < PIL_REFUSAL_COUNT ? names[why] : "unknown";
}

const char *pil_stats_refusal_text(enum pil_refusal why)
{
    return why < PIL_REFUSAL_COUNT ? texts[why] : "unknown";
}
