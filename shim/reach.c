#include "shim/reach.h"

#include <stdatomic.h>

#include "shim/event.h"
#include "shim/link.h"
#include "shim/state.h"

bool pil_reach_refuses(const char *path, enum pil_cover cover)
{
    bool refused;

    pil_state_ready();
    refused = pil_link_cover_children();
    pil_event_exec(refused ? PIL_EVENT_EXEC_REFUSED : PIL_EVENT_COVERAGE_LOST, path ? path : "",
                   cover);
    return refused;
}

/* The ring comes with the first welcome; a report is worth waiting for that once. */
void pil_reach_closed(enum pil_event_type type, const char *path)
{
    pil_state_ready();
    if (!atomic_load(&pil_process.ring) && pil_link_welcome(pil_link_deadline()))
        return;
    pil_event_exec(type, path ? path : "", PIL_COVER_YES);
}
