// flags: -I.
// deny> constructor: ok
// deny> constructor, denied: EACCES
// deny> main: ok
// deny> destructor: ok
/* Connects before main and after it. */
#include "tests/victims/victim.h"

static int port, server;

static __attribute__((constructor)) void early(void)
{
    server = serve(SOCK_STREAM, &port);
    try_dial("constructor", "127.0.0.1", port);
    try_dial("constructor, denied", "127.0.0.2", port);
}

static __attribute__((destructor)) void late(void)
{
    try_dial("destructor", "127.0.0.1", port);
}

int main(void)
{
    try_dial("main", "127.0.0.1", port);
    return 0;
}
