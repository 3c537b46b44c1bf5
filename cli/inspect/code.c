#include "cli/inspect/code.h"

#include <elf.h>
#include <string.h>
#include <sys/syscall.h>

#define WINDOW 24u /* bytes before the instruction in which the number is looked for */

static const struct {
    uint32_t number;
    const char *name;
} calls[] = {
#if defined(__x86_64__)
    {SYS_connect, "connect"}, {SYS_accept, "accept"},     {SYS_accept4, "accept4"},
    {SYS_bind, "bind"},       {SYS_listen, "listen"},     {SYS_sendto, "sendto"},
    {SYS_sendmsg, "sendmsg"}, {SYS_sendmmsg, "sendmmsg"}, {SYS_io_uring_setup, "io_uring_setup"},
#endif
};

static const char *name_of(uint32_t number)
{
    for (size_t i = 0; i < PIL_NELEM(calls); i++)
        if (calls[i].number == number)
            return calls[i].name;
    return NULL;
}

/* The number that eax was given last in these bytes, which end at the instruction; -1: not told.
 * The nearest wins, because it is the one that counts. */
static int64_t number_before(const uint8_t *at, size_t len)
{
    for (size_t back = 3; back <= len; back++) {
        const uint8_t *p = at - back;

        if (back >= 5 && p[0] == 0xb8) /* mov $imm32, %eax */
            return p[1] | p[2] << 8 | p[3] << 16 | (int64_t)p[4] << 24;
        if (p[0] == 0x6a && p[2] == 0x58) /* push $imm8; pop %rax */
            return p[1];
        if (p[0] == 0x0f && p[1] == 0x05) /* another one: what is before it is its own */
            return -1;
    }
    return -1;
}

static bool scan(const uint8_t *code, size_t len, uint64_t address, struct pil_codecall *out)
{
    const uint8_t *end = code + len, *at = code;

    while ((at = memmem(at, (size_t)(end - at), "\x0f\x05", 2)) != NULL) {
        size_t before = (size_t)(at - code);
        int64_t number = number_before(at, before < WINDOW ? before : WINDOW);
        const char *name = number < 0 ? NULL : name_of((uint32_t)number);

        if (name) {
            *out = (struct pil_codecall){name, address + before};
            return true;
        }
        at += 2;
    }
    return false;
}

bool pil_code_network_call(const struct pil_elffile *f, struct pil_codecall *out)
{
    struct pil_elfsegment s;

    if (f->machine != EM_X86_64)
        return false;
    for (unsigned i = 0; pil_elffile_segment(f, i, &s); i++)
        if (s.type == PT_LOAD && (s.flags & PF_X) &&
            scan(f->bytes + s.offset, (size_t)s.filesz, s.address, out))
            return true;
    return false;
}
