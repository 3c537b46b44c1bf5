// flags: -I.
// stateless> it replaces itself by a program without an environment
/* A daemon that cleans its environment before exec stays covered. */
#include "tests/victims/victim.h"

int main(int argc, char **argv)
{
    char kept[] = {covered() ? '1' : '0', 0};
    char *const args[] = {argv[0], kept, NULL}, *const none[] = {NULL};

    if (argc == 2) {
        extern char **environ;
        int others = 0;

        for (char **e = environ; *e; e++)
            others += strncmp(*e, "LD_PRELOAD=", 11) != 0 && strncmp(*e, "PILLION", 7) != 0;
        puts(covered() == (*argv[1] == '1') ? "coverage kept" : "coverage lost");
        printf("other variables: %d\n", others);
        return 0;
    }
    fflush(stdout);
    execve("/proc/self/exe", args, none);
    return 9;
}
