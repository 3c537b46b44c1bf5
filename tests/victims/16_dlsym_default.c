// flags: -I. -ldl
// deny> default: ok
// deny> default, denied: EACCES
// deny> by address: EACCES
/* A program that looks connect up by itself gets the judged one. */
#include "tests/victims/victim.h"

#include <dlfcn.h>

int main(void)
{
    int (*found)(int, const struct sockaddr *, socklen_t);
    int (*volatile taken)(int, const struct sockaddr *, socklen_t) = connect;
    int port, server = serve(SOCK_STREAM, &port);
    struct sockaddr_in good = place("127.0.0.1", port), bad = place("127.0.0.2", port);

    found = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_DEFAULT, "connect");
    say("default", found(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&good, sizeof(good)));
    say("default, denied",
        found(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&bad, sizeof(bad)));
    say("by address", taken(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&bad, sizeof(bad)));
    close(server);
    return 0;
}
