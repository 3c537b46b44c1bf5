#include "cli/enable/dropin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/enable/words.h"

#define PREFIXES "@-:+!"
#define RUNTIME  "/run/pillion"

static const char head[] = PIL_DROPIN_MARK
    "# It is written anew by \"pillion enable\", after its unit has changed; do not edit it.\n"
    "[Unit]\n"
    "# Wanted and not required: that policyd is stopped or restarted must not stop this. Without "
    "a\n"
    "# policyd nothing is started, and what runs refuses what nobody has decided.\n"
    "Wants=policyd.socket policyd.service\n"
    "After=policyd.socket policyd.service\n"
    "\n"
    "[Service]\n";

struct maker {
    const struct pil_dropin *how;
    pil_dropin_judge *judge;
    void *cookie;
    FILE *out;
};

/* ---- commands ------------------------------------------------------------------------------- */

/* "@-:+!" in front of the program's path. */
struct prefix {
    char kept[8]; /* all but "@" */
    bool name;    /* "@": the next word is the program's argv[0] */
    bool literal; /* ":": no variables */
};

static const char *take_prefix(const char *word, struct prefix *out)
{
    *out = (struct prefix){0};
    for (; *word && strchr(PREFIXES, *word); word++) {
        size_t len = strlen(out->kept);

        if (*word == '@')
            out->name = true;
        else if (len + 1 < sizeof(out->kept))
            out->kept[len] = *word;
        out->literal |= *word == ':';
    }
    return word;
}

/* What does not need quotes keeps the text that it has, so that a reader knows it again. */
static void put_program(struct maker *m, const char *path, const struct prefix *prefix)
{
    char word[2 * PATH_MAX + 8];

    if (pil_word_quote(path, !prefix->literal, word, sizeof(word)))
        fprintf(m->out, " %s", word);
}

/* A specifier is known to systemd alone; such a program is judged when it is started. */
static int judge(struct maker *m, const char *path)
{
    return strchr(path, '%') ? PIL_EXIT_OK : m->judge(m->cookie, path);
}

static int put_command(struct maker *m, struct pil_slice program, const char **rest)
{
    char word[PATH_MAX];
    struct prefix prefix;
    const char *path;
    int code;

    if (!pil_word_plain(program, word, sizeof(word))) {
        pil_cli_error("ExecStart=%.80s...: too long a path", program.at);
        return PIL_EXIT_UNCOVERED;
    }
    path = take_prefix(word, &prefix);
    code = judge(m, path);
    fprintf(m->out, "ExecStart=%s%s run", prefix.kept, m->how->pillion);
    if (m->how->socket)
        fprintf(m->out, " --socket %s", m->how->socket);
    if (prefix.name) {
        struct pil_slice name = pil_word_next(rest);

        fprintf(m->out, " --argv0 %.*s", (int)name.len, name.at);
    }
    fputs(" --", m->out);
    put_program(m, path, &prefix);
    return code;
}

/* One ExecStart= may hold several commands, with ";" between them. */
static int put_commands(struct maker *m, const char *value)
{
    struct pil_slice word = pil_word_next(&value);
    int code = PIL_EXIT_OK;

    while (!code && word.len > 0) {
        code = put_command(m, word, &value);
        for (word = pil_word_next(&value); word.len > 0; word = pil_word_next(&value)) {
            if (word.len == 1 && *word.at == ';')
                break;
            fprintf(m->out, " %.*s", (int)word.len, word.at);
        }
        fputc('\n', m->out);
        word = pil_word_next(&value);
    }
    return code;
}

static bool is_service_key(const struct pil_service_line *line, const char *key)
{
    return strcmp(line->section, "Service") == 0 && strcmp(line->key, key) == 0;
}

/* An empty value forgets those before it. */
static size_t first_command(const struct pil_service *unit)
{
    size_t first = 0;

    for (size_t i = 0; i < unit->lines; i++)
        if (is_service_key(&unit->line[i], "ExecStart") && unit->line[i].value[0] == '\0')
            first = i + 1;
    return first;
}

static int put_all_commands(struct maker *m)
{
    const struct pil_service *unit = m->how->unit;
    unsigned count = 0;
    int code = PIL_EXIT_OK;

    fputs("ExecStart=\n", m->out);
    for (size_t i = first_command(unit); !code && i < unit->lines; i++)
        if (is_service_key(&unit->line[i], "ExecStart") && ++count)
            code = put_commands(m, unit->line[i].value);
    if (count > 0)
        return code;
    pil_cli_error("%s has no ExecStart=: there is nothing to start under Pillion", unit->name);
    return PIL_EXIT_NO;
}

