/*
 * Limits, attributes and static facts that every part of Pillion agrees on.
 *
 * Only constants live here: no types with behaviour, no functions with a body longer than an
 * expression. Every limit says its unit and why it has its size; a limit that appears on the
 * wire or in a shared page is part of that format's version.
 */
#ifndef PIL_CORE_DEFS_H
#define PIL_CORE_DEFS_H

#include <stddef.h>
#include <stdint.h>

#define PIL_VERSION "0.1.0"

/* Where things are when nobody said otherwise. The abstract name is the one that a chrooted
 * process can still reach; both lead to the same daemon. */
#define PIL_DEFAULT_SOCKET     "/run/pillion/policyd.sock"
#define PIL_DEFAULT_ABSTRACT   "@pillion/policyd"
#define PIL_DEFAULT_SETTINGS   "/etc/pillion/policyd.conf" /* of root's: the host is governed */
#define PIL_DEFAULT_POLICY_DIR "/etc/pillion/policy.d"
#define PIL_DEFAULT_SWITCH     "/etc/pillion/switch"
#define PIL_DEFAULT_STATE      "/var/lib/pillion"

/* Text limits, in bytes without the terminating NUL. */
#define PIL_NAME_MAX   253u  /* a host name: RFC 1035 section 2.3.4, as text */
#define PIL_UNIX_MAX   107u  /* sun_path less its NUL; "@..." stands for an abstract name */
#define PIL_CALLER_MAX 63u   /* base name of a calling module; longer ones are cut at the end */
#define PIL_TITLE_MAX  63u   /* workload, role, service, policy, rule and route titles */
#define PIL_TEXT_MAX   1023u /* any other string of the policy language */
#define PIL_SOCKET_MAX 107u  /* path of policyd's socket */

/* Counts. */
#define PIL_BATCH_MAX     16u      /* queries in one decide message */
#define PIL_RULES_MAX     1000000u /* rules of one image */
#define PIL_LIST_MAX      4096u    /* elements of one list in the policy language */
#define PIL_WORKLOADS_MAX 65535u   /* workloads of one image; 0 is "none matched" */
#define PIL_INHERIT_MAX   16u      /* depth of an inheritance path */

/* Times, in milliseconds. */
#define PIL_DEADLINE_MS    250u   /* a decision that policyd has not given by then is refused */
#define PIL_WELCOME_MS     2000u  /* the first welcome of a process, and its call */
#define PIL_VERDICT_TTL_MS 10000u /* how long a cached verdict may be served */
#define PIL_HELLO_MS       5000u  /* pillion run: the shim must have said hello by then */

/*
 * The variable that says which process greets policyd when it starts, and not with its first call:
 * the one of that pid (`pillion run` has promised it to policyd, and it keeps its pid over exec),
 * or all of them (a private policyd leaves when nobody is attached to it). A wrong one costs hellos
 * that nobody needs, or the life of a program that was promised and says none.
 */
#define PIL_ENV_GREET     "PILLION_GREET"
#define PIL_ENV_GREET_ALL "all"

#define PIL_NELEM(a)     (sizeof(a) / sizeof((a)[0]))
#define PIL_HIDDEN       __attribute__((visibility("hidden")))
#define PIL_PUBLIC       __attribute__((visibility("default")))
#define PIL_USERESULT    __attribute__((warn_unused_result))
#define PIL_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define PIL_LIKELY(x)    __builtin_expect(!!(x), 1)
#define PIL_UNLIKELY(x)  __builtin_expect(!!(x), 0)

_Static_assert(sizeof(void *) == 8 || sizeof(void *) == 4, "a flat address space");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "shared pages are little-endian");

#endif
