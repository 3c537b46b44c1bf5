#include "cli/inspect/unitfile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/inspect/child.h"
#include "core/err.h"

#define FILE_MAX (1u << 20) /* bytes of a unit file; systemd takes no more in a line */

static const char *const folders[] = {"/etc/systemd/system", "/run/systemd/system",
                                      "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                                      "/lib/systemd/system"};

/* ---- settings ---------------------------------------------------------------------------------
 */

/* Those where a further value adds to the ones before; of all others the last counts. */
static bool adds_up(const char *key)
{
    static const char *const lists[] = {"ExecStart",
                                        "Environment",
                                        "UnsetEnvironment",
                                        "SystemCallFilter",
                                        "BindPaths",
                                        "RestrictAddressFamilies",
                                        "ExecPaths",
                                        "NoExecPaths",
                                        "BindReadOnlyPaths",
                                        "ExecStartEx",
                                        "TemporaryFileSystem",
                                        "InaccessiblePaths",
                                        "SystemCallErrorNumber"};

    for (size_t i = 0; i < PIL_NELEM(lists); i++)
        if (strcmp(lists[i], key) == 0)
            return true;
    return false;
}

static struct pil_unit_setting *find(const struct pil_unit *unit, const char *key)
{
    for (size_t i = 0; i < unit->count; i++)
        if (strcmp(unit->item[i].key, key) == 0)
            return &unit->item[i];
    return NULL;
}

static struct pil_unit_setting *make(struct pil_unit *unit, const char *key)
{
    struct pil_unit_setting *grown = realloc(unit->item, (unit->count + 1) * sizeof(*unit->item));
    struct pil_unit_setting one = {strdup(key), strdup("")};

    if (grown)
        unit->item = grown;
    if (!grown || !one.key || !one.value) {
        free(one.key);
        free(one.value);
        return NULL;
    }
    unit->item[unit->count] = one;
    return &unit->item[unit->count++];
}

void pil_unit_set(struct pil_unit *unit, const char *key, const char *value)
{
    struct pil_unit_setting *setting = find(unit, key);
    char *all;

    if (!setting)
        setting = make(unit, key);
    if (!setting)
        return;
    if (*value && *setting->value && adds_up(key)) {
        if (asprintf(&all, "%s\n%s", setting->value, value) < 0)
            return;
    } else {
        all = strdup(value);
    }
    if (!all)
        return;
    free(setting->value);
    setting->value = all;
}

const char *pil_unit_get(const struct pil_unit *unit, const char *key)
{
    const struct pil_unit_setting *setting = find(unit, key);

    return setting ? setting->value : "";
}

bool pil_unit_is(const struct pil_unit *unit, const char *key)
{
    const char *value = pil_unit_get(unit, key);

    return strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0 ||
           strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0;
}

void pil_unit_free(struct pil_unit *unit)
{
    for (size_t i = 0; i < unit->count; i++) {
        free(unit->item[i].key);
        free(unit->item[i].value);
    }
    free(unit->item);
    unit->item = NULL;
    unit->count = 0;
}

/* ---- the text of a file -----------------------------------------------------------------------
 */

/* One logical line at a time: ends with a backslash are joined by a blank, comment lines within
 * are passed over. Returns the rest behind it. */
static const char *next_line(const char *at, const char *end, char *line, size_t room)
{
    size_t len = 0;
    bool more = true;

    while (more && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t part = (size_t)((stop ? stop : end) - at);
        const char *text = at;

        at += part + (stop != NULL);
        while (part > 0 && isblank((unsigned char)*text))
            text++, part--;
        if (part > 0 && (*text == '#' || *text == ';'))
            continue; /* also between the parts of a long line */
        while (part > 0 && (isblank((unsigned char)text[part - 1]) || text[part - 1] == '\r'))
            part--;
        more = part > 0 && text[part - 1] == '\\';
        part -= more;
        if (part > room - 1 - len)
            part = room - 1 - len;
        memcpy(line + len, text, part);
        len += part;
        if (more && len < room - 1)
            line[len++] = ' ';
    }
    line[len] = '\0';
    return at;
}

static void append(char *to, size_t *len, size_t room, const char *text, size_t text_len)
{
    if (text_len > room - 1 - *len)
        text_len = room - 1 - *len;
    memcpy(to + *len, text, text_len);
    *len += text_len;
    to[*len] = '\0';
}

/* %n name, %N name without suffix, %p prefix, %i and %I instance; others stay as they are. */
static void expand(const struct pil_unit *unit, const char *value, char *to, size_t room)
{
    const char *name = unit->name, *dot = strrchr(name, '.'), *at = strchr(name, '@');
    size_t whole = strlen(name), stem = dot ? (size_t)(dot - name) : whole, len = 0;

    to[0] = '\0';
    for (; *value; value++) {
        char kind = value[0] == '%' ? value[1] : '\0';

        if (kind == 'n')
            append(to, &len, room, name, whole);
        else if (kind == 'N')
            append(to, &len, room, name, stem);
        else if (kind == 'p')
            append(to, &len, room, name, at ? (size_t)(at - name) : stem);
        else if (kind == 'i' || kind == 'I')
            append(to, &len, room, at ? at + 1 : "", at ? stem - (size_t)(at + 1 - name) : 0);
        else if (kind == '%')
            append(to, &len, room, "%", 1);
        else
            append(to, &len, room, value, 1);
        value += kind && strchr("nNpiI%", kind);
    }
}

static void take_setting(struct pil_unit *unit, char *line, char *room_for_value, size_t room)
{
    char *equals = strchr(line, '='), *value, *end;

    if (!equals)
        return;
    value = equals + 1 + strspn(equals + 1, " \t");
    for (end = equals; end > line && isblank((unsigned char)end[-1]);)
        end--;
    *end = '\0';
    expand(unit, value, room_for_value, room);
    pil_unit_set(unit, line, room_for_value);
}

void pil_unit_parse(struct pil_unit *unit, const char *text, size_t len)
{
    const char *at = text, *end = text + len;
    size_t room = len * 4 + sizeof(unit->name) + 1;
    char *line = malloc(len + 2), *value = malloc(room);
    bool service = false;

    while (line && value && at < end) {
        at = next_line(at, end, line, len + 2);
        if (line[0] == '[')
            service = strncmp(line, "[Service]", 9) == 0;
        else if (service)
            take_setting(unit, line, value, room);
    }
    free(line);
    free(value);
}

/* ---- the files of a unit ----------------------------------------------------------------------
 */

static bool read_into(struct pil_unit *unit, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = malloc(FILE_MAX);
    ssize_t got = -1;
    size_t len = 0;

    while (fd >= 0 && text && len < FILE_MAX && (got = read(fd, text + len, FILE_MAX - len)) > 0)
        len += (size_t)got;
    if (got >= 0)
        pil_unit_parse(unit, text, len);
    free(text);
    if (fd >= 0)
        close(fd);
    return got >= 0;
}

static int is_conf(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

/* A drop-in is known by its name: the one in the first folder is it, and hides the others. */
struct dropin {
    char name[256], path[PATH_MAX];
};

struct dropins {
    struct dropin *item;
    size_t count;
};

static void add_dropin(struct dropins *d, const char *folder, const char *name)
{
    struct dropin *grown;

    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->item[i].name, name) == 0)
            return;
    grown = realloc(d->item, (d->count + 1) * sizeof(*d->item));
    if (!grown)
        return;
    d->item = grown;
    snprintf(grown[d->count].name, sizeof(grown->name), "%s", name);
    if (snprintf(grown[d->count].path, sizeof(grown->path), "%s/%s", folder, name) <
        (int)sizeof(grown->path))
        d->count++;
}

