#include "cli/enable/service.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX       ".service"
#define DROPINS      256u
#define ONE_LINE_MAX (1u << 20) /* systemd's own */
#define NAMES_MAX    16u
#define BLANKS       " \t\r\n"

/* Where units lie, most important first: systemd.unit(5). */
static const char *const folders[] = {
    "/etc/systemd/system.control",  "/run/systemd/system.control",   "/run/systemd/transient",
    "/run/systemd/generator.early", "/etc/systemd/system",           "/run/systemd/system",
    "/run/systemd/generator",       "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
    "/lib/systemd/system",          "/run/systemd/generator.late",
};

bool pil_service_name(const char *given, char out[NAME_MAX + 1])
{
    size_t len = strlen(given), end = sizeof(SUFFIX) - 1;
    bool whole = len > end && strcmp(given + len - end, SUFFIX) == 0;
    const char *dot = strrchr(given, '.');

    if (len > 0 && !strchr(given, '/') && (whole || !dot || strchr(dot, '@')) &&
        (size_t)snprintf(out, NAME_MAX + 1, "%s%s", given, whole ? "" : SUFFIX) <= NAME_MAX)
        return true;
    pil_cli_error("\"%s\"; legal is the name of a service, such as nginx.service", given);
    return false;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static char *trim(char *text)
{
    char *end;

    text += strspn(text, BLANKS);
    end = text + strlen(text);
    while (end > text && strchr(BLANKS, end[-1]))
        *--end = '\0';
    return text;
}

static bool add_line(struct pil_service *unit, const char *section, char *text, unsigned number)
{
    char *equals = strchr(text, '=');
    struct pil_service_line *grown, *line;

    if (!equals)
        return true; /* systemd ignores it as well */
    grown = realloc(unit->line, (unit->lines + 1) * sizeof(*grown));
    if (!grown)
        return false;
    unit->line = grown;
    line = &grown[unit->lines];
    *equals = '\0';
    *line = (struct pil_service_line){strdup(section), strdup(trim(text)), strdup(trim(equals + 1)),
                                      unit->file[unit->files - 1], number};
    unit->lines++;
    return line->section && line->key && line->value;
}

/* One line of the file onto what it continues; true when the whole is complete. */
static bool join(char *whole, size_t cap, const char *text)
{
    size_t at = strlen(whole), len = strcspn(text, "\n");
    bool goes_on = len > 0 && text[len - 1] == '\\';

    snprintf(whole + at, cap - at, "%.*s%s", (int)(goes_on ? len - 1 : len), text,
             goes_on ? " " : "");
    return !goes_on;
}

static bool is_comment(const char *text)
{
    text += strspn(text, BLANKS);
    return *text == '#' || *text == ';';
}

static bool take(struct pil_service *unit, char section[256], char *whole, unsigned number)
{
    char *text = trim(whole);
    size_t len = strlen(text);

    if (len > 2 && text[0] == '[' && text[len - 1] == ']')
        snprintf(section, 256, "%.*s", (int)len - 2, text + 1);
    else if (len > 0)
        return add_line(unit, section, text, number);
    return true;
}

static bool read_lines(struct pil_service *unit, FILE *file)
{
    char *whole = calloc(1, ONE_LINE_MAX), *text = NULL, section[256] = "";
    bool good = whole != NULL;
    unsigned number = 0;
    size_t room = 0;

    while (good && getline(&text, &room, file) > 0) {
        number++;
        if (is_comment(text) || !join(whole, ONE_LINE_MAX, text))
            continue;
        good = take(unit, section, whole, number);
        whole[0] = '\0';
    }
    if (good && whole[0] != '\0')
        good = take(unit, section, whole, number);
    free(text);
    free(whole);
    return good;
}

static int read_file(struct pil_service *unit, const char *path)
{
    FILE *file = fopen(path, "re");
    char **grown = realloc(unit->file, (unit->files + 1) * sizeof(*grown));
    bool good = grown != NULL;

    if (grown) {
        unit->file = grown;
        grown[unit->files] = strdup(path);
        good = grown[unit->files] != NULL;
        unit->files += good;
    }
    if (!file)
        pil_cli_error("%s: %s", path, strerror(errno));
    good = good && file && read_lines(unit, file);
    if (file)
        fclose(file);
    return good ? PIL_EXIT_OK : PIL_EXIT_FAILED;
}

/* ---- the fragment --------------------------------------------------------------------------- */

/* "foo@bar.service" -> "foo@.service"; false when it is no instance. */
static bool template_of(const char *name, char out[NAME_MAX + 1])
{
    const char *at = strchr(name, '@');

    if (!at || at[1] == '.')
        return false;
    snprintf(out, NAME_MAX + 1, "%.*s%s", (int)(at + 1 - name), name, SUFFIX);
    return true;
}

/* Instances of a template, and the names of a service that merged /lib and /usr/lib have. */
static bool same_unit(const char *a, const char *b)
{
    char base[NAME_MAX + 1];

    return strcmp(a, b) == 0 || (template_of(a, base) && strcmp(base, b) == 0);
}

/* A link in a unit folder is another name of its target, or /dev/null: masked. */
static int judge_link(const char *path, const char *name)
{
    char target[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof(target) - 1);
    const char *base;

    if (len < 0)
        return PIL_EXIT_OK;
    target[len] = '\0';
    base = strrchr(target, '/');
    base = base ? base + 1 : target;
    if (same_unit(name, base))
        return PIL_EXIT_OK;
    if (strcmp(target, "/dev/null") == 0)
        pil_cli_error("%s is masked (%s): nothing starts it", name, path);
    else
        pil_cli_error("%s is another name of %s; say that one", name, base);
    return PIL_EXIT_NO;
}

static int find_named(const char *root, const char *name, char path[PATH_MAX])
{
    struct stat st;

    for (size_t i = 0; i < PIL_NELEM(folders); i++) {
        if ((size_t)snprintf(path, PATH_MAX, "%s%s/%s", root, folders[i], name) < PATH_MAX &&
            lstat(path, &st) == 0)
            return judge_link(path, name);
    }
    return PIL_EXIT_NOTFOUND;
}

static int find_fragment(const char *root, const char *name, char path[PATH_MAX])
{
    char base[NAME_MAX + 1];
    int code = find_named(root, name, path);

    if (code == PIL_EXIT_NOTFOUND && template_of(name, base))
        code = find_named(root, base, path);
    if (code == PIL_EXIT_NOTFOUND)
        pil_cli_error("there is no unit %s%s%s", name, *root ? " in " : "", root);
    return code;
}

/* ---- drop-ins ------------------------------------------------------------------------------- */

struct dropins {
    char *path[DROPINS];
    size_t count;
    bool full;
};

static const char *base_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

/* A file hides those of its name in folders that count less. */
static void add_dropin(struct dropins *all, const char *folder, const char *name)
{
    size_t len = strlen(name);

    if (len < 6 || strcmp(name + len - 5, ".conf") != 0 || name[0] == '.')
        return;
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(base_of(all->path[i]), name) == 0)
            return;
    if (all->count == DROPINS || asprintf(&all->path[all->count], "%s/%s", folder, name) < 0)
        all->full = true;
    else
        all->count++;
}

