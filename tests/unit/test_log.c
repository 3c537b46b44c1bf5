/* policyd/log and policyd/json: lines reach the file, in order, whole; what happens when they
 * cannot. */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <sys/stat.h>
#include <stdio.h>
#include <unistd.h>

#include "policyd/json.h"
#include "policyd/log.h"
#include "tests/support/daemon.h"

/* Waits until the log has got into a state, for twenty seconds at most. */
#define until(log, status, condition)                                                              \
    do {                                                                                           \
        unsigned tries_ = 0;                                                                       \
        for (pil_log_state(log, &(status)); !(condition); pil_log_state(log, &(status))) {         \
            assert_true(tries_++ < 2000);                                                          \
            poll(NULL, 0, 10);                                                                     \
        }                                                                                          \
    } while (0)

static void lines_arrive_in_order(void **state)
{
    char *folder = test_folder_make(), *path = test_file(folder, "log", "old\n"), *text;
    struct pil_log *log;

    (void)state;
    assert_err(pil_log_open(path, 65536, PIL_ON_FULL_BLOCK, true, &log), PIL_OK);
    assert_err(pil_log_start(log), PIL_OK);
    for (unsigned i = 0; i < 20000; i++) {
        char line[32];
        int len = snprintf(line, sizeof(line), "line %u\n", i);

        assert_true(pil_log_write(log, line, (size_t)len));
    }
    pil_log_close(log);
    text = test_daemon_read(path);
    assert_int_equal(strncmp(text, "old\nline 0\nline 1\n", 18), 0);
    assert_string_equal(text + strlen(text) - 11, "line 19999\n");
    free(text);
    free(path);
    test_folder_remove(folder);
}

static void rotation_loses_nothing(void **state)
{
    char *folder = test_folder_make(), *path = test_file(folder, "log", ""), *old, *text;
    struct pil_log_status status;
    struct pil_log *log;

    (void)state;
    assert_true(asprintf(&old, "%s.1", path) > 0);
    assert_err(pil_log_open(path, 65536, PIL_ON_FULL_DROP, true, &log), PIL_OK);
    assert_err(pil_log_start(log), PIL_OK);
    assert_true(pil_log_write(log, "one\n", 4));
    pil_log_kick(log);
    until(log, status, status.lines == 1);
    assert_int_equal(rename(path, old), 0);
    pil_log_reopen(log);
    for (unsigned tries = 0; access(path, F_OK) != 0; tries++) {
        assert_true(tries < 2000);
        poll(NULL, 0, 10);
    }
    assert_true(pil_log_write(log, "two\n", 4));
    pil_log_close(log);
    text = test_daemon_read(old);
    assert_string_equal(text, "one\n");
    free(text);
    text = test_daemon_read(path);
    assert_string_equal(text, "two\n");
    free(text), free(old), free(path);
    test_folder_remove(folder);
}

/* /dev/full is a disk without room. */
static void a_full_disk_drops_and_counts(void **state)
{
    char line[1000];
    struct pil_log_status status;
    struct pil_log *log;
    unsigned taken = 0;

    (void)state;
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    assert_err(pil_log_open("/dev/full", 65536, PIL_ON_FULL_DROP, true, &log), PIL_OK);
    assert_err(pil_log_start(log), PIL_OK);
    while (pil_log_write(log, line, sizeof(line)))
        taken++;
    assert_int_equal(taken, 65);
    pil_log_kick(log);
    until(log, status, status.error == ENOSPC);
    assert_int_equal(status.dropped, 1);
    assert_int_equal(status.lines, 0);
    assert_int_equal(status.waiting, 65000);
    assert_false(pil_log_denies(log));
    pil_log_close(log);
}

static void a_full_disk_denies_where_that_was_chosen(void **state)
{
    struct pil_log_status status;
    struct pil_log *log;

    (void)state;
    assert_err(pil_log_open("/dev/full", 65536, PIL_ON_FULL_DENY, true, &log), PIL_OK);
    assert_err(pil_log_start(log), PIL_OK);
    assert_false(pil_log_denies(log));
    assert_true(pil_log_write(log, "x\n", 2));
    pil_log_kick(log);
    until(log, status, status.error == ENOSPC);
    assert_true(pil_log_denies(log));
    pil_log_close(log);
}

