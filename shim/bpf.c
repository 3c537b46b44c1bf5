#include "shim/bpf.h"

#include <stdbool.h>
#include <string.h>

struct machine {
    uint32_t a, x, memory[BPF_MEMWORDS];
};

static bool load(struct machine *m, const struct sock_filter *at, const struct seccomp_data *call)
{
    uint32_t value;

    if (at->code == (BPF_LD | BPF_W | BPF_ABS)) {
        if (at->k % 4 || at->k > sizeof(*call) - 4)
            return false;
        memcpy(&value, (const char *)call + at->k, 4);
    } else if (BPF_MODE(at->code) == BPF_LEN && BPF_SIZE(at->code) == BPF_W) {
        value = sizeof(*call);
    } else if (BPF_MODE(at->code) == BPF_IMM) {
        value = at->k;
    } else if (BPF_MODE(at->code) == BPF_MEM && at->k < BPF_MEMWORDS) {
        value = m->memory[at->k];
    } else {
        return false;
    }
    *(BPF_CLASS(at->code) == BPF_LD ? &m->a : &m->x) = value;
    return true;
}

static bool store(struct machine *m, const struct sock_filter *at)
{
    if (at->k >= BPF_MEMWORDS)
        return false;
    m->memory[at->k] = BPF_CLASS(at->code) == BPF_ST ? m->a : m->x;
    return true;
}

static bool compute(struct machine *m, const struct sock_filter *at)
{
    uint32_t by = BPF_SRC(at->code) == BPF_X ? m->x : at->k;

    switch (BPF_OP(at->code)) {
    case BPF_ADD:
        m->a += by;
        return true;
    case BPF_SUB:
        m->a -= by;
        return true;
    case BPF_MUL:
        m->a *= by;
        return true;
    case BPF_DIV:
        if (by == 0) /* the kernel ends such a filter with a kill */
            return false;
        m->a /= by;
        return true;
    case BPF_AND:
        m->a &= by;
        return true;
    case BPF_OR:
        m->a |= by;
        return true;
    case BPF_XOR:
        m->a ^= by;
        return true;
    case BPF_LSH:
        m->a <<= by & 31;
        return true;
    case BPF_RSH:
        m->a >>= by & 31;
        return true;
    case BPF_NEG:
        m->a = -m->a;
        return true;
    default:
        return false;
    }
}

/* How many instructions to step over; -1 when it is no jump. */
static int64_t jump(const struct machine *m, const struct sock_filter *at)
{
    uint32_t with = BPF_SRC(at->code) == BPF_X ? m->x : at->k;

    switch (BPF_OP(at->code)) {
    case BPF_JA:
        return at->k;
    case BPF_JEQ:
        return m->a == with ? at->jt : at->jf;
    case BPF_JGT:
        return m->a > with ? at->jt : at->jf;
    case BPF_JGE:
        return m->a >= with ? at->jt : at->jf;
    case BPF_JSET:
        return m->a & with ? at->jt : at->jf;
    default:
        return -1;
    }
}

static bool move(struct machine *m, const struct sock_filter *at)
{
    if (BPF_MISCOP(at->code) == BPF_TAX)
        m->x = m->a;
    else
        m->a = m->x;
    return true;
}

/* One instruction that is neither a jump nor the end. */
static bool step(struct machine *m, const struct sock_filter *at, const struct seccomp_data *call)
{
    switch (BPF_CLASS(at->code)) {
    case BPF_LD:
    case BPF_LDX:
        return load(m, at, call);
    case BPF_ST:
    case BPF_STX:
        return store(m, at);
    case BPF_ALU:
        return compute(m, at);
    default:
        return BPF_CLASS(at->code) == BPF_MISC && move(m, at);
    }
}

uint32_t pil_bpf_run(const struct sock_filter *filter, unsigned count,
                     const struct seccomp_data *call)
{
    struct machine m = {0};

    for (uint64_t pc = 0; pc < count; pc++) {
        struct sock_filter at = filter[pc];

        if (BPF_CLASS(at.code) == BPF_RET)
            return BPF_RVAL(at.code) == BPF_A ? m.a : at.k;
        if (BPF_CLASS(at.code) == BPF_JMP) {
            int64_t over = jump(&m, &at);

            if (over < 0)
                break;
            pc += (uint64_t)over;
        } else if (!step(&m, &at, call)) {
            break;
        }
    }
    return SECCOMP_RET_KILL_THREAD;
}
