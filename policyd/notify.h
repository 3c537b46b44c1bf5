/*
 * What systemd is told: ready, reloading, stopping, a sentence of status, the watchdog's beat.
 * Without NOTIFY_SOCKET nothing happens.
 *
 * Cost: a datagram each. Errors: none that matter. Threads: main thread only.
 */
#ifndef PIL_POLICYD_NOTIFY_H
#define PIL_POLICYD_NOTIFY_H

struct event_base;
struct pil_daemon;
struct pil_notify;

/* Starts the watchdog's beat where systemd asked for one. NULL when there is none. */
struct pil_notify *pil_notify_open(struct event_base *base);
void pil_notify_close(struct pil_notify *notify);

/* READY=1 with a STATUS= that says what is in force, or why not. */
void pil_notify_ready(const struct pil_daemon *d);
void pil_notify_reloading(void);
void pil_notify_stopping(void);

#endif
