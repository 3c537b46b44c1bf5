#include "cli/inspect/binary.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/inspect/apparmor.h"
#include "cli/inspect/code.h"
#include "cli/inspect/elffile.h"
#include "cli/inspect/libraries.h"
#include "cli/out.h"
#include "core/classes.h"
#include "core/elf.h"

/* ---- core/elf, in somebody else's name ------------------------------------------------------- */

static uint32_t as_uid, as_gid; /* pil_sysops has no cookie; a command is one thread */

static int other_uid(uint32_t *real, uint32_t *effective, uint32_t *saved)
{
    *real = *effective = *saved = as_uid;
    return 0;
}

static int other_gid(uint32_t *real, uint32_t *effective, uint32_t *saved)
{
    *real = *effective = *saved = as_gid;
    return 0;
}

static void describe_privileges(const char *path, char *buf, size_t len)
{
    struct stat st;

    if (stat(path, &st))
        snprintf(buf, len, "%s: %s", path, strerror(errno));
    else
        snprintf(buf, len, "%s: mode %04o, owner %u, group %u", path, st.st_mode & 07777u,
                 (unsigned)st.st_uid, (unsigned)st.st_gid);
}

/* One line of evidence for a refusal of core/elf. */
static void add_cover(const struct pil_elf_report *report, enum pil_cover cover,
                      const struct pil_inspected *subject, const char *program,
                      struct pil_findings *f)
{
    const struct pil_class *class = pil_classes_find(report->elf_class, report->machine);
    char text[PATH_MAX + 128];

    switch (cover) {
    case PIL_COVER_SETUID:
    case PIL_COVER_CAPS:
        describe_privileges(program, text, sizeof(text));
        break;
    case PIL_COVER_LIBC:
        snprintf(text, sizeof(text), "%s: its loader is %s", program,
                 report->interp[0] ? report->interp : "none that is known");
        break;
    case PIL_COVER_CLASS:
        snprintf(text, sizeof(text), "%s: %s, machine %u; the library is %s", program,
                 class ? class->title : "an unknown class", report->machine, subject->library);
        break;
    default:
        snprintf(text, sizeof(text), "%s", program);
    }
    pil_findings_cover(f, cover, "%s", text);
}

static enum pil_cover judge(const struct pil_inspected *subject, struct pil_elf_report *report,
                            struct pil_findings *f)
{
    struct pil_sysops sys = pil_sysops_kernel;
    enum pil_cover cover;
    const char *program;

    as_uid = subject->uid;
    as_gid = subject->gid;
    sys.getresuid = other_uid;
    sys.getresgid = other_gid;
    (void)pil_elf_inspect(&sys, AT_FDCWD, subject->path, report);
    cover = pil_elf_cover(&sys, report, subject->library);
    program = report->scripts > 0 ? report->program : subject->path;
    if (report->scripts > 0)
        pil_findings_add(f, PIL_FINDING_SCRIPT, "%s is run by %s", subject->path, program);
    if (cover == PIL_COVER_SETUID && subject->no_new_privileges) {
        pil_findings_add(f, PIL_FINDING_UNIT_NNP, "%s", program);
        return PIL_COVER_YES;
    }
    add_cover(report, cover, subject, program, f);
    return cover;
}

/* Does its file give it other rights than those of its caller? */
static void look_at_privileges(const struct pil_inspected *subject, const char *program,
                               struct pil_findings *f)
{
    char text[PATH_MAX + 128];
    struct stat st;
    bool caps = getxattr(program, "security.capability", NULL, 0) > 0;

    if (!subject->anybody || stat(program, &st) || !((st.st_mode & (S_ISUID | S_ISGID)) || caps))
        return;
    describe_privileges(program, text, sizeof(text));
    pil_findings_add(f, PIL_FINDING_PRIVILEGED, "%s%s; judged for uid %u", text,
                     caps ? ", capabilities" : "", subject->uid);
}

/* ---- the program and its libraries ------------------------------------------------------------
 */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* glibc itself, whose calls are what the hooks stand before; and what the hooks know. */
static bool is_known(const char *path)
{
    static const char *const known[] = {"libc.so.",      "ld-linux",        "libpthread.so.",
                                        "libpillion.so", "libanl.so.",      "libresolv.so.",
                                        "liburing.so.",  "liburing-ffi.so."};
    const char *base = base_of(path);

    for (size_t i = 0; i < PIL_NELEM(known); i++)
        if (begins(base, known[i]))
            return true;
    return false;
}

static bool is_sanitizer(const char *base)
{
    return begins(base, "libasan.") || begins(base, "libtsan.") || begins(base, "libubsan.") ||
           begins(base, "liblsan.") || begins(base, "libmsan.") || begins(base, "libhwasan.");
}

/* An executable of the sanitizers that is linked with their static runtime exports this. */
static bool has_sanitizer(const struct pil_elffile *elf)
{
    return pil_elffile_has(elf, "__asan_init", true) || pil_elffile_has(elf, "__tsan_init", true);
}

/* Shared copies of libssl export these, and are no copy of one's own. */
static bool has_openssl(const struct pil_elffile *elf, const char *path)
{
    static const char banner[] = "SSL_CTX_new";

    if (begins(base_of(path), "libssl."))
        return false;
    if (pil_elffile_has(elf, "SSL_write", true))
        return true;
    /* Without symbols: a static libssl keeps the names of its functions for error messages, and
     * a program that merely imports them has no code of theirs ("ssl/ssl_lib.c"). */
    return !pil_elffile_has(elf, banner, false) &&
           memmem(elf->bytes, elf->len, "ssl/ssl_lib.c", sizeof("ssl/ssl_lib.c") - 1) != NULL;
}

struct import {
    const char *name;
    enum pil_finding_id finding;
};

