/* pillion enable, pillion disable: put a systemd service under Pillion, and take it out again. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/enable/dropin.h"
#include "cli/enable/place.h"
#include "cli/options.h"
#include "cli/preload.h"
#include "cli/program.h"

struct wishes {
    const char *root, *socket;
    bool print, check, no_reload;
};

/* ---- programs ------------------------------------------------------------------------------- */

/* A name without a slash is looked for where systemd does, which is where a shell would. */
static int judge_here(const char *path)
{
    char found[PATH_MAX], library[PATH_MAX];
    int code = pil_program_find(path, found);

    if (!code && !pil_preload_find(library))
        code = PIL_EXIT_FAILED;
    return code ? code : pil_program_judge(found, library);
}

/* In a child, because a program and its loader are what they are in that tree. */
static int judge_in(const char *root, const char *path)
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        if (chroot(root) == 0 && chdir("/") == 0)
            _exit(judge_here(path));
        pil_cli_error("%s: %s", root, strerror(errno));
        _exit(PIL_EXIT_FAILED);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : PIL_EXIT_FAILED;
}

static int judge(void *cookie, const char *path)
{
    const struct wishes *w = cookie;

    return *w->root ? judge_in(w->root, path) : judge_here(path);
}

/* This very command, or the one that is installed in the other tree or, where /proc is not there to
 * tell, in this one. */
static bool find_pillion(const char *root, char out[PATH_MAX])
{
    static const char *const usual[] = {PIL_BINDIR "/pillion", "/usr/bin/pillion",
                                        "/usr/local/bin/pillion"};
    char path[PATH_MAX];
    ssize_t len = *root ? -1 : readlink("/proc/self/exe", out, PATH_MAX - 1);

    if (len > 0) {
        out[len] = '\0';
        return true;
    }
    for (size_t i = 0; i < PIL_NELEM(usual); i++)
        if (snprintf(path, sizeof(path), "%s%s", root, usual[i]) < PATH_MAX &&
            access(path, X_OK) == 0) {
            snprintf(out, PATH_MAX, "%s", usual[i]);
            return true;
        }
    pil_cli_error("there is no pillion in %s/usr/bin; legal is a tree in which it is installed",
                  root);
    return false;
}

/* ---- systemd -------------------------------------------------------------------------------- */