static void collect(struct dropins *d, const char *folder, const char *unit)
{
    char path[PATH_MAX];
    struct dirent **list;
    int n;

    if (snprintf(path, sizeof(path), "%s/%s.d", folder, unit) >= (int)sizeof(path))
        return;
    n = scandir(path, &list, is_conf, alphasort);
    for (int i = 0; i < n; i++) {
        add_dropin(d, path, list[i]->d_name);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct dropin *)a)->name, ((const struct dropin *)b)->name);
}

/* The folders to search, as a list that ends with NULL; `own` holds the text of the variable. */
static size_t search_path(const char *list[16], char own[PATH_MAX])
{
    const char *variable = getenv("SYSTEMD_UNIT_PATH");
    size_t n = 0;
    char *at = own;

    if (variable && *variable) {
        snprintf(own, PATH_MAX, "%s", variable);
        while (n < 15 && (list[n] = strsep(&at, ":")) != NULL)
            n += *list[n] != '\0';
        /* An empty entry at the end stands for the usual folders. */
        if (variable[strlen(variable) - 1] != ':')
            return n;
    }
    for (size_t i = 0; i < PIL_NELEM(folders) && n < 15; i++)
        list[n++] = folders[i];
    return n;
}

/* foo@.service for foo@bar.service; false when it is no instance. */
static bool template_of(const char *name, char out[256])
{
    const char *at = strchr(name, '@'), *dot = strrchr(name, '.');

    if (!at || !dot || dot <= at + 1)
        return false;
    snprintf(out, 256, "%.*s%s", (int)(at + 1 - name), name, dot);
    return true;
}