static const struct import imports[] = {
    {"dlopen", PIL_FINDING_DEEPBIND},           {"dlmopen", PIL_FINDING_NAMESPACES},
    {"io_uring_queue_init", PIL_FINDING_URING}, {"io_uring_queue_init_params", PIL_FINDING_URING},
    {"io_uring_setup", PIL_FINDING_URING},      {"syscall", PIL_FINDING_SYSCALL},
};

/* What is said of any file of code, the program's own or a library's. */
static void look_at_code(const struct pil_elffile *elf, const char *path, struct pil_findings *f)
{
    struct pil_codecall call;

    if (pil_code_network_call(elf, &call))
        pil_findings_add(f, PIL_FINDING_RAW_CODE, "%s: %s at 0x%llx", path, call.name,
                         (unsigned long long)call.address);
    if (has_openssl(elf, path))
        pil_findings_add(f, PIL_FINDING_OPENSSL, "%s", path);
    for (size_t i = 0; i < PIL_NELEM(imports); i++)
        if (pil_elffile_has(elf, imports[i].name, false))
            pil_findings_add(f, imports[i].finding, "%s imports %s", path, imports[i].name);
}

static void look_at_program(const char *path, struct pil_findings *f)
{
    struct pil_elffile elf;

    if (!pil_elffile_open(&elf, path))
        return;
    if (pil_elffile_go(&elf))
        pil_findings_add(f, PIL_FINDING_GO, "%s has the build information of Go", path);
    if (has_sanitizer(&elf))
        pil_findings_add(f, PIL_FINDING_SANITIZER, "%s", path);
    look_at_code(&elf, path, f);
    pil_elffile_close(&elf);
}

static void look_at_library(const char *path, struct pil_findings *f)
{
    struct pil_elffile elf;

    if (is_sanitizer(base_of(path)))
        pil_findings_add(f, PIL_FINDING_SANITIZER, "%s", path);
    else if (!is_known(path) && pil_elffile_open(&elf, path)) {
        if (pil_elffile_go(&elf))
            pil_findings_add(f, PIL_FINDING_GO_LIBRARY, "%s has the build information of Go", path);
        look_at_code(&elf, path, f);
        pil_elffile_close(&elf);
    }
}

static void look_at_libraries(const struct pil_elf_report *report, struct pil_binary *out,
                              struct pil_findings *f)
{
    struct pil_libraries list;

    pil_libraries_list(out->program, base_of(report->interp), &list);
    out->libraries_known = list.known;
    out->libraries = list.count;
    if (!list.known)
        pil_findings_add(f, PIL_FINDING_LOADER_SILENT, "%s", out->program);
    for (size_t i = 0; i < list.count; i++) {
        if (list.item[i].path)
            look_at_library(list.item[i].path, f);
        else
            pil_findings_add(f, PIL_FINDING_MISSING, "%s", list.item[i].name);
        out->missing += !list.item[i].path;
    }
    pil_libraries_free(&list);
}

static void look_at_profile(const char *path, struct pil_findings *f)
{
    struct pil_apparmor profile;

    if (pil_apparmor_find(PIL_APPARMOR_KERNEL, PIL_APPARMOR_FOLDER, path, &profile))
        pil_findings_add(f,
                         profile.names_library ? PIL_FINDING_APPARMOR_KNOWS : PIL_FINDING_APPARMOR,
                         "%s (%s), %s", profile.profile, profile.mode, profile.file);
}

static const char *machine_of(const struct pil_elf_report *report)
{
    static char other[48];

    if (report->machine == EM_X86_64)
        return report->elf_class == ELFCLASS64 ? "x86-64" : "x32";
    if (report->machine == EM_386)
        return "i386";
    if (report->machine == 0)
        return "";
    snprintf(other, sizeof(other), "machine %u", report->machine);
    return other;
}

void pil_inspect_binary(const struct pil_inspected *subject, struct pil_binary *out,
                        struct pil_findings *f)
{
    struct pil_elf_report report;
    enum pil_cover cover = judge(subject, &report, f);

    memset(out, 0, sizeof(*out));
    snprintf(out->program, sizeof(out->program), "%s",
             report.scripts > 0 ? report.program : subject->path);
    memcpy(out->interp, report.interp, sizeof(out->interp));
    out->machine = machine_of(&report);
    out->scripts = report.scripts;
    if (cover == PIL_COVER_YES)
        look_at_privileges(subject, out->program, f);
    if (cover == PIL_COVER_YES)
        look_at_program(out->program, f);
    if (cover == PIL_COVER_YES)
        look_at_libraries(&report, out, f);
    if (report.machine)
        look_at_profile(subject->path, f);
}

void pil_binary_print(const struct pil_binary *binary, const struct pil_findings *f, FILE *to)
{
    fputs("program    ", to);
    pil_out_text(to, binary->program);
    putc('\n', to);
    if (*binary->machine) {
        fprintf(to, "machine    %s, loader ", binary->machine);
        pil_out_text(to, binary->interp[0] ? binary->interp : "none");
        putc('\n', to);
    }
    if (binary->libraries_known)
        fprintf(to, "libraries  %zu, %zu not found\n", binary->libraries, binary->missing);
    fprintf(to, "verdict    %s\n", pil_findings_verdict(f));
}

json_t *pil_binary_json(const struct pil_binary *binary)
{
    return json_pack(
        "{s:o, s:s, s:o, s:i, s:o, s:o}", "path", pil_out_json_text(binary->program), "machine",
        binary->machine, "loader", pil_out_json_text(binary->interp), "scripts",
        (int)binary->scripts, "libraries",
        binary->libraries_known ? json_integer((json_int_t)binary->libraries) : json_null(),
        "missing",
        binary->libraries_known ? json_integer((json_int_t)binary->missing) : json_null());
}
