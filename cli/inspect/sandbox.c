#include "cli/inspect/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/inspect/child.h"

#define BLANKS     " \t\n"
#define GROUPS_MAX 4 /* groups within groups */

/* ---- lists of paths ---------------------------------------------------------------------------
 */

static bool is_below(const char *path, const char *folder, size_t len)
{
    while (len > 1 && folder[len - 1] == '/')
        len--;
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0' || len == 1);
}

/* The longest entry of a list ("-/a /b:opts") that is the path or a folder above it, as its
 * length; 0: none. part is which part of "SOURCE:DESTINATION" counts. */
static size_t covers(const char *list, const char *path, bool destination)
{
    size_t best = 0;

    for (const char *at = list + strspn(list, BLANKS); *at; at += strspn(at, BLANKS)) {
        size_t len = strcspn(at, BLANKS), plain = strcspn(at, ":" BLANKS);
        const char *entry = at;

        at += len;
        if (destination && plain < len)
            entry += plain + 1, len -= plain + 1;
        while (len > 0 && (*entry == '-' || *entry == '+'))
            entry++, len--;
        plain = strcspn(entry, ":" BLANKS);
        if (plain < len)
            len = plain;
        if (len > best && is_below(path, entry, len))
            best = len;
    }
    return best;
}

static size_t covered_by(const struct pil_unit *unit, const char *key, const char *path,
                         bool destination)
{
    return covers(pil_unit_get(unit, key), path, destination);
}

/* ---- what is hidden ---------------------------------------------------------------------------
 */

static bool hides_homes(const struct pil_unit *unit)
{
    return pil_unit_is(unit, "ProtectHome") ||
           strcmp(pil_unit_get(unit, "ProtectHome"), "tmpfs") == 0;
}

static bool has_private_tmp(const struct pil_unit *unit)
{
    return pil_unit_is(unit, "PrivateTmp") || pil_unit_is(unit, "DynamicUser") ||
           strcmp(pil_unit_get(unit, "PrivateTmp"), "disconnected") == 0;
}

/* In another root only what is there is seen. */
static bool is_in_root(const char *root, const char *path)
{
    char inside[PATH_MAX];

    return snprintf(inside, sizeof(inside), "%s%s", root, path) < (int)sizeof(inside) &&
           access(inside, F_OK) == 0;
}

/* The setting that hides it, with how much of the path it names; 0: none does. */
static size_t hidden_by(const struct pil_unit *unit, const char *path, char why[256])
{
    const struct {
        const char *text;
        size_t len;
    } settings[] = {
        {"InaccessiblePaths", covered_by(unit, "InaccessiblePaths", path, false)},
        {"TemporaryFileSystem", covered_by(unit, "TemporaryFileSystem", path, false)},
        {"ProtectHome", hides_homes(unit) ? covers("/home /root /run/user", path, false) : 0},
        {"PrivateTmp", has_private_tmp(unit) ? covers("/tmp /var/tmp", path, false) : 0},
    };
    const char *root = pil_unit_get(unit, "RootDirectory");
    size_t best = 0;

    for (size_t i = 0; i < PIL_NELEM(settings); i++)
        if (settings[i].len > best) {
            best = settings[i].len;
            snprintf(why, 256, "%s=%.*s", settings[i].text, (int)best, path);
        }
    if (best == 0 && *root && strcmp(root, "/") != 0 && !is_in_root(root, path)) {
        best = 1;
        snprintf(why, 256, "RootDirectory=%s", root);
    }
    return best;
}

bool pil_sandbox_shows(const struct pil_unit *unit, const char *path, char why[256])
{
    size_t hidden = hidden_by(unit, path, why);

    /* What is mounted below something hidden is seen. */
    return hidden == 0 || covered_by(unit, "BindReadOnlyPaths", path, true) >= hidden ||
           covered_by(unit, "BindPaths", path, true) >= hidden;
}

/* ---- filters ----------------------------------------------------------------------------------
 */

/* Does one list hold the word? -1: a group of it could not be looked into. */
static int holds(const char *list, size_t len, const char *word,
                 int (*expand)(const char *group, const char *word))
{
    char one[128];
    int result = 0;

    for (size_t at = 0; at < len && result != 1;) {
        size_t part = strcspn(list + at, BLANKS);

        if (part > len - at)
            part = len - at;
        snprintf(one, sizeof(one), "%.*s", (int)part, list + at);
        at += part + (at + part < len);
        if (one[0] == '@') {
            int in_group = expand ? expand(one, word) : -1;

            result = in_group ? in_group : result;
        } else {
            one[strcspn(one, ":")] = '\0'; /* "connect:EPERM" */
            result = strcmp(one, word) == 0 ? 1 : result;
        }
    }
    return result;
}

bool pil_sandbox_allows(const char *lists, const char *word,
                        int (*expand)(const char *group, const char *word), bool *unknown)
{
    bool first = true, forbids = true, listed = false;

    while (*(lists += strspn(lists, BLANKS))) {
        size_t len = strcspn(lists, "\n");
        bool inverted = *lists == '~';
        int held = holds(lists + inverted, len - inverted, word, expand);

        /* The first list says what kind of filter it is; the others add to it, or take from it. */
        if (first)
            forbids = inverted;
        first = false;
        if (held < 0)
            *unknown = true;
        else if (held)
            listed = inverted == forbids;
        lists += len;
    }
    return listed != forbids;
}

