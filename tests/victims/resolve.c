// flags: -I.
// calls> vary: the resolver numbers its questions at random
// deny> getaddrinfo localhost: ok
// deny> getaddrinfo 127.0.0.1: ok
// deny> getaddrinfo nothing: ok
// deny> gethostbyname: ok
// deny> gethostbyname2: ok
// deny> gethostbyname_r: ok
// deny> gethostbyname2_r: ok
// deny> getaddrinfo, denied: Non-recoverable failure in name resolution
// deny> getaddrinfo, denied, other spelling: Non-recoverable failure in name resolution
// deny> gethostbyname, denied: NO_RECOVERY
// deny> gethostbyname_r, denied: NO_RECOVERY
/* Names by every call; a refused one looks like a resolver that will not. */
#include "tests/victims/victim.h"

#include <netdb.h>

static void info(const char *what, const char *name, const char *service)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list = NULL;
    int err = getaddrinfo(name, service, &hints, &list);

    printf("%s: %s\n", what, err ? gai_strerror(err) : "ok");
    if (!err)
        freeaddrinfo(list);
}

static void host(const char *what, const struct hostent *got, int err)
{
    printf("%s: %s\n", what,
           got && got->h_addr_list[0] ? "ok"
           : err == NO_RECOVERY       ? "NO_RECOVERY"
                                      : hstrerror(err));
}

int main(void)
{
    struct hostent room, *got = NULL;
    char buf[4096];
    int err = 0;

    info("getaddrinfo localhost", "localhost", "80");
    info("getaddrinfo 127.0.0.1", "127.0.0.1", NULL);
    info("getaddrinfo nothing", NULL, "80");
    got = gethostbyname("localhost");
    host("gethostbyname", got, h_errno);
    got = gethostbyname2("localhost", AF_INET);
    host("gethostbyname2", got, h_errno);
    gethostbyname_r("localhost", &room, buf, sizeof(buf), &got, &err);
    host("gethostbyname_r", got, err);
    gethostbyname2_r("localhost", AF_INET, &room, buf, sizeof(buf), &got, &err);
    host("gethostbyname2_r", got, err);
    info("getaddrinfo, denied", "denied.localhost", "80");
    info("getaddrinfo, denied, other spelling", "Denied.LOCALHOST.", "80");
    got = gethostbyname("denied.localhost");
    host("gethostbyname, denied", got, h_errno);
    gethostbyname_r("denied.localhost", &room, buf, sizeof(buf), &got, &err);
    host("gethostbyname_r, denied", got, err);
    return 0;
}
