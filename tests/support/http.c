#include "tests/support/http.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TRIES 1000u
#define PAUSE 20 /* milliseconds between them */

static int dial(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && strlen(path) < sizeof(at.sun_path));
    strcpy(at.sun_path, path);
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)))
        fail_msg("nobody answers on %s", path);
    return fd;
}

char *test_http_get(const char *socket, const char *path)
{
    FILE *stream = fdopen(dial(socket), "r+");
    char *text = NULL;
    size_t cap = 0;

    assert_non_null(stream);
    fprintf(stream, "GET %s HTTP/1.0\r\n\r\n", path);
    fflush(stream);
    if (getdelim(&text, &cap, '\0', stream) < 0)
        fail_msg("no answer to GET %s", path);
    fclose(stream);
    return text;
}

void test_http_await(const char *socket, const char *path, const char *text)
{
    for (unsigned i = 0; i < TRIES; i++) {
        char *said = test_http_get(socket, path);
        bool there = strstr(said, text) != NULL;

        if (!there && i + 1 == TRIES)
            fail_msg("GET %s never said %s, but: %s", path, text, said);
        free(said);
        if (there)
            return;
        poll(NULL, 0, PAUSE);
    }
}
