#include "conf/switch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"

static const char *const names[PIL_SWITCH_MODES] = {"on", "shadow", "off"};

const char *pil_switch_name(enum pil_switch_mode mode)
{
    return names[mode < PIL_SWITCH_MODES ? mode : PIL_SWITCH_ON];
}

enum pil_switch_mode pil_switch_mode_of(const char *name)
{
    unsigned mode = 0;

    while (mode < PIL_SWITCH_MODES && strcmp(names[mode], name) != 0)
        mode++;
    return mode;
}

void pil_switch_time(int64_t seconds, char *out, size_t cap)
{
    time_t at = (time_t)seconds;
    struct tm utc;

    if (!gmtime_r(&at, &utc) || strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(out, cap, "?");
}

/* ---- text ----------------------------------------------------------------------------------- */

static bool take_until(struct pil_switch_order *order, const char *value)
{
    char again[32];
    struct tm utc = {0};
    const char *end = strptime(value, "%Y-%m-%dT%H:%M:%SZ", &utc);

    if (!end || *end)
        return false;
    order->until = timegm(&utc);
    /* strptime takes the 31st of February, and spaces. */
    pil_switch_time(order->until, again, sizeof(again));
    return order->until > 0 && strcmp(again, value) == 0;
}

static bool take_text(char *to, const char *value)
{
    size_t len = strlen(value);

    if (len >= PIL_SWITCH_TEXT)
        return false;
    memcpy(to, value, len + 1);
    return true;
}

static bool take_by(struct pil_switch_order *order, const char *value)
{
    return take_text(order->by, value);
}

static bool take_reason(struct pil_switch_order *order, const char *value)
{
    return take_text(order->reason, value);
}

static const struct {
    const char *name;
    bool (*take)(struct pil_switch_order *order, const char *value);
    const char *legal;
} keys[] = {
    {"until", take_until, "a time such as 2026-11-25T18:00:00Z"},
    {"by", take_by, "a text of at most 255 bytes"},
    {"reason", take_reason, "a text of at most 255 bytes"},
};

static int refuse(unsigned line, const char *text, const char *legal, char *problem, size_t cap)
{
    snprintf(problem, cap, "line %u: \"%.80s\"; legal is %s", line, text, legal);
    return PIL_E_SYNTAX;
}

static int take_key(unsigned line, char *text, struct pil_switch_order *order, char *problem,
                    size_t cap)
{
    char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : 0;

    while (len > 0 && text[len - 1] == ' ')
        len--;
    for (size_t i = 0; len > 0 && i < PIL_NELEM(keys); i++) {
        if (strlen(keys[i].name) != len || memcmp(keys[i].name, text, len) != 0)
            continue;
        equals += 1 + strspn(equals + 1, " ");
        return keys[i].take(order, equals) ? PIL_OK
                                           : refuse(line, text, keys[i].legal, problem, cap);
    }
    return refuse(line, text, "until = TIME, by = TEXT, reason = TEXT", problem, cap);
}

/* No NUL, no escape sequences for whoever looks at it. */
static bool is_text(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return true;
}

static int take_line(unsigned line, char *text, bool *told, struct pil_switch_order *order,
                     char *problem, size_t cap)
{
    enum pil_switch_mode mode;

    for (size_t len = strlen(text); len > 0 && text[len - 1] == ' '; len--)
        text[len - 1] = '\0';
    if (*text == '\0' || *text == '#')
        return PIL_OK;
    if (*told)
        return take_key(line, text, order, problem, cap);
    mode = pil_switch_mode_of(text);
    if (mode == PIL_SWITCH_MODES)
        return refuse(line, text, "on, shadow, off", problem, cap);
    order->mode = mode;
    *told = true;
    return PIL_OK;
}

int pil_switch_parse(const char *text, size_t len, struct pil_switch_order *out, char *problem,
                     size_t cap)
{
    struct pil_switch_order order = {0};
    const char *end = text + len;
    bool told = false;
    int err = PIL_OK;

    *out = (struct pil_switch_order){0};
    for (unsigned line = 1; text < end && !err; line++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t size = (size_t)((stop ? stop : end) - text);
        char copy[PIL_SWITCH_FILE];

        if (size >= sizeof(copy) || !is_text(text, size))
            return refuse(line, "", "text without control characters", problem, cap);
        memcpy(copy, text, size);
        copy[size] = '\0';
        text = stop ? stop + 1 : end;
        err = take_line(line, copy, &told, &order, problem, cap);
    }
    if (!err && !told)
        err = refuse(1, "", "on, shadow, off", problem, cap);
    if (!err)
        *out = order;
    return err;
}

/* ---- the file ------------------------------------------------------------------------------- */

/* Whoever can write it, or can put another file in its place, turns policy off. */
static int judge(int fd, uid_t own, char *problem, size_t cap)
{
    struct stat st;

    if (fstat(fd, &st)) {
        snprintf(problem, cap, "%s", strerror(errno));
        return PIL_E_SYSTEM;
    }
    if (S_ISREG(st.st_mode) && !(st.st_mode & 022) && (st.st_uid == 0 || st.st_uid == own) &&
        st.st_nlink == 1)
        return PIL_OK;
    snprintf(problem, cap,
             "mode %04o, owner %u, %lu names; legal is a regular file of root under one name that "
             "nobody else can write",
             st.st_mode & 07777u, st.st_uid, (unsigned long)st.st_nlink);
    return PIL_E_PERMISSION;
}

static int read_all(int fd, char *text, size_t *len, char *problem, size_t cap)
{
    ssize_t got;

    *len = 0;
    while ((got = read(fd, text + *len, PIL_SWITCH_FILE - *len)) > 0)
        *len += (size_t)got;
    if (got == 0 && *len < PIL_SWITCH_FILE)
        return PIL_OK;
    snprintf(problem, cap, "%s", got < 0 ? strerror(errno) : "too long; legal are 4095 bytes");
    return got < 0 ? PIL_E_SYSTEM : PIL_E_SYNTAX;
}

int pil_switch_load(const char *path, uid_t own, struct pil_switch_order *out, char *problem,
                    size_t cap)
{
    char text[PIL_SWITCH_FILE], why[512] = "";
    size_t len;
    int fd, err;

    *out = (struct pil_switch_order){0};
    if (path[0] == '\0')
        return PIL_OK;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return PIL_OK;
    if (fd < 0) {
        snprintf(problem, cap, "%s: %s", path, strerror(errno));
        return PIL_E_SYSTEM;
    }
    err = judge(fd, own, why, sizeof(why));
    if (!err)
        err = read_all(fd, text, &len, why, sizeof(why));
    close(fd);
    if (!err)
        err = pil_switch_parse(text, len, out, why, sizeof(why));
    if (err)
        snprintf(problem, cap, "%s: %s", path, why);
    return err;
}

static int print(const struct pil_switch_order *order, char *out, size_t cap)
{
    char until[32] = "";
    int len;

    if (order->until)
        pil_switch_time(order->until, until, sizeof(until));
    len = snprintf(out, cap, "%s\n%s%s%s%s%s%s%s%s%s", pil_switch_name(order->mode),
                   *until ? "until = " : "", until, *until ? "\n" : "", *order->by ? "by = " : "",
                   order->by, *order->by ? "\n" : "", *order->reason ? "reason = " : "",
                   order->reason, *order->reason ? "\n" : "");
    return len < (int)cap ? len : -1;
}

static bool write_new(int fd, const char *text, size_t len)
{
    return fd >= 0 && write(fd, text, len) == (ssize_t)len && fchmod(fd, 0644) == 0 &&
           fsync(fd) == 0;
}

int pil_switch_save(const char *path, const struct pil_switch_order *order, char *problem,
                    size_t cap)
{
    char text[PIL_SWITCH_FILE], aside[4096];
    struct pil_switch_order again;
    int len = print(order, text, sizeof(text)), fd, error;
    bool good;

    /* What is written is what will be read. */
    if (len < 0 || pil_switch_parse(text, (size_t)len, &again, problem, cap))
        return PIL_E_SYNTAX;
    if ((size_t)snprintf(aside, sizeof(aside), "%s.new", path) >= sizeof(aside)) {
        snprintf(problem, cap, "%.80s...: %s", path, strerror(ENAMETOOLONG));
        return PIL_E_SYNTAX;
    }
    unlink(aside);
    fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    good = write_new(fd, text, (size_t)len) && rename(aside, path) == 0;
    error = good ? 0 : errno;
    if (fd >= 0)
        close(fd);
    if (!error)
        return PIL_OK;
    snprintf(problem, cap, "%s: %s", path, strerror(error));
    unlink(aside);
    return error == EACCES || error == EPERM ? PIL_E_PERMISSION : PIL_E_SYSTEM;
}
