#include "core/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "core/bytes.h"
#include "core/classes.h"

#define PHDRS_AT_ONCE 8u
#define NOTES_MAX     256u /* bytes of a note segment that are looked at; Go puts about 100 there */

/* e_phnum x e_phentsize may not exceed this for the kernel (fs/binfmt_elf.c). */
#define PHDRS_BYTES 65536u

/* What counts of a file's and a program header, whichever class they are of. */
struct head {
    const struct pil_class *class;
    uint16_t type, phnum, phentsize;
    uint64_t phoff;
};

struct segment {
    uint32_t type;
    uint64_t offset, size;
};

/* Both classes have the first fields in common. */
#define COMMON_BYTES offsetof(Elf32_Ehdr, e_version)
_Static_assert(offsetof(Elf32_Ehdr, e_machine) == offsetof(Elf64_Ehdr, e_machine),
               "told before the class");
_Static_assert(sizeof(Elf32_Nhdr) == sizeof(Elf64_Nhdr), "read as either");

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
static bool has_go_note(const struct pil_sysops *sys, int fd, const struct segment *seg)
{
    char notes[NOTES_MAX];
    size_t len = seg->size < sizeof(notes) ? (size_t)seg->size : sizeof(notes), at = 0;

    if (!read_at(sys, fd, notes, len, seg->offset))
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

static enum pil_cover judge_interp(const struct pil_sysops *sys, int fd, const struct segment *seg,
                                   const char *loader, struct pil_elf_report *out)
{
    const char *base;
    size_t len = (size_t)seg->size;

    if (seg->size < 2 || seg->size > sizeof(out->interp))
        return PIL_COVER_LIBC;
    if (!read_at(sys, fd, out->interp, len, seg->offset) || out->interp[len - 1] != '\0') {
        out->interp[0] = '\0';
        return PIL_COVER_NOTELF;
    }
    base = strrchr(out->interp, '/');
    return base && strcmp(base + 1, loader) == 0 ? PIL_COVER_YES : PIL_COVER_LIBC;
}

/* Reads up to PHDRS_AT_ONCE program headers, number `first` and on; 0 when they are not there. */
static unsigned read_segments(const struct pil_sysops *sys, int fd, const struct head *head,
                              unsigned first, struct segment out[PHDRS_AT_ONCE])
{
    unsigned left = head->phnum - first, count = left < PHDRS_AT_ONCE ? left : PHDRS_AT_ONCE;
    union {
        Elf32_Phdr narrow[PHDRS_AT_ONCE];
        Elf64_Phdr wide[PHDRS_AT_ONCE];
    } ph;

    if (!read_at(sys, fd, &ph, (size_t)count * head->phentsize,
                 head->phoff + (uint64_t)first * head->phentsize))
        return 0;
    for (unsigned i = 0; i < count; i++)
        if (head->class->elf_class == ELFCLASS64)
            out[i] = (struct segment){ph.wide[i].p_type, ph.wide[i].p_offset, ph.wide[i].p_filesz};
        else
            out[i] =
                (struct segment){ph.narrow[i].p_type, ph.narrow[i].p_offset, ph.narrow[i].p_filesz};
    return count;
}

/* One pass over the program headers: the first PT_INTERP counts, as for the kernel. */
static enum pil_cover judge_headers(const struct pil_sysops *sys, int fd, const struct head *head,
                                    struct pil_elf_report *out)
{
    enum pil_cover cover = PIL_COVER_STATIC;
    struct segment seg[PHDRS_AT_ONCE];
    bool seen = false, raw = false;

    for (unsigned i = 0; i < head->phnum; i++) {
        unsigned at = i % PHDRS_AT_ONCE;

        if (at == 0 && read_segments(sys, fd, head, i, seg) == 0)
            return PIL_COVER_NOTELF;
        if (seg[at].type == PT_INTERP && !seen) {
            seen = true;
            cover = judge_interp(sys, fd, &seg[at], head->class->loader, out);
        } else if (seg[at].type == PT_NOTE && !raw) {
            raw = has_go_note(sys, fd, &seg[at]);
        }
    }
    return cover == PIL_COVER_YES && raw ? PIL_COVER_RAW : cover;
}

static bool read_head_of_class(const struct pil_sysops *sys, int fd, struct head *head)
{
    Elf32_Ehdr narrow;
    Elf64_Ehdr wide;

    if (head->class->elf_class == ELFCLASS64) {
        if (!read_at(sys, fd, &wide, sizeof(wide), 0))
            return false;
        head->phnum = wide.e_phnum, head->phentsize = wide.e_phentsize, head->phoff = wide.e_phoff;
        return wide.e_phentsize == sizeof(Elf64_Phdr);
    }
    if (!read_at(sys, fd, &narrow, sizeof(narrow), 0))
        return false;
    head->phnum = narrow.e_phnum, head->phentsize = narrow.e_phentsize;
    head->phoff = narrow.e_phoff;
    return narrow.e_phentsize == sizeof(Elf32_Phdr);
}

/* Class and machine are told before anything of the file is read by a layout of its own. */
static enum pil_cover judge_class(const struct pil_sysops *sys, int fd, struct head *head,
                                  struct pil_elf_report *out)
{
    Elf32_Ehdr common;

    if (!read_at(sys, fd, &common, COMMON_BYTES, 0))
        return PIL_COVER_NOTELF;
    out->elf_class = common.e_ident[EI_CLASS];
    out->machine = common.e_machine;
    head->type = common.e_type;
    head->class = pil_classes_find(out->elf_class, out->machine);
    return head->class && common.e_ident[EI_DATA] == ELFDATA2LSB ? PIL_COVER_YES : PIL_COVER_CLASS;
}

/* Whatever else would be in the way of a program of another class than ours is told first. */
static enum pil_cover judge_elf(const struct pil_sysops *sys, int fd, const struct statx *st,
                                struct pil_elf_report *out)
{
    struct head head;
    enum pil_cover cover = judge_class(sys, fd, &head, out);

    if (cover != PIL_COVER_YES)
        return cover;
    if ((head.type != ET_EXEC && head.type != ET_DYN) || !read_head_of_class(sys, fd, &head) ||
        head.phnum == 0 || head.phnum > PHDRS_BYTES / head.phentsize)
        return PIL_COVER_NOTELF;
    cover = judge_headers(sys, fd, &head, out);
    if (cover == PIL_COVER_YES)
        cover = judge_privileges(sys, fd, st);
    if (cover != PIL_COVER_YES || head.class == pil_classes_ours())
        return cover;
    out->sibling = true;
    return PIL_COVER_CLASS;
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

/* The loader maps what the headers say, and what is missing ends the program or, worse, the
 * loading: then the program runs without the library. */
static bool is_whole(const struct pil_sysops *sys, int fd, const struct head *head)
{
    struct segment seg[PHDRS_AT_ONCE];
    char byte;

    for (unsigned i = 0; i < head->phnum; i++) {
        const struct segment *s = &seg[i % PHDRS_AT_ONCE];

        if (i % PHDRS_AT_ONCE == 0 && read_segments(sys, fd, head, i, seg) == 0)
            return false;
        if (s->size > 0 && (s->size > UINT64_MAX - s->offset ||
                            !read_at(sys, fd, &byte, 1, s->offset + s->size - 1)))
            return false;
    }
    return head->phnum > 0;
}

enum pil_cover pil_elf_library(const struct pil_sysops *sys, int fd, const struct pil_class *class)
{
    struct pil_elf_report report = {0};
    enum pil_cover cover;
    char start[COMMON_BYTES];
    struct head head;

    if (!read_at(sys, fd, start, sizeof(start), 0))
        return PIL_COVER_UNREADABLE;
    if (memcmp(start, ELFMAG, SELFMAG) != 0)
        return PIL_COVER_NOTELF;
    cover = judge_class(sys, fd, &head, &report);
    if (cover != PIL_COVER_YES)
        return cover;
    if (head.class != class)
        return PIL_COVER_CLASS;
    if (head.type != ET_DYN)
        return PIL_COVER_NOTELF;
    return read_head_of_class(sys, fd, &head) && is_whole(sys, fd, &head) ? PIL_COVER_YES
                                                                          : PIL_COVER_CUT;
}

enum pil_cover pil_elf_cover(const struct pil_sysops *sys, const struct pil_elf_report *report,
                             const char *word)
{
    const struct pil_class *class = pil_classes_find(report->elf_class, report->machine);

    if (report->cover == PIL_COVER_CLASS && report->sibling && class &&
        pil_classes_serve(sys, word, class))
        return PIL_COVER_YES;
    if (report->cover == PIL_COVER_YES && class == pil_classes_ours() &&
        !pil_classes_visible(sys, word))
        return PIL_COVER_HIDDEN;
    return report->cover;
}
