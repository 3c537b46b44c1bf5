#include "shim/env.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>

#include "core/bytes.h"
#include "core/host.h"
#include "core/ldpreload.h"
#include "shim/real.h"

struct pil_env pil_env;

const char *pil_env_find(char *const envp[], const char *name)
{
    size_t len = strlen(name);

    for (; envp && *envp; envp++)
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
            return *envp + len + 1;
    return NULL;
}

/*
 * The word that the loader took us by. It knows the path that it read from it: the same, unless the
 * word leaves something to the loader: a token such as $LIB, or the folder.
 */
static bool names_us(struct pil_slice word, const char *own)
{
    if (pil_slice_equal(word, pil_slice_of(own)))
        return true;
    return pil_ldpreload_is_library(word) &&
           (!memchr(word.at, '/', word.len) || memchr(word.at, '$', word.len));
}

static struct pil_slice find_us(const char *value, const char *own)
{
    struct pil_slice word;

    while ((word = pil_ldpreload_next(&value)).len > 0)
        if (names_us(word, own))
            return word;
    return (struct pil_slice){NULL, 0};
}

bool pil_env_preloads(const char *value)
{
    return pil_ldpreload_has(value, pil_env.preload);
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

static bool may_choose(void)
{
    return !pil_env.secure && (pil_env.uid == 0 || !pil_host_is_governed(&pil_sysops_kernel));
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
