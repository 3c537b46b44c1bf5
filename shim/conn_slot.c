#include "shim/conn_slot.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "shim/conn.h"
#include "shim/conn_recheck.h"
#include "shim/real.h"
#include "shim/state.h"

#define CHUNK_SLOTS 64u
#define CHUNKS      (65536u / CHUNK_SLOTS)
#define MS          UINT64_C(1000000)
#define BREAK_NS    (5000 * MS)
#define LOOK_NS     (50 * MS)
#define UNBORN_NS   (10000 * MS)
#define WAITERS     (UINT32_C(1) << 31)
#define AREAS       4u

struct chunk {
    _Atomic uint64_t taken; /* a bit for each slot */
    struct pil_slot slot[CHUNK_SLOTS] __attribute__((aligned(4096)));
};

static const struct pil_sysops *const sys = &pil_real_sys;

_Atomic uint16_t pil_conn_table[PIL_CONN_FDS];
static _Atomic(struct chunk *) chunks[CHUNKS]; /* inherited over fork, with the table */
static _Atomic int top;
static _Atomic uint32_t home; /* the process that the table counts for */
static uint8_t area[AREAS][PIL_SLOT_AREA] __attribute__((aligned(4096)));

/* ---- slots --------------------------------------------------------------------------------- */

struct pil_slot *pil_slot_at(uint16_t number)
{
    return &atomic_load(&chunks[(number - 1u) / CHUNK_SLOTS])->slot[(number - 1u) % CHUNK_SLOTS];
}

/* Two threads that make the same one: the second takes the first's. */
static struct chunk *make_chunk(unsigned at)
{
    uintptr_t fresh = sys->mmap(NULL, sizeof(struct chunk), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct chunk *none = NULL;

    if (fresh >= (uintptr_t)-4096)
        return NULL;
    sys->madvise((void *)fresh, sizeof(struct chunk), MADV_DONTDUMP);
    if (atomic_compare_exchange_strong(&chunks[at], &none, (struct chunk *)fresh))
        return (struct chunk *)fresh;
    sys->munmap((void *)fresh, sizeof(struct chunk));
    return none;
}

static int take_bit(struct chunk *chunk)
{
    uint64_t taken = atomic_load(&chunk->taken);

    while (taken != UINT64_MAX) {
        int bit = __builtin_ctzll(~taken);

        if (atomic_compare_exchange_weak(&chunk->taken, &taken, taken | UINT64_C(1) << bit))
            return bit;
    }
    return -1;
}

/* The last slot of all is never given out, because its number would be 0 again. */
struct pil_slot *pil_slot_make(uint16_t *number)
{
    for (unsigned i = 0; i < CHUNKS; i++) {
        struct chunk *chunk = atomic_load(&chunks[i]);
        int bit;

        if (!chunk)
            chunk = make_chunk(i);
        if (!chunk)
            return NULL;
        bit = take_bit(chunk);
        if (bit < 0 || i * CHUNK_SLOTS + (unsigned)bit >= UINT16_MAX)
            continue;
        *number = (uint16_t)(i * CHUNK_SLOTS + (unsigned)bit + 1);
        return &chunk->slot[bit];
    }
    return NULL;
}

bool pil_slot_last(struct pil_slot *slot)
{
    return pil_slot_own(slot) == 0 && !pil_slot_shared(slot);
}

bool pil_slot_free_locked(struct pil_slot *slot, uint16_t number, uint64_t cookie)
{
    if (!pil_slot_lock(slot, &slot->in_lock, cookie))
        return false;
    if (!pil_slot_lock(slot, &slot->out_lock, cookie)) {
        pil_slot_unlock(&slot->in_lock);
        return false;
    }
    pil_slot_free(slot, number);
    return true;
}

/* Where the kernel cannot take pages back they are of a connection that ended, and wiped when the
 * next one writes there. */
void pil_slot_free(struct pil_slot *slot, uint16_t number)
{
    struct chunk *chunk = atomic_load(&chunks[(number - 1u) / CHUNK_SLOTS]);

    atomic_store(&slot->state, PIL_SLOT_FREE);
    atomic_store(&slot->cookie, 0);
    if (slot->touched)
        sys->madvise(slot->plain, sizeof(*slot) - offsetof(struct pil_slot, plain), MADV_REMOVE);
    pil_record_wipe(&slot->id, offsetof(struct pil_slot, plain) - offsetof(struct pil_slot, id));
    pil_slot_unlock(&slot->out_lock);
    pil_slot_unlock(&slot->in_lock);
    pil_slot_unlock(&slot->life_lock);
    atomic_fetch_and(&chunk->taken, ~(UINT64_C(1) << (number - 1u) % CHUNK_SLOTS));
}

uint64_t pil_slot_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return sys->getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

/* Somebody closed it behind the hooks. The peer has seen the end; what is left is the memory. */
static void forget_stale(int fd, uint16_t number)
{
    struct pil_slot *slot = pil_slot_at(number);
    uint64_t cookie = atomic_load(&slot->cookie);

    if (!pil_slot_at_home() || !atomic_compare_exchange_strong(&pil_conn_table[fd], &number, 0))
        return;
    if (!pil_slot_lock(slot, &slot->life_lock, cookie))
        return;
    pil_slot_hold(slot, -1);
    if (!pil_slot_last(slot) || !pil_slot_free_locked(slot, number, cookie))
        pil_slot_unlock(&slot->life_lock);
}

struct pil_slot *pil_slot_of(int fd)
{
    uint64_t mask, cookie;
    struct pil_slot *slot;
    uint16_t number;

