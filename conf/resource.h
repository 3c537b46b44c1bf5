/*
 * One resource as the policy language writes it: parse, normalise.
 *
 *     service:NAME                       a service of the policy
 *     10.0.3.11:5432  10.0.0.0/8:*       addresses and prefixes, with a port, a range or "*"
 *     [fd00::/8]:443-445  *:53           IPv6 stands in brackets; "*" is every address
 *     ledger.corp.example:5432           a host name with ports
 *     *.corp.example  ledger             a host name (or all below it), every port
 *     unix:/run/x.sock  unix:@abstract   a unix path
 *     unix:/run/a*.sock  unix:**         a pattern of paths
 *     *                                  anything of any kind
 *
 * A host name with or without ports also names what `resolve` asks for: that question carries no
 * port, so ports are not looked at there. "*.corp.example" stands for one or more labels in front
 * and not for corp.example itself. Unix paths are globs of core/glob.h that respect slashes.
 *
 * Cost: linear in the text, no allocation; the result points into the text. Errors: PIL_E_SYNTAX
 * or PIL_E_RANGE, and a sentence that says what is legal. Threads: pure functions.
 */
#ifndef PIL_CONF_RESOURCE_H
#define PIL_CONF_RESOURCE_H

#include <stdbool.h>

#include "core/addr.h"
#include "core/bytes.h"

struct pil_resource {
    enum pil_kind kind;       /* PIL_KIND_NONE with wildcard: "*"; with service: not known here */
    struct pil_prefix prefix; /* PIL_KIND_INET */
    struct pil_ports ports;   /* PIL_KIND_INET and PIL_KIND_NAME; 0..65535 when not written */
    struct pil_slice name;    /* service: its title. NAME: the host name, without a leading "*.".
                                 UNIX: the path or its pattern */
    bool wildcard;            /* NAME: everything below name. UNIX: name is a pattern. NONE: "*" */
    bool service;
};

/*
 * Brings text, in place, to the form that the parser takes: host names and addresses in lower
 * case, host names without a final dot. Unix paths and service titles stay as they are.
 */
void pil_resource_normalize(char *text);

/*
 * Parses normalised text; upper case in a host name is refused. On an error *out is untouched
 * and *legal is a sentence without a final stop that lives for ever. legal may be NULL.
 */
int pil_resource_parse(struct pil_slice text, struct pil_resource *out,
                       const char **legal) PIL_USERESULT;

/* A title: 1 to PIL_TITLE_MAX of A-Z a-z 0-9 . _ - */
bool pil_resource_title(struct pil_slice text);

/* A host name in lower case, without a final dot; the last label is not a number. */
bool pil_resource_host(struct pil_slice text);

#endif
