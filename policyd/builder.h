/*
 * Builds a policy image aside, in a child process.
 *
 * Why a process: the loop goes on deciding meanwhile, the memory that parsing took is gone
 * afterwards, and a parser that crashes or hangs on some text costs that load and nothing else.
 * The child writes the image into a memfd of ours and its messages into a pipe; nothing of it is
 * believed until the parent has sealed the memfd against everybody and verified the image whole.
 *
 * Cost: a fork. Errors: told to the callback. Threads: main thread only; one build at a time.
 */
#ifndef PIL_POLICYD_BUILDER_H
#define PIL_POLICYD_BUILDER_H

#include <stddef.h>

#include "conf/settings.h"
#include "core/defs.h"

struct event_base;
struct pil_builder;

#define PIL_BUILD_MESSAGES 64u /* kept of one build; more are counted in a last one */

struct pil_build {
    int memfd; /* sealed image; -1 when the build failed. Belongs to the callee */
    size_t len;
    struct pil_list errors; /* "file:line: text"; valid during the call */
    struct pil_list warnings;
    struct pil_list files; /* that were read, included ones too; none when they did not parse */
};

typedef void pil_builder_done(void *cookie, struct pil_build *build);

/* Starts a build of the paths, which must stay as they are until it is done. */
int pil_builder_start(struct event_base *base, const struct pil_list *paths, pil_builder_done *done,
                      void *cookie, struct pil_builder **out) PIL_USERESULT;

/* Ends a build without a callback. NULL is legal. */
void pil_builder_cancel(struct pil_builder *builder);

#endif
