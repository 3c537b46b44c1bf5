/*
 * AddressSanitizer wants to be the first library of a program and ends it when it is not. It asks
 * this function, which it offers to programs for the purpose, what its options shall be; a program
 * that has one of its own, or says something in ASAN_OPTIONS, is asked instead or after us.
 */
#include "preload/hook.h"

const char *__asan_default_options(void);

HOOK const char *__asan_default_options(void)
{
    return "verify_asan_link_order=0";
}
