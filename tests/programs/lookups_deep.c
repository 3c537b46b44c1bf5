/* A library that is loaded so that it prefers libc to everything before it. Argument: the library.
 */
#include <dlfcn.h>

#include "tests/victims/victim.h"

int main(int argc, char **argv)
{
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND) : NULL;
    int (*dial)(const char *, int) =
        library ? (int (*)(const char *, int))dlsym(library, "plugin_dial") : NULL;
    int port, server = serve(SOCK_STREAM, &port), error;

    if (!dial)
        return 2;
    error = dial("127.0.0.1", port);
    printf("allowed: %s\n", error ? strerrorname_np(error) : "ok");
    error = dial("127.0.0.2", port);
    printf("denied: %s\n", error ? strerrorname_np(error) : "ok");
    close(server);
    return 0;
}
