// flags: -I.
// deny> stdio: hello 42
// deny> dprintf: ok
// deny> sendfile: 5
// deny> splice: 5
// deny> pwritev2: 5
// deny> arrived: line 1;file1;file2;vec!!;
// deny> preadv2: back!
// deny> refused, then dprintf: EPIPE
// deny> refused, then sendfile: EPIPE
// deny> refused, then splice: EPIPE
// deny> refused, then pwritev2: EPIPE
/*
 * Data goes over a judged connection by every way that is no send: stdio, dprintf, sendfile,
 * splice, preadv2 and pwritev2. Where the connection was refused there is nothing to go over.
 */
#include "tests/victims/victim.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

static int port, server, file;

static void meet(int pair[2])
{
    pair[0] = dial("127.0.0.1", port);
    pair[1] = accept(server, NULL, NULL);
    if (pair[0] < 0 || pair[1] < 0)
        die("meet");
}

static void stdio(void)
{
    int pair[2], number = 0;
    char word[16] = "";
    FILE *out, *in;

    meet(pair);
    out = fdopen(pair[0], "w");
    in = fdopen(pair[1], "r");
    fprintf(out, "hello %d\n", 42);
    fclose(out);
    if (fscanf(in, "%15s %d", word, &number) != 2)
        die("fscanf");
    printf("stdio: %s %d\n", word, number);
    fclose(in);
}

static ssize_t by_splice(int fd)
{
    int ends[2];
    loff_t at = 5;
    ssize_t moved;

    if (pipe(ends) || splice(file, &at, ends[1], NULL, 5, 0) != 5)
        die("pipe");
    moved = splice(ends[0], NULL, fd, NULL, 5, 0);
    close(ends[0]);
    close(ends[1]);
    return moved;
}

static ssize_t by_vector(int fd)
{
    struct iovec iov[2] = {{(char *)"vec", 3}, {(char *)"!!", 2}};

    return pwritev2(fd, iov, 2, -1, 0);
}

static void out_and_back(void)
{
    char text[64] = "", back[6] = "";
    struct iovec iov = {back, 5};
    int pair[2];
    off_t at = 0;
    size_t len = 0;

    meet(pair);
    say("dprintf", dprintf(pair[0], "line %d", 1));
    printf("sendfile: %zd\n", sendfile(pair[0], file, &at, 5));
    printf("splice: %zd\n", by_splice(pair[0]));
    printf("pwritev2: %zd\n", by_vector(pair[0]));
    while (len < 21) {
        ssize_t got = read(pair[1], text + len, sizeof(text) - 1 - len);

        if (got <= 0)
            die("read");
        len += (size_t)got;
    }
    printf("arrived: %.6s;%.5s;%.5s;%.5s;\n", text, text + 6, text + 11, text + 16);
    if (write(pair[1], "back!", 5) != 5 || preadv2(pair[0], &iov, 1, -1, 0) != 5)
        die("preadv2");
    printf("preadv2: %s\n", back);
    close(pair[0]);
    close(pair[1]);
}

/* A socket that may have been refused: under an allow policy it is connected. */
static int attempt(void)
{
    struct sockaddr_in in = place("127.0.0.2", port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)!connect(fd, (struct sockaddr *)&in, sizeof(in));
    return fd;
}

static void refused(void)
{
    int fd = attempt();
    off_t at = 0;

    say("refused, then dprintf", dprintf(fd, "x"));
    say("refused, then sendfile", sendfile(fd, file, &at, 5));
    say("refused, then splice", by_splice(fd));
    say("refused, then pwritev2", by_vector(fd));
    close(fd);
}

int main(void)
{
    FILE *content = tmpfile();

    signal(SIGPIPE, SIG_IGN);
    fputs("file1file2", content);
    fflush(content);
    file = fileno(content);
    server = serve(SOCK_STREAM, &port);
    stdio();
    out_and_back();
    refused();
    return 0;
}
