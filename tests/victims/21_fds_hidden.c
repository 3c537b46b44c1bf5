// flags: -I.
/* Counts what it has open in every way that programs do, as a test for leaked descriptors would. */
#include "tests/victims/victim.h"

#include <dirent.h>
#include <sys/stat.h>

#define MOST 4096

/* What a folder lists, its own descriptor left out. */
static void list(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char own[16];

    if (!dir)
        die(folder);
    snprintf(own, sizeof(own), "%d", dirfd(dir));
    printf("%s:", folder);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, own) != 0)
            printf(" %s", entry->d_name);
    printf("\n");
    closedir(dir);
}

static void ask_each(void)
{
    struct stat st;

    printf("fstat:");
    for (int fd = 0; fd < MOST; fd++)
        if (fstat(fd, &st) == 0)
            printf(" %d", fd);
        else if (errno != EBADF)
            die("fstat");
    printf("\nfcntl:");
    for (int fd = 0; fd < MOST; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf(" %d", fd);
    printf("\n");
}

static void look(const char *when)
{
    printf("%s\n", when);
    list("/proc/self/fd");
    list("/proc/self/fdinfo");
    list("/proc/thread-self/fd");
    list("/dev/fd");
    ask_each();
    fflush(stdout);
}

/* Files that are named like numbers are what they are. */
static void named_like_numbers(void)
{
    char folder[] = "/tmp/fds-hidden-XXXXXX", name[64];
    unsigned listed = 0;
    struct dirent *entry;
    DIR *dir;

    if (!mkdtemp(folder))
        die("mkdtemp");
    for (int i = 0; i < MOST; i++) {
        snprintf(name, sizeof(name), "%s/%d", folder, i);
        close(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    dir = opendir(folder);
    while ((entry = readdir(dir)))
        listed += entry->d_name[0] != '.';
    closedir(dir);
    printf("files: %u\n", listed);
    for (int i = 0; i < MOST; i++) {
        snprintf(name, sizeof(name), "%s/%d", folder, i);
        unlink(name);
    }
    say("folder", rmdir(folder));
}

int main(void)
{
    int port, server, status;
    pid_t child;

    look("at the start");
    server = serve(SOCK_STREAM, &port);
    try_dial("connect", "127.0.0.1", port);
    look("with a server");
    child = fork();
    if (child == 0) {
        look("in a child");
        try_dial("connect", "127.0.0.1", port);
        look("in a child that connected");
        _exit(0);
    }
    waitpid(child, &status, 0);
    say_end("child", status);
    close(server);
    named_like_numbers();
    return 0;
}
