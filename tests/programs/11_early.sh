#!/bin/sh
# also: 14
# Libraries of the program whose constructors run before ours: one that connects, and one whose
# eight threads make the first call of the process at the same moment. Nothing passes undecided.
set -u
. "$(dirname "$0")/common"
need cc

cat >"$tmp/early.c" <<'END_OF_C'
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 8

static int port;
static pthread_barrier_t all;

static int reach(const char *ip)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

    inet_pton(AF_INET, ip, &in.sin_addr);
    error = connect(fd, (struct sockaddr *)&in, sizeof(in)) ? errno : 0;
    close(fd);
    return error;
}

static void *race(void *arg)
{
    pthread_barrier_wait(&all);
    for (int i = 0; i < 3; i++) {
        ((int *)arg)[0] = reach("127.0.0.1");
        ((int *)arg)[1] = reach("127.0.0.2");
    }
    return NULL;
}

static void serve(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&in, len) || listen(fd, 512) ||
        getsockname(fd, (struct sockaddr *)&in, &len))
        perror("serve");
    port = ntohs(in.sin_port);
}

static __attribute__((constructor)) void early(void)
{
    pthread_t thread[THREADS];
    int result[THREADS][2], count[2] = {0, 0};

#ifdef RACE
    port = PORT;
    pthread_barrier_init(&all, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, race, result[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        count[0] += result[i][0] == ECONNREFUSED;
        count[1] += result[i][1] == ECONNREFUSED ? 0 : result[i][1] == EACCES ? 1 : 100;
    }
    printf("threads: %d reached, %d denied\n", count[0], count[1]);
    (void)serve;
#else
    (void)thread, (void)result, (void)count, (void)race;
    serve();
    printf("constructor: %s, %s\n", strerrorname_np(reach("127.0.0.1")),
           strerrorname_np(reach("127.0.0.2")));
#endif
    fflush(stdout);
}
END_OF_C
echo '#include <stdio.h>
int main(void) { puts("main"); return 0; }' >"$tmp/main.c"

build() { # NAME OPTION...: a program whose library has that constructor
    name=$1
    shift
    mkdir "$tmp/$name"
    cc -O1 -D_GNU_SOURCE "$@" -shared -fPIC -pthread -o "$tmp/$name/libearly.so" "$tmp/early.c" &&
        cc -Wl,--no-as-needed -o "$tmp/$name/main" "$tmp/main.c" -L"$tmp/$name" -learly \
            -Wl,-rpath,"$tmp/$name" || { echo "not ok - $name is built"; exit 1; }
}
build one
build many -DRACE -DPORT=1
install -m 644 tests/victims/deny.conf "$tmp/deny.conf"

says() { # TEXT WANT COMMAND...
    text=$1 want=$2
    shift 2
    got=$(timeout 60 "$@" 2>&1 </dev/null)
    if [ "$got" = "$want" ]; then
        echo "ok - $text"
    else
        echo "not ok - $text"
        echo "# got $got"
    fi
}
under="$BUILD/pillion run --solo"
says "natively both are reached" "constructor: 0, 0
main" "$tmp/one/main"
# shellcheck disable=SC2086
says "under allow too" "constructor: 0, 0
main" $under "$allow" -- "$tmp/one/main"
# shellcheck disable=SC2086
says "under deny the constructor is denied" "constructor: 0, EACCES
main" $under "$tmp/deny.conf" -- "$tmp/one/main"
says "natively eight threads find nobody at port 1" "threads: 8 reached, 0 denied
main" "$tmp/many/main"
# shellcheck disable=SC2086
for round in 1 2 3 4 5 6 7 8 9 10; do
    timeout 60 $under "$tmp/deny.conf" -- "$tmp/many/main" 2>&1 </dev/null
done | sort | uniq -c | sed 's/^ *//' >"$tmp/out"
says "under deny all eight are decided, ten times over" "10 main
10 threads: 8 reached, 8 denied" cat "$tmp/out"
