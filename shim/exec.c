/*
 * exec and posix_spawn: children stay covered.
 *
 * An environment that lost our variables gets them back. A program that cannot be covered is an
 * event, and refused where the workload's policy wants its children covered.
 *
 * All of this also runs in vfork children, in their parent's memory: nothing is written but the
 * stack and the event ring, and nothing is allocated.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/elf.h"
#include "core/wire.h"
#include "shim/call.h"
#include "shim/confine.h"
#include "shim/conn.h"
#include "shim/env.h"
#include "shim/exec.h"
#include "shim/mend.h"
#include "shim/reach.h"
#include "shim/real.h"
#include "shim/shim.h"
#include "shim/state.h"

/*
 * The call itself, with whichever function and environment. Carried as one struct, so that the
 * mended environment can live on the stack of the frame below it.
 */
struct call {
    enum { CALL_EXECVE, CALL_EXECVPE, CALL_FEXECVE, CALL_EXECVEAT, CALL_SPAWN, CALL_SPAWNP } which;
    int fd, flags;
    const char *path;
    char *const *argv;
    pid_t *pid;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attr;
};

static bool spawns(const struct call *call)
{
    return call->which == CALL_SPAWN || call->which == CALL_SPAWNP;
}

/* posix_spawn returns its error, the others set errno. */
static int failure(const struct call *call, int error)
{
    return spawns(call) ? error : (int)pil_call_result(-error);
}

/* One of the actions, as glibc has laid them out since posix_spawn is there. */
struct action {
    int tag; /* 1: dup2 */
    union {
        struct {
            int from, to;
        } dup2;
        struct {
            int fd;
            char *path;
            int flags;
            mode_t mode;
        } open;
    };
};
#define ACTION_DUP2 1

/* What the child is to have under another number, libc copies there. */
static void demote_copied(const posix_spawn_file_actions_t *actions)
{
    const struct action *action = (const struct action *)(const void *)actions->__actions;

    for (int i = 0; i < actions->__used; i++)
        if (action[i].tag == ACTION_DUP2 && pil_conn_maybe(action[i].dup2.from))
            (void)pil_conn_demote(action[i].dup2.from);
}

/* Connections whose records are ours do not go along as they are (conn.h). */
static int spawn(const struct call *c, char *const envp[])
{
    const struct pil_real_libc *libc = &pil_real_libc;
    int error;

    if (c->actions)
        demote_copied(c->actions);
    pil_conn_before_spawn();
    error = (c->which == CALL_SPAWN ? libc->posix_spawn : libc->posix_spawnp)(
        c->pid, c->path, c->actions, c->attr, c->argv, envp);
    pil_conn_after_spawn();
    return error;
}

static int make(const struct call *c, char *const envp[])
{
    const struct pil_real_libc *libc = &pil_real_libc;

    if (!spawns(c))
        pil_conn_before_exec();

    switch (c->which) {
    case CALL_EXECVE:
        return libc->execve(c->path, c->argv, envp);
    case CALL_EXECVPE:
        return libc->execvpe(c->path, c->argv, envp);
    case CALL_FEXECVE:
        return libc->fexecve(c->fd, c->argv, envp);
    case CALL_EXECVEAT:
        return libc->execveat(c->fd, c->path, c->argv, envp, c->flags);
    case CALL_SPAWN:
    case CALL_SPAWNP:
        return spawn(c, envp);
    }
    return failure(c, ENOSYS);
}

static bool bound(void)
{
    return pil_real_libc.execve && pil_real_libc.execvpe && pil_real_libc.fexecve &&
           pil_real_libc.execveat && pil_real_libc.posix_spawn && pil_real_libc.posix_spawnp;
}

/* A frame of its own, because its size follows the environment. */
static __attribute__((noinline)) int make_mended(const struct call *call, char *const envp[],
                                                 const struct pil_lacks *lacks)
{
    char **room = __builtin_alloca(pil_mend_room(lacks));

    return make(call, pil_mend(envp, lacks, room));
}

/* ---- what will be executed ------------------------------------------------------------------ */

/* One step of the search: DIR/FILE, an empty DIR is the current one. False when it is too long. */
static bool join(char *to, size_t cap, struct pil_slice dir, const char *file)
{
    struct pil_text text;

    if (dir.len + strlen(file) + 2 > cap)
        return false;
    pil_text_init(&text, to, cap);
    pil_text_add_slice(&text, dir);
    pil_text_add(&text, dir.len ? "/" : "");
    pil_text_add(&text, file);
    return true;
}

/* execvp(3) goes on searching behind what may not be executed, and behind folders. */
static bool executable(const char *name)
{
    struct statx st;
    int err;

    if (pil_real_sys.statx(AT_FDCWD, name, 0, STATX_TYPE, &st) || !S_ISREG(st.stx_mode))
        return false;
    err = pil_real_sys.faccessat(AT_FDCWD, name, X_OK, AT_EACCESS);
    return err == 0 || err == -ENOSYS;
}

