#include "cli/inspect/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const char *const argv[], int out)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(null, 2) < 0)
        _exit(127);
    unsetenv("LD_PRELOAD");
    unsetenv("LD_BIND_NOW"); /* the loader would relocate what it lists, and run parts of it */
    unsetenv("LD_WARN");
    setenv("LC_ALL", "C", 1);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void read_lines(int fd, void (*line)(void *cookie, const char *text), void *cookie)
{
    FILE *file = fdopen(fd, "r");
    char *text = NULL;
    size_t room = 0;

    if (!file) {
        close(fd);
        return;
    }
    while (getline(&text, &room, file) > 0) {
        text[strcspn(text, "\n")] = '\0';
        line(cookie, text);
    }
    free(text);
    fclose(file);
}

int pil_child_lines(const char *const argv[], void (*line)(void *cookie, const char *text),
                    void *cookie)
{
    int out[2], status;
    pid_t child;

    fflush(NULL);
    if (pipe2(out, O_CLOEXEC))
        return -1;
    child = fork();
    if (child == 0)
        become(argv, out[1]);
    close(out[1]);
    if (child < 0) {
        close(out[0]);
        return -1;
    }
    read_lines(out[0], line, cookie);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status) : -1;
}
