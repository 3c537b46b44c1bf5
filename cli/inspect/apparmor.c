#include "cli/inspect/apparmor.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/defs.h"

#define NESTED_MAX 8 /* braces within braces */

static bool matches(const char *pattern, const char *path, int depth);

/* One pattern without braces. A "**" crosses slashes; fnmatch knows that for all or none. */
static bool matches_plain(const char *pattern, const char *path)
{
    return fnmatch(pattern, path, strstr(pattern, "**") ? 0 : FNM_PATHNAME) == 0;
}

/* The brace that closes the one at open; NULL when none does. */
static const char *closing(const char *open)
{
    int depth = 0;

    for (const char *at = open; *at; at++) {
        depth += *at == '{';
        depth -= *at == '}';
        if (depth == 0)
            return at;
    }
    return NULL;
}

/* Each choice in turn takes the place of the braces. */
static bool matches_choice(const char *pattern, const char *open, const char *close,
                           const char *path, int depth)
{
    const char *start = open + 1;
    char one[PATH_MAX];
    int inside = 0;

    for (const char *at = start; at <= close; at++) {
        inside += *at == '{';
        inside -= *at == '}' && at < close;
        if (at != close && (*at != ',' || inside > 0))
            continue;
        if (snprintf(one, sizeof(one), "%.*s%.*s%s", (int)(open - pattern), pattern,
                     (int)(at - start), start, close + 1) < (int)sizeof(one) &&
            matches(one, path, depth + 1))
            return true;
        start = at + 1;
    }
    return false;
}

static bool matches(const char *pattern, const char *path, int depth)
{
    const char *open = strchr(pattern, '{'), *close = open ? closing(open) : NULL;

    if (!open || !close)
        return matches_plain(pattern, path);
    return depth < NESTED_MAX && matches_choice(pattern, open, close, path, depth);
}

bool pil_apparmor_matches(const char *pattern, const char *path)
{
    return strlen(pattern) < PATH_MAX && matches(pattern, path, 0);
}

/* The next word, without its quotes; false at the end of the line. */
static bool next_word(const char **at, char *to, size_t room)
{
    const char *start = *at + strspn(*at, " \t");
    size_t len;

    if (*start == '"') {
        len = strcspn(++start, "\"\n");
        *at = start + len + (start[len] == '"');
    } else {
        len = strcspn(start, " \t\n");
        *at = start + len;
    }
    if (len == 0 || len >= room)
        return false;
    memcpy(to, start, len);
    to[len] = '\0';
    return true;
}

bool pil_apparmor_header(const char *line, char name[256], char pattern[PATH_MAX])
{
    const char *brace = strrchr(line, '{'), *at = line;
    char word[PATH_MAX];

    if (!brace || brace[1 + strspn(brace + 1, " \t\n")] != '\0')
        return false;
    if (!next_word(&at, word, sizeof(word)))
        return false;
    pattern[0] = '\0';
    if (strcmp(word, "profile") != 0) {
        if (word[0] != '/' && word[0] != '@')
            return false;
        if (strlen(word) >= 256)
            return false;
        strcpy(name, word);
        strcpy(pattern, word);
        return true;
    }
    if (!next_word(&at, name, 256))
        return false;
    if (name[0] == '/')
        strcpy(pattern, name);
    if (next_word(&at, word, sizeof(word)) && word[0] == '/')
        strcpy(pattern, word);
    return true;
}

static bool file_names_library(const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    while (file && !found && getline(&line, &room, file) > 0)
        found = strstr(line, "libpillion") && line[strspn(line, " \t")] != '#';
    free(line);
    if (file)
        fclose(file);
    return found;
}

/* The mode that the kernel has a profile in; false when it is not loaded. */
static bool loaded(const char *kernel, struct pil_apparmor *out)
{
    FILE *file = fopen(kernel, "re");
    size_t len = strlen(out->profile), room = 0;
    char *line = NULL;
    bool found = false;

    while (file && !found && getline(&line, &room, file) > 0) {
        found = strncmp(line, out->profile, len) == 0 && strncmp(line + len, " (", 2) == 0;
        if (found)
            snprintf(out->mode, sizeof(out->mode), "%.*s", (int)strcspn(line + len + 2, ")\n"),
                     line + len + 2);
    }
    free(line);
    if (file)
        fclose(file);
    return found;
}

struct search {
    const char *path, *name; /* either */
    struct pil_apparmor *out;
};

/* Does the file hold the profile that is looked for? */
static bool holds(const char *file_name, const struct search *s)
{
    FILE *file = fopen(file_name, "re");
    char *line = NULL, name[256], pattern[PATH_MAX];
    size_t room = 0;
    bool found = false;

    while (file && !found && getline(&line, &room, file) > 0)
        found = pil_apparmor_header(line, name, pattern) &&
                (s->name ? strcmp(name, s->name) == 0 : pil_apparmor_matches(pattern, s->path));
    if (found)
        snprintf(s->out->profile, sizeof(s->out->profile), "%s", name);
    free(line);
    if (file)
        fclose(file);
    return found;
}

static bool find(const char *kernel, const char *folder, const struct search *s)
{
    DIR *dir = opendir(folder);
    char path[PATH_MAX], local[PATH_MAX];
    struct dirent *entry;
    bool found = false;

    memset(s->out, 0, sizeof(*s->out));
    while (dir && !found && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' ||
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= (int)sizeof(path))
            continue;
        found = holds(path, s) && loaded(kernel, s->out);
        if (!found)
            continue;
        strcpy(s->out->file, path);
        s->out->names_library =
            file_names_library(path) || (snprintf(local, sizeof(local), "%s/local/%s", folder,
                                                  entry->d_name) < (int)sizeof(local) &&
                                         file_names_library(local));
    }
    if (dir)
        closedir(dir);
    return found;
}

bool pil_apparmor_find(const char *kernel, const char *folder, const char *path,
                       struct pil_apparmor *out)
{
    return find(kernel, folder, &(struct search){.path = path, .out = out});
}

bool pil_apparmor_named(const char *kernel, const char *folder, const char *name,
                        struct pil_apparmor *out)
{
    if (find(kernel, folder, &(struct search){.name = name, .out = out}))
        return true;
    /* Loaded from elsewhere: its text cannot be searched. */
    snprintf(out->profile, sizeof(out->profile), "%s", name);
    return loaded(kernel, out);
}
