/*
 * Every way to come by libc's connect without the symbol look-up of the program's start. Arguments:
 * the library made of lookups_plugin.c. Connects to 127.0.0.1 and 127.0.0.2, where it serves
 * itself.
 */
#include <dlfcn.h>

#include "tests/victims/victim.h"

typedef int (*dialler)(const char *ip, int port);
typedef int (*connector)(int fd, const struct sockaddr *addr, socklen_t len);

static int port;

static void tell(const char *what, const char *ip, int error)
{
    printf("%s to %s: %s\n", what, ip, error ? strerrorname_np(error) : "ok");
}

static void through_plugin(const char *what, void *library)
{
    dialler dial = library ? (dialler)dlsym(library, "plugin_dial") : NULL;

    if (!dial) {
        printf("%s: %s\n", what, dlerror());
        return;
    }
    tell(what, "127.0.0.1", dial("127.0.0.1", port));
    tell(what, "127.0.0.2", dial("127.0.0.2", port));
}

static void through_pointer(const char *what, void *function)
{
    static const char *const ips[] = {"127.0.0.1", "127.0.0.2"};

    for (int i = 0; function && i < 2; i++) {
        struct sockaddr_in in = place(ips[i], port);
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        errno = 0;
        tell(what, ips[i],
             ((connector)function)(fd, (struct sockaddr *)&in, sizeof(in)) ? errno : 0);
        close(fd);
    }
    if (!function)
        printf("%s: nothing\n", what);
}

int main(int argc, char **argv)
{
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD), *self = dlopen(NULL, RTLD_NOW);
    int server = serve(SOCK_STREAM, &port);

    if (argc != 2)
        return 2;
    through_pointer("dlsym of libc", dlsym(libc, "connect"));
    through_pointer("dlvsym of libc", dlvsym(libc, "connect", "GLIBC_2.2.5"));
    through_pointer("dlsym of the program", dlsym(self, "connect"));
    through_pointer("dlsym of whatever is first", dlsym(RTLD_DEFAULT, "connect"));
    through_pointer("dlsym of what is next", dlsym(RTLD_NEXT, "connect"));
    through_pointer("dlsym by dlsym",
                    ((void *(*)(void *, const char *))dlsym(libc, "dlsym"))(libc, "connect"));
    printf("a name that is not hooked: %s\n",
           dlsym(libc, "getpid") == (void *)getpid ? "ok" : "no");
    printf("a name that is nowhere: %s\n", dlsym(libc, "no_such_name") ? "found" : "nothing");
    printf("and the message for it: %s\n", strstr(dlerror(), "no_such_name") ? "ok" : "no");
    through_plugin("dlopen", dlopen(argv[1], RTLD_NOW | RTLD_LOCAL));
    through_plugin("dlmopen into the base", dlmopen(LM_ID_BASE, argv[1], RTLD_NOW | RTLD_DEEPBIND));
    through_plugin("dlmopen", dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW));
    close(server);
    return 0;
}
