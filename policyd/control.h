/*
 * What the command may ask: verbs over the same socket, answers in JSON. docs/wire.md has their
 * arguments and answers.
 *
 * An answer is made whole and then sent as fast as the client reads it; meanwhile the session is
 * not read, so there is one answer at a time. A client that does not read for ten seconds is
 * closed. Everybody may ask what is in force; to change it, or to see what others do, takes root,
 * policyd's own user or a member of control_group.
 *
 * Cost: linear in the answer. Errors: told to the client in the last frame. Threads: main only.
 */
#ifndef PIL_POLICYD_CONTROL_H
#define PIL_POLICYD_CONTROL_H

#include <stdbool.h>

#include <jansson.h>

#include "core/wire.h"

struct pil_daemon;
struct pil_session;
struct pil_store_report;

/* A request came. False: the session is gone. */
bool pil_control_handle(struct pil_session *s, const struct pil_control *control);

/* A load ended: answers whom it was promised. */
void pil_control_reloaded(struct pil_daemon *d, const struct pil_store_report *report);

/* A promise that the session watches is settled: "arrived", "late" or "exited". */
void pil_control_arrival(struct pil_session *s, const char *outcome);

/* The session is about to be closed. */
void pil_control_closed(struct pil_session *s);

/* Sends JSON (taken over, may be NULL) and then the end. fd is lent for the call, -1 for none.
 * False: the session is gone. */
bool pil_control_answer(struct pil_session *s, json_t *json, int fd, int status, const char *text);

#endif
