/*
 * One question in the words of the policy language, as the queries a program would cause.
 *
 * A host name with a port is as many queries as the name has addresses, because a connection
 * goes to an address and rules may look at it; a name without an address here is judged with the
 * unspecified address, which no rule but "*" covers.
 *
 * Without a peer, a connect is the question ahead of the handshake, as a program asks it.
 *
 * Cost: a look-up of the name, unless the address is given. Errors: a sentence on stderr and
 * PIL_E_SYNTAX. Memory: the queries point into the question. Threads: one.
 */
#ifndef PIL_CLI_QUESTION_H
#define PIL_CLI_QUESTION_H

#include <stdbool.h>

#include "core/query.h"

#define PIL_QUESTION_MAX 16u

/* What the command line said; any of the options may be NULL. */
struct pil_asked {
    const char *action, *resource;
    const char *name;   /* the address was got under this name */
    const char *source; /* accept: the peer */
    const char *caller;
    const char *peer; /* SPIFFE ID that was shown; "": the peer showed none */
};

struct pil_question {
    struct pil_query query[PIL_QUESTION_MAX];
    unsigned count;
    bool no_address;             /* the name has none here */
    char text[PIL_TEXT_MAX + 1]; /* the resource, normalised */
    char name[PIL_TEXT_MAX + 1];
};

int pil_question_read(const struct pil_asked *asked, struct pil_question *out) PIL_USERESULT;

#endif