static int reload_systemd(const struct wishes *w)
{
    int status = 0;
    pid_t child;

    if (*w->root || w->no_reload || access("/run/systemd/system", F_OK))
        return PIL_EXIT_OK;
    child = fork();
    if (child == 0) {
        execlp("systemctl", "systemctl", "daemon-reload", (char *)NULL);
        _exit(PIL_EXIT_NOTFOUND);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (child > 0 && status == 0)
        return PIL_EXIT_OK;
    pil_cli_error("systemctl daemon-reload failed; until it is done systemd does not know of this");
    return PIL_EXIT_FAILED;
}

static void say_next(const struct wishes *w, const char *unit, const char *what)
{
    bool reload = !*w->root && (w->no_reload || access("/run/systemd/system", F_OK));

    printf("%s %s\n", unit, what);
    if (strchr(unit, '@') && strchr(unit, '@')[1] == '.')
        printf("next: %sstart its instances again\n",
               reload ? "systemctl daemon-reload, and " : "");
    else if (!*w->root)
        printf("next: %ssystemctl restart %s\n", reload ? "systemctl daemon-reload && " : "", unit);
}

/* ---- one unit ------------------------------------------------------------------------------- */

static int make_text(const struct wishes *w, const char *name, char **text)
{
    char pillion[PATH_MAX];
    struct pil_dropin how = {.pillion = pillion, .socket = w->socket};
    struct pil_service unit;
    int code = pil_service_load(w->root, name, PIL_DROPIN_NAME, &unit);

    *text = NULL;
    if (code)
        return code == PIL_EXIT_NOTFOUND ? PIL_EXIT_NO : code;
    how.unit = &unit;
    code = find_pillion(w->root, pillion) ? pil_dropin_make(&how, judge, (void *)w, text)
                                          : PIL_EXIT_FAILED;
    pil_service_free(&unit);
    return code;
}

static int write_or_print(const struct wishes *w, const char *name, const char *path,
                          const char *old, const char *text)
{
    int code;

    if (w->print) {
        printf("# %s\n%s", path, text);
        return PIL_EXIT_OK;
    }
    if (old && strcmp(old, text) == 0) {
        printf("%s is enabled already\n", name);
        return PIL_EXIT_OK;
    }
    code = pil_place_write(path, text);
    if (!code)
        code = reload_systemd(w);
    if (!code)
        say_next(w, name, "starts under Pillion from now on");
    return code;
}

/* Says whether what is written is still what would be written. */
static int check(const char *name, const char *old, const char *text)
{
    bool same = old && strcmp(old, text) == 0;

    if (!old)
        printf("%s is not enabled\n", name);
    else if (same)
        printf("%s is enabled\n", name);
    else
        printf("%s has changed since; next: pillion enable %s\n", name, name);
    return same ? PIL_EXIT_OK : PIL_EXIT_NO;
}

static int enable(const struct wishes *w, const char *given)
{
    char name[NAME_MAX + 1], path[PATH_MAX], *text = NULL, *old = NULL;
    int code = PIL_EXIT_USAGE;

    if (!pil_service_name(given, name) || !pil_place_path(w->root, name, path))
        return code;
    if (strcmp(name, "policyd.service") == 0) {
        pil_cli_error("policyd.service cannot be under the policy that it decides");
        return PIL_EXIT_NO;
    }
    code = pil_place_read(path, &old);
    if (!code)
        code = make_text(w, name, &text);
    if (!code)
        code = w->check ? check(name, old, text) : write_or_print(w, name, path, old, text);
    free(text);
    free(old);
    return code;
}

static int disable(const struct wishes *w, const char *given)
{
    char name[NAME_MAX + 1], path[PATH_MAX], *old = NULL;
    int code = PIL_EXIT_USAGE;

    if (!pil_service_name(given, name) || !pil_place_path(w->root, name, path))
        return code;
    code = pil_place_read(path, &old);
    if (!code && !old) {
        printf("%s is not enabled\n", name);
        return PIL_EXIT_OK;
    }
    free(old);
    if (!code && w->print) {
        printf("would remove %s\n", path);
        return PIL_EXIT_OK;
    }
    if (!code)
        code = pil_place_remove(path);
    if (!code)
        code = reload_systemd(w);
    if (!code)
        say_next(w, name, "starts without Pillion from now on");
    return code;
}

/* ---- many ----------------------------------------------------------------------------------- */

static int worse(int a, int b)
{
    return a ? a : b;
}

/* All that are enabled, by the folders of their drop-ins. */
static int check_all(const struct wishes *w)
{
    char pattern[PATH_MAX];
    int code = PIL_EXIT_OK;
    glob_t found;

    if (!pil_place_path(w->root, "*", pattern))
        return PIL_EXIT_USAGE;
    if (glob(pattern, 0, NULL, &found))
        return PIL_EXIT_OK;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *folder = found.gl_pathv[i], *name;

        *strrchr(folder, '/') = '\0';
        folder[strlen(folder) - 2] = '\0'; /* ".d" */
        name = strrchr(folder, '/') + 1;
        code = worse(code, enable(w, name));
    }
    globfree(&found);
    return code;
}

static int each(const struct wishes *w, int (*one)(const struct wishes *w, const char *name),
                int count, char **names)
{
    int code = PIL_EXIT_OK;

    for (int i = 0; i < count; i++)
        code = worse(code, one(w, names[i]));
    return code;
}

/* "/" at the end of a tree's path, and "/" itself, are nothing. */
static const char *clean_root(const char *given, char out[PATH_MAX])
{
    size_t len;

    snprintf(out, PATH_MAX, "%s", given ? given : "");
    for (len = strlen(out); len > 0 && out[len - 1] == '/'; len--)
        out[len - 1] = '\0';
    return out;
}

int pil_cmd_enable(const struct pil_command *self, int argc, char **argv)
{
    struct wishes w = {0};
    const char *root = NULL;
    const struct pil_option rows[] = {
        {0, "check", NULL, "say what is enabled, and what has changed since", &w.check, NULL, NULL},
        {'n', "print", NULL, "print the drop-in, write nothing", &w.print, NULL, NULL},
        {0, "no-reload", NULL, "do not tell systemd", &w.no_reload, NULL, NULL},
        {0, "root", "FOLDER", "in another tree", NULL, &root, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &w.socket, NULL},
    };
    char tree[PATH_MAX];
    int first;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    if (!pil_options_operands(self, argc - first, w.check ? 0 : 1, -1))
        return PIL_EXIT_USAGE;
    w.root = clean_root(root, tree);
    if (first == argc)
        return check_all(&w);
    return each(&w, enable, argc - first, argv + first);
}

int pil_cmd_disable(const struct pil_command *self, int argc, char **argv)
{
    struct wishes w = {0};
    const char *root = NULL;
    const struct pil_option rows[] = {
        {'n', "print", NULL, "say what would be removed", &w.print, NULL, NULL},
        {0, "no-reload", NULL, "do not tell systemd", &w.no_reload, NULL, NULL},
        {0, "root", "FOLDER", "in another tree", NULL, &root, NULL},
    };
    char tree[PATH_MAX];
    int first;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    if (!pil_options_operands(self, argc - first, 1, -1))
        return PIL_EXIT_USAGE;
    w.root = clean_root(root, tree);
    return each(&w, disable, argc - first, argv + first);
}
