/*
 * Slots of connections: their shared memory, who holds them, their locks. Private to conn*.c.
 *
 * Chunks of 64 slots are anonymous shared memory, which forked children inherit at the same
 * address; they are made as they are needed, never unmapped, and left out of core dumps. A slot
 * counts its holders: how many numbers of which process. A fork announces the child before there is
 * one, so that a parent that closes at once is not taken for the last.
 *
 * Locks are futexes with the holder's thread number. One whose holder died, or does not come back
 * for five seconds, breaks the connection: nobody seals or opens there any more. Order: life, in,
 * out. Errors: as each function says. Threads, fork, signals: as in conn.h.
 */
#ifndef PIL_SHIM_CONN_SLOT_H
#define PIL_SHIM_CONN_SLOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/posthand.h"
#include "core/record.h"
#include "shim/aead.h"

#define PIL_SLOT_HOLDERS 6u
#define PIL_SLOT_PLAIN   32768u
#define PIL_SLOT_CIPHER  (PIL_RECORD_WIRE_MAX + 64u)
#define PIL_SLOT_RECORDS 4u /* sealed before the kernel is asked to take them */
#define PIL_SLOT_UNSENT                                                                            \
    (PIL_SLOT_RECORDS * (PIL_RECORD_MAX + PIL_RECORD_OVERHEAD) + PIL_RECORD_UPDATE +               \
     2 * PIL_RECORD_ALERT)

enum pil_slot_state {
    PIL_SLOT_FREE = 0,
    PIL_SLOT_LIVE,
    PIL_SLOT_GONE, /* given to the relay: of no use to whoever else holds it */
};

struct pil_slot_way {
    struct pil_traffic traffic;
    uint8_t ctx[PIL_AEAD_ROOM] __attribute__((aligned(64)));
};

struct pil_slot_holder {
    uint32_t pid; /* 0: a free row */
    uint32_t numbers;
};

struct pil_slot {
    _Atomic uint32_t state;
    _Atomic uint64_t cookie; /* SO_COOKIE of the socket */
    _Atomic uint32_t life_lock, in_lock, out_lock;

    uint64_t id; /* policyd's; from here on everything is wiped when the slot is given back */
    _Atomic uint64_t generation; /* of the policy that it was last found to be allowed by */
    uint16_t suite;

    _Atomic bool broken; /* a lock's holder died: nothing is sealed or opened any more */
    bool touched;        /* pages behind the head are in use, or were */

    uint32_t unborn; /* under life_lock: numbers of children that are just being forked */
    uint64_t unborn_ns;
    uint32_t others; /* numbers of processes that found no row */
    struct pil_slot_holder holder[PIL_SLOT_HOLDERS];

    _Atomic bool waits;  /* a read has had to wait, and the kernel let it */
    _Atomic bool ready;  /* a read has something to give without the kernel */
    _Atomic bool spoken; /* something was written since the last read */

    struct pil_slot_way in;
    struct pil_posthand post;
    bool in_closed;     /* the peer's close_notify has come */
    bool in_shut;       /* shutdown(SHUT_RD): an end is no truncation */
    bool tail_held;     /* the last byte of what is in plain waits in the kernel */
    uint16_t in_error;  /* errno of every read from now on */
    uint32_t plain_at;  /* first byte of plain that was not taken */
    uint32_t plain_end; /* behind the last */
    uint32_t cipher_len;
    uint32_t usual; /* bytes of the last whole record */

    struct pil_slot_way out;
    _Atomic bool answer; /* the peer wants our next key */
    bool out_closed;     /* our close_notify was sealed */
    bool owed;           /* the last byte sealed was not counted yet */
    bool was_full;       /* the kernel did not take all, last time */
    bool out_failed;
    uint32_t unsent_at, unsent_end;

    uint8_t plain[PIL_SLOT_PLAIN] __attribute__((aligned(4096)));
    uint8_t cipher[PIL_SLOT_CIPHER] __attribute__((aligned(4096)));
    uint8_t unsent[PIL_SLOT_UNSENT] __attribute__((aligned(4096)));
} __attribute__((aligned(4096)));

/* ---- slots --------------------------------------------------------------------------------- */

/* A fresh slot, zeroed, FREE, held by nobody else; NULL when there is no room. *number is what
 * stands for it in the table. */
struct pil_slot *pil_slot_make(uint16_t *number);

/* Wipes a slot, whose three locks are held, and gives it and them back. */
void pil_slot_free(struct pil_slot *slot, uint16_t number);

/* Nobody holds the slot, whose life is locked, any more; and then: true when it was given back, all
 * locks with it. False when it is broken: it stays, locked as it was. */
bool pil_slot_last(struct pil_slot *slot);
bool pil_slot_free_locked(struct pil_slot *slot, uint16_t number, uint64_t cookie);

struct pil_slot *pil_slot_at(uint16_t number);

/* The slot of a number, whose socket is looked at; NULL when it is none of ours any more, and then
 * it is taken off the table. After a change of policy policyd is asked whether it goes on. */
struct pil_slot *pil_slot_of(int fd);

/* SO_COOKIE of a socket, 0 when it is none. */
uint64_t pil_slot_cookie(int fd);

/* ---- locks --------------------------------------------------------------------------------- */

/* Signals are blocked from enter to leave, with the mask as it was in between. */
uint64_t pil_slot_enter(void);
void pil_slot_leave(uint64_t mask);

/* False when the slot is broken, or not of that socket any more; then it is not locked. */
bool pil_slot_lock(struct pil_slot *slot, _Atomic uint32_t *lock, uint64_t cookie);
void pil_slot_unlock(_Atomic uint32_t *lock);

/* ---- holders ------------------------------------------------------------------------------- */

/* This process holds `count` numbers more, or less. Life must be locked. */
void pil_slot_hold(struct pil_slot *slot, int count);

/* How many numbers of this process there are, and whether a living other one holds any. */
uint32_t pil_slot_own(const struct pil_slot *slot);
bool pil_slot_shared(struct pil_slot *slot);

/* This process, asked once in each. */
uint32_t pil_slot_pid(void);

/* The process whose memory this is runs the call itself: it is no vfork child. */
bool pil_slot_at_home(void);

/* The highest number that ever had a slot, + 1. */
int pil_slot_top(void);
void pil_slot_note_top(int fd);

/* Puts a forked child among the holders of what it inherited; cheap when it is there already. */
void pil_slot_adopt(void);

/* Watches for forks, from the first connection on. */
void pil_slot_watch_forks(void);

/* ---- scratch memory ------------------------------------------------------------------------- */

#define PIL_SLOT_AREA (PIL_SLOT_UNSENT + PIL_SLOT_CIPHER)

/* A piece of memory for the time of one call, signals blocked; NULL when all are taken. */
uint8_t *pil_slot_area(void);
void pil_slot_area_return(uint8_t *area);

#endif
