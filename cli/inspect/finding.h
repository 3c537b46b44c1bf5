/*
 * What `pillion inspect` has to say about a program: findings, each with its severity, what it
 * means, the evidence for it, and the remedy.
 *
 *   refused  the program is not covered; `pillion run` does not start it
 *   limited  it is covered, but for something that the finding names
 *   note     nothing is missing; it is good to know
 *
 * The rows are the only place where they are worded. Memory: a list owns its evidence. Errors:
 * memory that runs out drops a finding and makes the list say so. Threads: one.
 */
#ifndef PIL_CLI_INSPECT_FINDING_H
#define PIL_CLI_INSPECT_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "core/defs.h"
#include "core/elf.h"

enum pil_reach {
    PIL_REACH_NOTE = 0,
    PIL_REACH_LIMITED,
    PIL_REACH_REFUSED,
};

/*     id            name             severity  what it means                     remedy */
#define PIL_FINDING_LIST(X)                                                                        \
    X(PRIVILEGED, "setuid-for-others", LIMITED,                                                    \
      "it changes user or group, or brings capabilities, when others start it: for them the "      \
      "loader ignores preloaded libraries",                                                        \
      "start it as the user it was judged for, or remove the mode bits and capabilities")          \
    X(GO, "raw-calls", REFUSED, "it is a Go program: its runtime makes system calls without libc", \
      "confine it by other means (a network namespace, a firewall)")                               \
    X(GO_LIBRARY, "go-library", LIMITED,                                                           \
      "a library of it is made with Go, whose runtime makes system calls without libc",            \
      "confine it by other means as well, or do without that library")                             \
    X(RAW_CODE, "raw-code", LIMITED,                                                               \
      "its code has system call instructions for network calls, which no hook sees",               \
      "find out what uses them; confine it by other means where it matters")                       \
    X(MISSING, "missing-library", REFUSED, "the loader does not find a library it needs",          \
      "install that library; the program does not start without it, with or without Pillion")      \
    X(LOADER_SILENT, "loader-silent", NOTE,                                                        \
      "the system's loader does not list its libraries, so they were not looked at",               \
      "run the loader with --list on it and see what it says")                                     \
    X(OPENSSL, "own-openssl", NOTE,                                                                \
      "it carries a copy of OpenSSL of its own: connections are decided all the same, what it "    \
      "does inside TLS cannot be intercepted",                                                     \
      "nothing to do for rules on connections")                                                    \
    X(DEEPBIND, "dlopen", NOTE,                                                                    \
      "it loads libraries while it runs; which ones, and whether with RTLD_DEEPBIND, its file "    \
      "does not tell (that flag is taken away)",                                                   \
      "inspect the running process, which names what was loaded")                                  \
    X(NAMESPACES, "dlmopen", LIMITED,                                                              \
      "it can load libraries into a namespace of their own, where no hooks are",                   \
      "set coverage = required for its workload: then that is refused, else it is logged")         \
    X(URING, "io_uring", NOTE,                                                                     \
      "it uses io_uring; under Pillion it is told that there are no rings, and has to do without", \
      "turn io_uring off in its settings if it does not fall back by itself")                      \
    X(SYSCALL, "syscall", NOTE,                                                                    \
      "it calls syscall(): network calls made by it are decided as others are", "nothing to do")   \
    X(SANITIZER, "sanitizer", NOTE, "it is built with a sanitizer",                                \
      "nothing to do; its reports are of the program and of the library")                          \
    X(SCRIPT, "script", NOTE, "it is a script: judged is the program that runs it",                \
      "nothing to do; what the script starts is judged when it is started")                        \
    X(APPARMOR, "apparmor", LIMITED,                                                               \
      "an AppArmor profile is attached to it that does not name the library: it may keep the "     \
      "library from being loaded, and the socket from being reached",                              \
      "allow both in the profile: LIBRARY mr, and unix and /run/pillion/policyd.sock rw")          \
    X(APPARMOR_KNOWS, "apparmor", NOTE,                                                            \
      "an AppArmor profile is attached to it, and names the library", "nothing to do")             \
    X(UNIT_LIBRARY, "library-hidden", REFUSED,                                                     \
      "the unit's sandbox hides libpillion.so, and the loader goes on without it",                 \
      "make the library's folder visible there (BindReadOnlyPaths=)")                              \
    X(UNIT_NOEXEC, "library-noexec", REFUSED,                                                      \
      "the unit's sandbox keeps libpillion.so from being mapped as code",                          \
      "name the library's folder in ExecPaths=")                                                   \
    X(UNIT_UNREADABLE, "library-unreadable", REFUSED,                                              \
      "the unit's user may not read libpillion.so, and the loader goes on without it",             \
      "make the library and the folders above it readable for everybody")                          \
    X(UNIT_SOCKET, "socket-hidden", REFUSED,                                                       \
      "the unit's sandbox hides policyd's socket and its abstract name: every call would be "      \
      "refused",                                                                                   \
      "make the socket's folder visible there (BindPaths=)")                                       \
    X(UNIT_PATH, "socket-path-hidden", NOTE,                                                       \
      "the unit's sandbox hides policyd's socket; its abstract name is reached instead",           \
      "keep policyd's abstract name on")                                                           \
    X(UNIT_ABSTRACT, "abstract-hidden", NOTE,                                                      \
      "the unit's network namespace hides policyd's abstract name; its socket is reached instead", \
      "nothing to do")                                                                             \
    X(UNIT_FAMILIES, "no-unix-sockets", REFUSED,                                                   \
      "the unit may not make unix sockets, so policyd cannot be reached and every call would be "  \
      "refused",                                                                                   \
      "add AF_UNIX to RestrictAddressFamilies=")                                                   \
    X(UNIT_CALLS, "system-calls", REFUSED,                                                         \
      "the unit's SystemCallFilter= refuses system calls that the library needs",                  \
      "add them, or @system-service, to SystemCallFilter=")                                        \
    X(UNIT_CALLS_UNKNOWN, "system-calls-unknown", LIMITED,                                         \
      "the unit's SystemCallFilter= names groups that could not be expanded here",                 \
      "look at them with systemd-analyze syscall-filter")                                          \
    X(UNIT_UNSET, "environment", REFUSED,                                                          \
      "the unit takes LD_PRELOAD out of the environment of its programs",                          \
      "take LD_PRELOAD out of UnsetEnvironment=")                                                  \
    X(UNIT_CONTEXT, "selinux", LIMITED,                                                            \
      "the unit changes its SELinux context, and the loader may then ignore preloaded libraries",  \
      "allow noatsecure for that transition in the SELinux policy")                                \
    X(UNIT_ROOT_IMAGE, "root-image", REFUSED,                                                      \
      "the unit runs in an image of its own, whose libraries and sockets cannot be looked at",     \
      "bring the library and the socket in with BindReadOnlyPaths=")                               \
    X(UNIT_NNP, "no-new-privileges", NOTE,                                                         \
      "its setuid and setgid bits have no effect in the unit (NoNewPrivileges=)", "nothing to do") \
    X(NOT_LOADED, "not-loaded", REFUSED, "libpillion.so is not in its memory: nothing is decided", \
      "start it anew under Pillion (pillion run, or its unit)")                                    \
    X(NOT_ATTACHED, "not-attached", NOTE,                                                          \
      "the library is loaded, and no link to policyd is up: it asked nothing yet, or is refused",  \
      "nothing, when it makes no network calls; else see that it can reach policyd")               \
    X(POLICYD_SILENT, "policyd-unknown", NOTE,                                                     \
      "policyd could not be asked, so whether the process is attached is not known",               \
      "start policyd, or name its socket with --socket")                                           \
    X(OLD_LIBRARY, "old-library", NOTE,                                                            \
      "its library was replaced on disk since it was started; it goes on with the old one",        \
      "restart it when that suits")                                                                \
    X(UNHOOKED, "unhooked", LIMITED,                                                               \
      "a module of it calls past the hooks: the names are bound to something else",                \
      "find out how the module was loaded; a restart under Pillion binds it anew")                 \
    X(HOOKS_UNKNOWN, "hooks-unknown", NOTE,                                                        \
      "its memory may not be read, so which hooks are in effect is not known",                     \
      "ask as root, or as its user")                                                               \
    X(RINGS, "io_uring-in-use", LIMITED,                                                           \
      "it has rings of io_uring: what it does through them is not decided",                        \
      "start it anew under Pillion, or turn io_uring off in its settings")                         \
    X(INHERITED, "inherited-sockets", NOTE,                                                        \
      "it has sockets that were open before it started; opening them was not its decision",        \
      "nothing to do when their giver is known")

