/*
 * The one instruction through which every network call of the shim leaves the process.
 *
 * It stands in a section of its own, linked at a fixed address, so that a seccomp filter can let
 * calls from here pass and send all others to policyd. It has unwind information, because a
 * thread can be cancelled inside it.
 *
 * long pil_stub(long number, long a, long b, long c, long d, long e, long f);
 */
    .section .pilstub, "ax", @progbits
    .globl pil_stub
    .hidden pil_stub
    .type pil_stub, @function
    .balign 16
pil_stub:
    .cfi_startproc
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
    mov 8(%rsp), %r9
    syscall
    ret
    .cfi_endproc
    .size pil_stub, . - pil_stub
    .section .note.GNU-stack, "", @progbits
