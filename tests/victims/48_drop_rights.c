// flags: -I.
// root> it gives up what it has
// deny> before: ok
// deny> setgroups: ok
// deny> setgid: ok
// deny> setuid: ok
// deny> connect: ok
// deny> denied: EACCES
// deny> child connects: ok
// deny> child denied: EACCES
// deny> capset: ok
// deny> connect without capabilities: ok
// deny> denied without capabilities: EACCES
// deny> seteuid: ok
// deny> connect as somebody else: ok
// deny> seteuid back: ok
// deny> connect as oneself: ok
// deny> denied as oneself: EACCES
/* Gives up groups, group, user, or only its capabilities, and connects, as daemons do. */
#include "tests/victims/victim.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/syscall.h>

#define NOBODY 65534

static int port;

static void in_child(void (*work)(void))
{
    pid_t pid = fork();

    if (pid == 0) {
        work();
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static void connect_in_child(void)
{
    try_dial("child connects", "127.0.0.1", port);
    try_dial("child denied", "127.0.0.2", port);
}

static void drop_all(void)
{
    try_dial("before", "127.0.0.1", port);
    say("setgroups", setgroups(0, NULL));
    say("setgid", setgid(NOBODY));
    say("setuid", setuid(NOBODY));
    try_dial("connect", "127.0.0.1", port);
    try_dial("denied", "127.0.0.2", port);
    in_child(connect_in_child);
}

static void drop_capabilities(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}};

    say("capset", syscall(SYS_capset, &head, none));
    try_dial("connect without capabilities", "127.0.0.1", port);
    try_dial("denied without capabilities", "127.0.0.2", port);
}

static void for_a_while(void)
{
    say("seteuid", seteuid(NOBODY));
    try_dial("connect as somebody else", "127.0.0.1", port);
    say("seteuid back", seteuid(0));
    try_dial("connect as oneself", "127.0.0.1", port);
    try_dial("denied as oneself", "127.0.0.2", port);
}

int main(void)
{
    serve(SOCK_STREAM, &port);
    in_child(drop_all);
    in_child(drop_capabilities);
    in_child(for_a_while);
    return 0;
}
