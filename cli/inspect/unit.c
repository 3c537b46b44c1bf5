#include "cli/inspect/unit.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/facts.h"
#include "cli/inspect/apparmor.h"
#include "cli/inspect/sandbox.h"
#include "cli/program.h"
#include "core/classes.h"
#include "core/err.h"
#include "core/wire.h"

#define BLANKS " \t\n"

/* ---- the program ------------------------------------------------------------------------------
 */

/* The next word, without quotes; false at the end of the line. */
static bool next_word(const char **at, char *to, size_t room)
{
    const char *start = *at + strspn(*at, BLANKS);
    char quote = *start == '"' || *start == '\'' ? *start : '\0';
    size_t len = 0;

    start += quote != '\0';
    while (start[len] && (quote ? start[len] != quote : !strchr(BLANKS, start[len])))
        len++;
    *at = start + len + (quote && start[len] == quote);
    if ((len == 0 && !quote) || len >= room)
        return false;
    memcpy(to, start, len);
    to[len] = '\0';
    return true;
}

static bool takes_value(const char *option)
{
    static const char *const with[] = {"--solo", "--log", "--socket", "-s", "--timeout", "-t"};

    for (size_t i = 0; i < PIL_NELEM(with); i++)
        if (strcmp(option, with[i]) == 0)
            return true;
    return false;
}

/* `pillion run [options] [--] PROGRAM`: what counts is the program behind it. */
static bool unwrap(const char *arguments, char out[PATH_MAX])
{
    const char *base = strrchr(out, '/');
    char word[PATH_MAX];

    if (strcmp(base ? base + 1 : out, "pillion") != 0)
        return true;
    if (!next_word(&arguments, word, sizeof(word)) || strcmp(word, "run") != 0)
        return true;
    while (next_word(&arguments, word, sizeof(word)) && word[0] == '-') {
        if (strcmp(word, "--") == 0)
            return next_word(&arguments, out, PATH_MAX);
        if (takes_value(word) && !next_word(&arguments, word, sizeof(word)))
            return false;
    }
    strcpy(out, word);
    return true;
}

/* "{ path=/bin/x ; argv[]=/bin/x -a ; flags=privileged ; ... }" */
static bool shown_program(const char *exec, char out[PATH_MAX], bool *free_of_it)
{
    const char *path = strstr(exec, "path="), *args = strstr(exec, "argv[]=");
    const char *flags = strstr(exec, " flags="), *end;
    char line[PATH_MAX * 2];

    if (!path || !args)
        return false;
    path += strlen("path=");
    end = strstr(path, " ;");
    if (!end || end - path >= PATH_MAX)
        return false;
    snprintf(out, PATH_MAX, "%.*s", (int)(end - path), path);
    *free_of_it = flags && strncmp(flags, " flags=privileged", 17) == 0;
    args += strlen("argv[]=");
    end = strstr(args, " ;");
    snprintf(line, sizeof(line), "%.*s", end ? (int)(end - args) : 0, args);
    args = line;
    return next_word(&args, (char[PATH_MAX]){0}, PATH_MAX) && unwrap(args, out);
}

bool pil_unit_program(const char *exec, char out[PATH_MAX], bool *free_of_it)
{
    const char *at = exec;

    *free_of_it = false;
    if (strncmp(exec, "{ ", 2) == 0)
        return shown_program(exec, out, free_of_it);
    for (at += strspn(at, BLANKS); *at && strchr("@-:+!", *at); at++)
        *free_of_it |= *at == '+';
    return next_word(&at, out, PATH_MAX) && unwrap(at, out);
}

/* ---- who starts it ----------------------------------------------------------------------------
 */

static void find_user(const struct pil_unit *unit, struct pil_inspected *subject)
{
    const char *user = pil_unit_get(unit, "User"), *group = pil_unit_get(unit, "Group");
    struct pil_process_facts facts = {0};
    const struct passwd *pw = NULL;
    const struct group *gr;

    if (pil_unit_is(unit, "DynamicUser")) {
        subject->uid = subject->gid = 65534; /* stands for somebody who is nobody else */
    } else if (*user && pil_facts_user(user, &facts) == PIL_OK) {
        subject->uid = facts.uid;
        pw = getpwuid(facts.uid);
        subject->gid = pw ? pw->pw_gid : facts.uid;
    } else if (*user) {
        pil_cli_error("inspect: there is no user \"%s\" here; judged as if by nobody", user);
        subject->uid = subject->gid = 65534;
    }
    gr = *group ? getgrnam(group) : NULL;
    if (gr)
        subject->gid = gr->gr_gid;
    subject->no_new_privileges =
        pil_unit_is(unit, "NoNewPrivileges") || pil_unit_is(unit, "DynamicUser");
}

