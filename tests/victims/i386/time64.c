// flags: -I. -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
// deny> sendmsg: EACCES
// deny> sendmmsg: EACCES
// deny> lock: ok
// deny> lock of the open file: ok
// deny> locked from 5000000000
/* A program that counts time in 64 bits calls other names: __sendmsg64, __fcntl_time64, ... */
#include "tests/victims/victim.h"

static void try_locks(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_start = 5000000000, .l_len = 1}, got = lock;
    FILE *file = tmpfile();
    int fd = fileno(file), again;
    char path[32];

    say("lock", fcntl(fd, F_SETLK, &lock));
    lock.l_start++;
    say("lock of the open file", fcntl(fd, F_OFD_SETLK, &lock));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    again = open(path, O_RDWR);
    if (fcntl(again, F_OFD_GETLK, &got) == 0 && got.l_type == F_WRLCK)
        printf("locked from %lld\n", (long long)got.l_start);
    close(again);
    fclose(file);
}

int main(void)
{
    int port, server = serve(SOCK_DGRAM, &port), fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = place("127.0.0.2", port);
    struct iovec part = {(char *)"x", 1};
    struct mmsghdr many = {.msg_hdr = {&to, sizeof(to), &part, 1, NULL, 0, 0}};

    say("sendmsg", sendmsg(fd, &many.msg_hdr, 0));
    say("sendmmsg", sendmmsg(fd, &many, 1, 0));
    try_locks();
    close(fd);
    close(server);
    return 0;
}
