/* The paths of unix sockets: which runs in them are volatile. */
#include "cli/rules/shape.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/glob.h"

static const char note_random[] = "a name made at random";
static const char note_number[] = "a number that differs";

enum class { CLASS_NONE, CLASS_LOWER, CLASS_UPPER, CLASS_DIGIT };

static enum class class_of(char c) {
    if (islower((unsigned char)c)) return CLASS_LOWER;
    if (isupper((unsigned char)c)) return CLASS_UPPER;
    return isdigit((unsigned char)c) ? CLASS_DIGIT : CLASS_NONE;
}

static size_t run_of(const char *at)
{
    size_t len = 0;

    while (class_of(at[len]) != CLASS_NONE || at[len] == '_')
        len++;
    return len;
}

/* People write "service1", "PGSQL" and "SessionBus"; only a generator goes back and forth between
 * kinds of letters and digits. A capital that begins a word does not count. */
static bool looks_random(const char *run, size_t len)
{
    enum class last = CLASS_NONE;
    unsigned changes = 0;

    for (size_t i = 0; i < len; i++) {
        enum class now = class_of(run[i]);

        if (now == CLASS_NONE)
            continue;
        changes +=
            last != CLASS_NONE && now != last && !(last == CLASS_UPPER && now == CLASS_LOWER);
        last = now;
    }
    return len >= 6 && changes >= 3;
}

static bool is_hex(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isxdigit((unsigned char)at[i]))
            return false;
    return true;
}

/* 8-4-4-4-12 hex digits; its length, or 0. */
static size_t uuid_of(const char *at)
{
    static const size_t groups[] = {8, 4, 4, 4, 12};
    size_t len = 0;

    for (size_t i = 0; i < PIL_NELEM(groups); i++) {
        if (i > 0 && at[len++] != '-')
            return 0;
        if (strnlen(at + len, groups[i]) < groups[i] || !is_hex(at + len, groups[i]))
            return 0;
        len += groups[i];
    }
    return len;
}

/* Pieces of a path: a volatile one, a number, or some of the rest. */
enum piece { PIECE_PLAIN, PIECE_RANDOM, PIECE_NUMBER };

/* A path and where in it the first folder begins that is gone by now. Where temporary folders are
 * made, such a one was one; its name, and names below it, are made up where they can be. */
struct path {
    const char *text;
    size_t gone; /* SIZE_MAX: every folder is there */
};

static bool is_for_temporary(const char *folder)
{
    struct stat st;

    return strncmp(folder, "/run/user/", 10) == 0 ||
           (stat(folder, &st) == 0 && (st.st_mode & S_ISVTX));
}

static struct path path_of(const char *text)
{
    char folder[PIL_UNIX_MAX + 2];
    const char *begin = text + 1, *slash;

    while (text[0] == '/' && (slash = strchr(begin, '/'))) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - text), text);
        if (access(folder, F_OK) != 0) {
            folder[begin - text] = '\0';
            return (struct path){text,
                                 is_for_temporary(folder) ? (size_t)(begin - text) : SIZE_MAX};
        }
        begin = slash + 1;
    }
    return (struct path){text, SIZE_MAX};
}

/* The run ends its component and is all of it, or stands behind a separator that generators use:
 * "pymp-abcdefgh", "x.AbCdEf". "control.socket" is none of theirs. */
static bool is_made_up(const struct path *path, size_t at, size_t len)
{
    const char *run = path->text + at;
    bool ends = run[len] == '/' || run[len] == '\0';
    char before = at > 0 ? run[-1] : '/';
    bool lower = true;

    for (size_t i = 0; i < len; i++)
        lower = lower && islower((unsigned char)run[i]);
    if (path->gone == SIZE_MAX || at < path->gone || !ends || len < 6)
        return false;
    return before == '-' || (before == '/' && at == path->gone) || (before == '.' && !lower);
}

/* Python's names for what is temporary: "tmp" and eight letters, digits and underscores. */
static bool is_tmp(const struct path *path, size_t at)
{
    return (at == 0 || path->text[at - 1] == '/') && strncmp(path->text + at, "tmp", 3) == 0 &&
           run_of(path->text + at) == 11;
}

