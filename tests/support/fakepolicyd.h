/*
 * A policyd that does as it is told: one thread of the test that listens on a private SEQPACKET
 * socket, says welcome with a real status page and a real event ring, and answers by a script.
 *
 * Everything is remembered, and waited for by events, never by time. A wait that gets nothing for
 * ten seconds fails the test. Uses core/ alone, so that every unit may be linked with it.
 */
#ifndef PIL_TESTS_FAKEPOLICYD_H
#define PIL_TESTS_FAKEPOLICYD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/genpage.h"
#include "core/query.h"
#include "core/ring.h"
#include "core/wire.h"

/* How a decide frame is answered. */
enum fake_answer {
    FAKE_VERDICT = 0, /* by fake_verdict and fake_judge */
    FAKE_HOLD,        /* not before fake_release, perhaps never */
    FAKE_CLOSE,       /* the connection ends */
    FAKE_GENERATION,  /* right but for the generation, which is one ahead of the page */
    /* From here on the answer breaks the protocol. */
    FAKE_GARBAGE,
    FAKE_SHORT, /* ends within its header */
    FAKE_MAGIC,
    FAKE_VERSION,
    FAKE_LENGTH,   /* says that it is longer than it is */
    FAKE_TYPE,     /* another message */
    FAKE_SEQUENCE, /* the answer to another question */
    FAKE_COUNT,    /* one verdict too many */
    FAKE_TRAILING,
    FAKE_ENUM,       /* a reason that is not on the list */
    FAKE_BIG,        /* longer than the shim takes */
    FAKE_DESCRIPTOR, /* carries a descriptor */
    FAKE_ANSWERS
};

/* How a hello is answered. */
enum fake_welcome {
    FAKE_WELCOME = 0,
    FAKE_WELCOME_HOLD, /* never */
    FAKE_WELCOME_CLOSE,
    FAKE_WELCOME_REFUSED,
    /* From here on the answer breaks the protocol. */
    FAKE_WELCOME_GARBAGE,
    FAKE_WELCOME_TYPE,
    FAKE_WELCOME_SEQUENCE,
    FAKE_WELCOME_NO_FDS,
    FAKE_WELCOME_ONE_FD,
    FAKE_WELCOME_THREE_FDS,
    FAKE_WELCOME_PAGE_MAGIC,
    FAKE_WELCOME_PAGE_VERSION,
    FAKE_WELCOME_RING_MAGIC,
    FAKE_WELCOME_SHORT_PAGE,
    FAKE_WELCOME_SHORT_RING,
    FAKE_WELCOMES
};

/* Rings stay open in the fake, at numbers from here to below 900, for tests that count. */
#define FAKE_FDS 512

/* What it has seen, in all its lives. */
struct fake_seen {
    unsigned connections; /* accepted */
    unsigned ended;       /* of these, by the other side */
    unsigned hellos;
    unsigned frames;      /* of questions */
    unsigned queries;     /* in them */
    unsigned illegal;     /* frames that broke the protocol */
    uint32_t hello_flags; /* of the last hello */
    uint32_t hello_pid;
    unsigned last_count; /* of the last frame's questions */
    struct pil_query last[PIL_BATCH_MAX];
    char text[PIL_BATCH_MAX][2][PIL_NAME_MAX + 1]; /* their name and caller */
};

struct fake_policyd;

/* Starts one in a folder of its own, with generation 1000 and deadline_ms 0 (the shim's own). */
struct fake_policyd *fake_start(void);
/* Ends it; connections break, the folder is gone. */
void fake_stop(struct fake_policyd *f);

/* Dies as if killed: the page stays as it is. And a new one at the same place, with a new page
 * whose generation is 1000 higher. */
void fake_die(struct fake_policyd *f);
void fake_live(struct fake_policyd *f);

const char *fake_path(const struct fake_policyd *f);
struct pil_genpage *fake_page(struct fake_policyd *f);
/* The n-th ring that was handed out, from 0: one for a process as long as it has a link. */
struct pil_ring *fake_ring(struct fake_policyd *f, unsigned n);

/* The script: for every frame from now on; or for one frame, in the order of the calls. */
void fake_always(struct fake_policyd *f, enum fake_answer answer);
void fake_once(struct fake_policyd *f, enum fake_answer answer);
void fake_release(struct fake_policyd *f);
void fake_greets(struct fake_policyd *f, enum fake_welcome welcome);
void fake_says(struct fake_policyd *f, uint32_t flags, uint32_t deadline_ms);

/* The verdict that is given (an allow by rule 7 of policy 3 for 10 s at first), and what changes
 * it by the question. Runs in the thread of the fake. */
void fake_verdict(struct fake_policyd *f, const struct pil_verdict *v);
void fake_judge(struct fake_policyd *f,
                void (*judge)(const struct pil_query *q, struct pil_verdict *v));

/* What answers all other messages, in the thread of the fake: conn is where to, fds are the
 * answerer's. False: that message is illegal, and the connection ends. */
void fake_answers(struct fake_policyd *f,
                  bool (*answer)(int conn, const struct pil_wire_head *head, struct pil_reader *r,
                                 const int *fds, unsigned fd_count));

struct fake_seen fake_seen(struct fake_policyd *f);
/* Waits until so many were seen, in all. */
void fake_wait_frames(struct fake_policyd *f, unsigned frames);
void fake_wait_ended(struct fake_policyd *f, unsigned ended);
void fake_wait_connections(struct fake_policyd *f, unsigned connections);

#endif
