/* shim/call: addresses copied once, made into queries, and given back as accept does. */
#include "tests/support/support.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/call.h"
#include "tests/support/shimworld.h"

static int set_up(void **state)
{
    (void)state;
    world_fresh("/nowhere");
    return 0;
}

static void results_become_errno(void **state)
{
    (void)state;
    errno = 4711;
    assert_int_equal(pil_call_result(0), 0);
    assert_int_equal(pil_call_result(7), 7);
    assert_int_equal(errno, 4711);
    assert_int_equal(pil_call_result(-EACCES), -1);
    assert_int_equal(errno, EACCES);
}

static void a_copy_is_exact_or_none(void **state)
{
    struct pil_copied copy;
    char from[200];

    (void)state;
    memset(from, 'x', sizeof(from));
    memset(&copy, 0, sizeof(copy));
    assert_true(pil_call_copy(&copy, (struct sockaddr *)from, 5));
    assert_int_equal(copy.len, 5);
    assert_memory_equal(&copy.sa, "xxxxx\0", 6);
    assert_true(pil_call_copy(&copy, (struct sockaddr *)from, sizeof(copy.sa)));
    assert_false(pil_call_copy(&copy, (struct sockaddr *)from, sizeof(copy.sa) + 1));
    assert_false(pil_call_copy(&copy, (struct sockaddr *)from, (socklen_t)-1));
    assert_false(pil_call_copy(&copy, NULL, 16));
    assert_false(pil_call_copy(&copy, (struct sockaddr *)from, 0));
}

static void what_cannot_be_read_is_told(void **state)
{
    char *at = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char stack[64];
    struct pil_copied copy;

    (void)state;
    assert_true(at != MAP_FAILED);
    assert_int_equal(mprotect(at + 4096, 4096, PROT_NONE), 0);
    assert_true(pil_call_readable(at, 4096));
    assert_true(pil_call_readable(at + 4095, 1));
    assert_false(pil_call_readable(at + 4095, 2)); /* its end is not */
    assert_false(pil_call_readable(at + 4096, 1));
    assert_false(pil_call_readable(at + 8191, 2)); /* its beginning is not */
    assert_true(pil_call_readable(at + 8192, 1));
    assert_true(pil_call_readable(stack, sizeof(stack)));
    assert_false(pil_call_readable(NULL, 1));
    assert_false(pil_call_readable((void *)-1, 1));
    assert_false(pil_call_copy(&copy, (struct sockaddr *)(at + 4090), 16));
    assert_true(pil_call_copy(&copy, (struct sockaddr *)(at + 4080), 16));
    munmap(at, 12288);
}

static bool query_unix(const char *path, size_t len, struct pil_query *q,
                       struct pil_call_room *room)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    memcpy(un.sun_path, path, len);
    return pil_call_query(q, PIL_ACTION_CONNECT, (struct sockaddr *)&un,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len), room);
}

static void inet_addresses_become_queries(void **state)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(5432), .sin_addr.s_addr = htonl(0x0a00030b)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(443)};
    struct pil_ip want = world_ip(10, 0, 3, 11);
    struct pil_call_room room;
    struct pil_query q;

    (void)state;
    assert_true(pil_call_query(&q, PIL_ACTION_SEND, (struct sockaddr *)&in, sizeof(in), &room));
    assert_int_equal(q.action, PIL_ACTION_SEND);
    assert_int_equal(q.kind, PIL_KIND_INET);
    assert_int_equal(q.port, 5432);
    assert_int_equal(q.seen, 0);
    assert_int_equal(q.name.len, 0);
    assert_memory_equal(&q.ip, &want, sizeof(want));
    memcpy(&in6.sin6_addr, &want, 16); /* ::ffff:10.0.3.11 is the same address */
    assert_true(
        pil_call_query(&q, PIL_ACTION_CONNECT, (struct sockaddr *)&in6, sizeof(in6), &room));
    assert_int_equal(q.port, 443);
    assert_memory_equal(&q.ip, &want, sizeof(want));
}

static void what_is_not_judged_gives_no_query(void **state)
{
    struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
    struct pil_call_room room;
    struct pil_query q;

    (void)state;
    assert_false(pil_call_query(&q, PIL_ACTION_CONNECT, (struct sockaddr *)&sa, sizeof(sa), &room));
    sa.ss_family = AF_NETLINK;
    assert_false(pil_call_query(&q, PIL_ACTION_CONNECT, (struct sockaddr *)&sa, sizeof(sa), &room));
    sa.ss_family = AF_INET; /* too short for its family: the kernel's to refuse */
    assert_false(pil_call_query(&q, PIL_ACTION_CONNECT, (struct sockaddr *)&sa, 15, &room));
    assert_false(pil_call_query(&q, PIL_ACTION_CONNECT, (struct sockaddr *)&sa, 1, &room));
    assert_false(query_unix("", 0, &q, &room)); /* unnamed */
}

