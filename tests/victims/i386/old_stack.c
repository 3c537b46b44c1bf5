// flags: -I. -O1 -mpreferred-stack-boundary=2 -fomit-frame-pointer
// deny> denied: EACCES
// deny> allowed: ok
// deny> denied: EACCES
// deny> allowed: ok
// deny> denied: EACCES
// deny> allowed: ok
// deny> denied: EACCES
// deny> allowed: ok
/* Compilers of the last century aligned the stack to 4 bytes and no more. */
#include "tests/victims/victim.h"

/* Each depth is another way to be off. */
static __attribute__((noinline)) int deeper(int depth, int port)
{
    if (depth > 0)
        return deeper(depth - 1, port) + 1;
    try_dial("denied", "127.0.0.2", port);
    try_dial("allowed", "127.0.0.1", port);
    return 0;
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), deep = 0;

    for (int depth = 0; depth < 4; depth++)
        deep += deeper(depth, port);
    close(server);
    return deep == 6 ? 0 : 1;
}