enum pil_finding_id {
#define PIL_FINDING_ENUM(id, name, severity, what, remedy) PIL_FINDING_##id,
    PIL_FINDING_LIST(PIL_FINDING_ENUM)
#undef PIL_FINDING_ENUM
        PIL_FINDING_COUNT
};

struct pil_finding {
    enum pil_reach reach;
    const char *name, *what, *remedy;
    char *evidence; /* one or more lines */
};

struct pil_findings {
    struct pil_finding *item;
    size_t count;
    bool short_of_memory;
};

/* Zeroed memory is an empty list. What is found twice is one finding with more evidence. */
void pil_findings_add(struct pil_findings *f, enum pil_finding_id id, const char *format, ...)
    PIL_PRINTF(3, 4);

/* The same by the rows of core/elf; PIL_COVER_YES adds nothing. */
void pil_findings_cover(struct pil_findings *f, enum pil_cover cover, const char *format, ...)
    PIL_PRINTF(3, 4);

/* Takes those of that name out again; true when there was one. */
bool pil_findings_drop(struct pil_findings *f, const char *name);

/* The gravest severity; PIL_REACH_NOTE when there are none. */
enum pil_reach pil_findings_worst(const struct pil_findings *f);

/* "covered", "limited", "not-covered" */
const char *pil_findings_verdict(const struct pil_findings *f);

/* For people, gravest first. */
void pil_findings_print(const struct pil_findings *f, FILE *to);
json_t *pil_findings_json(const struct pil_findings *f);

void pil_findings_free(struct pil_findings *f);

#endif
