/*
 * dlsym, dlvsym, dlopen and dlmopen. In assembler, because libc looks at the return address to know
 * whose libraries and whose RPATH are meant: it must find its caller's there and not one of ours.
 *
 * A function that goes on to libc does so by a jump, with all arguments as they came. The same for
 * i386 is in hooks_dl_i386.S.
 */
#if defined(__x86_64__)
#define RTLD_DEEPBIND 8

/* Offsets in struct pil_shim_dl (shim/shim.h). */
#define DLSYM   0
#define DLVSYM  8
#define DLOPEN  16
#define DLMOPEN 24

    .hidden pil_shim_dl, pil_shim_bind_dl, pil_shim_dlsym, pil_shim_dlvsym
    .hidden pil_shim_deepbind, pil_shim_namespace
    .text

.macro HOOK name
    .globl \name
    .type \name, @function
    .balign 16
\name:
    .cfi_startproc
    endbr64
    cmpq $0, pil_shim_dl(%rip)
    jne 1f
    call fill
1:
.endm

.macro END name
    .cfi_endproc
    .size \name, . - \name
.endm

.macro GO offset
    jmp *pil_shim_dl+\offset(%rip)
.endm

/* Three arguments are kept over a call of `function`, which leaves %rax; `path` is the one that it
 * gets. The stack is aligned for it when one return address lies on it. */
.macro KEEPING function, path
    push %rdi
    .cfi_adjust_cfa_offset 8
    push %rsi
    .cfi_adjust_cfa_offset 8
    push %rdx
    .cfi_adjust_cfa_offset 8
    mov \path, %rdi
    call \function
    pop %rdx
    .cfi_adjust_cfa_offset -8
    pop %rsi
    .cfi_adjust_cfa_offset -8
    pop %rdi
    .cfi_adjust_cfa_offset -8
.endm

/* Called by a hook: two return addresses, so one word more. */
    .type fill, @function
fill:
    .cfi_startproc
    sub $8, %rsp
    .cfi_adjust_cfa_offset 8
    KEEPING pil_shim_bind_dl, %rdi
    add $8, %rsp
    .cfi_adjust_cfa_offset -8
    ret
    .cfi_endproc
    .size fill, . - fill

/* RTLD_NEXT is -1 and RTLD_DEFAULT 0: what they mean depends on the caller. */
HOOK dlsym
    lea 1(%rdi), %rax
    cmp $1, %rax
    ja pil_shim_dlsym
    GO DLSYM
END dlsym

HOOK dlvsym
    lea 1(%rdi), %rax
    cmp $1, %rax
    ja pil_shim_dlvsym
    GO DLVSYM
END dlvsym

HOOK dlopen
    test $RTLD_DEEPBIND, %esi
    jz 2f
    KEEPING pil_shim_deepbind, %rdi
    and $~RTLD_DEEPBIND, %esi
2:  GO DLOPEN
END dlopen

/* The first argument is the namespace; 0 is the one where everything is. A refusal goes to libc as
 * a file that is not there, so that dlerror has something to say. */
HOOK dlmopen
    test %rdi, %rdi
    jz 3f
    KEEPING pil_shim_namespace, %rsi
    test %rax, %rax
    jz 4f
    xor %edi, %edi
    mov %rax, %rsi
    jmp 4f
3:  test $RTLD_DEEPBIND, %edx
    jz 4f
    KEEPING pil_shim_deepbind, %rsi
    and $~RTLD_DEEPBIND, %edx
4:  GO DLMOPEN
END dlmopen
#endif

    .section .note.GNU-stack, "", @progbits
