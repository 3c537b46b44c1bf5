/*
 * The verdict on a question with everything that led to it, for people and as JSON.
 *
 * Cost: linear in the rules of the image. Errors: said on stderr. Threads: one.
 */
#ifndef PIL_CLI_EXPLAIN_H
#define PIL_CLI_EXPLAIN_H

#include "cli/cli.h"
#include "cli/question.h"
#include "core/image.h"

#define PIL_EXPLAIN_NEAREST 8u /* rules that are shown without --all */

struct pil_explain_env {
    int64_t now;
    const char *host_id; /* NULL: /etc/machine-id */
    bool all;            /* every rule */
};

/* Prints; PIL_EXIT_OK when all its queries are allowed, PIL_EXIT_NO when one is not, else what
 * went wrong. When the addresses of a name differ, the first that is refused is explained. */
int pil_explain(const struct pil_image *img, const struct pil_subject *who,
                const struct pil_question *question, const struct pil_explain_env *env,
                bool json) PIL_USERESULT;

#endif
