// flags: -I. -pthread
// calls> vary: a thread that waits in accept has its number already
/* A blocking connect to a server thread, with data both ways. */
#include "tests/victims/victim.h"

static void *echo(void *arg)
{
    int fd = accept(*(int *)arg, NULL, NULL);
    char buf[64];
    ssize_t len = read(fd, buf, sizeof(buf));

    if (len > 0 && write(fd, buf, (size_t)len) != len)
        die("write");
    close(fd);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    char buf[64] = "";
    int port, server = serve(SOCK_STREAM, &port), fd;

    if (pthread_create(&thread, NULL, echo, &server))
        die("pthread_create");
    fd = dial("127.0.0.1", port);
    say("connect", fd);
    say("write", write(fd, "hello", 5));
    say("read", read(fd, buf, sizeof(buf)));
    printf("%s\n", buf);
    say("end", read(fd, buf, sizeof(buf)));
    pthread_join(thread, NULL);
    close(server);
    close(fd);
    try_dial("connect to nobody", "127.0.0.1", port);
    return 0;
}
