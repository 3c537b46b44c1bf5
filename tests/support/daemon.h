/*
 * A real policyd for a test: private folder, private socket, started and waited for by what it
 * tells NOTIFY_SOCKET, never by time.
 *
 * Tests only. Every call fails the test by itself when something is not as it has to be.
 */
#ifndef PIL_TESTS_DAEMON_H
#define PIL_TESTS_DAEMON_H

#include <jansson.h>
#include <sys/types.h>

#include "core/wire.h"
#include "tests/support/support.h"

struct test_daemon {
    pid_t pid;
    int notify; /* what it tells systemd arrives here */
    char *folder, *policy, *socket, *log, *complaints;
};

/* Starts policyd with this policy text and up to eight more arguments (NULL-terminated, may be
 * NULL). It has loaded its policy, or failed to, when this returns. */
void test_daemon_start(struct test_daemon *d, const char *policy, const char *const *more);

/* Waits until it says so ("READY=1", "STOPPING=1"). */
void test_daemon_await(struct test_daemon *d, const char *what);

/* Replaces the policy file, as editors do: a new file under the old name. */
void test_daemon_policy(struct test_daemon *d, const char *policy);

/* Ends it in order and checks that it ended well. */
void test_daemon_stop(struct test_daemon *d);

/* A connection. */
int test_daemon_connect(const struct test_daemon *d);

/* Says hello and reads the welcome; the descriptors are closed unless fds is given. The workload
 * points into static memory. */
struct pil_welcome test_daemon_hello(int fd, int fds[2]);

/* Asks and returns the verdicts. */
void test_daemon_ask(int fd, const struct pil_query *q, unsigned count, struct pil_verdict *out);

/* The halves of both, for conversations that send ahead. */
void test_daemon_take_welcome(int fd, uint32_t sequence, const char *workload);
void test_daemon_take_verdicts(int fd, uint32_t sequence, struct pil_verdict *out, unsigned count);

/* A question about connecting to an address. */
struct pil_query test_daemon_query(const char *ip, unsigned port);

/* A whole control exchange on a connection of its own. */
json_t *test_daemon_control(const struct test_daemon *d, const char *verb, const char *argument,
                            uint32_t *status);
void test_daemon_send_control(int fd, const char *verb, const char *argument);

/* True at end of stream, false when a frame came; fails when neither comes. */
bool test_daemon_closed(int fd);

/* Contents of a file, malloc'd. */
char *test_daemon_read(const char *path);

#endif
