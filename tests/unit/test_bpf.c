/* shim/bpf: says of each call what the kernel's filter would; what is no filter kills. */
#include "tests/support/support.h"

#include <stddef.h>
#include <sys/syscall.h>

#include "shim/bpf.h"

#define RUN(call, ...)                                                                             \
    pil_bpf_run((const struct sock_filter[]){__VA_ARGS__},                                         \
                sizeof((const struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter),    \
                call)
#define NR      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define RET(k)  BPF_STMT(BPF_RET | BPF_K, k)
#define ALLOWED SECCOMP_RET_ALLOW
#define KILLED  SECCOMP_RET_KILL_THREAD

static struct seccomp_data call = {.nr = 41,
                                   .arch = 7,
                                   .instruction_pointer = 0x1122334455667788,
                                   .args = {0xaabbccdd11223344, 2}};

static void a_list_of_calls(void **state)
{
    (void)state;
    for (int nr = 40; nr < 43; nr++) {
        struct seccomp_data one = {.nr = nr};
        uint32_t got = RUN(&one, NR, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 41, 0, 1), RET(ALLOWED),
                           RET(SECCOMP_RET_ERRNO | 5));

        assert_int_equal(got, nr == 41 ? ALLOWED : SECCOMP_RET_ERRNO | 5);
    }
}

static void every_word_of_the_call_can_be_read(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < sizeof(call); at += 4) {
        uint32_t want;

        memcpy(&want, (const char *)&call + at, 4);
        assert_int_equal(
            RUN(&call, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at), BPF_STMT(BPF_RET | BPF_A, 0)), want);
    }
    assert_int_equal(RUN(&call, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(call)), RET(ALLOWED)),
                     KILLED);
    assert_int_equal(RUN(&call, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RET(ALLOWED)), KILLED);
    assert_int_equal(RUN(&call, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RET(ALLOWED)), KILLED);
}

/* A op 6 with A = 12, by constant and by X. */
static uint32_t compute(uint16_t op)
{
    uint32_t k = RUN(&call, BPF_STMT(BPF_LD | BPF_IMM, 12), BPF_STMT(BPF_ALU | op | BPF_K, 6),
                     BPF_STMT(BPF_RET | BPF_A, 0));
    uint32_t x = RUN(&call, BPF_STMT(BPF_LD | BPF_IMM, 12), BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 6),
                     BPF_STMT(BPF_ALU | op | BPF_X, 0), BPF_STMT(BPF_RET | BPF_A, 0));

    assert_int_equal(k, x);
    return k;
}

static void it_computes(void **state)
{
    (void)state;
    assert_int_equal(compute(BPF_ADD), 18);
    assert_int_equal(compute(BPF_SUB), 6);
    assert_int_equal(compute(BPF_MUL), 72);
    assert_int_equal(compute(BPF_DIV), 2);
    assert_int_equal(compute(BPF_AND), 4);
    assert_int_equal(compute(BPF_OR), 14);
    assert_int_equal(compute(BPF_XOR), 10);
    assert_int_equal(compute(BPF_LSH), 768);
    assert_int_equal(compute(BPF_RSH), 0);
    assert_int_equal(compute(BPF_NEG), (uint32_t)-12);
    assert_int_equal(compute(BPF_MOD), KILLED); /* not of seccomp's set */
    assert_int_equal(RUN(&call, BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), RET(ALLOWED)), KILLED);
}

static uint32_t branch(uint16_t op, uint32_t with)
{
    return RUN(&call, NR, BPF_JUMP(BPF_JMP | op | BPF_K, with, 1, 0), RET(1), RET(2));
}

static void it_branches(void **state)
{
    (void)state;
    assert_int_equal(branch(BPF_JEQ, 41), 2);
    assert_int_equal(branch(BPF_JEQ, 40), 1);
    assert_int_equal(branch(BPF_JGT, 40), 2);
    assert_int_equal(branch(BPF_JGT, 41), 1);
    assert_int_equal(branch(BPF_JGE, 41), 2);
    assert_int_equal(branch(BPF_JGE, 42), 1);
    assert_int_equal(branch(BPF_JSET, 8), 2);
    assert_int_equal(branch(BPF_JSET, 2), 1);
    assert_int_equal(RUN(&call, BPF_STMT(BPF_JMP | BPF_JA, 1), RET(1), RET(2)), 2);
    assert_int_equal(RUN(&call, BPF_STMT(BPF_JMP | BPF_JA, 1), RET(1)), KILLED);
    assert_int_equal(RUN(&call, BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), RET(1)), KILLED);
}

static void it_remembers(void **state)
{
    (void)state;
    assert_int_equal(RUN(&call, NR, BPF_STMT(BPF_ST, 15), BPF_STMT(BPF_LD | BPF_IMM, 0),
                         BPF_STMT(BPF_LDX | BPF_W | BPF_MEM, 15), BPF_STMT(BPF_MISC | BPF_TXA, 0),
                         BPF_STMT(BPF_RET | BPF_A, 0)),
                     41);
    assert_int_equal(RUN(&call, NR, BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_STX, 0),
                         BPF_STMT(BPF_LD | BPF_W | BPF_MEM, 0), BPF_STMT(BPF_RET | BPF_A, 0)),
                     41);
    assert_int_equal(RUN(&call, BPF_STMT(BPF_ST, 16), RET(ALLOWED)), KILLED);
    assert_int_equal(RUN(&call, BPF_STMT(BPF_LD | BPF_W | BPF_MEM, 16), RET(ALLOWED)), KILLED);
    assert_int_equal(
        RUN(&call, BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_RET | BPF_A, 0)),
        sizeof(call));
}

static void a_filter_without_an_end_kills(void **state)
{
    (void)state;
    assert_int_equal(RUN(&call, NR), KILLED);
    assert_int_equal(pil_bpf_run(NULL, 0, &call), KILLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_calls), cmocka_unit_test(every_word_of_the_call_can_be_read),
        cmocka_unit_test(it_computes),     cmocka_unit_test(it_branches),
        cmocka_unit_test(it_remembers),    cmocka_unit_test(a_filter_without_an_end_kills),
    };

    return cmocka_run_group_tests_name("bpf", tests, NULL, NULL);
}
