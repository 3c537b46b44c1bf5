/*
 * What policyd's /metrics and /healthz say, read over their unix socket.
 *
 * Tests only. A call fails the test by itself when nobody answers.
 */
#ifndef PIL_TESTS_HTTP_H
#define PIL_TESTS_HTTP_H

#include "tests/support/support.h"

/* The whole answer to GET path, head and body, malloc'd. */
char *test_http_get(const char *socket, const char *path);

/* Comes back when the answer to GET path has this text in it; fails when it never does. */
void test_http_await(const char *socket, const char *path, const char *text);

#endif
