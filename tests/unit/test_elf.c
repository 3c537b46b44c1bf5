/* core/elf: programs of this host, crafted files, and system calls that fail. */
#include "tests/support/support.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/classes.h"
#include "core/elf.h"

#define LOADER "/lib64/ld-linux-x86-64.so.2"

/* A small but whole ELF file: header, three program headers, interpreter, notes. */
struct fake {
    Elf64_Ehdr head;
    Elf64_Phdr ph[3];
    char interp[256];
    struct {
        Elf64_Nhdr head;
        char name[4];
        char desc[8];
    } note[2];
};

static struct fake fake_program(const char *interp)
{
    struct fake f = {
        .head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                 .e_type = ET_DYN,
                 .e_machine = EM_X86_64,
                 .e_phoff = offsetof(struct fake, ph),
                 .e_phentsize = sizeof(Elf64_Phdr),
                 .e_phnum = 3},
        .ph = {{.p_type = PT_LOAD},
               {.p_type = PT_INTERP, .p_offset = offsetof(struct fake, interp)},
               {.p_type = PT_NOTE,
                .p_offset = offsetof(struct fake, note),
                .p_filesz = sizeof(f.note)}},
        .note = {{{4, 8, 1}, "GNU", ""}, {{4, 8, 4}, "GNU", ""}},
    };

    f.ph[1].p_filesz = strlen(interp) + 1;
    strncpy(f.interp, interp, sizeof(f.interp) - 1);
    return f;
}

/* The same of the other class that this machine runs. */
struct narrow {
    Elf32_Ehdr head;
    Elf32_Phdr ph[2];
    char interp[64];
};

static struct narrow narrow_program(const char *interp)
{
    struct narrow f = {
        .head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
                 .e_type = ET_EXEC,
                 .e_machine = EM_386,
                 .e_phoff = offsetof(struct narrow, ph),
                 .e_phentsize = sizeof(Elf32_Phdr),
                 .e_phnum = 2},
        .ph = {{.p_type = PT_LOAD},
               {.p_type = PT_INTERP, .p_offset = offsetof(struct narrow, interp)}},
    };

    f.ph[1].p_filesz = (Elf32_Word)strlen(interp) + 1;
    strncpy(f.interp, interp, sizeof(f.interp) - 1);
    return f;
}

struct world {
    char *folder;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    w->folder = test_folder_make();
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    test_folder_remove(w->folder);
    free(w);
    return 0;
}

static char *put(struct world *w, const char *name, const void *bytes, size_t len, mode_t mode)
{
    char *path;
    int fd;

    assert_true(asprintf(&path, "%s/%s", w->folder, name) > 0);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static enum pil_cover inspect(const char *path, struct pil_elf_report *report)
{
    enum pil_cover cover;

    memset(report, 0xee, sizeof(*report));
    errno = 4711;
    cover = pil_elf_inspect(&pil_sysops_kernel, AT_FDCWD, path, report);
    assert_int_equal(errno, 4711);
    assert_int_equal(cover, report->cover);
    return cover;
}

#define assert_cover(call, expected)                                                               \
    do {                                                                                           \
        enum pil_cover c_ = (call);                                                                \
        if (c_ != (expected))                                                                      \
            fail_msg("%s gave %s, not %s", #call, pil_cover_name(c_), pil_cover_name(expected));   \
    } while (0)

static enum pil_cover inspect_fake(struct world *w, const struct fake *f,
                                   struct pil_elf_report *report)
{
    char *path = put(w, "fake", f, sizeof(*f), 0755);
    enum pil_cover cover = inspect(path, report);

    free(path);
    return cover;
}

static void programs_of_this_host_are_covered(void **state)
{
    struct pil_elf_report report;

    (void)state;
    assert_cover(inspect("/bin/true", &report), PIL_COVER_YES);
    assert_string_equal(report.interp, LOADER);
    assert_string_equal(report.program, "");
    assert_int_equal(report.scripts, 0);
    assert_int_equal(report.machine, EM_X86_64);
    assert_int_equal(report.elf_class, ELFCLASS64);
    assert_cover(inspect("/proc/self/exe", &report), PIL_COVER_YES);
}

static void fakes_are_judged_by_their_interpreter(void **state)
{
    struct world *w = *state;
    struct pil_elf_report report;
    struct fake f = fake_program(LOADER);
    char longest[200];

    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_YES);
    f = fake_program("/nix/store/x-glibc/lib/ld-linux-x86-64.so.2");
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_YES);
    f = fake_program("/lib/ld-musl-x86_64.so.1");
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_LIBC);
    assert_string_equal(report.interp, "/lib/ld-musl-x86_64.so.1");
    f = fake_program("/lib64/not-ld-linux-x86-64.so.2");
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_LIBC);
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    f = fake_program(longest);
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_LIBC);
    assert_string_equal(report.interp, "");
}

