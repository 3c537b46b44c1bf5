// flags: -I. -pthread
// calls> vary: two threads race on purpose
// deny> allowed address reached: yes
// deny> denied address reached: no
/* Another thread rewrites the address while connect looks at it: what was judged is used. */
#include "tests/victims/victim.h"

static struct sockaddr_in target;
static volatile bool over;

static void *rewrite(void *arg)
{
    volatile uint32_t *at = (volatile uint32_t *)&target.sin_addr.s_addr;

    (void)arg;
    while (!over)
        for (int i = 0; i < 100; i++)
            *at = htonl(INADDR_LOOPBACK + (uint32_t)(i & 1));
    return NULL;
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port);
    bool allowed = false, denied = false;
    pthread_t thread;

    target = place("127.0.0.1", port);
    if (pthread_create(&thread, NULL, rewrite, NULL))
        die("pthread_create");
    for (int i = 0; i < 20000 && !(allowed && denied); i++) {
        struct linger now = {1, 0};
        int fd = socket(AF_INET, SOCK_STREAM, 0), end;
        struct sockaddr_in own;
        socklen_t len = sizeof(own);

        if (connect(fd, (struct sockaddr *)&target, sizeof(target)) == 0) {
            end = accept(server, NULL, NULL);
            if (end < 0 || getsockname(end, (struct sockaddr *)&own, &len))
                die("accept");
            allowed = allowed || own.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
            denied = denied || own.sin_addr.s_addr == htonl(INADDR_LOOPBACK + 1);
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
            close(end);
        }
        close(fd);
    }
    over = true;
    pthread_join(thread, NULL);
    printf("allowed address reached: %s\n", allowed ? "yes" : "no");
    printf("denied address reached: %s\n", denied ? "yes" : "no");
    return 0;
}