static void unix_paths_are_absolute(void **state)
{
    char *folder = test_folder_make(), want[512], here[512];
    struct pil_call_room room;
    struct pil_query q;

    (void)state;
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(folder), 0);
    assert_true(query_unix("/run/x.sock", 12, &q, &room));
    assert_int_equal(q.kind, PIL_KIND_UNIX);
    assert_slice(q.name, "/run/x.sock");
    assert_true(query_unix("x.sock", 7, &q, &room));
    snprintf(want, sizeof(want), "%s/x.sock", folder);
    assert_slice(q.name, want);
    assert_true(query_unix("./x.sock", 9, &q, &room));
    assert_slice(q.name, want);
    assert_true(query_unix("@x", 3, &q, &room)); /* a file of that name is no abstract socket */
    snprintf(want, sizeof(want), "%s/@x", folder);
    assert_slice(q.name, want);
    assert_true(query_unix("\0x", 2, &q, &room));
    assert_slice(q.name, "@x");
    assert_int_equal(chdir("/"), 0);
    assert_true(query_unix("x.sock", 7, &q, &room));
    assert_slice(q.name, "/x.sock");
    assert_int_equal(chdir(here), 0);
    test_folder_remove(folder);
}

/* A link is no way around a rule, and neither is a folder that is one. */
static void unix_paths_are_where_they_lead(void **state)
{
    char *folder = test_folder_make(), *file = test_file(folder, "real.sock", "");
    char path[512], want[PATH_MAX];
    struct pil_call_room room;
    struct pil_query q;

    (void)state;
    assert_non_null(realpath(file, want));
    snprintf(path, sizeof(path), "%s/link", folder);
    assert_int_equal(symlink("real.sock", path), 0);
    assert_true(query_unix(path, strlen(path) + 1, &q, &room));
    assert_slice(q.name, want);
    snprintf(path, sizeof(path), "%s/folder", folder);
    assert_int_equal(symlink(".", path), 0);
    strcat(path, "/../");
    strcat(path, strrchr(folder, '/') + 1);
    strcat(path, "/folder/real.sock");
    assert_true(query_unix(path, strlen(path) + 1, &q, &room));
    assert_slice(q.name, want);
    free(file);
    test_folder_remove(folder);
}

static void bound_paths_become_absolute_where_they_fit(void **state)
{
    char *folder = test_folder_make(), here[512], want[512];
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct pil_copied copy;

    (void)state;
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(folder), 0);
#define SETTLED_PATH(text, length)                                                                 \
    (memcpy(un.sun_path, text, length),                                                            \
     pil_call_copy(&copy, (struct sockaddr *)&un,                                                  \
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (length))),                \
     pil_call_settle_path(&copy), ((struct sockaddr_un *)&copy.sa)->sun_path)
    snprintf(want, sizeof(want), "%s/x.sock", folder);
    assert_string_equal(SETTLED_PATH("x.sock", 7), want);
    assert_int_equal(copy.len, offsetof(struct sockaddr_un, sun_path) + strlen(want) + 1);
    assert_string_equal(SETTLED_PATH("/run/x", 7), "/run/x");
    assert_memory_equal(SETTLED_PATH("\0x", 2), "\0x", 2);
    assert_int_equal(copy.len, offsetof(struct sockaddr_un, sun_path) + 2);
    memset(here + sizeof(here) - 108, 'l', 107);
    here[sizeof(here) - 1] = '\0';
    assert_string_equal(SETTLED_PATH(here + sizeof(here) - 108, 108), here + sizeof(here) - 108);
    assert_int_equal(chdir("/"), 0);
    test_folder_remove(folder);
}

/* Connecting to the wildcard reaches loopback, listening on it does not mean loopback. */
static void the_wildcard_is_loopback_for_who_goes_there(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    struct pil_call_room room;
    struct pil_query q;
    char text[PIL_IP_TEXT];

    (void)state;
#define REACHED(action, sa)                                                                        \
    (pil_call_query(&q, action, (struct sockaddr *)&(sa), sizeof(sa), &room),                      \
     pil_ip_print(&q.ip, text), text)
    assert_string_equal(REACHED(PIL_ACTION_CONNECT, in), "127.0.0.1");
    assert_string_equal(REACHED(PIL_ACTION_SEND, in), "127.0.0.1");
    assert_string_equal(REACHED(PIL_ACTION_LISTEN, in), "0.0.0.0");
    assert_string_equal(REACHED(PIL_ACTION_CONNECT, in6), "::1");
    assert_string_equal(REACHED(PIL_ACTION_ACCEPT, in6), "::");
    in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
    assert_string_equal(REACHED(PIL_ACTION_CONNECT, in6), "127.0.0.1");
}

static void other_families_are_asked_about(void **state)
{
    struct sockaddr_storage sa = {.ss_family = AF_VSOCK};
    struct pil_call_room room;
    struct pil_query q;

    (void)state;
    assert_true(pil_call_query(&q, PIL_ACTION_CONNECT, (struct sockaddr *)&sa, 16, &room));
    assert_int_equal(q.kind, PIL_KIND_OTHER);
    assert_slice(q.name, "family:40");
    sa.ss_family = AF_NETLINK;
    assert_false(pil_call_query(&q, PIL_ACTION_CONNECT, (struct sockaddr *)&sa, 12, &room));
}

