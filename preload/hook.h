/*
 * What every hook file needs: the mark that exports a name, and the call site.
 *
 * A hook is a signature and one call into the shim. No policy, no state, no libc calls.
 */
#ifndef PIL_PRELOAD_HOOK_H
#define PIL_PRELOAD_HOOK_H

#include "core/defs.h"
#include "shim/shim.h"

#define HOOK   PIL_PUBLIC
#define CALLER __builtin_return_address(0)

#endif