static void no_interpreter_is_static(void **state)
{
    struct world *w = *state;
    struct pil_elf_report report;
    struct fake f = fake_program(LOADER);

    f.ph[1].p_type = PT_LOAD;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_STATIC);
    f.head.e_type = ET_EXEC;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_STATIC);
}

static void only_the_first_interpreter_counts(void **state)
{
    struct world *w = *state;
    struct pil_elf_report report;
    struct fake f = fake_program("/lib/ld-musl-x86_64.so.1");

    /* A second one that would be good, where the kernel does not look any more. */
    memcpy(f.interp + 64, LOADER, sizeof(LOADER));
    f.ph[2] = (Elf64_Phdr){.p_type = PT_INTERP,
                           .p_offset = offsetof(struct fake, interp) + 64,
                           .p_filesz = sizeof(LOADER)};
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_LIBC);
}

static void go_is_told_by_its_note(void **state)
{
    struct world *w = *state;
    struct pil_elf_report report;
    struct fake f = fake_program(LOADER);

    memcpy(f.note[1].name, "Go\0", 4);
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_RAW);
    /* A note that claims more than there is ends the search, and nothing else. */
    f.note[0].head.n_descsz = UINT32_MAX;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_YES);
    f.note[0].head.n_descsz = 8;
    f.note[0].head.n_namesz = UINT32_MAX;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_YES);
}

static void other_machines_are_refused(void **state)
{
    struct world *w = *state;
    struct pil_elf_report report;
    struct fake f = fake_program(LOADER);

    f.head.e_ident[EI_CLASS] = ELFCLASS32;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_CLASS);
    assert_int_equal(report.elf_class, ELFCLASS32);
    f = fake_program(LOADER);
    f.head.e_machine = EM_AARCH64;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_CLASS);
    assert_int_equal(report.machine, EM_AARCH64);
    f = fake_program(LOADER);
    f.head.e_ident[EI_DATA] = ELFDATA2MSB;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_CLASS);
}

static void broken_headers_are_no_program(void **state)
{
    struct world *w = *state;
    struct pil_elf_report report;
    struct fake f = fake_program(LOADER);
    char *path;

    f.head.e_phnum = 0;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_NOTELF);
    f = fake_program(LOADER);
    f.head.e_phentsize = 32;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_NOTELF);
    f = fake_program(LOADER);
    f.head.e_phnum = 65535;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_NOTELF);
    f = fake_program(LOADER);
    f.head.e_phoff = UINT64_MAX - 8;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_NOTELF);
    f = fake_program(LOADER);
    f.head.e_type = ET_REL;
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_NOTELF);
    f = fake_program(LOADER);
    f.ph[1].p_filesz--; /* without its NUL */
    assert_cover(inspect_fake(w, &f, &report), PIL_COVER_NOTELF);
    assert_string_equal(report.interp, "");
    f = fake_program(LOADER);
    path = put(w, "cut", &f, sizeof(f.head) - 1, 0755);
    assert_cover(inspect(path, &report), PIL_COVER_NOTELF);
    free(path);
    path = put(w, "cut", &f, sizeof(f.head) + sizeof(f.ph[0]), 0755);
    assert_cover(inspect(path, &report), PIL_COVER_NOTELF);
    free(path);
}

