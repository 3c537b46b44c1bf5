// flags: -I.
// deny> on an alternate stack: ok
// deny> denied there: EACCES
// deny> new place there: ok
// deny> 64 KiB of stack: exit 0
// calls> vary: the executed program's are not its own
/* Hooks on an alternate signal stack of the usual size, and in a program with 64 KiB of stack. */
#include "tests/victims/victim.h"

#include <netdb.h>
#include <sys/mman.h>
#include <sys/resource.h>

static int port, result[3], error[3];

static void on_signal(int number)
{
    static const char *const ip[] = {"127.0.0.1", "127.0.0.2", "127.0.0.4"};

    (void)number;
    for (int i = 0; i < 3; i++) {
        result[i] = dial(ip[i], port);
        error[i] = errno;
        if (result[i] >= 0)
            close(result[i]);
    }
}

/* With a page behind it that nothing may touch. */
static void *guarded_stack(size_t size)
{
    char *at = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED || mprotect(at, 4096, PROT_NONE))
        die("mmap");
    return at + 4096;
}

static void on_alternate_stack(void)
{
    static const char *const what[] = {"on an alternate stack", "denied there", "new place there"};
    size_t size = ((size_t)sysconf(_SC_MINSIGSTKSZ) + 8192 + 4095) & ~(size_t)4095;
    stack_t stack = {.ss_sp = guarded_stack(size), .ss_size = size};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};

    if (sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL))
        die("sigaltstack");
    raise(SIGUSR1);
    for (int i = 0; i < 3; i++) {
        errno = error[i];
        say(what[i], result[i]);
    }
}

static int with_little_stack(int to)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *list = NULL;
    int fd = dial("127.0.0.1", to);

    if (fd < 0 || getaddrinfo("127.0.0.1", "80", &hints, &list))
        return 1;
    freeaddrinfo(list);
    return 0;
}

int main(int argc, char **argv)
{
    struct rlimit little = {64 << 10, 64 << 10};
    char number[16];
    int status;
    pid_t pid;

    if (argc > 1)
        return with_little_stack(atoi(argv[1]));
    serve(SOCK_STREAM, &port);
    on_alternate_stack();
    snprintf(number, sizeof(number), "%d", port);
    pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_STACK, &little);
        execl("/proc/self/exe", "52_stacks", number, (char *)NULL);
        _exit(9);
    }
    waitpid(pid, &status, 0);
    say_end("64 KiB of stack", status);
    return 0;
}
