// flags: -I. -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
/* 21_fds_hidden with times of 64 bits, for which libc has an fstat of its own. */
#include "tests/victims/21_fds_hidden.c"
