/* A library that makes a connection of its own: errno of it, 0 when it came about. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int plugin_dial(const char *ip, int port);

int plugin_dial(const char *ip, int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), error;

    inet_pton(AF_INET, ip, &in.sin_addr);
    error = connect(fd, (struct sockaddr *)&in, sizeof(in)) ? errno : 0;
    close(fd);
    return error;
}