static const char *cwd_text;

static ssize_t fake_getcwd(char *buf, size_t len)
{
    size_t need = strlen(cwd_text) + 1;

    if (need > len)
        return -ERANGE;
    memcpy(buf, cwd_text, need);
    return (ssize_t)need;
}

/* Then the relative form stays, which no absolute rule matches. */
static void a_path_that_cannot_be_made_absolute_stays(void **state)
{
    static char deep[PIL_NAME_MAX + 1];
    struct pil_call_room room;
    struct pil_query q;

    (void)state;
    pil_real_sys.getcwd = fake_getcwd;
    cwd_text = "(unreachable)/x";
    assert_true(query_unix("s", 2, &q, &room));
    assert_slice(q.name, "s");
    memset(deep, 'd', PIL_NAME_MAX);
    deep[0] = '/';
    cwd_text = deep;
    assert_true(query_unix("s", 2, &q, &room));
    assert_slice(q.name, "s");
    deep[PIL_NAME_MAX - 2] = '\0'; /* as long as it may be, with the slash and the s */
    assert_true(query_unix("s", 2, &q, &room));
    assert_int_equal(q.name.len, PIL_NAME_MAX);
    assert_memory_equal(q.name.at + PIL_NAME_MAX - 3, "d/s", 3);
}

static void the_unspecified_family_is_settled_as_the_kernel_does(void **state)
{
    int v4 = socket(AF_INET, SOCK_DGRAM, 0), v6 = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in in = {.sin_family = AF_UNSPEC, .sin_port = 1, .sin_addr.s_addr = 1};
    int type = SOCK_DGRAM;
    struct pil_copied copy;

    (void)state;
#define SETTLED(fd, length, wildcard)                                                              \
    (pil_call_copy(&copy, (struct sockaddr *)&in, length),                                         \
     pil_call_settle_family(fd, &copy, type, wildcard), copy.sa.ss_family)
    assert_int_equal(SETTLED(v4, sizeof(in), false), AF_INET);
    assert_int_equal(SETTLED(v4, sizeof(in), true), AF_UNSPEC);
    assert_int_equal(SETTLED(v4, sizeof(in) - 1, false), AF_UNSPEC);
    assert_int_equal(SETTLED(v6, sizeof(in), false), AF_UNSPEC);
    assert_int_equal(SETTLED(-1, sizeof(in), false), AF_UNSPEC);
    in.sin_addr.s_addr = INADDR_ANY;
    assert_int_equal(SETTLED(v4, sizeof(in), true), AF_INET);
    type = SOCK_RAW;
    assert_int_equal(SETTLED(v6, sizeof(in), false), AF_INET6);
    close(v4), close(v6);
}

static void the_socket_type_is_the_kernels(void **state)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    (void)state;
    assert_int_equal(pil_call_socket_type(fd), SOCK_SEQPACKET);
    assert_int_equal(pil_call_socket_type(-1), -EBADF);
    close(fd);
    assert_int_equal(pil_call_socket_type(0), -ENOTSOCK);
}

static void an_address_is_given_as_far_as_it_fits(void **state)
{
    struct sockaddr_storage from = {0};
    char to[32];
    socklen_t len = 4;

    (void)state;
    memset(&from, 'f', sizeof(from));
    memset(to, '-', sizeof(to));
    pil_call_give(&from, 16, (struct sockaddr *)to, &len);
    assert_int_equal(len, 16); /* how long it is, not how much was written */
    assert_memory_equal(to, "ffff----", 8);
    len = 32;
    pil_call_give(&from, 16, (struct sockaddr *)to, &len);
    assert_int_equal(len, 16);
    assert_memory_equal(to, "ffffffffffffffff----", 20);
    len = 7;
    pil_call_give(&from, 16, NULL, &len);
    assert_int_equal(len, 7);
    pil_call_give(&from, 16, (struct sockaddr *)to, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(results_become_errno, set_up),
        cmocka_unit_test_setup(a_copy_is_exact_or_none, set_up),
        cmocka_unit_test_setup(what_cannot_be_read_is_told, set_up),
        cmocka_unit_test_setup(inet_addresses_become_queries, set_up),
        cmocka_unit_test_setup(what_is_not_judged_gives_no_query, set_up),
        cmocka_unit_test_setup(unix_paths_are_absolute, set_up),
        cmocka_unit_test_setup(unix_paths_are_where_they_lead, set_up),
        cmocka_unit_test_setup(bound_paths_become_absolute_where_they_fit, set_up),
        cmocka_unit_test_setup(the_wildcard_is_loopback_for_who_goes_there, set_up),
        cmocka_unit_test_setup(other_families_are_asked_about, set_up),
        cmocka_unit_test_setup(a_path_that_cannot_be_made_absolute_stays, set_up),
        cmocka_unit_test_setup(the_unspecified_family_is_settled_as_the_kernel_does, set_up),
        cmocka_unit_test_setup(the_socket_type_is_the_kernels, set_up),
        cmocka_unit_test_setup(an_address_is_given_as_far_as_it_fits, set_up),
    };

    return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
