/*
 * The one instruction through which every network call of the shim leaves the process.
 *
 * It stands in a section of its own, linked at a fixed address, so that a seccomp filter can let
 * calls from here pass and send all others to policyd. It has unwind information, because a
 * thread can be cancelled inside it. On i386 it is the old gate and not the vdso's faster one, whose
 * address is another in every process.
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
#if defined(__x86_64__)
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
    mov 8(%rsp), %r9
    syscall
    ret
#elif defined(__i386__)
    push %ebx
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset ebx, 0
    push %esi
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset esi, 0
    push %edi
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset edi, 0
    push %ebp
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset ebp, 0
    mov 20(%esp), %eax
    mov 24(%esp), %ebx
    mov 28(%esp), %ecx
    mov 32(%esp), %edx
    mov 36(%esp), %esi
    mov 40(%esp), %edi
    mov 44(%esp), %ebp
    int $0x80
    pop %ebp
    .cfi_adjust_cfa_offset -4
    .cfi_restore ebp
    pop %edi
    .cfi_adjust_cfa_offset -4
    .cfi_restore edi
    pop %esi
    .cfi_adjust_cfa_offset -4
    .cfi_restore esi
    pop %ebx
    .cfi_adjust_cfa_offset -4
    .cfi_restore ebx
    ret
#endif
    .cfi_endproc
    .size pil_stub, . - pil_stub
    .section .note.GNU-stack, "", @progbits
