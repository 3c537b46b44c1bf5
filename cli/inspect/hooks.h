/*
 * Which hooks are in effect in a running process: for every loaded module, where the slots lead
 * that the loader filled with the address of a hooked name.
 *
 * The slots are found in the module's file and read in the process's memory. One that leads into
 * libpillion.so is hooked; one that leads into libc calls past the hooks; one that leads back into
 * its own module has not been bound yet and will be at its first call; what another library put
 * itself before (a sanitizer, for example) is counted as other.
 *
 * Cost: the files' tables and a read a slot. Errors: `readable` false. Memory: pil_hooks_free.
 * Threads: one.
 */
#ifndef PIL_CLI_INSPECT_HOOKS_H
#define PIL_CLI_INSPECT_HOOKS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pil_hooks_module {
    char path[PATH_MAX];
    uint64_t base; /* where address 0 of the file is */
    uint64_t inode;
    unsigned hooked, pending, past, other; /* slots */
    char names[256];                       /* those that lead past the hooks, parted by blanks */
    bool own_openssl;                      /* exports SSL_write and is no libssl */
};

struct pil_hooks {
    struct pil_hooks_module *module;
    size_t count;
    bool readable; /* the memory could be read */
    char library[PATH_MAX];
    bool replaced; /* the library's file is another one by now */
};

/* library "" when it is not mapped; then nothing else is looked at. A negated errno when the map
 * of the process cannot be read. */
int pil_hooks_read(pid_t pid, struct pil_hooks *out);
void pil_hooks_free(struct pil_hooks *hooks);

#endif
