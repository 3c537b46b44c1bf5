#include "cli/inspect/elffile.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define GO_MAGIC      "\xff Go buildinf:"
#define GO_DATA_BYTES 65536u /* of a data segment; debug/buildinfo looks no further */

/* ---- bytes ------------------------------------------------------------------------------------
 */

static bool has(const struct pil_elffile *f, uint64_t at, uint64_t len)
{
    return at <= f->len && len <= f->len - at;
}

/* A little-endian number of that size, 0 outside the file. */
static uint64_t number(const struct pil_elffile *f, uint64_t at, unsigned size)
{
    uint64_t value = 0;

    if (has(f, at, size))
        for (unsigned i = 0; i < size; i++)
            value |= (uint64_t)f->bytes[at + i] << (8 * i);
    return value;
}

/* A number whose size follows the class. */
static uint64_t word(const struct pil_elffile *f, uint64_t at)
{
    return number(f, at, f->wide ? 8 : 4);
}

/* A text of the string table; "" when it is not whole. */
static const char *text_at(const struct pil_elffile *f, uint64_t offset)
{
    if (offset >= f->strsz || !has(f, f->strtab, f->strsz) ||
        !memchr(f->bytes + f->strtab + offset, 0, (size_t)(f->strsz - offset)))
        return "";
    return (const char *)f->bytes + f->strtab + offset;
}

/* ---- headers ----------------------------------------------------------------------------------
 */

bool pil_elffile_segment(const struct pil_elffile *f, unsigned i, struct pil_elfsegment *out)
{
    uint64_t at = f->phoff + (uint64_t)i * (f->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));

    if (i >= f->phnum || !has(f, at, f->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return false;
    out->type = (uint32_t)number(f, at, 4);
    out->flags = (uint32_t)number(f, at + (f->wide ? 4 : 24), 4);
    out->offset = word(f, at + (f->wide ? 8 : 4));
    out->address = word(f, at + (f->wide ? 16 : 8));
    out->filesz = word(f, at + (f->wide ? 32 : 16));
    if (out->offset > f->len)
        out->offset = f->len;
    if (out->filesz > f->len - out->offset)
        out->filesz = f->len - out->offset;
    return true;
}

/* Where in the file that address is; 0 when it is nowhere. */
static uint64_t offset_of(const struct pil_elffile *f, uint64_t address)
{
    struct pil_elfsegment s;

    for (unsigned i = 0; pil_elffile_segment(f, i, &s); i++)
        if (s.type == PT_LOAD && address >= s.address && address - s.address < s.filesz)
            return s.offset + (address - s.address);
    return 0;
}

/* Entry number i of the dynamic section. */
static bool dynamic_at(const struct pil_elffile *f, uint64_t i, uint64_t *tag, uint64_t *value)
{
    unsigned size = f->wide ? 16 : 8;

    if (i >= f->dynamic_len / size)
        return false;
    *tag = word(f, f->dynamic + i * size);
    *value = word(f, f->dynamic + i * size + size / 2);
    return *tag != DT_NULL;
}

static uint64_t dynamic_value(const struct pil_elffile *f, uint64_t wanted)
{
    uint64_t tag, value;

    for (uint64_t i = 0; dynamic_at(f, i, &tag, &value); i++)
        if (tag == wanted)
            return value;
    return 0;
}

/* The GNU hash table says it only in a roundabout way: the last chain ends at the last symbol. */
static uint64_t count_by_gnu_hash(const struct pil_elffile *f, uint64_t table)
{
    uint64_t buckets = number(f, table, 4), first = number(f, table + 4, 4), last = 0;
    uint64_t bucket = table + 16 + number(f, table + 8, 4) * (f->wide ? 8 : 4);
    uint64_t chain = bucket + buckets * 4;

    if (!has(f, bucket, buckets * 4))
        return 0;
    for (uint64_t i = 0; i < buckets; i++)
        if (number(f, bucket + i * 4, 4) > last)
            last = number(f, bucket + i * 4, 4);
    if (last < first)
        return first;
    while (has(f, chain + (last - first) * 4, 4) && !(number(f, chain + (last - first) * 4, 4) & 1))
        last++;
    return last + 1;
}

static void find_symbols(struct pil_elffile *f)
{
    uint64_t hash = offset_of(f, dynamic_value(f, DT_HASH));
    uint64_t gnu = offset_of(f, dynamic_value(f, DT_GNU_HASH));

    f->symtab = offset_of(f, dynamic_value(f, DT_SYMTAB));
    f->strtab = offset_of(f, dynamic_value(f, DT_STRTAB));
    f->strsz = dynamic_value(f, DT_STRSZ);
    if (!f->symtab)
        return;
    f->symbols = hash ? number(f, hash + 4, 4) : gnu ? count_by_gnu_hash(f, gnu) : 0;
}

bool pil_elffile_parse(struct pil_elffile *f, const void *bytes, size_t len)
{
    struct pil_elfsegment s;

    memset(f, 0, sizeof(*f));
    f->bytes = bytes;
    f->len = len;
    if (len < sizeof(Elf32_Ehdr) || memcmp(bytes, ELFMAG, SELFMAG) != 0 ||
        f->bytes[EI_DATA] != ELFDATA2LSB)
        return false;
    if (f->bytes[EI_CLASS] != ELFCLASS64 && f->bytes[EI_CLASS] != ELFCLASS32)
        return false;
    f->wide = f->bytes[EI_CLASS] == ELFCLASS64;
    f->type = (uint16_t)number(f, 16, 2);
    f->machine = (uint16_t)number(f, 18, 2);
    f->phoff = word(f, f->wide ? 32 : 28);
    f->phnum = (unsigned)number(f, f->wide ? 56 : 44, 2);
    for (unsigned i = 0; pil_elffile_segment(f, i, &s); i++)
        if (s.type == PT_DYNAMIC) {
            f->dynamic = s.offset;
            f->dynamic_len = s.filesz;
        }
    find_symbols(f);
    return true;
}

bool pil_elffile_open(struct pil_elffile *f, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    void *bytes = MAP_FAILED;
    struct stat st;

    memset(f, 0, sizeof(*f));
    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return false;
    if (!pil_elffile_parse(f, bytes, (size_t)st.st_size)) {
        munmap(bytes, (size_t)st.st_size);
        return false;
    }
    f->mapped = true;
    return true;
}

void pil_elffile_close(struct pil_elffile *f)
{
    if (f->mapped)
        munmap((void *)(uintptr_t)f->bytes, f->len);
    memset(f, 0, sizeof(*f));
}

/* ---- libraries, symbols, slots ----------------------------------------------------------------
 */

const char *pil_elffile_needed(const struct pil_elffile *f, unsigned number_of)
{
    uint64_t tag, value;

    for (uint64_t i = 0; dynamic_at(f, i, &tag, &value); i++)
        if (tag == DT_NEEDED && number_of-- == 0)
            return text_at(f, value);
    return NULL;
}

bool pil_elffile_symbol(const struct pil_elffile *f, uint64_t i, struct pil_elfsymbol *out)
{
    unsigned size = f->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);

    if (i >= f->symbols || i > f->len / size || !has(f, f->symtab + i * size, size))
        return false;
    out->name = text_at(f, number(f, f->symtab + i * size, 4));
    out->defined = number(f, f->symtab + i * size + (f->wide ? 6 : 14), 2) != SHN_UNDEF;
    return true;
}