static void scripts_are_judged_by_what_runs_them(void **state)
{
    static const struct {
        const char *text;
        enum pil_cover cover;
        const char *program;
    } row[] = {
        {"#!/bin/sh\n", PIL_COVER_YES, "/bin/sh"},
        {"#! \t/bin/sh -e\n", PIL_COVER_YES, "/bin/sh"},
        {"#!/bin/sh", PIL_COVER_YES, "/bin/sh"},
        {"#!/bin/sh\0/bin/no", PIL_COVER_YES, "/bin/sh"},
        {"#!/no/such/thing\n", PIL_COVER_NOTFOUND, "/no/such/thing"},
        {"#!\n", PIL_COVER_NOTELF, ""},
        {"#!", PIL_COVER_NOTELF, ""},
        {"#", PIL_COVER_NOTELF, ""},
        {"", PIL_COVER_NOTELF, ""},
        {"echo\n", PIL_COVER_NOTELF, ""},
    };
    struct world *w = *state;
    struct pil_elf_report report;

    for (size_t i = 0; i < PIL_NELEM(row); i++) {
        char *path = test_file(w->folder, "script", row[i].text);

        if (inspect(path, &report) != row[i].cover)
            fail_msg("\"%s\" gave %s", row[i].text, pil_cover_name(report.cover));
        assert_string_equal(report.program, row[i].program);
        free(path);
    }
}

static void an_interpreter_path_that_was_cut_is_refused(void **state)
{
    struct world *w = *state;
    struct pil_elf_report report;
    char line[PIL_ELF_LINE + 2];
    char *path;

    memset(line, '/', sizeof(line));
    memcpy(line, "#!", 2);
    memcpy(line + PIL_ELF_LINE - 8, "/bin/sh\n", 8); /* ends just in time: "////bin/sh" */
    path = put(w, "script", line, sizeof(line), 0755);
    assert_cover(inspect(path, &report), PIL_COVER_YES);
    free(path);
    line[PIL_ELF_LINE - 1] = 'x'; /* runs over */
    path = put(w, "script", line, sizeof(line), 0755);
    assert_cover(inspect(path, &report), PIL_COVER_NOTELF);
    free(path);
}

static void chains_of_scripts_end(void **state)
{
    struct world *w = *state;
    struct pil_elf_report report;
    char *path[6], *text;

    path[0] = test_file(w->folder, "s0", "#!/bin/sh\n");
    for (int i = 1; i < 6; i++) {
        char name[] = {'s', (char)('0' + i), 0};

        assert_true(asprintf(&text, "#!%s\n", path[i - 1]) > 0);
        path[i] = test_file(w->folder, name, text);
        free(text);
    }
    assert_cover(inspect(path[3], &report), PIL_COVER_YES);
    assert_int_equal(report.scripts, PIL_ELF_SCRIPTS);
    assert_string_equal(report.program, "/bin/sh");
    assert_cover(inspect(path[4], &report), PIL_COVER_SCRIPT_LOOP);
    assert_true(asprintf(&text, "#!%s\n", path[5]) > 0);
    free(test_file(w->folder, "s5", text)); /* now it names itself */
    assert_cover(inspect(path[5], &report), PIL_COVER_SCRIPT_LOOP);
    free(text);
    for (int i = 0; i < 6; i++)
        free(path[i]);
}

