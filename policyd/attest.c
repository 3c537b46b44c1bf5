#include "policyd/attest.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/cgroup.h"
#include "core/err.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define DELETED    " (deleted)"
#define NAMES_KEPT 64u

/* Reads a small file of /proc whole and terminates it. */
static bool slurp(const char *path, char *buf, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t got = 0;

    if (fd < 0)
        return false;
    while (len < cap - 1 && (got = read(fd, buf + len, cap - 1 - len)) > 0)
        len += (size_t)got;
    close(fd);
    buf[len] = '\0';
    return got >= 0 && len > 0;
}

uint64_t pil_attest_start(const char *stat)
{
    const char *at = strrchr(stat, ')');

    /* Behind the name come field 3 and on; the start time is field 22. */
    for (unsigned field = 2; at && field < 22; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at ? strtoull(at, NULL, 10) : 0;
}

static uint64_t start_of(pid_t pid)
{
    char path[32], text[1024];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    return slurp(path, text, sizeof(text)) ? pil_attest_start(text) : 0;
}

bool pil_attest_users(const char *status, uid_t *real, uid_t *effective)
{
    const char *at = strstr(status, "\nUid:\t");

    return at && sscanf(at, "\nUid:\t%u\t%u", real, effective) == 2;
}

static bool users_of(pid_t pid, uid_t *real, uid_t *effective)
{
    char path[32], text[4096];

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    return slurp(path, text, sizeof(text)) && pil_attest_users(text, real, effective);
}

static bool alive(int pidfd)
{
    return pidfd >= 0 && (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0 || errno == EPERM);
}

/* A number says nothing by itself. That its process has the sender's real uid says that nobody is
 * taken for another user's process; root's own may have changed to any user since. */
static bool of_sender(const struct pil_peer *peer)
{
    uid_t real, effective;

    if (!peer->by_number || peer->sender == 0)
        return true;
    return users_of(peer->pid, &real, &effective) && real == peer->sender;
}

/* Still the process that `peer` was made of. */
static bool still(const struct pil_peer *peer)
{
    return peer->start != 0 && start_of(peer->pid) == peer->start && of_sender(peer) &&
           alive(peer->pidfd);
}

/* By the socket. Only a kernel that does not know that is asked by number: any other error is that
 * of a peer which is gone, and its number may be somebody else's. */
static int pidfd_of(int fd, pid_t pid, bool *by_number)
{
    socklen_t len = sizeof(int);
    int pidfd = -1;

    *by_number = false;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0)
        return pidfd;
    if (errno != ENOPROTOOPT)
        return -1;
    *by_number = true;
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* The kernel names the real user of a sender and the effective one of who connected. */
static bool same_user(const struct pil_peer *peer)
{
    uid_t real, effective;

    return peer->uid == peer->sender || (users_of(peer->pid, &real, &effective) &&
                                         real == peer->sender && effective == peer->uid);
}

int pil_attest_peer(int fd, const struct ucred *sender, struct pil_peer *out)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    *out = (struct pil_peer){.pidfd = -1, .sender = sender->uid};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
        return PIL_E_SYSTEM;
    out->pid = cred.pid;
    out->uid = cred.uid;
    out->gid = cred.gid;
    if (cred.pid <= 0 || cred.pid != sender->pid)
        return PIL_E_PEER;
    out->pidfd = pidfd_of(fd, cred.pid, &out->by_number);
    out->start = start_of(cred.pid);
    /* Alive after all that was read by its number, so nobody else had it meanwhile. */
    if (out->start != 0 && same_user(out) && of_sender(out) && alive(out->pidfd))
        return PIL_OK;
    pil_attest_drop(out);
    return PIL_E_PEER;
}

void pil_attest_drop(struct pil_peer *peer)
{
    if (peer->pidfd >= 0)
        close(peer->pidfd);
    peer->pidfd = -1;
}

