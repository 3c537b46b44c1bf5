#include "core/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "core/bytes.h"

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#define OUR_CLASS   ELFCLASS64
#define OUR_LOADER  "ld-linux-x86-64.so.2"
typedef Elf64_Ehdr ehdr;
typedef Elf64_Phdr phdr;
#else
#error "only x86-64 so far: add class, machine and loader of this machine here"
#endif

#define PHDRS_AT_ONCE 8u
#define NOTES_MAX     256u /* bytes of a note segment that are looked at; Go puts about 100 there */

/* e_phnum x e_phentsize may not exceed this for the kernel (fs/binfmt_elf.c). */
#define PHDRS_MAX (65536u / sizeof(phdr))

struct row {
    const char *name;
    const char *why;
    const char *remedy;
};

static const struct row rows[PIL_COVER_COUNT] = {
#define ROW(id, name, why, remedy) [PIL_COVER_##id] = {name, why, remedy},
    PIL_COVER_LIST(ROW)
#undef ROW
};

static const struct row *find(unsigned cover)
{
    return &rows[cover < PIL_COVER_COUNT ? cover : PIL_COVER_UNKNOWN];
}

const char *pil_cover_name(unsigned cover)
{
    return find(cover)->name;
}

const char *pil_cover_text(unsigned cover)
{
    return find(cover)->why;
}

const char *pil_cover_remedy(unsigned cover)
{
    return find(cover)->remedy;
}

