/*
 * Which host name gave an address: what this program resolved, remembered for rules by name.
 *
 * A fixed table. An address that two names gave has an entry for each thread that asked, so the
 * thread that resolved a name and then connects is judged by exactly that name; another thread
 * gets the name that was noted last. Of an address that fell out of the table it is remembered
 * that it had a name (a bit, which other addresses may share): its name cannot be seen any more, so
 * that no rule by name allows it and every one denies it. Forgetting refuses, it never allows.
 *
 * Cost: noting and finding touch four entries. Errors: none. Memory: static, 84 KiB, touched as
 * it fills; survives fork, because children connect to what their parents resolved.
 * Threads, signals: sequence locks; readers never wait, a writer that meets another gives up.
 */
#ifndef PIL_SHIM_NAMES_H
#define PIL_SHIM_NAMES_H

#include <stdbool.h>

#include "core/addr.h"
#include "shim/digest.h"

struct pil_name {
    char text[PIL_NAME_MAX + 3];
    size_t len;
    struct pil_digest digest;
};

/* Brings a host name into its one form: lower case, no final dot. False when it is empty, longer
 * than PIL_NAME_MAX, or has bytes that no host name has. */
bool pil_name_make(const char *host, struct pil_name *out);

/* This thread resolved name and got ip. */
void pil_names_note(const struct pil_ip *ip, const struct pil_name *name);

/* The name for an address that this thread, or else any thread, resolved. */
bool pil_names_find(const struct pil_ip *ip, struct pil_name *out);

/* It may have had a name that is not in the table any more. */
bool pil_names_lost(const struct pil_ip *ip);

#endif