/* Follows PATH as execvp(3) does, to the first file that it would execute. */
static enum pil_cover inspect_in_path(const char *file, struct pil_elf_report *report)
{
    const char *path = pil_env_find(environ, "PATH");
    char name[1024]; /* a longer folder is not searched; its programs are told by no hello */

    for (path = path ? path : "/bin:/usr/bin";; path++) {
        struct pil_slice dir = {path, strcspn(path, ":")};
        enum pil_cover cover = PIL_COVER_NOTFOUND;

        if (join(name, sizeof(name), dir, file) && executable(name))
            cover = pil_elf_inspect(&pil_real_sys, AT_FDCWD, name, report);
        path += dir.len;
        if (cover != PIL_COVER_NOTFOUND || *path == '\0')
            return cover;
    }
}

static enum pil_cover inspect(const struct call *call, struct pil_elf_report *report)
{
    bool search = call->which == CALL_EXECVPE || call->which == CALL_SPAWNP;

    if (atomic_load(&pil_confine_lost) & PIL_LOSS_OF_FILES)
        return report->cover = PIL_COVER_UNREADABLE;
    if (call->which == CALL_FEXECVE ||
        (call->which == CALL_EXECVEAT && (call->flags & AT_EMPTY_PATH) && !call->path[0]))
        return pil_elf_inspect_fd(&pil_real_sys, call->fd, report);
    if (search && !strchr(call->path, '/'))
        return inspect_in_path(call->path, report);
    return pil_elf_inspect(&pil_real_sys, call->which == CALL_EXECVEAT ? call->fd : AT_FDCWD,
                           call->path, report);
}

/* What exec itself refuses, or a shell script without "#!", is not ours to judge. */
static bool leaves_reach(enum pil_cover cover)
{
    return cover != PIL_COVER_YES && cover != PIL_COVER_NOTFOUND && cover != PIL_COVER_NOTELF &&
           cover != PIL_COVER_SCRIPT_LOOP;
}

static __attribute__((noinline)) int judge(const struct call *call)
{
    struct pil_elf_report report = {.cover = PIL_COVER_NOTFOUND};
    enum pil_cover cover;

    (void)inspect(call, &report);
    cover = pil_elf_cover(&pil_real_sys, &report, pil_env.preload);
    return leaves_reach(cover) && pil_reach_refuses(call->path, cover) ? EACCES : 0;
}

/* Usually nothing is started here, because a vfork child has better things to do; only an exec that
 * leaves Pillion's reach asks policyd, as a connect at the same place would. */
/* Nothing that could be executed: the kernel refuses it, and by itself. */
static bool nothing_there(const struct call *call, char *const envp[])
{
    if (call->which != CALL_FEXECVE && (!call->path || !pil_call_readable(call->path, 1)))
        return true;
    return envp && !pil_call_readable(envp, sizeof(*envp));
}

static int run(const struct call *call, char *const envp[])
{
    struct pil_lacks lacks;
    int error;

    if (!pil_state_booted())
        pil_state_boot(environ);
    if (!bound())
        return failure(call, ENOSYS);
    if (nothing_there(call, envp))
        return make(call, envp);
    error = judge(call);
    if (error)
        return failure(call, error);
    if (!pil_mend_look(envp, &lacks))
        return make(call, envp);
    return lacks.count <= PIL_MEND_MAX ? make_mended(call, envp, &lacks) : failure(call, E2BIG);
}

/* system and popen spawn inside libc, where no hook sees it, with the environment of the process.
 */
int pil_exec_shell(void)
{
    return judge(&(struct call){.which = CALL_SPAWN, .path = "/bin/sh"});
}

int pil_shim_execve(const char *path, char *const argv[], char *const envp[])
{
    return run(&(struct call){.which = CALL_EXECVE, .path = path, .argv = argv}, envp);
}

int pil_shim_execvpe(const char *file, char *const argv[], char *const envp[])
{
    return run(&(struct call){.which = CALL_EXECVPE, .path = file, .argv = argv}, envp);
}

int pil_shim_fexecve(int fd, char *const argv[], char *const envp[])
{
    return run(&(struct call){.which = CALL_FEXECVE, .fd = fd, .argv = argv}, envp);
}

int pil_shim_execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
    struct call call = {
        .which = CALL_EXECVEAT, .fd = dir, .path = path, .argv = argv, .flags = flags};

    return run(&call, envp);
}

int pil_shim_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attr, char *const argv[], char *const envp[],
                         int search)
{
    struct call call = {.which = search ? CALL_SPAWNP : CALL_SPAWN,
                        .path = path,
                        .argv = argv,
                        .pid = pid,
                        .actions = actions,
                        .attr = attr};

    return run(&call, envp);
}
