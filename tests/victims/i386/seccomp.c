// flags: -I.
// deny> denied: EACCES
// deny> allowed: ok
// deny> accepted: ok
/* A filter that knows socket calls by socketcall alone, as they were made for twenty years. */
#include "tests/victims/victim.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_socket, 0, 2),
    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_shutdown, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
static struct sock_fprog filter = {sizeof(code) / sizeof(*code), code};

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), client;

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0))
        die("filter");
    try_dial("denied", "127.0.0.2", port);
    client = dial("127.0.0.1", port);
    say("allowed", client);
    /* The first one may be the denied one's, where it was not denied. */
    say("accepted", accept(server, NULL, NULL));
    close(client);
    close(server);
    return 0;
}
