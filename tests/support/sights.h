/*
 * Things that were seen, made up for tests of cli/rules. A header and no object, so that units
 * without the command need not be linked with it.
 */
#ifndef PIL_TESTS_SIGHTS_H
#define PIL_TESTS_SIGHTS_H

#include <stdio.h>

#include "cli/rules/seen.h"
#include "tests/support/support.h"

/* Adds one; `where` is what the record says besides, as JSON members with a comma in front. */
static inline struct pil_seen *sight(struct pil_seen_list *list, const char *exe,
                                     const char *action, const char *where)
{
    json_t *record;
    char text[2048];

    snprintf(text, sizeof(text),
             "{\"exe\":\"%s\",\"uid\":7,\"user\":\"joe\",\"action\":\"%s\",\"verdict\":\"allow\","
             "\"time\":\"2026-01-02T03:04:05.6Z\"%s}",
             exe, action, where);
    record = json_loads(text, 0, NULL);
    if (!record)
        fail_msg("no JSON: %s", text);
    assert_err(pil_seen_add(list, record), PIL_OK);
    json_decref(record);
    return &list->item[list->count - 1];
}

#define WHERE(resource)       ",\"resource\":\"" resource "\""
#define AT(ip, port)          WHERE(ip ":" #port) ",\"address\":\"" ip "\",\"port\":" #port
#define NAMED(host, ip, port) AT(ip, port) ",\"name\":\"" host "\""
#define NAME(host)            ",\"resource\":\"" host "\",\"name\":\"" host "\""
#define UNIX(path)            ",\"resource\":\"unix:" path "\""
#define PEER(id)              ",\"peer\":\"" id "\""
#define FROM(ip)              ",\"source\":\"" ip "\""

#endif