/* ---- what comes later ----------------------------------------------------------------------- */

/* A drop-in that is read behind ours and sets ExecStart= again would take Pillion out. */
static int judge_order(const struct pil_service *unit)
{
    for (size_t i = 0; i < unit->lines; i++) {
        const struct pil_service_line *line = &unit->line[i];
        const char *base = strrchr(line->file, '/') + 1;

        if (line->file == unit->file[0] || strcmp(base, PIL_DROPIN_NAME) < 0 ||
            !is_service_key(line, "ExecStart"))
            continue;
        pil_cli_error("%s:%u sets ExecStart= and is read behind %s; legal is a name that sorts "
                      "before it",
                      line->file, line->line, PIL_DROPIN_NAME);
        return PIL_EXIT_NO;
    }
    return PIL_EXIT_OK;
}

/* ---- the sandbox ---------------------------------------------------------------------------- */

static bool is_set(const struct pil_service *unit, const char *key)
{
    return *pil_service_value(unit, "Service", key) != '\0';
}

/* Lists of systemd are added to, so one line more is enough. */
static void open_sandbox(struct maker *m)
{
    const struct pil_service *unit = m->how->unit;

    if (is_set(unit, "RestrictAddressFamilies"))
        fputs("RestrictAddressFamilies=AF_UNIX\n", m->out);
    if (is_set(unit, "NoExecPaths"))
        fprintf(m->out, "ExecPaths=%s -" PIL_LIBDIR "\n", m->how->pillion);
    if (is_set(unit, "TemporaryFileSystem"))
        fprintf(m->out, "BindReadOnlyPaths=%s -" PIL_LIBDIR " " RUNTIME "\n", m->how->pillion);
}

/* A list of what is allowed, without the group that has all we call; one of what is not is no
 * matter. */
static bool filters_calls(const struct pil_service *unit)
{
    const char *kind = NULL;

    for (size_t i = 0; i < unit->lines; i++) {
        const struct pil_service_line *line = &unit->line[i];

        if (!is_service_key(line, "SystemCallFilter"))
            continue;
        if (line->value[0] == '\0' || strstr(line->value, "@system-service"))
            kind = NULL;
        else if (!kind)
            kind = line->value;
        if (strstr(line->value, "@system-service"))
            return false;
    }
    return kind && kind[0] != '~';
}

/* Settings that no drop-in of ours can mend. */
static const struct {
    const char *key;
    bool fatal;
    bool (*applies)(const struct pil_service *unit); /* NULL: when it is set */
    const char *text;
} obstacles[] = {
    {"RootDirectory", true, NULL, "the command, the library and policyd's socket are not in there"},
    {"RootImage", true, NULL, "the command, the library and policyd's socket are not in there"},
    {"SystemCallFilter", false, filters_calls,
     "has to allow what the library calls, as @system-service does"},
    {"InaccessiblePaths", false, NULL, "has to leave " RUNTIME " and " PIL_LIBDIR " visible"},
    {"AppArmorProfile", false, NULL, "holds for the command as well; it has to allow " RUNTIME},
    {"SELinuxContext", false, NULL, "holds for the command as well; it has to allow " RUNTIME},
};

static int judge_sandbox(const struct pil_service *unit)
{
    int code = PIL_EXIT_OK;

    for (size_t i = 0; i < PIL_NELEM(obstacles); i++) {
        bool fatal = obstacles[i].fatal;

        if (!is_set(unit, obstacles[i].key) ||
            (obstacles[i].applies && !obstacles[i].applies(unit)))
            continue;
        pil_cli_error("%s: %s= %s%s", unit->name, obstacles[i].key,
                      fatal ? "keeps Pillion out: " : "", obstacles[i].text);
        if (fatal)
            code = PIL_EXIT_UNCOVERED;
    }
    return code;
}

/* ---- all of it ------------------------------------------------------------------------------ */

int pil_dropin_make(const struct pil_dropin *how, pil_dropin_judge *judge_program, void *cookie,
                    char **out)
{
    struct maker m = {how, judge_program, cookie, NULL};
    size_t len = 0;
    int code = judge_order(how->unit);

    *out = NULL;
    if (!code)
        code = judge_sandbox(how->unit);
    if (code)
        return code;
    m.out = open_memstream(out, &len);
    if (!m.out)
        return PIL_EXIT_FAILED;
    fputs(head, m.out);
    code = put_all_commands(&m);
    open_sandbox(&m);
    if ((ferror(m.out) | fclose(m.out)) && !code)
        code = PIL_EXIT_FAILED;
    if (code) {
        free(*out);
        *out = NULL;
    }
    return code;
}
