/* cli/inspect/elffile and code: files of this host, made ones, and files that lie. */
#include "tests/support/support.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/inspect/code.h"
#include "cli/inspect/elffile.h"

/* A file with one segment of everything and a dynamic section that the test fills. */
struct fake {
    Elf64_Ehdr head;
    Elf64_Phdr ph[3];
    Elf64_Dyn dyn[8];
    uint32_t hash[4];
    Elf64_Sym sym[3];
    Elf64_Rela rela[2];
    char str[64];
    uint8_t code[64];
    struct {
        Elf64_Nhdr head;
        char name[4];
        char desc[4];
    } note;
};

#define AT(member) offsetof(struct fake, member)

static void make(struct fake *f)
{
    static const char names[] = "\0libx.so\0connect\0mine";

    *f = (struct fake){
        .head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                 .e_type = ET_DYN,
                 .e_machine = EM_X86_64,
                 .e_phoff = AT(ph),
                 .e_phentsize = sizeof(Elf64_Phdr),
                 .e_phnum = 3},
        .ph = {{.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = sizeof(*f)},
               {.p_type = PT_DYNAMIC, .p_offset = AT(dyn), .p_filesz = sizeof(f->dyn)},
               {.p_type = PT_NOTE, .p_offset = AT(note), .p_filesz = sizeof(f->note)}},
        .dyn = {{.d_tag = DT_NEEDED, .d_un.d_val = 1},
                {.d_tag = DT_SYMTAB, .d_un.d_ptr = AT(sym)},
                {.d_tag = DT_STRTAB, .d_un.d_ptr = AT(str)},
                {.d_tag = DT_STRSZ, .d_un.d_val = sizeof(names)},
                {.d_tag = DT_HASH, .d_un.d_ptr = AT(hash)},
                {.d_tag = DT_RELA, .d_un.d_ptr = AT(rela)},
                {.d_tag = DT_RELASZ, .d_un.d_val = sizeof(f->rela)}},
        .hash = {1, 3},
        .sym = {{0}, {.st_name = 9}, {.st_name = 17, .st_shndx = 1}},
        .rela = {{.r_offset = 0x4000, .r_info = ELF64_R_INFO(1, R_X86_64_GLOB_DAT)},
                 {.r_offset = 0x5000, .r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE)}},
        .note = {{4, 4, 4}, "GNU", ""},
    };
    memcpy(f->str, names, sizeof(names));
}

static unsigned slots;
static void take_slot(void *cookie, const struct pil_elfslot *slot)
{
    assert_string_equal(slot->name, "connect");
    assert_int_equal(slot->address, 0x4000);
    assert_ptr_equal(cookie, &slots);
    slots++;
}

static void a_file_says_whom_it_calls(void **state)
{
    struct pil_elffile f;
    struct fake fake;

    (void)state;
    make(&fake);
    assert_true(pil_elffile_parse(&f, &fake, sizeof(fake)));
    assert_true(f.wide);
    assert_string_equal(pil_elffile_needed(&f, 0), "libx.so");
    assert_null(pil_elffile_needed(&f, 1));
    assert_true(pil_elffile_has(&f, "connect", false));
    assert_false(pil_elffile_has(&f, "connect", true));
    assert_true(pil_elffile_has(&f, "mine", true));
    assert_false(pil_elffile_has(&f, "listen", false));
    slots = 0;
    pil_elffile_slots(&f, take_slot, &slots);
    assert_int_equal(slots, 1);
    assert_false(pil_elffile_go(&f));
}

/* Every byte in turn is made as large as it can be: nothing outside the file may be read, which
 * the sanitizers see, and every walk must end. */
static void files_that_lie(void **state)
{
    struct pil_elffile f;
    struct pil_codecall call;
    struct fake *fake = malloc(sizeof(*fake));

    (void)state;
    assert_non_null(fake);
    for (size_t i = 0; i < sizeof(*fake); i++) {
        make(fake);
        ((uint8_t *)fake)[i] = 0xff;
        if (!pil_elffile_parse(&f, fake, sizeof(*fake)))
            continue;
        (void)pil_elffile_needed(&f, 1000);
        (void)pil_elffile_has(&f, "nobody", true);
        (void)pil_elffile_go(&f);
        (void)!pil_code_network_call(&f, &call);
    }
    for (size_t len = 0; len < sizeof(*fake); len++) {
        make(fake);
        if (pil_elffile_parse(&f, fake, len))
            (void)pil_elffile_has(&f, "nobody", true);
    }
    free(fake);
}

