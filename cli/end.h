/*
 * Ends another process with an exit status of our choice, as if it had called exit_group itself.
 *
 * That takes ptrace: the process is stopped, its registers are set to the system call, and it goes
 * on. Where the kernel does not permit that, or the process cannot be stopped (it waits for a
 * vfork child, for example), it gets SIGKILL.
 *
 * Cost: a few milliseconds; at most two seconds. Errors: in the result. Threads: the calling
 * thread becomes the tracer and must be the only one; it blocks SIGCHLD.
 */
#ifndef PIL_CLI_END_H
#define PIL_CLI_END_H

#include <sys/types.h>

enum pil_end {
    PIL_END_STATUS, /* it ended with the status */
    PIL_END_KILLED, /* SIGKILL was sent instead */
    PIL_END_GONE,   /* it had ended before */
    PIL_END_FAILED, /* neither is permitted; errno tells */
};

/* pidfd is of the very process; pid alone might be another's by now. */
enum pil_end pil_end_process(pid_t pid, int pidfd, int status);

#endif