/* The library as a file: the word of LD_PRELOAD in the name that is there. */
static void library_file(const char *word, char out[PATH_MAX])
{
    const struct pil_class *class = pil_classes_ours();

    for (size_t i = 0; i < PIL_CLASSES_NAMES && class->lib[i]; i++)
        if (pil_classes_expand(word, class->lib[i], out, PATH_MAX) && access(out, F_OK) == 0)
            return;
    snprintf(out, PATH_MAX, "%s", word);
}

/* May others than root read it? By the mode bits for everybody, along its whole path. */
static bool is_readable(const char *file, char why[PATH_MAX])
{
    struct stat st;

    snprintf(why, PATH_MAX, "%s", file);
    if (stat(why, &st) || !(st.st_mode & S_IROTH))
        return false;
    for (char *slash; (slash = strrchr(why, '/')) != NULL && slash != why;) {
        *slash = '\0';
        if (stat(why, &st) || !(st.st_mode & S_IXOTH))
            return false;
    }
    return true;
}

static void judge_profile(const struct pil_unit *unit, struct pil_findings *f)
{
    const char *name = pil_unit_get(unit, "AppArmorProfile");
    struct pil_apparmor profile;

    name += *name == '-';
    if (*name && pil_apparmor_named(PIL_APPARMOR_KERNEL, PIL_APPARMOR_FOLDER, name, &profile))
        pil_findings_add(f,
                         profile.names_library ? PIL_FINDING_APPARMOR_KNOWS : PIL_FINDING_APPARMOR,
                         "AppArmorProfile=%s (%s) %s", name, profile.mode, profile.file);
}

static void judge_sandbox(const struct pil_unit *unit, const char *socket,
                          const struct pil_inspected *subject, struct pil_findings *f)
{
    char library[PATH_MAX], why[PATH_MAX];

    library_file(subject->library, library);
    pil_sandbox_judge(unit, library, socket ? socket : PIL_DEFAULT_SOCKET, f);
    if (subject->uid != 0 && !is_readable(library, why))
        pil_findings_add(f, PIL_FINDING_UNIT_UNREADABLE, "%s is not open for uid %u", why,
                         subject->uid);
    judge_profile(unit, f);
}

int pil_inspect_unit(const char *name, const char *socket, struct pil_inspected *subject,
                     struct pil_unit *unit, struct pil_binary *binary, struct pil_findings *f)
{
    const char *exec, *root;
    char program[PATH_MAX];
    bool unconfined = false;

    if (pil_unit_load(unit, name)) {
        pil_cli_error("there is no unit \"%s\"", name);
        return PIL_EXIT_NOTFOUND;
    }
    if (strcmp(pil_unit_get(unit, "LoadState"), "masked") == 0) {
        pil_cli_error("%s is masked: it cannot be started", unit->name);
        return PIL_EXIT_NOTFOUND;
    }
    exec = pil_unit_get(unit, "ExecStartEx");
    exec = *exec ? exec : pil_unit_get(unit, "ExecStart");
    if (!pil_unit_program(exec, program, &unconfined)) {
        pil_cli_error("%s (%s) has no ExecStart= that could be understood", unit->name,
                      unit->source);
        return PIL_EXIT_FAILED;
    }
    subject->uid = subject->gid = 0;
    subject->anybody = false;
    if (!unconfined) {
        find_user(unit, subject);
        judge_sandbox(unit, socket, subject, f);
    }
    root = unconfined ? "" : pil_unit_get(unit, "RootDirectory");
    if (strchr(program, '/')) {
        if (snprintf(subject->path, PATH_MAX, "%s%s", strcmp(root, "/") ? root : "", program) >=
            PATH_MAX)
            return PIL_EXIT_FAILED;
    } else if (pil_program_find(program, subject->path)) {
        return PIL_EXIT_NOTFOUND;
    }
    pil_inspect_binary(subject, binary, f);
    return PIL_EXIT_OK;
}