/* Names of users, remembered: look-ups may go over a network. Main thread only. */
static void user_name(uid_t uid, char *out, size_t cap)
{
    static struct {
        bool used;
        uid_t uid;
        char name[64];
    } kept[NAMES_KEPT];
    unsigned at = uid % NAMES_KEPT;

    if (!kept[at].used || kept[at].uid != uid) {
        char room[2048];
        struct passwd entry, *found = NULL;
        int err = getpwuid_r(uid, &entry, room, sizeof(room), &found);

        if (err == 0 && found && strlen(found->pw_name) < sizeof(kept[at].name))
            strcpy(kept[at].name, found->pw_name);
        else
            snprintf(kept[at].name, sizeof(kept[at].name), "%u", uid);
        kept[at].used = err == 0;
        kept[at].uid = uid;
    }
    snprintf(out, cap, "%s", kept[at].name);
}

static struct pil_exe_id id_of(const struct stat *st)
{
    return (struct pil_exe_id){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime_ns = st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .ctime_ns = st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
    };
}

static bool same_mounts(pid_t pid, const char *other)
{
    char path[32];
    struct stat theirs, ours;

    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
    return stat(path, &theirs) == 0 && stat(other, &ours) == 0 && theirs.st_dev == ours.st_dev &&
           theirs.st_ino == ours.st_ino;
}

/* The kernel prints a path as the process's own mounts have it. Anybody may make mounts of their
 * own in a user namespace and call a file there whatever they like, so a path counts only when it
 * leads to that very file here too, or when the process sees the mounts that this host started
 * with (then the file may have been replaced since). */
static bool path_counts(const struct pil_peer *peer, const char *exe, const struct stat *file)
{
    struct stat here;

    if (stat(exe, &here) == 0 && here.st_dev == file->st_dev && here.st_ino == file->st_ino)
        return true;
    return same_mounts(peer->pid, "/proc/self/ns/mnt") || same_mounts(peer->pid, "/proc/1/ns/mnt");
}

/* The file behind the magic link, whatever its name is called today. */
static void read_exe(const struct pil_peer *peer, struct pil_attested *out)
{
    const size_t tail = sizeof(DELETED) - 1;
    char path[32];
    struct stat st;
    ssize_t len;

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)peer->pid);
    len = readlink(path, out->exe, sizeof(out->exe) - 1);
    if (len <= 0 || stat(path, &st)) {
        out->exe[0] = '\0';
        return;
    }
    out->exe[len] = '\0';
    out->id = id_of(&st);
    if (st.st_nlink == 0 && (size_t)len > tail && strcmp(out->exe + len - tail, DELETED) == 0)
        out->exe[(size_t)len - tail] = '\0';
    if (!path_counts(peer, out->exe, &st))
        out->exe[0] = '\0';
}

int pil_attest_open(const struct pil_peer *peer)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)peer->pid);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

static bool same_file(const struct pil_exe_id *a, const struct pil_exe_id *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

const struct pil_class *pil_attest_class(int fd, const struct pil_exe_id *id)
{
    Elf32_Ehdr head; /* up to the machine it is the same in both classes */
    struct pil_exe_id opened;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) || pread(fd, &head, sizeof(head), 0) != sizeof(head))
        return NULL;
    opened = id_of(&st);
    if (!same_file(&opened, id) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
        return NULL;
    return pil_classes_find(head.e_ident[EI_CLASS], head.e_machine);
}

static void read_cgroup(const struct pil_peer *peer, struct pil_attested *out)
{
    char path[32], text[8192];

    snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)peer->pid);
    out->cgroup[0] = out->unit[0] = '\0';
    if (slurp(path, text, sizeof(text)))
        pil_cgroup_read(text, out->cgroup, out->unit, sizeof(out->unit));
}

int pil_attest_read(const struct pil_peer *peer, struct pil_attested *out)
{
    memset(&out->id, 0, sizeof(out->id));
    if (!still(peer))
        return PIL_E_PEER;
    read_exe(peer, out);
    read_cgroup(peer, out);
    user_name(peer->uid, out->user, sizeof(out->user));
    return still(peer) ? PIL_OK : PIL_E_PEER;
}
