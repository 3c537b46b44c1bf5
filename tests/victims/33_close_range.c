// flags: -I.
// deny> before: ok
// deny> close_range: ok
// deny> closed: yes
// deny> after: ok
// deny> denied: EACCES
// deny> backwards: EINVAL
// deny> unknown flag: EINVAL
// deny> cloexec: ok
// deny> flag set: yes
// deny> by hand: ok
// deny> after that: ok
// deny> denied after that: EACCES
/* close_range over everything, by libc and by system call. */
#include "tests/victims/victim.h"

#include <linux/close_range.h>
#include <sys/syscall.h>

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port);

    try_dial("before", "127.0.0.1", port);
    say("close_range", close_range(3, ~0U, 0));
    printf("closed: %s\n", fcntl(server, F_GETFD) < 0 ? "yes" : "no");
    server = serve(SOCK_STREAM, &port);
    try_dial("after", "127.0.0.1", port);
    try_dial("denied", "127.0.0.2", port);
    say("backwards", close_range(9, 8, 0));
    say("unknown flag", close_range(3, 4, 1 << 20));
    fcntl(server, F_SETFD, 0);
    say("cloexec", close_range(3, ~0U, CLOSE_RANGE_CLOEXEC));
    printf("flag set: %s\n", fcntl(server, F_GETFD) == FD_CLOEXEC ? "yes" : "no");
    say("by hand", syscall(SYS_close_range, 3, ~0U, 0));
    server = serve(SOCK_STREAM, &port);
    try_dial("after that", "127.0.0.1", port);
    try_dial("denied after that", "127.0.0.2", port);
    return 0;
}
