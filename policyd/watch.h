/*
 * Notices that policy files change, and calls back once they have been still for a moment, so
 * that a copy of many files is one load.
 *
 * A directory is watched itself; a file is watched through its directory, because editors and
 * deployments replace files instead of writing them. That holds for what the settings name and for
 * what the last load that parsed has included.
 *
 * Cost: one inotify descriptor. Errors: a path that cannot be watched is left out; SIGHUP and the
 * command still work. Threads: main thread only.
 */
#ifndef PIL_POLICYD_WATCH_H
#define PIL_POLICYD_WATCH_H

#include "conf/settings.h"

struct event_base;
struct pil_watch;

int pil_watch_open(struct event_base *base, const struct pil_list *paths,
                   void (*changed)(void *cookie), void *cookie,
                   struct pil_watch **out) PIL_USERESULT;

/* Watches anew what had gone away, and of `files` what is not watched yet; what was and is not
 * among them any more is let go. After each load. NULL for the watch is legal. */
void pil_watch_renew(struct pil_watch *watch, const struct pil_list *files);

void pil_watch_close(struct pil_watch *watch);

#endif