static void a_reader_that_is_slow_blocks_where_that_was_chosen(void **state)
{
    char *folder = test_folder_make(), *path, line[1024], room[65536];
    struct pil_log *log;
    size_t total = 0;
    pid_t writer;
    int fd;

    (void)state;
    assert_true(asprintf(&path, "%s/pipe", folder) > 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    memset(line, 'y', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    writer = fork();
    if (writer == 0) {
        if (pil_log_open(path, 65536, PIL_ON_FULL_BLOCK, true, &log) || pil_log_start(log))
            _exit(1);
        for (unsigned i = 0; i < 500; i++)
            if (!pil_log_write(log, line, sizeof(line)))
                _exit(2);
        pil_log_close(log);
        _exit(0);
    }
    while (total < 500 * sizeof(line)) {
        ssize_t got = read(fd, room, sizeof(room));

        assert_true(got > 0);
        total += (size_t)got;
    }
    assert_int_equal(total, 500 * sizeof(line));
    close(fd);
    free(path);
    test_folder_remove(folder);
}

/* Before it is given to another user, that is: who owns the folder could have put it there. */
static void a_link_is_not_followed_where_that_was_chosen(void **state)
{
    char *folder = test_folder_make(), *path = test_file(folder, "log", ""), *soft, *hard;
    struct pil_log *log;

    (void)state;
    assert_true(asprintf(&soft, "%s/soft", folder) > 0 && asprintf(&hard, "%s/hard", folder) > 0);
    assert_int_equal(symlink(path, soft), 0);
    assert_err(pil_log_open(path, 65536, PIL_ON_FULL_DROP, false, &log), PIL_OK);
    pil_log_close(log);
    assert_err(pil_log_open(soft, 65536, PIL_ON_FULL_DROP, false, &log), PIL_E_SYSTEM);
    assert_int_equal(errno, ELOOP);
    assert_err(pil_log_open(soft, 65536, PIL_ON_FULL_DROP, true, &log), PIL_OK);
    pil_log_close(log);
    assert_int_equal(link(path, hard), 0);
    assert_err(pil_log_open(hard, 65536, PIL_ON_FULL_DROP, false, &log), PIL_E_SYSTEM);
    assert_int_equal(errno, EMLINK);
    assert_err(pil_log_open(hard, 65536, PIL_ON_FULL_DROP, true, &log), PIL_OK);
    pil_log_close(log);
    free(soft), free(hard), free(path);
    test_folder_remove(folder);
}

static void a_path_that_cannot_be_opened_is_told(void **state)
{
    struct pil_log *log;

    (void)state;
    assert_err(pil_log_open("/nonexistent/log", 65536, PIL_ON_FULL_DROP, true, &log), PIL_E_SYSTEM);
    assert_int_equal(errno, ENOENT);
}

static void json_is_json_whatever_the_bytes(void **state)
{
    static const char hostile[] = "a\"\\\n\x01\xff\xc3(\xed\xa0\x80\xf4\x90\x80\x80\xc3\xa4\x7f";
    char room[1024], *item[] = {(char *)"x\"y", (char *)"z"};
    struct pil_json j;
    json_t *parsed;

    (void)state;
    pil_json_begin(&j, room, sizeof(room));
    pil_json_text(&j, "t", (struct pil_slice){hostile, sizeof(hostile) - 1});
    pil_json_string(&j, "n", NULL);
    pil_json_u64(&j, "u", UINT64_MAX / 2);
    pil_json_micros(&j, "m", 1234567);
    pil_json_time(&j, "at", 1000000000123456789u);
    pil_json_time(&j, "late", UINT64_MAX);
    pil_json_list(&j, "l", item, 2);
    parsed = json_loadb(room, pil_json_end(&j), 0, NULL);
    assert_non_null(parsed);
    assert_non_null(strstr(room, "\"a\\\"\\\\\\u000a\\u0001\\ufffd\\ufffd("));
    assert_string_equal(json_string_value(json_object_get(parsed, "at")),
                        "2001-09-09T01:46:40.123456Z");
    assert_true(json_is_null(json_object_get(parsed, "n")));
    assert_int_equal(json_array_size(json_object_get(parsed, "l")), 2);
    assert_non_null(strstr(room, "\"m\":1234.567,"));
    json_decref(parsed);
}

static void json_that_does_not_fit_is_nothing(void **state)
{
    char room[32];
    struct pil_json j;

    (void)state;
    pil_json_begin(&j, room, sizeof(room));
    pil_json_string(&j, "key", "a text that is longer than the room");
    assert_int_equal(pil_json_end(&j), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_arrive_in_order),
        cmocka_unit_test(rotation_loses_nothing),
        cmocka_unit_test(a_full_disk_drops_and_counts),
        cmocka_unit_test(a_full_disk_denies_where_that_was_chosen),
        cmocka_unit_test(a_reader_that_is_slow_blocks_where_that_was_chosen),
        cmocka_unit_test(a_link_is_not_followed_where_that_was_chosen),
        cmocka_unit_test(a_path_that_cannot_be_opened_is_told),
        cmocka_unit_test(json_is_json_whatever_the_bytes),
        cmocka_unit_test(json_that_does_not_fit_is_nothing),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