bool pil_elffile_has(const struct pil_elffile *f, const char *name, bool defined)
{
    struct pil_elfsymbol symbol;

    for (uint64_t i = 1; pil_elffile_symbol(f, i, &symbol); i++)
        if (symbol.defined == defined && strcmp(symbol.name, name) == 0)
            return true;
    return false;
}

/* Types of relocations that write a function's address, by machine. */
static bool writes_address(const struct pil_elffile *f, uint64_t type)
{
    if (f->machine == EM_X86_64)
        return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT || type == R_X86_64_64;
    return f->machine == EM_386 &&
           (type == R_386_JMP_SLOT || type == R_386_GLOB_DAT || type == R_386_32);
}

struct table {
    uint64_t at, len;
    unsigned size; /* of an entry */
};

static void walk(const struct pil_elffile *f, const struct table *t,
                 void (*each)(void *cookie, const struct pil_elfslot *slot), void *cookie)
{
    for (uint64_t i = 0; t->at && i < t->len / t->size; i++) {
        uint64_t at = t->at + i * t->size, info = word(f, at + (f->wide ? 8 : 4));
        struct pil_elfsymbol symbol;
        struct pil_elfslot slot = {.address = word(f, at)};

        if (!has(f, at, t->size))
            return;
        if (!writes_address(f, f->wide ? info & 0xffffffff : info & 0xff) ||
            !pil_elffile_symbol(f, f->wide ? info >> 32 : info >> 8, &symbol))
            continue;
        slot.name = symbol.name;
        if (*slot.name)
            each(cookie, &slot);
    }
}

void pil_elffile_slots(const struct pil_elffile *f,
                       void (*each)(void *cookie, const struct pil_elfslot *slot), void *cookie)
{
    unsigned rela = f->wide ? sizeof(Elf64_Rela) : sizeof(Elf32_Rela);
    unsigned rel = f->wide ? sizeof(Elf64_Rel) : sizeof(Elf32_Rel);
    const struct table tables[] = {
        {offset_of(f, dynamic_value(f, DT_RELA)), dynamic_value(f, DT_RELASZ), rela},
        {offset_of(f, dynamic_value(f, DT_REL)), dynamic_value(f, DT_RELSZ), rel},
        {offset_of(f, dynamic_value(f, DT_JMPREL)), dynamic_value(f, DT_PLTRELSZ),
         dynamic_value(f, DT_PLTREL) == DT_RELA ? rela : rel},
    };

    for (size_t i = 0; i < PIL_NELEM(tables); i++)
        walk(f, &tables[i], each, cookie);
}

/* ---- Go ---------------------------------------------------------------------------------------
 */

static bool is_go_note(const struct pil_elffile *f, const struct pil_elfsegment *s)
{
    uint64_t at = s->offset, end = s->offset + s->filesz;

    while (end - at >= sizeof(Elf64_Nhdr)) {
        uint64_t name = number(f, at, 4), desc = number(f, at + 4, 4);
        uint64_t room = ((name + 3) & ~(uint64_t)3) + ((desc + 3) & ~(uint64_t)3);

        at += sizeof(Elf64_Nhdr);
        if (name == 4 && end - at >= 4 && memcmp(f->bytes + at, "Go\0", 4) == 0)
            return true;
        if (room > end - at)
            return false;
        at += room;
    }
    return false;
}

bool pil_elffile_go(const struct pil_elffile *f)
{
    struct pil_elfsegment s;

    for (unsigned i = 0; pil_elffile_segment(f, i, &s); i++) {
        if (s.type == PT_NOTE && is_go_note(f, &s))
            return true;
        if (s.type == PT_LOAD && (s.flags & PF_W) &&
            memmem(f->bytes + s.offset, s.filesz < GO_DATA_BYTES ? s.filesz : GO_DATA_BYTES,
                   GO_MAGIC, sizeof(GO_MAGIC) - 1))
            return true;
    }
    return false;
}
