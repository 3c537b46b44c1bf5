/*
 * The frame with which a connection becomes a program's: made once, sent when there is room.
 *
 * It holds keys, and is wiped. Threads: main thread only.
 */
#ifndef PIL_POLICYD_MESH_ANSWER_H
#define PIL_POLICYD_MESH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/query.h"
#include "core/wire_tls.h"
#include "policyd/tls/handshake.h"

struct pil_conn;
struct pil_mesh;
struct pil_owner;

#define PIL_ANSWER_MAX 640u
_Static_assert(PIL_ANSWER_MAX >= 16 + 27 + 2 * 101 + 2 + PIL_PEER_MAX, "the longest SECURED");

struct pil_answer {
    struct pil_conn *conn; /* the entry that was made for it; NULL in a refusal */
    int fd;                /* the program's end of a relay; -1: there is none */
    size_t len;
    uint8_t *frame; /* malloc'd */
};

/* Which path a connection of such a program takes. */
enum pil_path pil_answer_path(const struct pil_mesh *m, bool relay_only);

/*
 * Enters an admitted connection and makes its frame. result NULL: plain. With path relay the
 * relay's own descriptor is a duplicate of fd. After an error nothing of it is left.
 */
int pil_answer_make(struct pil_mesh *m, struct pil_owner *owner, enum pil_tls_role role,
                    enum pil_path path, int fd, const struct pil_query *q,
                    const struct pil_verdict *v, const struct pil_hand_result *result,
                    struct pil_answer *out) PIL_USERESULT;

/* A refusal. */
int pil_answer_refuse(uint32_t status, uint16_t error, enum pil_tls_reason reason,
                      struct pil_answer *out) PIL_USERESULT;

void pil_answer_free(struct pil_answer *answer); /* not its entry */

#endif
