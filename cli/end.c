#include "cli/end.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if !defined(__x86_64__)
#error "only x86-64 so far: add the registers of this machine to set_exit"
#endif

/* How a task calls exit_group; the code segment tells which kind it is. */
struct gate {
    unsigned long long segment, number;
    unsigned char instruction[2];
};

static const struct gate gates[] = {
    {0x33, 231, {0x0f, 0x05}}, /* 64-bit: syscall */
    {0x23, 252, {0xcd, 0x80}}, /* 32-bit: int 0x80 */
};

static bool has_ended(int pidfd)
{
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};

    return poll(&wait, 1, 0) == 1;
}

static enum pil_end kill_it(int pidfd)
{
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0)
        return PIL_END_KILLED;
    return errno == ESRCH ? PIL_END_GONE : PIL_END_FAILED;
}

/* The next change of the tracee within a second; false when there is none. The kernel tells the
 * tracer by SIGCHLD, which is blocked and so cannot be missed. */
static bool next_change(pid_t pid, int *status)
{
    const struct timespec limit = {.tv_sec = 1};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (;;) {
        pid_t got = waitpid(pid, status, WNOHANG | __WALL);

        if (got != 0)
            return got == pid;
        if (sigtimedwait(&set, NULL, &limit) < 0 && errno != EINTR)
            return waitpid(pid, status, WNOHANG | __WALL) == pid;
    }
}

static const struct gate *gate_of(const struct user_regs_struct *regs)
{
    for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++)
        if (gates[i].segment == regs->cs)
            return &gates[i];
    return NULL;
}

/* Where the instruction stands, or is put. A task that was stopped in a system call has it right
 * behind itself; else it goes over what would have run next, in this process's copy alone. */
static bool place(pid_t pid, const struct gate *gate, unsigned long long *at)
{
    long word;

    errno = 0;
    word = ptrace(PTRACE_PEEKTEXT, pid, (uintptr_t)(*at - 2), NULL);
    if (errno == 0 && memcmp(&word, gate->instruction, 2) == 0) {
        *at -= 2;
        return true;
    }
    errno = 0;
    word = ptrace(PTRACE_PEEKTEXT, pid, (uintptr_t)*at, NULL);
    if (errno)
        return false;
    memcpy(&word, gate->instruction, 2);
    return ptrace(PTRACE_POKETEXT, pid, (uintptr_t)*at, word) == 0;
}

static bool set_exit(pid_t pid, int status)
{
    struct user_regs_struct regs;
    const struct gate *gate;

    if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
        return false;
    gate = gate_of(&regs);
    if (!gate || !place(pid, gate, &regs.rip))
        return false;
    regs.rax = gate->number;
    regs.rdi = regs.rbx = (unsigned long long)status; /* each kind looks at its own */
    regs.orig_rax = (unsigned long long)-1;           /* no call is to be begun anew */
    return ptrace(PTRACE_SETREGS, pid, NULL, &regs) == 0;
}

/* Runs it to its end; signals that are on their way come too late. */
static bool run_out(pid_t pid, int *status)
{
    do {
        if (ptrace(PTRACE_CONT, pid, NULL, NULL) || !next_change(pid, status))
            return false;
    } while (WIFSTOPPED(*status));
    return true;
}

enum pil_end pil_end_process(pid_t pid, int pidfd, int status)
{
    sigset_t set;
    int change;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
        return kill_it(pidfd);
    if (has_ended(pidfd)) /* before it was seized: the number may be another's */
        return PIL_END_GONE;
    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) || !next_change(pid, &change))
        return kill_it(pidfd);
    if (WIFSTOPPED(change) && (!set_exit(pid, status) || !run_out(pid, &change)))
        return kill_it(pidfd);
    return WIFEXITED(change) && WEXITSTATUS(change) == status ? PIL_END_STATUS : PIL_END_KILLED;
}
