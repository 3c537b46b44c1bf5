/*
 * The one place that includes cmocka, and what every test needs beside it.
 *
 * Tests only; nothing here is fast or careful about memory beyond its own test.
 */
#ifndef PIL_TESTS_SUPPORT_H
#define PIL_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/bytes.h"
#include "core/err.h"

/* Slices compared as text, with both shown when they differ. */
#define assert_slice(slice, text)                                                                  \
    do {                                                                                           \
        struct pil_slice s_ = (slice);                                                             \
        const char *t_ = (text);                                                                   \
        if (!pil_slice_equal(s_, pil_slice_of(t_)))                                                \
            fail_msg("\"%.*s\" is not \"%s\"", (int)s_.len, s_.at ? s_.at : "", t_);               \
    } while (0)

/* Error codes by name, so that a failure reads. */
#define assert_err(call, code)                                                                     \
    do {                                                                                           \
        int e_ = (call);                                                                           \
        if (e_ != (code))                                                                          \
            fail_msg("%s gave %s, not %s", #call, pil_err_name(e_), pil_err_name(code));           \
    } while (0)

/* A fresh private folder, removed by test_folder_remove; the path is malloc'd. */
char *test_folder_make(void);
void test_folder_remove(char *path);

/* Writes text to folder/name with mode 0600 and returns its path (malloc'd). */
char *test_file(const char *folder, const char *name, const char *text);

#endif