static void what_is_no_elf_file(void **state)
{
    struct pil_elffile f;
    struct fake fake;

    (void)state;
    make(&fake);
    fake.head.e_ident[EI_DATA] = ELFDATA2MSB;
    assert_false(pil_elffile_parse(&f, &fake, sizeof(fake)));
    make(&fake);
    fake.head.e_ident[EI_CLASS] = 3;
    assert_false(pil_elffile_parse(&f, &fake, sizeof(fake)));
    assert_false(pil_elffile_parse(&f, "#!/bin/sh", 9));
    assert_false(pil_elffile_open(&f, "/no/such/file"));
    assert_false(pil_elffile_open(&f, "/dev/null"));
    pil_elffile_close(&f);
}

static void go_is_told_by_note_or_build_information(void **state)
{
    struct pil_elffile f;
    struct fake fake;

    (void)state;
    make(&fake);
    memcpy(fake.note.name, "Go\0", 4);
    assert_true(pil_elffile_parse(&f, &fake, sizeof(fake)));
    assert_true(pil_elffile_go(&f));
    make(&fake);
    memcpy(fake.code, "\xff Go buildinf:", 14);
    assert_true(pil_elffile_parse(&f, &fake, sizeof(fake)));
    assert_false(pil_elffile_go(&f)); /* in code it is only text */
    fake.ph[0].p_flags = PF_R | PF_W;
    assert_true(pil_elffile_parse(&f, &fake, sizeof(fake)));
    assert_true(pil_elffile_go(&f));
}

static void libc_exports_what_it_does(void **state)
{
    struct pil_elffile f;
    Dl_info info;

    (void)state;
    assert_true(dladdr((void *)(uintptr_t)&getpid, &info) != 0);
    assert_true(pil_elffile_open(&f, info.dli_fname));
    assert_true(pil_elffile_has(&f, "connect", true));
    assert_true(pil_elffile_has(&f, "getpid", true));
    assert_false(pil_elffile_has(&f, "SSL_write", true));
    pil_elffile_close(&f);
}

/* ---- code -------------------------------------------------------------------------------------
 */

static const char *call_in(const void *code, size_t len, uint64_t *address)
{
    struct pil_codecall call = {NULL, 0};
    struct pil_elffile f;
    struct fake fake;

    make(&fake);
    memcpy(fake.code, code, len);
    assert_true(pil_elffile_parse(&f, &fake, sizeof(fake)));
    if (!pil_code_network_call(&f, &call))
        return NULL;
    *address = call.address - AT(code);
    return call.name;
}

static void network_calls_are_found_in_code(void **state)
{
    uint64_t at;

    (void)state;
    /* mov $42, %eax; mov %rsp, %rsi; syscall */
    assert_string_equal(call_in("\xb8\x2a\0\0\0\x48\x89\xe6\x0f\x05", 10, &at), "connect");
    assert_int_equal(at, 8);
    /* push $42; pop %rax; syscall */
    assert_string_equal(call_in("\x6a\x2a\x58\x0f\x05", 5, &at), "connect");
    /* mov $425, %eax; syscall */
    assert_string_equal(call_in("\xb8\xa9\x01\0\0\x0f\x05", 7, &at), "io_uring_setup");
}

static void other_calls_are_not(void **state)
{
    uint64_t at;

    (void)state;
    /* write */
    assert_null(call_in("\xb8\x01\0\0\0\x0f\x05", 7, &at));
    /* a number that is taken from somewhere: mov %edi, %eax; syscall */
    assert_null(call_in("\x89\xf8\x0f\x05", 4, &at));
    /* connect's number belongs to the first, the second takes its own */
    assert_null(call_in("\xb8\x27\0\0\0\x0f\x05\x0f\x05", 9, &at));
    /* overwritten before the instruction */
    assert_null(call_in("\xb8\x2a\0\0\0\xb8\x01\0\0\0\x0f\x05", 12, &at));
    /* no instruction at all */
    assert_null(call_in("\xb8\x2a\0\0\0", 5, &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_whom_it_calls),
        cmocka_unit_test(files_that_lie),
        cmocka_unit_test(what_is_no_elf_file),
        cmocka_unit_test(go_is_told_by_note_or_build_information),
        cmocka_unit_test(libc_exports_what_it_does),
        cmocka_unit_test(network_calls_are_found_in_code),
        cmocka_unit_test(other_calls_are_not),
    };

    return cmocka_run_group_tests_name("inspect_elffile", tests, NULL, NULL);
}
