/*
 * Will this program come under Pillion when it is executed? What can be told from the file.
 *
 * A preloaded library reaches a program only if the glibc loader of the library's class and machine
 * starts it, if the kernel does not put it into secure-execution mode (setuid, setgid, file
 * capabilities), and if its network calls go through libc at all. A "#!" script is judged by the
 * program that the kernel will really run. The answer is about the file at this moment; the hello
 * that policyd waits for is what proves the coverage of the process.
 *
 * Cost: open, statx, two to five reads. No allocation; under 2 KiB of stack altogether.
 * Errors: none; what cannot be told is a refusal with its name. errno is not touched.
 * Threads, fork, signals, a vfork child: safe everywhere; the only state is one close-on-exec
 * descriptor during the call.
 */
#ifndef PIL_CORE_ELF_H
#define PIL_CORE_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include "core/defs.h"
#include "core/sysops.h"

struct pil_class;

/* Only PIL_COVER_YES is good; zeroed memory is not. */
/*     id           name            why not */
#define PIL_COVER_LIST(X)                                                                          \
    X(UNKNOWN, "unknown", "its coverage has not been looked at", "report this as a defect")        \
    X(YES, "covered", "it will be covered", "nothing to do")                                       \
    X(STATIC, "static", "it is statically linked: no loader, so nothing can be preloaded",         \
      "install or build the dynamically linked variant of it")                                     \
    X(SETUID, "setuid",                                                                            \
      "it changes user or group when executed (setuid, setgid), and the loader then ignores "      \
      "preloaded libraries",                                                                       \
      "start it as the user and group that it changes to, or remove the mode bits")                \
    X(CAPS, "capabilities",                                                                        \
      "the file carries capabilities, and the loader then ignores preloaded libraries",            \
      "remove them (setcap -r) and give the capabilities to its service as ambient ones")          \
    X(CLASS, "class", "there is no libpillion.so for its machine or word size",                    \
      "install the library of its class, or use a build of it for this machine's native one")      \
    X(LIBC, "libc", "its loader is not the one of glibc (musl, for example)",                      \
      "use a build of it for glibc")                                                               \
    X(RAW, "raw-calls", "it is a Go program: its runtime makes system calls without libc",         \
      "confine it by other means (a network namespace, a firewall)")                               \
    X(NOTELF, "not-a-program", "it is neither an ELF program nor a #! script",                     \
      "name the program that runs it as the command")                                              \
    X(UNREADABLE, "unreadable", "the file cannot be read, so its coverage cannot be known",        \
      "make it readable for the user who starts it")                                               \
    X(NOTFOUND, "not-found", "there is no such file", "check the path, and PATH")                  \
    X(HIDDEN, "hidden",                                                                            \
      "libpillion.so cannot be found from where it will be started (chroot, mount namespace)",     \
      "make the folder of the library visible there, at the same path")                            \
    X(SCRIPT_LOOP, "script-loop", "its #! line leads through too many scripts",                    \
      "name a program instead of a script in the #! line")                                         \
    X(NAMESPACE, "namespace",                                                                      \
      "it is loaded into a namespace of its own (dlmopen), with a libc that has no hooks",         \
      "load it with dlopen")                                                                       \
    X(CUT, "cut-short", "the file ends before what its headers announce", "install it anew")

enum pil_cover {
#define PIL_COVER_ENUM(id, name, why, remedy) PIL_COVER_##id,
    PIL_COVER_LIST(PIL_COVER_ENUM)
#undef PIL_COVER_ENUM
        PIL_COVER_COUNT
};

#define PIL_ELF_SCRIPTS 4u   /* "#!" lines that are followed */
#define PIL_ELF_LINE    256u /* bytes of a "#!" line the kernel looks at (BINPRM_BUF_SIZE) */

struct pil_elf_report {
    enum pil_cover cover;
    uint16_t machine;           /* e_machine; 0 when it was no ELF file */
    uint8_t elf_class;          /* ELFCLASS32, ELFCLASS64; 0 when it was no ELF file */
    uint8_t scripts;            /* "#!" lines that were followed */
    bool sibling;               /* cover is PIL_COVER_CLASS, and nothing else is in the way: the
                                   library of its class would do (pil_elf_cover) */
    char interp[128];           /* PT_INTERP; empty: none, or longer than this */
    char program[PIL_ELF_LINE]; /* the interpreter that was judged in the end; empty: the file
                                   itself */
};

/* Judges path as execveat(dirfd, path) would open it; fills *out wholly, returns out->cover. */
enum pil_cover pil_elf_inspect(const struct pil_sysops *sys, int dirfd, const char *path,
                               struct pil_elf_report *out);

/* The same for an open descriptor, O_PATH included; it stays the caller's and is not moved. */
enum pil_cover pil_elf_inspect_fd(const struct pil_sysops *sys, int fd, struct pil_elf_report *out);

/*
 * The cover of an inspected program under an LD_PRELOAD with this word for the library: what was
 * inspected, and PIL_COVER_YES for a program of another class when the word leads its loader to a
 * library of that class too.
 */
enum pil_cover pil_elf_cover(const struct pil_sysops *sys, const struct pil_elf_report *report,
                             const char *word);

/*
 * PIL_COVER_YES when fd is a shared library that the loader could preload into programs of that
 * class: a readable ELF file of its class and machine, of type ET_DYN, with all of its segments.
 */
enum pil_cover pil_elf_library(const struct pil_sysops *sys, int fd, const struct pil_class *class);

const char *pil_cover_name(unsigned cover);   /* "covered", "static", ... Never NULL. */
const char *pil_cover_text(unsigned cover);   /* the reason, a sentence without full stop */
const char *pil_cover_remedy(unsigned cover); /* what to do about it */

#endif