/* Reads exactly len bytes; a file that ends before them is as bad as one that cannot be read. */
static bool read_at(const struct pil_sysops *sys, int fd, void *buf, size_t len, uint64_t offset)
{
    size_t have = 0;

    if (offset > (uint64_t)INT64_MAX - len)
        return false;
    while (have < len) {
        ssize_t got = sys->pread(fd, (char *)buf + have, len - have, (int64_t)(offset + have));

        if (got == -EINTR)
            continue;
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

static int open_read(const struct pil_sysops *sys, int dirfd, const char *path)
{
    int fd;

    /* Not blocking, lest a FIFO of that name hold us. */
    do
        fd = sys->openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    while (fd == -EINTR);
    return fd;
}

static enum pil_cover cover_of_open(int error)
{
    return error == -ENOENT || error == -ENOTDIR ? PIL_COVER_NOTFOUND : PIL_COVER_UNREADABLE;
}

/*
 * Would the kernel start it in secure-execution mode? As in security/commoncap.c: when the
 * effective ids after the exec are not the real ones, or when the file brings capabilities and
 * the real user is not root.
 */
static enum pil_cover judge_privileges(const struct pil_sysops *sys, int fd, const struct statx *st)
{
    bool setgid = (st->stx_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    uint32_t uid, euid, gid, egid, saved;
    ssize_t caps;

    if (sys->getresuid(&uid, &euid, &saved) || sys->getresgid(&gid, &egid, &saved))
        return PIL_COVER_UNREADABLE;
    if (((st->stx_mode & S_ISUID) ? st->stx_uid : euid) != uid)
        return PIL_COVER_SETUID;
    if ((setgid ? st->stx_gid : egid) != gid)
        return PIL_COVER_SETUID;
    if (uid == 0)
        return PIL_COVER_YES;
    caps = sys->fgetxattr(fd, "security.capability", NULL, 0);
    if (caps == -ENODATA || caps == -EOPNOTSUPP)
        return PIL_COVER_YES;
    return caps < 0 ? PIL_COVER_UNREADABLE : PIL_COVER_CAPS;
}

/* The Go linker leaves a note of its own name in everything it makes. */
static bool has_go_note(const struct pil_sysops *sys, int fd, const phdr *ph)
{
    char notes[NOTES_MAX];
    size_t len = ph->p_filesz < sizeof(notes) ? (size_t)ph->p_filesz : sizeof(notes), at = 0;

    if (!read_at(sys, fd, notes, len, ph->p_offset))
        return false;
    while (len - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        uint64_t name_room, room;

        memcpy(&note, notes + at, sizeof(note));
        at += sizeof(note);
        name_room = ((uint64_t)note.n_namesz + 3) & ~(uint64_t)3;
        room = name_room + (((uint64_t)note.n_descsz + 3) & ~(uint64_t)3);
        if (note.n_namesz == 4 && len - at >= 4 && memcmp(notes + at, "Go\0", 4) == 0)
            return true;
        if (room > len - at)
            return false;
        at += (size_t)room;
    }
    return false;
}

static enum pil_cover judge_interp(const struct pil_sysops *sys, int fd, const phdr *ph,
                                   struct pil_elf_report *out)
{
    const char *base;
    size_t len = (size_t)ph->p_filesz;

    if (ph->p_filesz < 2 || ph->p_filesz > sizeof(out->interp))
        return PIL_COVER_LIBC;
    if (!read_at(sys, fd, out->interp, len, ph->p_offset) || out->interp[len - 1] != '\0') {
        out->interp[0] = '\0';
        return PIL_COVER_NOTELF;
    }
    base = strrchr(out->interp, '/');
    return base && strcmp(base + 1, OUR_LOADER) == 0 ? PIL_COVER_YES : PIL_COVER_LIBC;
}

/* One pass over the program headers: the first PT_INTERP counts, as for the kernel. */
static enum pil_cover judge_headers(const struct pil_sysops *sys, int fd, const ehdr *head,
                                    struct pil_elf_report *out)
{
    enum pil_cover cover = PIL_COVER_STATIC;
    phdr ph[PHDRS_AT_ONCE];
    bool seen = false, raw = false;

    for (unsigned i = 0; i < head->e_phnum; i++) {
        unsigned at = i % PHDRS_AT_ONCE, left = head->e_phnum - i;

        if (at == 0 &&
            !read_at(sys, fd, ph, sizeof(*ph) * (left < PHDRS_AT_ONCE ? left : PHDRS_AT_ONCE),
                     head->e_phoff + (uint64_t)i * sizeof(*ph)))
            return PIL_COVER_NOTELF;
        if (ph[at].p_type == PT_INTERP && !seen) {
            seen = true;
            cover = judge_interp(sys, fd, &ph[at], out);
        } else if (ph[at].p_type == PT_NOTE && !raw) {
            raw = has_go_note(sys, fd, &ph[at]);
        }
    }
    return cover == PIL_COVER_YES && raw ? PIL_COVER_RAW : cover;
}

/* Class and machine are told before anything of the file is read by our own layout. */
static enum pil_cover judge_class(const ehdr *head, struct pil_elf_report *out)
{
    out->elf_class = head->e_ident[EI_CLASS];
    out->machine = head->e_machine;
    if (out->elf_class != OUR_CLASS || head->e_ident[EI_DATA] != ELFDATA2LSB ||
        head->e_machine != OUR_MACHINE)
        return PIL_COVER_CLASS;
    return PIL_COVER_YES;
}

static enum pil_cover judge_elf(const struct pil_sysops *sys, int fd, const struct statx *st,
                                struct pil_elf_report *out)
{
    enum pil_cover cover;
    ehdr head;

    if (!read_at(sys, fd, &head, sizeof(head), 0))
        return PIL_COVER_NOTELF;
    cover = judge_class(&head, out);
    if (cover != PIL_COVER_YES)
        return cover;
    if ((head.e_type != ET_EXEC && head.e_type != ET_DYN) || head.e_phentsize != sizeof(phdr) ||
        head.e_phnum == 0 || head.e_phnum > PHDRS_MAX)
        return PIL_COVER_NOTELF;
    cover = judge_headers(sys, fd, &head, out);
    return cover == PIL_COVER_YES ? judge_privileges(sys, fd, st) : cover;
}

/* Takes the interpreter's path out of a "#!" line, as fs/binfmt_script.c does. */
static bool parse_script(const char *line, size_t len, char out[PIL_ELF_LINE])
{
    size_t at = 2, start;

    while (at < len && (line[at] == ' ' || line[at] == '\t'))
        at++;
    start = at;
    while (at < len && line[at] != ' ' && line[at] != '\t' && line[at] != '\n' && line[at] != '\0')
        at++;
    /* A path that fills the buffer was perhaps cut; the kernel refuses it too. */
    if (at == start || at == PIL_ELF_LINE)
        return false;
    memcpy(out, line + start, at - start);
    out[at - start] = '\0';
    return true;
}

/* One file. For a script, out->program is the interpreter and *again is set. */
static enum pil_cover judge_file(const struct pil_sysops *sys, int fd, struct pil_elf_report *out,
                                 bool *again)
{
    char line[PIL_ELF_LINE];
    struct statx st;
    ssize_t got;

    *again = false;
    if (sys->statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st))
        return PIL_COVER_UNREADABLE;
    if (!S_ISREG(st.stx_mode))
        return PIL_COVER_NOTELF;
    do
        got = sys->pread(fd, line, sizeof(line), 0);
    while (got == -EINTR);
    if (got < 0)
        return PIL_COVER_UNREADABLE;
    if (got >= SELFMAG && memcmp(line, ELFMAG, SELFMAG) == 0)
        return judge_elf(sys, fd, &st, out);
    if (got < 2 || line[0] != '#' || line[1] != '!' ||
        !parse_script(line, (size_t)got, out->program))
        return PIL_COVER_NOTELF;
    *again = true;
    return PIL_COVER_UNKNOWN;
}

/* Follows scripts from the interpreter that out->program names. */
static enum pil_cover follow(const struct pil_sysops *sys, struct pil_elf_report *out)
{
    bool again = true;

    while (again) {
        int fd;

        if (out->scripts == PIL_ELF_SCRIPTS)
            return PIL_COVER_SCRIPT_LOOP;
        out->scripts++;
        fd = open_read(sys, AT_FDCWD, out->program);
        if (fd < 0)
            return cover_of_open(fd);
        out->cover = judge_file(sys, fd, out, &again);
        sys->close(fd);
    }
    return out->cover;
}

static enum pil_cover judge_open(const struct pil_sysops *sys, int fd, struct pil_elf_report *out)
{
    bool again;

    out->cover = judge_file(sys, fd, out, &again);
    if (again)
        out->cover = follow(sys, out);
    return out->cover;
}

enum pil_cover pil_elf_inspect(const struct pil_sysops *sys, int dirfd, const char *path,
                               struct pil_elf_report *out)
{
    int fd;

    memset(out, 0, sizeof(*out));
    fd = open_read(sys, dirfd, path);
    if (fd < 0)
        return out->cover = cover_of_open(fd);
    judge_open(sys, fd, out);
    sys->close(fd);
    return out->cover;
}

/* An O_PATH descriptor can be executed but not read; its /proc entry can be opened anew. */
static int reopen(const struct pil_sysops *sys, int fd)
{
    char path[32];
    struct pil_text text;

    pil_text_init(&text, path, sizeof(path));
    pil_text_add(&text, "/proc/self/fd/");
    pil_text_add_u64(&text, (uint64_t)fd);
    return open_read(sys, AT_FDCWD, path);
}

enum pil_cover pil_elf_inspect_fd(const struct pil_sysops *sys, int fd, struct pil_elf_report *out)
{
    char byte;
    int own;

    memset(out, 0, sizeof(*out));
    if (fd < 0)
        return out->cover = PIL_COVER_UNREADABLE;
    if (sys->pread(fd, &byte, 1, 0) != -EBADF)
        return judge_open(sys, fd, out);
    own = reopen(sys, fd);
    if (own < 0)
        return out->cover = PIL_COVER_UNREADABLE;
    judge_open(sys, own, out);
    sys->close(own);
    return out->cover;
}

enum pil_cover pil_elf_library(const struct pil_sysops *sys, int fd)
{
    struct pil_elf_report report = {0};
    enum pil_cover cover;
    ehdr head;

    if (!read_at(sys, fd, &head, sizeof(head), 0))
        return PIL_COVER_UNREADABLE;
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
        return PIL_COVER_NOTELF;
    cover = judge_class(&head, &report);
    if (cover != PIL_COVER_YES)
        return cover;
    return head.e_type == ET_DYN ? PIL_COVER_YES : PIL_COVER_NOTELF;
}
