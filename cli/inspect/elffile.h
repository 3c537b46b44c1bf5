/*
 * The parts of an ELF file that say whom it calls: needed libraries, symbols, relocations, code.
 *
 * Little-endian files of both classes. Everything is read where the loader would read it (program
 * headers and the dynamic section; no section headers, which may be stripped), and nothing outside
 * the bytes of the file is touched, whatever they say.
 *
 * Cost: the file is mapped; walks are linear. Errors: false, or an end of the walk. Memory: texts
 * point into the file and end with a NUL there. A file that another process cuts short meanwhile
 * ends the command (SIGBUS). Threads: one.
 */
#ifndef PIL_CLI_INSPECT_ELFFILE_H
#define PIL_CLI_INSPECT_ELFFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/defs.h"

struct pil_elffile {
    const uint8_t *bytes;
    size_t len;
    bool wide; /* 64-bit */
    uint16_t type, machine;
    uint64_t phoff, dynamic, dynamic_len; /* offsets in the file */
    unsigned phnum;
    uint64_t symtab, strtab, strsz; /* offsets; symtab 0: none */
    uint64_t symbols;               /* how many */
    bool mapped;
};

struct pil_elfsegment {
    uint32_t type, flags;
    uint64_t offset, address, filesz;
};

struct pil_elfsymbol {
    const char *name; /* "" when it has none */
    bool defined;
};

struct pil_elfslot {
    uint64_t address;
    const char *name; /* of the symbol whose address the loader writes there */
};

/* Bytes that stay the caller's. False: no ELF file that this reads. A file without a dynamic
 * section is good, and has no symbols. */
bool pil_elffile_parse(struct pil_elffile *f, const void *bytes, size_t len) PIL_USERESULT;

bool pil_elffile_open(struct pil_elffile *f, const char *path) PIL_USERESULT;
void pil_elffile_close(struct pil_elffile *f);

/* Program header number i; false when there is none. A segment reaches no further than the file. */
bool pil_elffile_segment(const struct pil_elffile *f, unsigned i,
                         struct pil_elfsegment *out) PIL_USERESULT;

/* Needed library number i; NULL behind the last. */
const char *pil_elffile_needed(const struct pil_elffile *f, unsigned i);

/* Dynamic symbol number i; false behind the last. */
bool pil_elffile_symbol(const struct pil_elffile *f, uint64_t i,
                        struct pil_elfsymbol *out) PIL_USERESULT;

/* Is there an undefined (imported), or a defined (exported), symbol of that name? */
bool pil_elffile_has(const struct pil_elffile *f, const char *name, bool defined);

/* Calls each for all slots that the loader fills with a symbol's address. */
void pil_elffile_slots(const struct pil_elffile *f,
                       void (*each)(void *cookie, const struct pil_elfslot *slot), void *cookie);

/* Made by the Go linker: by its note, or by the build information in its data. */
bool pil_elffile_go(const struct pil_elffile *f);

#endif
