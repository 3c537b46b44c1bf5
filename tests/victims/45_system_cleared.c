// flags: -I.
/* A program that clears its environment stays covered through system, popen and a shell's exec. */
#include "tests/victims/victim.h"

int main(int argc, char **argv)
{
    char self[4096] = "", command[5000];
    FILE *pipe;

    if (argc == 2) {
        puts(covered() == (*argv[1] == '1') ? "coverage kept" : "coverage lost");
        return 0;
    }
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        die("readlink");
    snprintf(command, sizeof(command), "'%s' %d", self, covered());
    clearenv();
    printf("system\n");
    fflush(stdout);
    printf("ended with %d\n", system(command));
    printf("popen\n");
    fflush(stdout);
    pipe = popen(command, "w");
    printf("ended with %d\n", pipe ? pclose(pipe) : -1);
    snprintf(command, sizeof(command), "unset LD_PRELOAD; exec '%s' %d", self, covered());
    printf("a shell that forgets\n");
    fflush(stdout);
    printf("ended with %d\n", system(command));
    return 0;
}
