/*
 * The classes of programs that this machine runs, and how one LD_PRELOAD serves them all.
 *
 * An x86-64 kernel starts 64-bit and 32-bit programs, each with a loader of its class, and either
 * may execute the other. LD_PRELOAD is handed on as it is, so it names the library once, with
 * "$LIB" as a folder, which each loader replaces by a name that it was built with. There may be two
 * names for a class: Debian's 32-bit loader is lib/i386-linux-gnu when it comes from the
 * architecture i386, and lib32 when it comes from the 64-bit one (libc6-i386).
 *
 * Cost: pil_classes_serve opens and reads the head of one file per name. Errors: none; what cannot
 * be told is a no. No allocation; errno is not touched. Threads, fork, signals, a vfork child: safe
 * everywhere.
 */
#ifndef PIL_CORE_CLASSES_H
#define PIL_CORE_CLASSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sysops.h"

#define PIL_CLASSES_NAMES 2u

struct pil_class {
    uint8_t elf_class;                  /* ELFCLASS32, ELFCLASS64 */
    uint16_t machine;                   /* e_machine */
    const char *title;                  /* "64-bit", "32-bit" */
    const char *loader;                 /* base name of glibc's loader */
    const char *lib[PIL_CLASSES_NAMES]; /* what its loaders make of $LIB; NULL: no other name */
};

/* The class of ELF files with this class and machine; NULL when this machine runs none such. */
const struct pil_class *pil_classes_find(unsigned elf_class, unsigned machine);

/* The class that this very code is built for. */
const struct pil_class *pil_classes_ours(void);

/* Writes word, as LD_PRELOAD has it, with its folder "$LIB" replaced by lib. False when it has no
 * such folder, or more to be replaced than that, or does not fit. */
bool pil_classes_expand(const char *word, const char *lib, char *to, size_t cap);

/*
 * Does this word of LD_PRELOAD bring the library into programs of that class, whichever of its
 * loaders starts them? A word without "$LIB" serves our own class and no other.
 */
bool pil_classes_serve(const struct pil_sysops *sys, const char *word,
                       const struct pil_class *class);

/*
 * Would a loader of our own class find a library of that word? Looks only whether the file is
 * there; a word without a path is searched for by the loader, and passes.
 */
bool pil_classes_visible(const struct pil_sysops *sys, const char *word);

#endif