static enum piece piece_of(const struct path *path, size_t at, size_t *len)
{
    const char *text = path->text + at;
    size_t digits = strspn(text, "0123456789");

    *len = uuid_of(text);
    if (*len > 0)
        return PIECE_RANDOM;
    if (is_tmp(path, at)) {
        *len = 3;
        return PIECE_PLAIN;
    }
    *len = run_of(text);
    if (at >= 3 && is_tmp(path, at - 3))
        return PIECE_RANDOM;
    if (*len > 0 && (looks_random(text, *len) || is_made_up(path, at, *len)))
        return PIECE_RANDOM;
    if (digits > 0) {
        *len = digits;
        return PIECE_NUMBER;
    }
    /* Letters up to the digits behind them. */
    *len = 1;
    while (class_of(text[0]) != CLASS_NONE && class_of(text[*len]) != CLASS_DIGIT &&
           run_of(text + *len) > 0)
        ++*len;
    return PIECE_PLAIN;
}

/* Do the two differ in random runs and numbers alone? Numbers that differ are marked in `differs`,
 * by which piece of `a` they are. */
static bool same_shape(const struct path *a, const struct path *b, uint64_t *differs)
{
    size_t i = 0, k = 0, m, n;
    uint64_t marks = 0;

    for (unsigned piece = 0; a->text[i] && b->text[k]; piece++, i += m, k += n) {
        enum piece x = piece_of(a, i, &m), y = piece_of(b, k, &n);
        bool same = m == n && memcmp(a->text + i, b->text + k, m) == 0;

        if (x != y || (x == PIECE_PLAIN && !same))
            return false;
        if (x == PIECE_NUMBER && !same && piece < 64)
            marks |= UINT64_C(1) << piece;
    }
    if (a->text[i] || b->text[k])
        return false;
    *differs |= marks;
    return true;
}

static uint64_t numbers_that_differ(const struct pil_shape *shape, const struct path *path)
{
    uint64_t differs = 0;

    for (size_t i = 0; shape->all && i < shape->all->count; i++)
        if (shape->all->item[i].kind == PIL_KIND_UNIX) {
            struct path other = path_of(shape->all->item[i].name);

            same_shape(path, &other, &differs);
        }
    for (size_t i = 0; i < shape->paths; i++) {
        struct path other = path_of(shape->path[i]);

        same_shape(path, &other, &differs);
    }
    return differs;
}

/* An abstract name that the kernel gave: five hex digits. */
static bool is_autobound(const char *path)
{
    return path[0] == '@' && strlen(path) == 6 && is_hex(path + 1, 5);
}

static char *write_shape(const struct path *path, uint64_t differs, const char **note)
{
    char *out = malloc(strlen(path->text) + 1), *to = out;
    unsigned stars = 0;
    size_t len;

    for (size_t i = 0, at = 0; out && path->text[at]; i++, at += len) {
        enum piece piece = piece_of(path, at, &len);
        bool number = piece == PIECE_NUMBER && i < 64 && (differs >> i & 1);

        if (piece == PIECE_RANDOM || number) {
            *note = piece == PIECE_RANDOM ? note_random : *note ? *note : note_number;
            *to++ = '*';
            stars++;
        } else {
            memcpy(to, path->text + at, len);
            to += len;
        }
    }
    if (out)
        *to = '\0';
    if (out && stars > PIL_GLOB_STARS) {
        free(out);
        out = NULL;
        *note = NULL;
    }
    return out;
}

char *pil_shape_path(const struct pil_shape *shape, const char *path, const char **note)
{
    struct path one;
    char *out;

    *note = NULL;
    if (shape->exact)
        return strdup(path);
    if (is_autobound(path)) {
        *note = "a name that the kernel chose";
        return strdup("@?????");
    }
    one = path_of(path);
    out = write_shape(&one, numbers_that_differ(shape, &one), note);
    return out ? out : strdup(path);
}
