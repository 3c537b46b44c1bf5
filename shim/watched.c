#include "shim/watched.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "core/bytes.h"
#include "shim/real.h"

#define NUMBERS 4096u /* hints; the same number of epoll descriptors is looked at */
#define WORDS   (NUMBERS / 64u)
#define LINE    128u /* longer than any line of fdinfo that speaks of a watched descriptor */

static _Atomic uint64_t member[WORDS], sets[WORDS];

static void set_bit(_Atomic uint64_t *map, unsigned n)
{
    uint64_t bit = UINT64_C(1) << (n % 64u);

    if (n < NUMBERS && !(atomic_load_explicit(&map[n / 64u], memory_order_relaxed) & bit))
        atomic_fetch_or_explicit(&map[n / 64u], bit, memory_order_relaxed);
}

void pil_watched_note(int fd, int set)
{
    set_bit(member, (unsigned)fd);
    set_bit(sets, (unsigned)set);
}

bool pil_watched_maybe(int fd)
{
    unsigned n = (unsigned)fd;

    return n >= NUMBERS ||
           (atomic_load_explicit(&member[n / 64u], memory_order_relaxed) >> (n % 64u) & 1);
}

void pil_watched_wipe(int fd)
{
    unsigned n = (unsigned)fd;

    if (n < NUMBERS && pil_watched_maybe(fd))
        atomic_fetch_and_explicit(&member[n / 64u], ~(UINT64_C(1) << (n % 64u)),
                                  memory_order_relaxed);
}

/* ---- /proc/self/fdinfo ---------------------------------------------------------------------- */

/* The number behind `key` in a line, in that base; false when it is not there. */
static bool field(const char *line, const char *key, unsigned base, uint64_t *out)
{
    const char *at = strstr(line, key);
    uint64_t value = 0;
    bool any = false;

    if (!at)
        return false;
    for (at += strlen(key); *at == ' '; at++)
        ;
    for (;; at++, any = true) {
        unsigned digit = *at >= '0' && *at <= '9'   ? (unsigned)(*at - '0')
                         : *at >= 'a' && *at <= 'f' ? (unsigned)(*at - 'a') + 10u
                                                    : UINT_MAX;

        if (digit >= base)
            break;
        value = value * base + digit;
    }
    *out = value;
    return any;
}

/* What is looked for: a number, and the inode of the file under it. A file that was closed under
 * the same number stays in its sets as long as policyd holds a copy of it. */
struct target {
    int fd;
    uint64_t inode;
};

/* "tfd:        4 events: 40000019 data:                4  pos:0 ino:21f4b2 sdev:9" (fs/eventpoll.c)
 */
static bool speaks_of(const char *line, const struct target *t, uint32_t *events, uint64_t *data)
{
    uint64_t number, inode, mask;

    if (!field(line, "tfd:", 10, &number) || number != (uint64_t)t->fd ||
        !field(line, " ino:", 16, &inode) || inode != t->inode ||
        !field(line, "events:", 16, &mask) || !field(line, "data:", 16, data))
        return false;
    *events = (uint32_t)mask;
    return true;
}

static int open_fdinfo(int set)
{
    char path[48];
    struct pil_text text;

    pil_text_init(&text, path, sizeof(path));
    pil_text_add(&text, "/proc/self/fdinfo/");
    pil_text_add_u64(&text, (uint64_t)set);
    return pil_real_sys.openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

/* Line by line, with a buffer that holds a few. */
static bool find_in(int set, const struct target *t, uint32_t *events, uint64_t *data)
{
    char buffer[4 * LINE];
    size_t kept = 0;
    int64_t offset = 0;
    bool found = false;
    int info = open_fdinfo(set);

    while (info >= 0 && !found) {
        ssize_t got = pil_real_sys.pread(info, buffer + kept, sizeof(buffer) - kept - 1, offset);
        char *line = buffer, *end;

        if (got <= 0)
            break;
        offset += got;
        buffer[kept + (size_t)got] = '\0';
        for (; !found && (end = strchr(line, '\n')); line = end + 1) {
            *end = '\0';
            found = speaks_of(line, t, events, data);
        }
        kept = strlen(line);
        if (kept >= sizeof(buffer) - 1)
            kept = 0;
        memmove(buffer, line, kept);
    }
    if (info >= 0)
        pil_real_sys.close(info);
    return found;
}

void pil_watched_find(int fd, void (*found)(void *cookie, int set, uint32_t events, uint64_t data),
                      void *cookie)
{
    struct target t = {.fd = fd};
    struct statx st;

    if (pil_real_sys.statx(fd, "", AT_EMPTY_PATH, STATX_INO, &st))
        return;
    t.inode = st.stx_ino;
    for (unsigned n = 0; n < NUMBERS; n++) {
        uint64_t word = atomic_load_explicit(&sets[n / 64u], memory_order_relaxed), data;
        uint32_t events;

        if (word == 0)
            n |= 63u;
        else if ((word >> (n % 64u) & 1) && find_in((int)n, &t, &events, &data))
            found(cookie, (int)n, events, data);
    }
}
