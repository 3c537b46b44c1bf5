/*
 * The JSON of the answers that describe policyd: made from what there is at the moment.
 *
 * Cost: linear in what is described. Errors: NULL when memory is out. Memory: the caller's.
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_REPORT_H
#define PIL_POLICYD_REPORT_H

#include <jansson.h>

struct pil_daemon;
struct pil_policy_image;
struct pil_store_report;

json_t *pil_report_status(struct pil_daemon *d);
json_t *pil_report_processes(struct pil_daemon *d);
json_t *pil_report_load(struct pil_daemon *d, const struct pil_store_report *report);
json_t *pil_report_image(const struct pil_policy_image *policy);

#endif
