#include "shim/mend.h"

#include <stdatomic.h>
#include <string.h>

#include "core/bytes.h"
#include "shim/confine.h"
#include "shim/env.h"

#define PRELOAD  "LD_PRELOAD="
#define SOCKET   "PILLION_SOCKET="
#define GREET    PIL_ENV_GREET "="
#define CONFINED PIL_ENV_CONFINED "="

static uint32_t losses(void)
{
    return atomic_load_explicit(&pil_confine_lost, memory_order_relaxed);
}

/* Exactly what is lost, not less: a variable that somebody else wrote would cost a child its life.
 */
static bool tells_losses(const char *value)
{
    return value && pil_confine_inherited(value) == losses();
}

static void write_losses(char to[sizeof(CONFINED) + 8])
{
    memcpy(to, CONFINED, sizeof(CONFINED) - 1);
    for (unsigned i = 0; i < 8; i++)
        to[sizeof(CONFINED) - 1 + i] = "0123456789abcdef"[losses() >> (28 - 4 * i) & 15];
    to[sizeof(CONFINED) + 7] = '\0';
}

static bool tells_all_to_greet(const char *value)
{
    return value && strcmp(value, PIL_ENV_GREET_ALL) == 0;
}

/* policyd is where PILLION_SOCKET said, and not at one of the default places. */
static bool is_chosen(void)
{
    return pil_env.alternative[0] == '\0';
}

bool pil_mend_look(char *const envp[], struct pil_lacks *lacks)
{
    const char *preload = pil_env_find(envp, "LD_PRELOAD");
    const char *named = pil_env_find(envp, "PILLION_SOCKET");

    *lacks = (struct pil_lacks){0};
    while (envp && envp[lacks->count])
        lacks->count++;
    if (pil_env.preload[0] && !pil_env_preloads(preload)) {
        lacks->preload = true;
        lacks->others = preload;
    }
    lacks->socket = is_chosen() ? !named || strcmp(named, pil_env.socket) != 0
                                : named && strcmp(named, PIL_DEFAULT_SOCKET) != 0 &&
                                      strcmp(named, PIL_DEFAULT_ABSTRACT) != 0;
    lacks->greet = pil_env.all_greet && !tells_all_to_greet(pil_env_find(envp, PIL_ENV_GREET));
    lacks->confined = losses() && !tells_losses(pil_env_find(envp, PIL_ENV_CONFINED));
    return lacks->preload || lacks->socket || lacks->greet || lacks->confined;
}

/* LD_PRELOAD=OURS:THEIRS with its NUL. */
static size_t preload_size(const struct pil_lacks *lacks)
{
    size_t others = lacks->others ? strlen(lacks->others) + 1 : 0;

    return sizeof(PRELOAD) + strlen(pil_env.preload) + others;
}

static size_t pointers_size(const struct pil_lacks *lacks)
{
    return (lacks->count + 5) * sizeof(char *);
}

size_t pil_mend_room(const struct pil_lacks *lacks)
{
    return pointers_size(lacks) + preload_size(lacks) + sizeof(SOCKET) + strlen(pil_env.socket) +
           sizeof(CONFINED) + 8;
}

static void write_variable(char *to, size_t cap, const char *name, const char *value,
                           const char *others)
{
    struct pil_text text;

    pil_text_init(&text, to, cap);
    pil_text_add(&text, name);
    pil_text_add(&text, value);
    if (others && others[0]) {
        pil_text_add(&text, ":");
        pil_text_add(&text, others);
    }
}

static bool is(const char *variable, const char *name)
{
    return strncmp(variable, name, strlen(name)) == 0;
}

char **pil_mend(char *const envp[], const struct pil_lacks *lacks, char **room)
{
    char *preload = (char *)room + pointers_size(lacks), *socket = preload + preload_size(lacks);
    char *confined = socket + sizeof(SOCKET) + strlen(pil_env.socket);
    static char all[] = GREET PIL_ENV_GREET_ALL;
    size_t n = 0;

    for (size_t i = 0; i < lacks->count; i++)
        if (!(lacks->preload && is(envp[i], PRELOAD)) && !(lacks->socket && is(envp[i], SOCKET)) &&
            !(lacks->greet && is(envp[i], GREET)) && !(lacks->confined && is(envp[i], CONFINED)))
            room[n++] = envp[i];
    if (lacks->preload) {
        write_variable(preload, preload_size(lacks), PRELOAD, pil_env.preload, lacks->others);
        room[n++] = preload;
    }
    if (lacks->socket && is_chosen()) {
        write_variable(socket, sizeof(SOCKET) + strlen(pil_env.socket), SOCKET, pil_env.socket,
                       NULL);
        room[n++] = socket;
    }
    if (lacks->greet)
        room[n++] = all;
    if (lacks->confined) {
        room[n++] = confined;
        write_losses(confined);
    }
    room[n] = NULL;
    return room;
}
