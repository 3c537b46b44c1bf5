#include "shim/env.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "core/bytes.h"
#include "shim/real.h"

#define LIBRARY "libpillion.so"

struct pil_env pil_env;

const char *pil_env_find(char *const envp[], const char *name)
{
    size_t len = strlen(name);

    for (; envp && *envp; envp++)
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
            return *envp + len + 1;
    return NULL;
}

/* The next word of an LD_PRELOAD value, which ld.so splits at blanks and colons. */
static struct pil_slice next_word(const char **at)
{
    struct pil_slice word;

    *at += strspn(*at, " :");
    word = (struct pil_slice){*at, strcspn(*at, " :")};
    *at += word.len;
    return word;
}

static bool same(struct pil_slice word, const char *text)
{
    return pil_slice_equal(word, pil_slice_of(text));
}

/*
 * The word that the loader took us by. It knows the path that it read from it: the same, unless the
 * word leaves something to the loader: a token such as $LIB, or the folder.
 */
static bool names_us(struct pil_slice word, const char *own)
{
    size_t base = sizeof(LIBRARY) - 1;
    struct pil_slice name = {word.at + word.len - base, base};

    if (same(word, own))
        return true;
    if (word.len < base || !same(name, LIBRARY))
        return false;
    return word.len == base || (name.at[-1] == '/' && memchr(word.at, '$', word.len));
}

static struct pil_slice find_us(const char *value, const char *own)
{
    struct pil_slice word;

    while ((word = next_word(&value)).len > 0)
        if (names_us(word, own))
            return word;
    return (struct pil_slice){NULL, 0};
}

bool pil_env_preloads(const char *value)
{
    struct pil_slice word;

    while (value && (word = next_word(&value)).len > 0)
        if (same(word, pil_env.preload))
            return true;
    return false;
}

/* Copies a value that fits whole; anything else leaves `to` as it is. */
static void copy_fitting(char *to, size_t cap, struct pil_slice value)
{
    if (value.len == 0 || value.len >= cap)
        return;
    memcpy(to, value.at, value.len);
    to[value.len] = '\0';
}

/* Threads that race write the same bytes, the first one last. */
const char *pil_env_program(void)
{
    char path[PIL_ENV_PATH];
    const char *base;
    ssize_t len;

    if (pil_env.program[0])
        return pil_env.program;
    len = pil_real_sys.readlinkat(AT_FDCWD, "/proc/self/exe", path, sizeof(path) - 1);
    if (len <= 0)
        return "";
    path[len] = '\0';
    base = strrchr(path, '/');
    base = base ? base + 1 : path;
    for (size_t at = strnlen(base, PIL_CALLER_MAX); at-- > 0;)
        __atomic_store_n(&pil_env.program[at], base[at], __ATOMIC_RELEASE);
    return pil_env.program;
}

/* Root has given this host a policyd: nobody else brings one of his own. */
static bool host_is_governed(void)
{
    struct statx st = {0};

    return pil_sysops_kernel.statx(AT_FDCWD, PIL_DEFAULT_SETTINGS, 0, STATX_UID, &st) == 0 &&
           st.stx_uid == 0;
}

static bool may_choose(void)
{
    return !pil_env.secure && (pil_env.uid == 0 || !host_is_governed());
}

static void read_socket(char *const envp[])
{
    const char *named = pil_env_find(envp, "PILLION_SOCKET");

    if (named && !may_choose())
        named = NULL;
    copy_fitting(pil_env.socket, sizeof(pil_env.socket), pil_slice_of(PIL_DEFAULT_SOCKET));
    if (named && (named[0] == '/' || named[0] == '@') && strlen(named) <= PIL_SOCKET_MAX)
        copy_fitting(pil_env.socket, sizeof(pil_env.socket), pil_slice_of(named));
    if (strcmp(pil_env.socket, PIL_DEFAULT_SOCKET) == 0)
        copy_fitting(pil_env.alternative, sizeof(pil_env.alternative),
                     pil_slice_of(PIL_DEFAULT_ABSTRACT));
}

static void read_greet(const char *value)
{
    uint32_t pid = 0;

    if (!value)
        return;
    pil_env.all_greet = strcmp(value, PIL_ENV_GREET_ALL) == 0;
    for (const char *at = value; *at >= '0' && *at <= '9'; at++)
        pid = pid * 10 + (uint32_t)(*at - '0');
    pil_env.greets = pil_env.all_greet || pid == (uint32_t)pil_real_sys.getpid();
}

void pil_env_read(char *const envp[], const char *own)
{
    const char *preload = pil_env_find(envp, "LD_PRELOAD");

    pil_env.secure = getauxval(AT_SECURE) != 0;
    pil_env.uid = (uint32_t)getauxval(AT_UID);
    read_socket(envp);
    read_greet(pil_env_find(envp, PIL_ENV_GREET));
    if (preload)
        copy_fitting(pil_env.preload, sizeof(pil_env.preload), find_us(preload, own));
}