static bool read_fragment(struct pil_unit *unit, const char *const *list, size_t n,
                          const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (snprintf(unit->source, sizeof(unit->source), "%s/%s", list[i], name) <
                (int)sizeof(unit->source) &&
            read_into(unit, unit->source))
            return true;
    return false;
}

/* Drop-ins of the unit, of its template, of its name's beginnings ("a-.service.d" for a-b.service)
 * and of the type ("service.d"), the most specific first. */
static void read_dropins(struct pil_unit *unit, const char *const *list, size_t n)
{
    struct dropins d = {0};
    char other[256];

    for (size_t i = 0; i < n; i++)
        collect(&d, list[i], unit->name);
    for (size_t i = 0; i < n && template_of(unit->name, other); i++)
        collect(&d, list[i], other);
    for (const char *dash = strrchr(unit->name, '-'); dash;
         dash = memrchr(unit->name, '-', (size_t)(dash - unit->name))) {
        snprintf(other, sizeof(other), "%.*s-.service", (int)(dash - unit->name), unit->name);
        for (size_t i = 0; i < n; i++)
            collect(&d, list[i], other);
    }
    for (size_t i = 0; i < n; i++)
        collect(&d, list[i], "service");
    if (d.count > 0)
        qsort(d.item, d.count, sizeof(*d.item), by_name);
    for (size_t i = 0; i < d.count; i++)
        (void)read_into(unit, d.item[i].path);
    free(d.item);
}

static int load_files(struct pil_unit *unit)
{
    const char *list[16];
    char own[PATH_MAX], real[PATH_MAX], template[256];
    size_t n = search_path(list, own);

    if (!read_fragment(unit, list, n, unit->name) &&
        !(template_of(unit->name, template) && read_fragment(unit, list, n, template)))
        return PIL_E_NOTFOUND;
    if (realpath(unit->source, real) && strcmp(real, "/dev/null") == 0)
        pil_unit_set(unit, "LoadState", "masked");
    read_dropins(unit, list, n);
    return PIL_OK;
}

/* ---- systemd itself ---------------------------------------------------------------------------
 */

static void take_line(void *cookie, const char *text)
{
    const char *equals = strchr(text, '=');
    char key[128];

    if (!equals || equals - text >= (ptrdiff_t)sizeof(key))
        return;
    memcpy(key, text, (size_t)(equals - text));
    key[equals - text] = '\0';
    pil_unit_set(cookie, key, equals + 1);
}

static int ask_systemd(struct pil_unit *unit)
{
    const char *const argv[] = {"/usr/bin/systemctl", "show", "--no-pager", "--", unit->name, NULL};
    int status = pil_child_lines(argv, take_line, unit);

    strcpy(unit->source, "systemctl show");
    if (status != 0)
        return PIL_E_UNREACHABLE;
    return strcmp(pil_unit_get(unit, "LoadState"), "not-found") == 0 ? PIL_E_NOTFOUND : PIL_OK;
}

int pil_unit_load(struct pil_unit *unit, const char *name)
{
    const char *path = getenv("SYSTEMD_UNIT_PATH");

    memset(unit, 0, sizeof(*unit));
    if (snprintf(unit->name, sizeof(unit->name), "%s%s", name,
                 strchr(name, '.') ? "" : ".service") >= (int)sizeof(unit->name) ||
        strchr(name, '/'))
        return PIL_E_RANGE;
    if (!(path && *path) && access("/run/systemd/system", F_OK) == 0 && ask_systemd(unit) == PIL_OK)
        return PIL_OK;
    pil_unit_free(unit);
    return load_files(unit);
}
