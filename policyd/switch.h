/*
 * The kill switch in force: what the file of conf/switch.h says, read at start, whenever it
 * changes, on SIGHUP, and when root's command says so.
 *
 * A change is acted on by every process at its next call, because it raises the generation; it is
 * logged with who, when and why. What was said until a time ends by itself. A file that cannot be
 * followed means on, and health says what is wrong with it.
 *
 * Cost: one inotify descriptor. Errors: none after open; see pil_switch_problem. Threads: main
 * thread only.
 */
#ifndef PIL_POLICYD_SWITCH_H
#define PIL_POLICYD_SWITCH_H

#include <jansson.h>

#include "conf/switch.h"

struct pil_daemon;
struct pil_session;
struct pil_switch;

/* Reads the file for the first time. own: whose file counts beside root's. */
int pil_switch_open(struct pil_daemon *d, uid_t own, struct pil_switch **out) PIL_USERESULT;
void pil_switch_close(struct pil_switch *sw); /* NULL is legal */

/* Reads the file again; cause must be a constant, by is the session that asked or NULL. */
void pil_switch_read(struct pil_switch *sw, const char *cause, const struct pil_session *by);

/* NULL is on, for tests that need no switch. */
enum pil_switch_mode pil_switch_mode(const struct pil_switch *sw);

/* Why the file is not followed; NULL: it is. sw may be NULL. */
const char *pil_switch_problem(const struct pil_switch *sw);

/* Whether that session may have the file read: root, and who started a policyd that root did not
 * start. */
bool pil_switch_may(const struct pil_switch *sw, const struct pil_session *s);

/* The object `switch` of the status. sw may be NULL. */
json_t *pil_switch_report(const struct pil_switch *sw);

#endif
