/*
 * dlsym, dlvsym, dlopen and dlmopen for i386, where arguments lie on the stack and belong to who is
 * called. hooks_dl.S says what each does, and why it is assembler.
 */
#if defined(__i386__)
#define RTLD_DEEPBIND 8

/* Offsets in struct pil_shim_dl (shim/shim.h). */
#define DLSYM   0
#define DLVSYM  4
#define DLOPEN  8
#define DLMOPEN 12

    .hidden pil_shim_dl, pil_shim_bind_dl, pil_shim_dlsym, pil_shim_dlvsym
    .hidden pil_shim_deepbind, pil_shim_namespace
    .text

/* Where this library's data is counted from, in %ecx. */
.macro BASE
    call base
    add $_GLOBAL_OFFSET_TABLE_, %ecx
.endm

    .type base, @function
base:
    .cfi_startproc
    mov (%esp), %ecx
    ret
    .cfi_endproc
    .size base, . - base

.macro HOOK name
    .globl \name
    .type \name, @function
    .balign 16
\name:
    .cfi_startproc
    BASE
    cmpl $0, pil_shim_dl@GOTOFF + DLSYM(%ecx)
    jne 1f
    call pil_shim_bind_dl
1:
.endm

.macro END name
    .cfi_endproc
    .size \name, . - \name
.endm

.macro GO offset
    BASE
    jmp *pil_shim_dl@GOTOFF + \offset(%ecx)
.endm

/* Leaves %eax; `argument` is its own number on the stack, counted from 1. */
.macro TELL function, argument
    pushl 4 * \argument(%esp)
    .cfi_adjust_cfa_offset 4
    call \function
    add $4, %esp
    .cfi_adjust_cfa_offset -4
.endm

/* RTLD_NEXT is -1 and RTLD_DEFAULT 0: what they mean depends on the caller. */
HOOK dlsym
    mov 4(%esp), %eax
    inc %eax
    cmp $1, %eax
    ja pil_shim_dlsym
    GO DLSYM
END dlsym

HOOK dlvsym
    mov 4(%esp), %eax
    inc %eax
    cmp $1, %eax
    ja pil_shim_dlvsym
    GO DLVSYM
END dlvsym

HOOK dlopen
    testl $RTLD_DEEPBIND, 8(%esp)
    jz 2f
    TELL pil_shim_deepbind, 1
    andl $~RTLD_DEEPBIND, 8(%esp)
2:  GO DLOPEN
END dlopen

HOOK dlmopen
    cmpl $0, 4(%esp)
    je 3f
    TELL pil_shim_namespace, 2
    test %eax, %eax
    jz 4f
    movl $0, 4(%esp)
    mov %eax, 8(%esp)
    jmp 4f
3:  testl $RTLD_DEEPBIND, 12(%esp)
    jz 4f
    TELL pil_shim_deepbind, 2
    andl $~RTLD_DEEPBIND, 12(%esp)
4:  GO DLMOPEN
END dlmopen
#endif

    .section .note.GNU-stack, "", @progbits
