/*
 * /metrics in the text format of Prometheus, and /healthz, on loopback or a unix socket.
 *
 * Cost: linear in the number of counters and attached processes. Errors: enum pil_err, with a
 * sentence in the diag. Threads: main thread only.
 */
#ifndef PIL_POLICYD_METRICS_H
#define PIL_POLICYD_METRICS_H

#include "conf/diag.h"

struct evbuffer;
struct pil_daemon;
struct pil_metrics;

/* Makes the sockets the settings name. PIL_OK with *out NULL when they name none. */
int pil_metrics_open(struct pil_daemon *d, struct pil_diag *diag,
                     struct pil_metrics **out) PIL_USERESULT;

/* Begins to serve. */
int pil_metrics_start(struct pil_metrics *metrics) PIL_USERESULT;
void pil_metrics_close(struct pil_metrics *metrics);

/* The text of /metrics. */
void pil_metrics_text(struct pil_daemon *d, struct evbuffer *out);

#endif