    pil_state_ready();
    pil_slot_adopt();
    number = atomic_load(&pil_conn_table[fd]);
    if (!number)
        return NULL;
    slot = pil_slot_at(number);
    cookie = pil_slot_cookie(fd);
    if (PIL_LIKELY(cookie && cookie == atomic_load(&slot->cookie))) {
        pil_recheck(slot, fd);
        return slot;
    }
    mask = pil_slot_enter();
    forget_stale(fd, number);
    pil_slot_leave(mask);
    return NULL;
}

int pil_slot_top(void)
{
    return atomic_load(&top);
}

void pil_slot_note_top(int fd)
{
    int was = atomic_load(&top);

    while (was <= fd && !atomic_compare_exchange_weak(&top, &was, fd + 1))
        ;
}

/* ---- locks --------------------------------------------------------------------------------- */

uint64_t pil_slot_enter(void)
{
    uint64_t all = UINT64_MAX, mask = 0;

    sys->procmask(SIG_SETMASK, &all, &mask);
    return mask;
}

void pil_slot_leave(uint64_t mask)
{
    sys->procmask(SIG_SETMASK, &mask, NULL);
}

uint32_t pil_slot_pid(void)
{
    uint32_t pid = atomic_load_explicit(&pil_process.pid, memory_order_relaxed);

    if (PIL_UNLIKELY(!pid)) {
        pid = (uint32_t)sys->getpid();
        atomic_store(&pil_process.pid, pid);
    }
    return pid;
}

/* A vfork child has its parent's: it is the same memory, and the parent waits. */
static uint32_t thread_number(void)
{
    static __thread uint32_t tid, of;
    uint32_t pid = pil_slot_pid();

    if (PIL_UNLIKELY(of != pid)) {
        tid = (uint32_t)sys->gettid();
        of = pid;
    }
    return tid;
}

static bool alive(uint32_t thread)
{
    return pil_sysops_call(SYS_kill, (long)thread, 0, 0, 0, 0, 0) != -ESRCH;
}

/* Waits for a lock that was held; false when that breaks the connection, or it is broken. */
static bool wait_lock(struct pil_slot *slot, _Atomic uint32_t *lock, uint32_t me)
{
    const struct timespec look = {0, (long)LOOK_NS};
    uint64_t end = pil_real_now_ns() + BREAK_NS;

    while (!atomic_load(&slot->broken)) {
        uint32_t holder = atomic_load(lock);

        if (holder == 0) {
            if (atomic_compare_exchange_strong(lock, &holder, me | WAITERS))
                return true;
            continue;
        }
        if (!(holder & WAITERS) && !atomic_compare_exchange_strong(lock, &holder, holder | WAITERS))
            continue;
        holder |= WAITERS;
        if (sys->futex((uint32_t *)lock, FUTEX_WAIT, holder, &look) == -ETIMEDOUT &&
            atomic_load(lock) == holder && (!alive(holder & ~WAITERS) || pil_real_now_ns() >= end))
            break;
    }
    atomic_store(&slot->broken, true);
    return false;
}

bool pil_slot_lock(struct pil_slot *slot, _Atomic uint32_t *lock, uint64_t cookie)
{
    uint32_t none = 0, me = thread_number();

    if (!atomic_compare_exchange_strong_explicit(lock, &none, me, memory_order_acquire,
                                                 memory_order_relaxed) &&
        !wait_lock(slot, lock, me))
        return false;
    if (PIL_LIKELY(atomic_load(&slot->cookie) == cookie))
        return true;
    pil_slot_unlock(lock);
    return false;
}

void pil_slot_unlock(_Atomic uint32_t *lock)
{
    if (atomic_exchange_explicit(lock, 0, memory_order_release) & WAITERS)
        sys->futex((uint32_t *)lock, FUTEX_WAKE, 1, NULL);
}

/* ---- holders ------------------------------------------------------------------------------- */

static struct pil_slot_holder *row_of(struct pil_slot *slot, uint32_t pid)
{
    for (unsigned i = 0; i < PIL_SLOT_HOLDERS; i++)
        if (slot->holder[i].pid == pid)
            return &slot->holder[i];
    return NULL;
}

void pil_slot_hold(struct pil_slot *slot, int count)
{
    uint32_t pid = pil_slot_pid();
    struct pil_slot_holder *row = row_of(slot, pid);

    if (!row)
        row = row_of(slot, 0);
    if (!row) {
        slot->others += (uint32_t)count;
        return;
    }
    row->numbers += (uint32_t)count;
    row->pid = row->numbers ? pid : 0;
}

uint32_t pil_slot_own(const struct pil_slot *slot)
{
    uint32_t pid = pil_slot_pid();

    for (unsigned i = 0; i < PIL_SLOT_HOLDERS; i++)
        if (slot->holder[i].pid == pid)
            return slot->holder[i].numbers;
    return 0;
}

/* A process that was killed lets go without a word. */
bool pil_slot_shared(struct pil_slot *slot)
{
    uint32_t pid = pil_slot_pid();

    if (slot->unborn && pil_real_now_ns() - slot->unborn_ns < UNBORN_NS)
        return true;
    for (unsigned i = 0; i < PIL_SLOT_HOLDERS; i++) {
        struct pil_slot_holder *row = &slot->holder[i];

        if (row->pid == 0 || row->pid == pid)
            continue;
        if (alive(row->pid))
            return true;
        *row = (struct pil_slot_holder){0};
    }
    return slot->others > 0;
}

bool pil_slot_at_home(void)
{
    return (uint32_t)sys->getpid() == pil_slot_pid();
}

/* Every number of this process that has a slot, with that slot's life locked. */
static void each_number(void (*act)(struct pil_slot *))
{
    for (int fd = 0; fd < pil_slot_top(); fd++) {
        uint16_t number = atomic_load(&pil_conn_table[fd]);
        struct pil_slot *slot = number ? pil_slot_at(number) : NULL;

        if (slot && pil_slot_lock(slot, &slot->life_lock, atomic_load(&slot->cookie))) {
            act(slot);
            pil_slot_unlock(&slot->life_lock);
        }
    }
}

static void announce(struct pil_slot *slot)
{
    slot->unborn++;
    slot->unborn_ns = pil_real_now_ns();
}

static void be_born(struct pil_slot *slot)
{
    if (slot->unborn)
        slot->unborn--;
    pil_slot_hold(slot, 1);
}

static void be_found(struct pil_slot *slot)
{
    pil_slot_hold(slot, 1);
}

static void before_fork(void)
{
    uint64_t mask;

    if (!pil_slot_top())
        return;
    mask = pil_slot_enter();
    each_number(announce);
    pil_slot_leave(mask);
}

/* A child that nobody announced was made behind libc's back. */
static void adopt(void (*how)(struct pil_slot *))
{
    uint64_t mask = pil_slot_enter();
    uint32_t pid = pil_slot_pid();

    if (atomic_exchange(&home, pid) != pid)
        each_number(how);
    pil_slot_leave(mask);
}

static void in_child(void)
{
    pil_state_ready();
    adopt(be_born);
}

void pil_slot_adopt(void)
{
    if (PIL_UNLIKELY(atomic_load_explicit(&home, memory_order_relaxed) != pil_slot_pid()))
        adopt(be_found);
}

void pil_slot_watch_forks(void)
{
    static _Atomic int watching;

    if (!atomic_load(&watching) && !atomic_exchange(&watching, 1)) {
        atomic_store(&home, pil_slot_pid());
        pthread_atfork(before_fork, NULL, in_child);
    }
}

/* ---- scratch memory ------------------------------------------------------------------------- */

uint8_t *pil_slot_area(void)
{
    for (unsigned i = 0; i < AREAS; i++)
        if (!(atomic_fetch_or(&pil_process.areas, 1u << i) & 1u << i))
            return area[i];
    return NULL;
}

void pil_slot_area_return(uint8_t *at)
{
    atomic_fetch_and(&pil_process.areas, ~(1u << (unsigned)((at - area[0]) / PIL_SLOT_AREA)));
}