static void what_is_not_a_file_is_refused(void **state)
{
    struct world *w = *state;
    struct pil_elf_report report;
    char *fifo;

    assert_cover(inspect("/no/such/program", &report), PIL_COVER_NOTFOUND);
    assert_cover(inspect("/bin/true/x", &report), PIL_COVER_NOTFOUND);
    assert_cover(inspect(w->folder, &report), PIL_COVER_NOTELF);
    assert_cover(inspect("/dev/null", &report), PIL_COVER_NOTELF);
    assert_true(asprintf(&fifo, "%s/fifo", w->folder) > 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_cover(inspect(fifo, &report), PIL_COVER_NOTELF);
    free(fifo);
}

static void descriptors_are_judged_too(void **state)
{
    struct world *w = *state;
    struct pil_elf_report report;
    int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
    char *script = test_file(w->folder, "script", "#!/bin/sh\n");
    int path_fd = open("/bin/true", O_PATH | O_CLOEXEC);
    int dir = open("/bin", O_PATH | O_DIRECTORY | O_CLOEXEC);

    assert_cover(pil_elf_inspect_fd(&pil_sysops_kernel, fd, &report), PIL_COVER_YES);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    assert_cover(pil_elf_inspect_fd(&pil_sysops_kernel, path_fd, &report), PIL_COVER_YES);
    assert_cover(pil_elf_inspect(&pil_sysops_kernel, dir, "true", &report), PIL_COVER_YES);
    assert_cover(pil_elf_inspect_fd(&pil_sysops_kernel, dir, &report), PIL_COVER_NOTELF);
    assert_cover(pil_elf_inspect_fd(&pil_sysops_kernel, -1, &report), PIL_COVER_UNREADABLE);
    close(fd);
    fd = open(script, O_RDONLY | O_CLOEXEC);
    assert_cover(pil_elf_inspect_fd(&pil_sysops_kernel, fd, &report), PIL_COVER_YES);
    assert_string_equal(report.program, "/bin/sh");
    close(fd);
    close(path_fd);
    close(dir);
    free(script);
}

static void inspect_narrow(struct world *w, const struct narrow *f, struct pil_elf_report *report)
{
    char *path = put(w, "narrow", f, sizeof(*f), 0755);

    (void)inspect(path, report);
    free(path);
}

/* What a 32-bit program lacks is told like a 64-bit one's; nothing lacks but the library. */
static void the_other_class_is_judged_whole(void **state)
{
    struct world *w = *state;
    struct pil_elf_report report;
    struct narrow f = narrow_program("/lib/ld-linux.so.2");

    inspect_narrow(w, &f, &report);
    assert_cover(report.cover, PIL_COVER_CLASS);
    assert_true(report.sibling);
    assert_int_equal(report.elf_class, ELFCLASS32);
    assert_int_equal(report.machine, EM_386);
    assert_string_equal(report.interp, "/lib/ld-linux.so.2");
    f = narrow_program("/lib/ld-musl-i386.so.1");
    inspect_narrow(w, &f, &report);
    assert_cover(report.cover, PIL_COVER_LIBC);
    f = narrow_program(LOADER);
    inspect_narrow(w, &f, &report);
    assert_cover(report.cover, PIL_COVER_LIBC);
    f.ph[1].p_type = PT_NULL;
    inspect_narrow(w, &f, &report);
    assert_cover(report.cover, PIL_COVER_STATIC);
    assert_false(report.sibling);
    f.head.e_phentsize = sizeof(Elf64_Phdr);
    inspect_narrow(w, &f, &report);
    assert_cover(report.cover, PIL_COVER_NOTELF);
    f.head.e_machine = EM_ARM;
    inspect_narrow(w, &f, &report);
    assert_cover(report.cover, PIL_COVER_CLASS);
    assert_false(report.sibling);
}

/* Only the library of its class makes it covered, under each name that a loader may have for it. */
static void the_library_of_its_class_covers_it(void **state)
{
    static const char *const names[] = {"lib/i386-linux-gnu", "lib32"};
    struct world *w = *state;
    struct pil_elf_report report;
    struct narrow program = narrow_program("/lib/ld-linux.so.2"), library = program;
    struct fake wrong = fake_program(LOADER);
    char *word, *plain, *folder, *lib;

    library.head.e_type = ET_DYN;
    inspect_narrow(w, &program, &report);
    assert_true(asprintf(&word, "%s/$LIB/libpillion.so", w->folder) > 0);
    assert_true(asprintf(&plain, "%s/lib32/libpillion.so", w->folder) > 0);
    assert_true(asprintf(&lib, "%s/lib", w->folder) > 0);
    assert_int_equal(mkdir(lib, 0755), 0);
    for (size_t i = 0; i < PIL_NELEM(names); i++) {
        assert_cover(pil_elf_cover(&pil_sysops_kernel, &report, word), PIL_COVER_CLASS);
        assert_true(asprintf(&folder, "%s/%s", w->folder, names[i]) > 0);
        assert_int_equal(mkdir(folder, 0755), 0);
        free(folder);
        assert_true(asprintf(&folder, "%s/libpillion.so", names[i]) > 0);
        free(put(w, folder, &wrong, sizeof(wrong), 0644));
        assert_cover(pil_elf_cover(&pil_sysops_kernel, &report, word), PIL_COVER_CLASS);
        free(put(w, folder, &library, sizeof(library), 0644));
        free(folder);
    }
    assert_cover(pil_elf_cover(&pil_sysops_kernel, &report, word), PIL_COVER_YES);
    assert_cover(pil_elf_cover(&pil_sysops_kernel, &report, plain), PIL_COVER_CLASS);
    assert_cover(pil_elf_cover(&pil_sysops_kernel, &report, ""), PIL_COVER_CLASS);
    report.sibling = false;
    assert_cover(pil_elf_cover(&pil_sysops_kernel, &report, word), PIL_COVER_CLASS);
    report.cover = PIL_COVER_STATIC;
    assert_cover(pil_elf_cover(&pil_sysops_kernel, &report, word), PIL_COVER_STATIC);
    free(word);
    free(plain);
    free(lib);
}

static void a_library_is_told_from_a_program(void **state)
{
    struct world *w = *state;
    struct fake f = fake_program(LOADER);
    char *path = put(w, "lib", &f, sizeof(f), 0644);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_cover(pil_elf_library(&pil_sysops_kernel, fd, pil_classes_ours()), PIL_COVER_YES);
    f.head.e_type = ET_EXEC;
    assert_int_equal(pwrite(fd, &f, sizeof(f), 0), sizeof(f));
    assert_cover(pil_elf_library(&pil_sysops_kernel, fd, pil_classes_ours()), PIL_COVER_NOTELF);
    f.head.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(pwrite(fd, &f, sizeof(f), 0), sizeof(f));
    assert_cover(pil_elf_library(&pil_sysops_kernel, fd, pil_classes_ours()), PIL_COVER_CLASS);
    assert_int_equal(ftruncate(fd, 10), 0);
    assert_cover(pil_elf_library(&pil_sysops_kernel, fd, pil_classes_ours()), PIL_COVER_UNREADABLE);
    close(fd);
    free(path);
}

/* Of each segment that the headers announce the last byte must be there. */
static void a_library_that_was_cut_short_is_told(void **state)
{
    struct world *w = *state;
    struct fake f = fake_program(LOADER);
    char *path = put(w, "lib", &f, sizeof(f), 0644);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    f.ph[0].p_offset = sizeof(f) - 8;
    f.ph[0].p_filesz = 8;
    assert_int_equal(pwrite(fd, &f, sizeof(f), 0), sizeof(f));
    assert_cover(pil_elf_library(&pil_sysops_kernel, fd, pil_classes_ours()), PIL_COVER_YES);
    assert_int_equal(ftruncate(fd, sizeof(f) - 1), 0);
    assert_cover(pil_elf_library(&pil_sysops_kernel, fd, pil_classes_ours()), PIL_COVER_CUT);
    f.ph[0].p_offset = UINT64_MAX - 3;
    assert_int_equal(pwrite(fd, &f, sizeof(f), 0), sizeof(f));
    assert_cover(pil_elf_library(&pil_sysops_kernel, fd, pil_classes_ours()), PIL_COVER_CUT);
    f.head.e_phnum = 0;
    assert_int_equal(pwrite(fd, &f, sizeof(f), 0), sizeof(f));
    assert_cover(pil_elf_library(&pil_sysops_kernel, fd, pil_classes_ours()), PIL_COVER_CUT);
    close(fd);
    free(path);
}

/* ---- system calls that answer as told ---------------------------------------------------- */

static struct {
    uint32_t uid, euid, gid, egid;
    ssize_t xattr;
    uint32_t owner, group;
    uint16_t mode;
    int statx_error, ids_error, interrupts;
    int opened, closed;
} fake_sys;

static int f_statx(int dir, const char *path, int flags, unsigned mask, struct statx *out)
{
    int result = pil_sysops_kernel.statx(dir, path, flags, mask, out);

    if (fake_sys.statx_error)
        return fake_sys.statx_error;
    out->stx_uid = fake_sys.owner;
    out->stx_gid = fake_sys.group;
    out->stx_mode = fake_sys.mode;
    return result;
}

static ssize_t f_fgetxattr(int fd, const char *name, void *value, size_t len)
{
    (void)fd, (void)value, (void)len;
    assert_string_equal(name, "security.capability");
    return fake_sys.xattr;
}

static int f_getresuid(uint32_t *real, uint32_t *effective, uint32_t *saved)
{
    *real = fake_sys.uid;
    *effective = *saved = fake_sys.euid;
    return fake_sys.ids_error;
}

static int f_getresgid(uint32_t *real, uint32_t *effective, uint32_t *saved)
{
    *real = fake_sys.gid;
    *effective = *saved = fake_sys.egid;
    return fake_sys.ids_error;
}

static int f_openat(int dir, const char *path, int flags, unsigned mode)
{
    int fd;

    if (fake_sys.interrupts > 0) {
        fake_sys.interrupts--;
        return -EINTR;
    }
    fd = pil_sysops_kernel.openat(dir, path, flags, mode);
    fake_sys.opened += fd >= 0;
    return fd;
}

static ssize_t f_pread(int fd, void *buf, size_t len, int64_t offset)
{
    if (fake_sys.interrupts > 0) {
        fake_sys.interrupts--;
        return -EINTR;
    }
    /* Short reads are legal. */
    return pil_sysops_kernel.pread(fd, buf, len > 100 ? 100 : len, offset);
}

static int f_close(int fd)
{
    fake_sys.closed++;
    return pil_sysops_kernel.close(fd);
}

static enum pil_cover with(uint16_t mode, uint32_t owner, uint32_t group, ssize_t xattr)
{
    struct pil_sysops sys = pil_sysops_kernel;
    struct pil_elf_report report;
    enum pil_cover cover;

    sys.statx = f_statx;
    sys.fgetxattr = f_fgetxattr;
    sys.getresuid = f_getresuid;
    sys.getresgid = f_getresgid;
    sys.openat = f_openat;
    sys.pread = f_pread;
    sys.close = f_close;
    fake_sys.mode = S_IFREG | mode;
    fake_sys.owner = owner;
    fake_sys.group = group;
    fake_sys.xattr = xattr;
    fake_sys.opened = fake_sys.closed = 0;
    cover = pil_elf_inspect(&sys, AT_FDCWD, "/bin/true", &report);
    assert_int_equal(fake_sys.opened, fake_sys.closed);
    return cover;
}

static void be(uint32_t uid, uint32_t euid, uint32_t gid, uint32_t egid)
{
    memset(&fake_sys, 0, sizeof(fake_sys));
    fake_sys.uid = uid;
    fake_sys.euid = euid;
    fake_sys.gid = gid;
    fake_sys.egid = egid;
}

static void setuid_of_another_is_refused(void **state)
{
    (void)state;
    be(1000, 1000, 100, 100);
    assert_cover(with(0755, 0, 0, -ENODATA), PIL_COVER_YES);
    assert_cover(with(04755, 0, 0, -ENODATA), PIL_COVER_SETUID);
    assert_cover(with(04755, 1000, 0, -ENODATA), PIL_COVER_YES);
    assert_cover(with(02755, 0, 42, -ENODATA), PIL_COVER_SETUID);
    assert_cover(with(02755, 0, 100, -ENODATA), PIL_COVER_YES);
    /* setgid without group execution means mandatory locking, and nothing at exec */
    assert_cover(with(02745, 0, 42, -ENODATA), PIL_COVER_YES);
    /* whoever runs with two identities already gets secure execution from any file */
    be(1000, 0, 100, 100);
    assert_cover(with(0755, 0, 0, -ENODATA), PIL_COVER_SETUID);
    be(1000, 1000, 100, 42);
    assert_cover(with(0755, 0, 0, -ENODATA), PIL_COVER_SETUID);
    be(0, 0, 0, 0);
    assert_cover(with(04755, 33, 0, -ENODATA), PIL_COVER_SETUID);
}

static void file_capabilities_are_refused_unless_for_root(void **state)
{
    (void)state;
    be(1000, 1000, 100, 100);
    assert_cover(with(0755, 0, 0, 20), PIL_COVER_CAPS);
    assert_cover(with(0755, 0, 0, -EOPNOTSUPP), PIL_COVER_YES);
    assert_cover(with(0755, 0, 0, -EIO), PIL_COVER_UNREADABLE);
    be(0, 0, 0, 0);
    assert_cover(with(0755, 0, 0, 20), PIL_COVER_YES);
}

static void failing_calls_refuse(void **state)
{
    (void)state;
    be(1000, 1000, 100, 100);
    fake_sys.statx_error = -EIO;
    assert_cover(with(0755, 0, 0, -ENODATA), PIL_COVER_UNREADABLE);
    be(1000, 1000, 100, 100);
    fake_sys.ids_error = -EPERM;
    assert_cover(with(0755, 0, 0, -ENODATA), PIL_COVER_UNREADABLE);
    be(1000, 1000, 100, 100);
    fake_sys.interrupts = 5;
    assert_cover(with(0755, 0, 0, -ENODATA), PIL_COVER_YES);
}

static void every_cover_has_its_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PIL_COVER_COUNT; i++) {
        assert_true(strlen(pil_cover_name(i)) > 0);
        assert_true(strlen(pil_cover_text(i)) > 0);
        assert_true(strlen(pil_cover_remedy(i)) > 0);
    }
    assert_string_equal(pil_cover_name(PIL_COVER_COUNT), "unknown");
    assert_int_not_equal(PIL_COVER_YES, 0);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_of_this_host_are_covered),
        WITH_FOLDER(fakes_are_judged_by_their_interpreter),
        WITH_FOLDER(no_interpreter_is_static),
        WITH_FOLDER(only_the_first_interpreter_counts),
        WITH_FOLDER(go_is_told_by_its_note),
        WITH_FOLDER(other_machines_are_refused),
        WITH_FOLDER(broken_headers_are_no_program),
        WITH_FOLDER(scripts_are_judged_by_what_runs_them),
        WITH_FOLDER(an_interpreter_path_that_was_cut_is_refused),
        WITH_FOLDER(chains_of_scripts_end),
        WITH_FOLDER(what_is_not_a_file_is_refused),
        WITH_FOLDER(descriptors_are_judged_too),
        WITH_FOLDER(the_other_class_is_judged_whole),
        WITH_FOLDER(the_library_of_its_class_covers_it),
        WITH_FOLDER(a_library_is_told_from_a_program),
        WITH_FOLDER(a_library_that_was_cut_short_is_told),
        cmocka_unit_test(setuid_of_another_is_refused),
        cmocka_unit_test(file_capabilities_are_refused_unless_for_root),
        cmocka_unit_test(failing_calls_refuse),
        cmocka_unit_test(every_cover_has_its_words),
    };

    return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
