// flags: -I. -pthread
// calls> vary: another thread takes descriptor numbers meanwhile
/* Five hundred connections through accept and accept4, blocking and not, with their addresses. */
#include "tests/victims/victim.h"

static void *dial_all(void *arg)
{
    for (int i = 0; i < 500; i++) {
        int fd = dial("127.0.0.1", *(int *)arg);

        if (fd < 0)
            die("dial");
        if (write(fd, "x", 1) != 1)
            die("write");
        close(fd);
    }
    return NULL;
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), good = 0;
    pthread_t thread;

    if (pthread_create(&thread, NULL, dial_all, &port))
        die("pthread_create");
    for (int i = 0; i < 500; i++) {
        struct sockaddr_in peer = {0};
        socklen_t len = sizeof(peer);
        char c;
        int fd = i % 2 ? accept(server, (struct sockaddr *)&peer, &len)
                       : accept4(server, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);

        good += fd >= 0 && len == sizeof(peer) && peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK) &&
                (fcntl(fd, F_GETFD) == FD_CLOEXEC) == !(i % 2) && read(fd, &c, 1) == 1;
        close(fd);
    }
    pthread_join(thread, NULL);
    printf("good: %d\n", good);
    fcntl(server, F_SETFL, O_NONBLOCK);
    say("nobody there", accept(server, NULL, NULL));
    close(server);
    say("closed", accept(server, NULL, NULL));
    return 0;
}
