/*
 * The memory map of a process, line by line, and whether our library is in it.
 *
 * Cost: one read of /proc/PID/maps. Errors: a negated errno of opening it (-EACCES when the
 * process is another user's, -ENOENT when it is gone). Threads: one.
 */
#ifndef PIL_CLI_MAPS_H
#define PIL_CLI_MAPS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/defs.h"

struct pil_mapping {
    uint64_t start, end, offset;
    uint64_t inode;        /* 0: no file */
    unsigned major, minor; /* of the file's device */
    bool executable;
    bool deleted;        /* the file was replaced or removed since */
    char path[PATH_MAX]; /* "" for anonymous memory, "[stack]" and its like */
};

/* One line of the file; false when it is none. Escapes of the kernel ("\012") are left as they
 * are. */
bool pil_maps_parse(const char *line, struct pil_mapping *out) PIL_USERESULT;

/* Calls each for every mapping until it returns false. 0, or a negated errno. */
int pil_maps_each(pid_t pid, bool (*each)(void *cookie, const struct pil_mapping *m),
                  void *cookie) PIL_USERESULT;

/* 1: a file named libpillion.so is mapped, its path in out; 0: none; else a negated errno. */
int pil_maps_library(pid_t pid, char out[PATH_MAX]) PIL_USERESULT;

#endif