/* ---- system calls -----------------------------------------------------------------------------
 */

struct group {
    const char *word;
    int depth;
    bool found, failed;
};

static void take_call(void *cookie, const char *text);

static int look_into(const char *name, struct group *g)
{
    const char *const argv[] = {"/usr/bin/systemd-analyze", "syscall-filter", name, NULL};

    if (g->depth >= GROUPS_MAX)
        return -1;
    g->depth++;
    if (pil_child_lines(argv, take_call, g) != 0)
        g->failed = true;
    g->depth--;
    return g->found ? 1 : g->failed ? -1 : 0;
}

/* A line of a group: its name at the margin, then calls and groups, indented, and comments. */
static void take_call(void *cookie, const char *text)
{
    const char *name = text + strspn(text, BLANKS);
    struct group *g = cookie;

    if (name == text || g->found)
        return;
    if (*name == '@')
        look_into(name, g);
    else if (strcmp(name, g->word) == 0)
        g->found = true;
}

static int expand_group(const char *name, const char *word)
{
    return look_into(name, &(struct group){.word = word});
}

/* What the library calls on the way to policyd; without one of them nothing is decided. */
static const char *const needed_calls[] = {"socket",     "connect", "sendmsg", "recvmsg",
                                           "getsockopt", "mmap",    "fcntl",   "poll"};

static void judge_calls(const struct pil_unit *unit, struct pil_findings *f)
{
    const char *filter = pil_unit_get(unit, "SystemCallFilter");
    bool unknown = false;

    if (!filter[strspn(filter, BLANKS)])
        return;
    for (size_t i = 0; i < PIL_NELEM(needed_calls); i++) {
        bool vague = false;

        if (!pil_sandbox_allows(filter, needed_calls[i], expand_group, &vague) && !vague)
            pil_findings_add(f, PIL_FINDING_UNIT_CALLS, "SystemCallFilter= refuses %s",
                             needed_calls[i]);
        unknown |= vague;
    }
    if (unknown)
        pil_findings_add(f, PIL_FINDING_UNIT_CALLS_UNKNOWN, "SystemCallFilter=%.200s", filter);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static void judge_library(const struct pil_unit *unit, const char *library, struct pil_findings *f)
{
    size_t noexec = covered_by(unit, "NoExecPaths", library, false);
    char why[256];

    if (!pil_sandbox_shows(unit, library, why))
        pil_findings_add(f, PIL_FINDING_UNIT_LIBRARY, "%s hides %s", why, library);
    else if (noexec > covered_by(unit, "ExecPaths", library, false))
        pil_findings_add(f, PIL_FINDING_UNIT_NOEXEC, "NoExecPaths=%.*s", (int)noexec, library);
}

static void judge_socket(const struct pil_unit *unit, const char *socket, struct pil_findings *f)
{
    bool own_network =
        pil_unit_is(unit, "PrivateNetwork") || *pil_unit_get(unit, "NetworkNamespacePath");
    const char *network =
        pil_unit_is(unit, "PrivateNetwork") ? "PrivateNetwork=yes" : "NetworkNamespacePath=";
    bool abstract = socket[0] == '@';
    char why[256] = "";

    if (!abstract && pil_sandbox_shows(unit, socket, why)) {
        if (own_network)
            pil_findings_add(f, PIL_FINDING_UNIT_ABSTRACT, "%s", network);
    } else if (own_network) {
        pil_findings_add(f, PIL_FINDING_UNIT_SOCKET, "%s%s%s", why, *why ? ", " : "", network);
    } else if (!abstract) {
        pil_findings_add(f, PIL_FINDING_UNIT_PATH, "%s hides %s", why, socket);
    }
}

static bool takes_preload_away(const char *list)
{
    for (list += strspn(list, BLANKS); *list; list += strspn(list, BLANKS)) {
        size_t len = strcspn(list, "=" BLANKS);

        if (len == 10 && strncmp(list, "LD_PRELOAD", 10) == 0)
            return true;
        list += strcspn(list, BLANKS);
    }
    return false;
}

void pil_sandbox_judge(const struct pil_unit *unit, const char *library, const char *socket,
                       struct pil_findings *f)
{
    const char *families = pil_unit_get(unit, "RestrictAddressFamilies");
    const char *image = pil_unit_get(unit, "RootImage");
    bool unknown = false;

    if (*image)
        pil_findings_add(f, PIL_FINDING_UNIT_ROOT_IMAGE, "RootImage=%s", image);
    else
        judge_library(unit, library, f);
    judge_socket(unit, socket, f);
    if (families[strspn(families, BLANKS)] &&
        !pil_sandbox_allows(families, "AF_UNIX", NULL, &unknown))
        pil_findings_add(f, PIL_FINDING_UNIT_FAMILIES, "RestrictAddressFamilies=%s", families);
    judge_calls(unit, f);
    if (takes_preload_away(pil_unit_get(unit, "UnsetEnvironment")))
        pil_findings_add(f, PIL_FINDING_UNIT_UNSET, "UnsetEnvironment=%s",
                         pil_unit_get(unit, "UnsetEnvironment"));
    if (*pil_unit_get(unit, "SELinuxContext"))
        pil_findings_add(f, PIL_FINDING_UNIT_CONTEXT, "SELinuxContext=%s",
                         pil_unit_get(unit, "SELinuxContext"));
}
