// flags: -I. -rdynamic
// deny> connect: ok
// deny> denied: EACCES
// deny> SSL_connect: 1
// deny> SSL_write: 5
// deny> SSL_read: 5
// deny> hello
// deny> own functions called: 3
/*
 * The program exports names of OpenSSL, as node does with its own copy, and the executable is
 * searched before any preloaded library: the calls it makes reach its functions, and only these.
 */
#include "tests/victims/victim.h"

int SSL_connect(void *ssl);
int SSL_write(void *ssl, const void *buf, int len);
int SSL_read(void *ssl, void *buf, int len);
int SSL_set_fd(void *ssl, int fd);
void *SSL_new(void *context);
void *SSL_CTX_new(const void *method);

static int called;

int SSL_connect(void *ssl)
{
    called++;
    return ssl ? 1 : -1;
}

int SSL_write(void *ssl, const void *buf, int len)
{
    called++;
    return (int)write(*(int *)ssl, buf, (size_t)len);
}

int SSL_read(void *ssl, void *buf, int len)
{
    called++;
    return (int)read(*(int *)ssl, buf, (size_t)len);
}

/* What nobody may call behind the program's back. */
int SSL_set_fd(void *ssl, int fd)
{
    (void)ssl, (void)fd;
    abort();
}

void *SSL_new(void *context)
{
    (void)context;
    abort();
}

void *SSL_CTX_new(const void *method)
{
    (void)method;
    abort();
}

int main(void)
{
    int port, server = serve(SOCK_STREAM, &port), fd = dial("127.0.0.1", port), end;
    char buf[16] = "";

    say("connect", fd);
    try_dial("denied", "127.0.0.2", port);
    end = accept(server, NULL, NULL);
    printf("SSL_connect: %d\n", SSL_connect(&fd));
    printf("SSL_write: %d\n", SSL_write(&fd, "hello", 5));
    printf("SSL_read: %d\n", SSL_read(&end, buf, sizeof(buf)));
    printf("%s\nown functions called: %d\n", buf, called);
    return 0;
}