static void scan(struct dropins *all, const char *folder, const char *without)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (strcmp(entry->d_name, without) != 0)
            add_dropin(all, folder, entry->d_name);
    if (dir)
        closedir(dir);
}

/* The unit itself, its template, "a-b-" and "a-" before the dashes of its name, all services. */
static size_t dropin_names(const char *name, char names[NAMES_MAX][NAME_MAX + 1])
{
    size_t count = 0;

    snprintf(names[count++], NAME_MAX + 1, "%s", name);
    if (template_of(name, names[count]))
        count++;
    for (size_t at = strcspn(name, "@."); at-- > 1 && count < NAMES_MAX - 1;)
        if (name[at] == '-')
            snprintf(names[count++], NAME_MAX + 1, "%.*s-%s", (int)at, name, SUFFIX);
    snprintf(names[count++], NAME_MAX + 1, "%s", SUFFIX + 1);
    return count;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(base_of(*(char *const *)a), base_of(*(char *const *)b));
}

static int read_dropins(struct pil_service *unit, const char *root, const char *without)
{
    char names[NAMES_MAX][NAME_MAX + 1], folder[PATH_MAX];
    size_t count = dropin_names(unit->name, names);
    struct dropins all = {0};
    int code = PIL_EXIT_OK;

    for (size_t n = 0; n < count; n++)
        for (size_t i = 0; i < PIL_NELEM(folders); i++)
            if ((size_t)snprintf(folder, sizeof(folder), "%s%s/%s.d", root, folders[i], names[n]) <
                sizeof(folder))
                scan(&all, folder, without);
    qsort(all.path, all.count, sizeof(all.path[0]), by_name);
    for (size_t i = 0; i < all.count; i++) {
        if (!code)
            code = read_file(unit, all.path[i]);
        free(all.path[i]);
    }
    return all.full ? PIL_EXIT_FAILED : code;
}

/* ---- all of it ------------------------------------------------------------------------------ */

int pil_service_load(const char *root, const char *name, const char *without,
                     struct pil_service *out)
{
    char path[PATH_MAX];
    int code = find_fragment(root, name, path);

    *out = (struct pil_service){0};
    snprintf(out->name, sizeof(out->name), "%s", name);
    if (!code)
        code = read_file(out, path);
    if (!code)
        code = read_dropins(out, root, without);
    if (code)
        pil_service_free(out);
    return code;
}

void pil_service_free(struct pil_service *unit)
{
    for (size_t i = 0; i < unit->lines; i++) {
        free(unit->line[i].section);
        free(unit->line[i].key);
        free(unit->line[i].value);
    }
    for (size_t i = 0; i < unit->files; i++)
        free(unit->file[i]);
    free(unit->line);
    free(unit->file);
    *unit = (struct pil_service){0};
}

const char *pil_service_value(const struct pil_service *unit, const char *section, const char *key)
{
    for (size_t i = unit->lines; i-- > 0;)
        if (strcmp(unit->line[i].section, section) == 0 && strcmp(unit->line[i].key, key) == 0)
            return unit->line[i].value;
    return "";
}
