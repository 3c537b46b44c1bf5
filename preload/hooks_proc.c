/* Programs: the exec and posix_spawn families, shells, users, places, prctl, and syscall(). */
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "preload/hook.h"

HOOK int execve(const char *path, char *const argv[], char *const envp[])
{
    return pil_shim_execve(path, argv, envp);
}

HOOK int execv(const char *path, char *const argv[])
{
    return pil_shim_execve(path, argv, environ);
}

HOOK int execvp(const char *file, char *const argv[])
{
    return pil_shim_execvpe(file, argv, environ);
}

HOOK int execvpe(const char *file, char *const argv[], char *const envp[])
{
    return pil_shim_execvpe(file, argv, envp);
}

HOOK int fexecve(int fd, char *const argv[], char *const envp[])
{
    return pil_shim_fexecve(fd, argv, envp);
}

HOOK int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
    return pil_shim_execveat(dir, path, argv, envp, flags);
}

static size_t count_arguments(va_list list)
{
    size_t count = 1; /* the first one is named */

    while (va_arg(list, char *))
        count++;
    return count;
}

/*
 * The variadic forms gather their arguments on the stack, as libc does, because they may run in a
 * vfork child. A macro, because neither alloca nor va_list outlives a function.
 */
#define GATHER(first, last)                                                                        \
    char **argv;                                                                                   \
    size_t count;                                                                                  \
    va_list list;                                                                                  \
                                                                                                   \
    va_start(list, last);                                                                          \
    count = count_arguments(list);                                                                 \
    va_end(list);                                                                                  \
    argv = __builtin_alloca((count + 1) * sizeof(*argv));                                          \
    va_start(list, last);                                                                          \
    argv[0] = (char *)(first);                                                                     \
    for (size_t i = 1; i <= count; i++)                                                            \
    argv[i] = va_arg(list, char *)

HOOK int execl(const char *path, const char *arg, ...)
{
    GATHER(arg, arg);
    va_end(list);
    return pil_shim_execve(path, argv, environ);
}

HOOK int execlp(const char *file, const char *arg, ...)
{
    GATHER(arg, arg);
    va_end(list);
    return pil_shim_execvpe(file, argv, environ);
}

HOOK int execle(const char *path, const char *arg, ...)
{
    char *const *envp;
    GATHER(arg, arg);
    envp = va_arg(list, char *const *);
    va_end(list);
    return pil_shim_execve(path, argv, envp);
}

HOOK int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
    return pil_shim_posix_spawn(pid, path, actions, attr, argv, envp, 0);
}

HOOK int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
    return pil_shim_posix_spawn(pid, file, actions, attr, argv, envp, 1);
}

HOOK int setuid(uid_t uid)
{
    return pil_shim_setuid(uid);
}

HOOK int seteuid(uid_t uid)
{
    return pil_shim_seteuid(uid);
}

HOOK int setreuid(uid_t real, uid_t effective)
{
    return pil_shim_setreuid(real, effective);
}

HOOK int setresuid(uid_t real, uid_t effective, uid_t saved)
{
    return pil_shim_setresuid(real, effective, saved);
}

HOOK int system(const char *command)
{
    return pil_shim_system(command);
}

HOOK FILE *popen(const char *command, const char *mode)
{
    return pil_shim_popen(command, mode);
}

HOOK int chroot(const char *path)
{
    return pil_shim_chroot(path);
}

HOOK int unshare(int flags)
{
    return pil_shim_unshare(flags);
}

HOOK int setns(int fd, int type)
{
    return pil_shim_setns(fd, type);
}

/* Reading all of them covers every option, as libc itself does. */
HOOK int prctl(int option, ...)
{
    long argument[4];
    va_list list;

    va_start(list, option);
    for (int i = 0; i < 4; i++)
        argument[i] = va_arg(list, long);
    va_end(list);
    return (int)pil_shim_prctl(option, argument);
}

HOOK long syscall(long number, ...)
{
    long argument[6];
    va_list list;

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        argument[i] = va_arg(list, long);
    va_end(list);
    return pil_shim_syscall(number, argument, CALLER);
}
