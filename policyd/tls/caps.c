#include "policyd/tls/caps.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/err.h"

#define V6_BITS 64u /* what one host can choose freely is one address here */

struct row {
    struct pil_ip ip;
    unsigned count; /* 0: free */
};

/* Open addressing, at most half full. A row that falls to 0 is closed up, so that a search may end
 * at a free one. */
struct pil_caps {
    unsigned per_address, mask;
    uint64_t salt; /* clients choose their addresses */
    struct row rows[];
};

int pil_caps_open(unsigned addresses, unsigned per_address, struct pil_caps **out)
{
    struct pil_caps *caps;
    unsigned size = 16;

    while (size < 2 * addresses)
        size *= 2;
    caps = calloc(1, sizeof(*caps) + size * sizeof(caps->rows[0]));
    if (!caps)
        return PIL_E_NOMEM;
    caps->per_address = per_address;
    caps->mask = size - 1;
    if (getrandom(&caps->salt, sizeof(caps->salt), 0) != sizeof(caps->salt))
        caps->salt = (uintptr_t)caps;
    *out = caps;
    return PIL_OK;
}

static struct pil_ip key_of(const struct pil_ip *ip)
{
    struct pil_ip key = *ip;

    if (!pil_ip_is_v4(ip))
        pil_ip_mask(&key, V6_BITS);
    return key;
}

static unsigned home(const struct pil_caps *caps, const struct pil_ip *key)
{
    uint64_t half[2];

    memcpy(half, key->octet, sizeof(half));
    half[0] = (half[0] ^ caps->salt) * 0x9e3779b97f4a7c15u;
    half[1] = (half[1] ^ half[0] ^ half[0] >> 29) * 0xbf58476d1ce4e5b9u;
    return (unsigned)(half[1] >> 32) & caps->mask;
}

/* The row of a key, or the free one where it belongs. */
static struct row *find(struct pil_caps *caps, const struct pil_ip *key)
{
    unsigned at = home(caps, key);

    while (caps->rows[at].count > 0 && !pil_ip_equal(&caps->rows[at].ip, key))
        at = (at + 1) & caps->mask;
    return &caps->rows[at];
}

bool pil_caps_take(struct pil_caps *caps, const struct pil_ip *ip)
{
    struct pil_ip key = key_of(ip);
    struct row *row = find(caps, &key);

    if (row->count >= caps->per_address)
        return false;
    row->ip = key;
    row->count++;
    return true;
}

/* Moves up what stood behind a freed row and could not be found any more. */
static void close_up(struct pil_caps *caps, unsigned hole)
{
    for (unsigned at = (hole + 1) & caps->mask; caps->rows[at].count > 0;
         at = (at + 1) & caps->mask) {
        unsigned from_home = (at - home(caps, &caps->rows[at].ip)) & caps->mask;

        if (from_home < ((at - hole) & caps->mask))
            continue;
        caps->rows[hole] = caps->rows[at];
        caps->rows[at].count = 0;
        hole = at;
    }
}

void pil_caps_give(struct pil_caps *caps, const struct pil_ip *ip)
{
    struct pil_ip key = key_of(ip);
    struct row *row = find(caps, &key);

    if (row->count > 0 && --row->count == 0)
        close_up(caps, (unsigned)(row - caps->rows));
}

void pil_caps_close(struct pil_caps *caps)
{
    free(caps);
}
