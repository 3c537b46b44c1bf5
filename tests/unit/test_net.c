/*
 * connect, bind, listen, accept: over real sockets on loopback. A refused call never reaches the
 * kernel, and a refused connection is reset before the program hears of it.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/bound.h"
#include "shim/shim.h"
#include "tests/support/shimworld.h"

static const struct pil_verdict deny = {
    .effect = PIL_DENY,
    .reason = PIL_REASON_RULE_DENY,
    .tier = PIL_TIER_ENGINE,
    .error = ECONNREFUSED,
};

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in in;
    socklen_t len = sizeof(in);

    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    return ntohs(in.sin_port);
}

/* A listening socket without the shim. */
static int listener(void)
{
    struct sockaddr_in in = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static int connected_to(int listening)
{
    struct sockaddr_in in = loopback(port_of(listening));
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    return fd;
}

static bool is_connected(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);

    return getpeername(fd, (struct sockaddr *)&sa, &len) == 0;
}

static unsigned kernel_connects;

static int count_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
    kernel_connects++;
    return pil_sysops_kernel.connect(fd, sa, len);
}

/* ---- connect --------------------------------------------------------------------------------- */

static void an_allowed_connect_is_made(void **state)
{
    struct fake_policyd *f = *state;
    int server = listener(), fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in in = loopback(port_of(server));
    struct pil_ip ip = world_ip(127, 0, 0, 1);

    errno = 4711;
    assert_int_equal(pil_shim_connect(fd, (struct sockaddr *)&in, sizeof(in), NULL), 0);
    assert_int_equal(errno, 4711);
    assert_true(is_connected(fd));
    assert_int_equal(fake_seen(f).last[0].action, PIL_ACTION_CONNECT);
    assert_int_equal(fake_seen(f).last[0].port, port_of(server));
    assert_memory_equal(&fake_seen(f).last[0].ip, &ip, sizeof(ip));
    close(fd), close(server);
}

static void a_denied_connect_never_reaches_the_kernel(void **state)
{
    struct fake_policyd *f = *state;
    int server = listener(), fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in in = loopback(port_of(server));

    fake_verdict(f, &deny);
    kernel_connects = 0;
    pil_real_host.connect = count_connect;
    assert_int_equal(pil_shim_connect(fd, (struct sockaddr *)&in, sizeof(in), NULL), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(kernel_connects, 0);
    assert_false(is_connected(fd));
    close(fd), close(server);
}

static void a_datagram_connect_is_judged_as_send(void **state)
{
    struct fake_policyd *f = *state;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in in = loopback(53);

    assert_int_equal(pil_shim_connect(fd, (struct sockaddr *)&in, sizeof(in), NULL), 0);
    assert_int_equal(fake_seen(f).last[0].action, PIL_ACTION_SEND);
    in.sin_family = AF_UNSPEC; /* taking it back is not judged */
    assert_int_equal(pil_shim_connect(fd, (struct sockaddr *)&in, sizeof(in), NULL), 0);
    assert_false(is_connected(fd));
    assert_int_equal(fake_seen(f).frames, 1);
    close(fd);
}

static void the_kernels_own_refusals_come_through(void **state)
{
    void *nothing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct fake_policyd *f = *state;
    struct sockaddr_in in = loopback(80);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr *sa = (struct sockaddr *)&in;

    assert_true(nothing != MAP_FAILED);
#define REFUSES(call, error)                                                                       \
    do {                                                                                           \
        assert_int_equal(call, -1);                                                                \
        assert_int_equal(errno, error);                                                            \
    } while (0)
    REFUSES(pil_shim_connect(-1, sa, sizeof(in), NULL), EBADF);
    REFUSES(pil_shim_connect(1, sa, sizeof(in), NULL), ENOTSOCK);
    REFUSES(pil_shim_connect(fd, NULL, sizeof(in), NULL), EFAULT);
    REFUSES(pil_shim_connect(fd, nothing, sizeof(in), NULL), EFAULT);
    REFUSES(pil_shim_connect(fd, sa, 3, NULL), EINVAL);
    REFUSES(pil_shim_connect(fd, sa, 0, NULL), EINVAL);
    REFUSES(pil_shim_connect(fd, sa, 300, NULL), EINVAL);
    REFUSES(pil_shim_bind(-1, sa, sizeof(in), NULL), EBADF);
    REFUSES(pil_shim_bind(fd, nothing, sizeof(in), NULL), EFAULT);
    REFUSES(pil_shim_listen(-1, 1, NULL), EBADF);
    REFUSES(pil_shim_listen(1, 1, NULL), ENOTSOCK);
    REFUSES(pil_shim_accept(-1, NULL, NULL, NULL), EBADF);
    REFUSES(pil_shim_accept(fd, NULL, NULL, NULL), EINVAL);
    assert_int_equal(fake_seen(f).frames, 0);
    munmap(nothing, 4096);
    close(fd);
}

/* The program changes the address while policyd thinks. */
static struct sockaddr_in moving;

static int connect_after_a_change(int fd, const struct sockaddr *sa, socklen_t len)
{
    moving.sin_port = htons(1);
    return pil_sysops_kernel.connect(fd, sa, len);
}

static void what_was_judged_is_what_is_connected(void **state)
{
    int server = listener(), fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    moving = loopback(port_of(server));
    pil_real_host.connect = connect_after_a_change;
    assert_int_equal(pil_shim_connect(fd, (struct sockaddr *)&moving, sizeof(moving), NULL), 0);
    assert_true(is_connected(fd));
    close(fd), close(server);
}

static void unix_sockets_are_judged_by_their_absolute_path(void **state)
{
    struct fake_policyd *f = *state;
    char *folder = test_folder_make(), here[512], want[512];
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(folder), 0);
    strcpy(un.sun_path, "x.sock");
    assert_int_equal(pil_shim_connect(fd, (struct sockaddr *)&un, sizeof(un), NULL), -1);
    assert_int_equal(errno, ENOENT); /* allowed; there is none */
    snprintf(want, sizeof(want), "%s/x.sock", folder);
    assert_int_equal(fake_seen(f).last[0].kind, PIL_KIND_UNIX);
    assert_int_equal(fake_seen(f).last[0].action, PIL_ACTION_CONNECT);
    assert_string_equal(fake_seen(f).text[0][0], want);
    assert_int_equal(chdir(here), 0);
    close(fd);
    test_folder_remove(folder);
}

static void the_name_service_reaches_its_daemons(void **state)
{
    struct fake_policyd *f = *state;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = loopback(1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), inet = socket(AF_INET, SOCK_STREAM, 0);

    fake_verdict(f, &deny);
    strcpy(un.sun_path, "/nowhere/nscd");
    assert_int_equal(pil_shim_connect(fd, (struct sockaddr *)&un, sizeof(un), world_name_service()),
                     -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(fake_seen(f).frames, 0);
    assert_int_equal(
        pil_shim_connect(inet, (struct sockaddr *)&in, sizeof(in), world_name_service()), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(fake_seen(f).frames, 1);
    assert_int_equal(pil_shim_connect(fd, (struct sockaddr *)&un, sizeof(un),
                                      (const void *)the_name_service_reaches_its_daemons),
                     -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(fake_seen(f).frames, 2);
    close(fd), close(inet);
}

/* ---- bind and listen ------------------------------------------------------------------------- */

static const char *binds[4];
static char bind_paths[4][108];
static unsigned bind_count;

static int bind_from_above_fails(int fd, const struct sockaddr *sa, socklen_t len)
{
    struct sockaddr_un un = {0};

    memcpy(&un, sa, len);
    strcpy(bind_paths[bind_count], un.sun_path);
    binds[bind_count] = bind_paths[bind_count];
    bind_count++;
    return un.sun_path[0] == '/' ? -EACCES : pil_sysops_kernel.bind(fd, sa, len);
}

static int bind_short(int fd)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "s"};

    return pil_shim_bind(fd, (struct sockaddr *)&un, offsetof(struct sockaddr_un, sun_path) + 2,
                         NULL);
}

/* The kernel keeps the path as it was given, and shows it so; rules see what it led to. */
static void a_relative_path_is_bound_as_given_and_judged_as_absolute(void **state)
{
    struct fake_policyd *f = *state;
    char *folder = test_folder_make(), here[512], want[512];
    struct sockaddr_un un = {0};
    socklen_t len = sizeof(un);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), end;

    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(bind_short(fd), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&un, &len), 0);
    assert_string_equal(un.sun_path, "s");
    assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 2);
    assert_int_equal(chdir("/"), 0);
    snprintf(want, sizeof(want), "%s/s", folder);
    assert_int_equal(pil_shim_listen(fd, 4, NULL), 0);
    assert_string_equal(fake_seen(f).text[0][0], want);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&un, len), 0);
    assert_int_equal(chdir(here), 0);
    end = pil_shim_accept(fd, NULL, NULL, NULL);
    assert_true(end >= 0);
    assert_int_equal(fake_seen(f).last[0].action, PIL_ACTION_ACCEPT);
    assert_string_equal(fake_seen(f).text[0][0], want);
    close(fd), close(client), close(end);
    test_folder_remove(folder);
}

/* Without room for a note the absolute path is tried first; where only the relative one leads
 * there, that one. */
static void a_relative_bind_works_where_the_absolute_does_not(void **state)
{
    char *folder = test_folder_make(), here[512];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), other[PIL_BOUND_MAX];
    struct pil_copied note = {.len = 4};

    (void)state;
    for (unsigned i = 0; i < PIL_BOUND_MAX; i++)
        (void)pil_bound_note(other[i] = socket(AF_UNIX, SOCK_STREAM, 0), &note);
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(folder), 0);
    bind_count = 0;
    pil_real_host.bind = bind_from_above_fails;
    assert_int_equal(bind_short(fd), 0);
    assert_int_equal(bind_count, 2);
    assert_int_equal(binds[0][0], '/');
    assert_string_equal(binds[1], "s");
    assert_int_equal(chdir(here), 0);
    for (unsigned i = 0; i < PIL_BOUND_MAX; i++)
        pil_bound_forget(other[i]), close(other[i]);
    close(fd);
    test_folder_remove(folder);
}

static void listen_is_judged_by_the_own_address(void **state)
{
    struct fake_policyd *f = *state;
    struct sockaddr_in in = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0), accepts = -1;
    socklen_t len = sizeof(accepts);

    assert_int_equal(pil_shim_bind(fd, (struct sockaddr *)&in, sizeof(in), NULL), 0);
    assert_int_equal(fake_seen(f).frames, 0); /* a stream is judged when it listens */
    assert_int_equal(pil_shim_listen(fd, 4, NULL), 0);
    assert_int_equal(fake_seen(f).last[0].action, PIL_ACTION_LISTEN);
    assert_int_equal(fake_seen(f).last[0].port, port_of(fd));
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len), 0);
    assert_int_equal(accepts, 1);
    close(fd);
}

static void a_denied_listen_does_not_listen(void **state)
{
    struct fake_policyd *f = *state;
    struct sockaddr_in in = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0), accepts = -1;
    socklen_t len = sizeof(accepts);

    fake_verdict(f, &deny);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(pil_shim_listen(fd, 4, NULL), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len), 0);
    assert_int_equal(accepts, 0);
    close(fd);
}

static void a_datagram_bind_to_a_port_is_judged_as_listen(void **state)
{
    struct fake_policyd *f = *state;
    struct sockaddr_in in = loopback(0);
    int probe = socket(AF_INET, SOCK_DGRAM, 0), fd = socket(AF_INET, SOCK_DGRAM, 0);
    uint16_t port;

    assert_int_equal(pil_shim_bind(probe, (struct sockaddr *)&in, sizeof(in), NULL), 0);
    assert_int_equal(fake_seen(f).frames, 0); /* any port: nobody can know where to send */
    port = port_of(probe);
    close(probe);
    fake_verdict(f, &deny);
    in = loopback(port);
    assert_int_equal(pil_shim_bind(fd, (struct sockaddr *)&in, sizeof(in), NULL), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(port_of(fd), 0);
    assert_int_equal(fake_seen(f).last[0].action, PIL_ACTION_LISTEN);
    assert_int_equal(fake_seen(f).last[0].port, port);
    in = (struct sockaddr_in){.sin_family = AF_UNSPEC, .sin_port = htons(port)};
    assert_int_equal(pil_shim_bind(fd, (struct sockaddr *)&in, sizeof(in), NULL), -1);
    assert_int_equal(fake_seen(f).frames, 2); /* the wildcard, in the kernel's older spelling */
    assert_int_equal(port_of(fd), 0);
    close(fd);
}

static void a_unix_listener_is_judged_by_its_path(void **state)
{
    struct fake_policyd *f = *state;
    char *folder = test_folder_make();
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s/own.sock", folder);
    assert_int_equal(pil_shim_bind(fd, (struct sockaddr *)&un, sizeof(un), NULL), 0);
    assert_int_equal(fake_seen(f).frames, 0);
    assert_int_equal(pil_shim_listen(fd, 1, NULL), 0);
    assert_string_equal(fake_seen(f).text[0][0], un.sun_path);
    close(fd);
    test_folder_remove(folder);
}

/* ---- accept ---------------------------------------------------------------------------------- */

static void an_allowed_connection_is_handed_over(void **state)
{
    struct fake_policyd *f = *state;
    int server = listener(), client = connected_to(server), fd;
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);

    pil_genpage_publish(fake_page(f), 1001, PIL_FIELD_SOURCE);
    fd = pil_shim_accept4(server, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK,
                          NULL);
    assert_true(fd >= 0);
    assert_int_equal(len, sizeof(peer));
    assert_int_equal(ntohs(peer.sin_port), port_of(client));
    assert_int_equal(peer.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(fake_seen(f).last[0].action, PIL_ACTION_ACCEPT);
    assert_int_equal(fake_seen(f).last[0].port, port_of(server));
    assert_memory_equal(&fake_seen(f).last[0].source, &((struct pil_ip[]){world_ip(127, 0, 0, 1)}),
                        sizeof(struct pil_ip));
    close(fd), close(client), close(server);
}

static unsigned open_fds(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < FAKE_FDS; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void a_refused_connection_is_reset(void **state)
{
    struct fake_policyd *f = *state;
    int server = listener(), client = connected_to(server);
    struct sockaddr_in peer = {.sin_port = 4711};
    socklen_t len = sizeof(peer);
    unsigned before = open_fds();
    char byte;

    fake_verdict(f, &deny);
    assert_int_equal(pil_shim_accept(server, (struct sockaddr *)&peer, &len, NULL), -1);
    assert_int_equal(errno, ECONNABORTED);
    assert_int_equal(peer.sin_port, 4711); /* nothing is told of it */
    assert_int_equal(recv(client, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_true(open_fds() <= before + 2); /* the fake's end of the link and no more */
    close(client), close(server);
}

static void after_a_refused_one_the_next_is_served(void **state)
{
    struct pil_verdict allow = {.effect = PIL_ALLOW, .tier = PIL_TIER_ENGINE};
    struct fake_policyd *f = *state;
    int server = listener(), first = connected_to(server), second = connected_to(server), fd;

    fake_verdict(f, &deny);
    assert_int_equal(pil_shim_accept(server, NULL, NULL, NULL), -1);
    assert_int_equal(errno, ECONNABORTED);
    fake_verdict(f, &allow);
    fd = pil_shim_accept(server, NULL, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(send(second, "2", 1, 0), 1);
    assert_int_equal(recv(fd, (char[1]){0}, 1, 0), 1);
    close(fd), close(first), close(second), close(server);
}

static void a_short_buffer_gets_what_fits(void **state)
{
    int server = listener(), client = connected_to(server), fd;
    char to[8] = "-------";
    socklen_t len = 4;

    (void)state;
    fd = pil_shim_accept(server, (struct sockaddr *)to, &len, NULL);
    assert_true(fd >= 0);
    assert_int_equal(len, sizeof(struct sockaddr_in));
    assert_int_equal(*(sa_family_t *)to, AF_INET);
    assert_memory_equal(to + 4, "---", 3);
    close(fd), close(client), close(server);
}

static void no_place_for_the_length_is_efault(void **state)
{
    int server = listener(), client = connected_to(server);
    struct sockaddr_in peer;

    (void)state;
    assert_int_equal(pil_shim_accept(server, (struct sockaddr *)&peer, NULL, NULL), -1);
    assert_int_equal(errno, EFAULT);
    close(client), close(server);
}

static void without_policyd_nothing_is_accepted(void **state)
{
    struct fake_policyd *f = *state;
    int server = listener(), client = connected_to(server);
    char byte;

    fake_die(f);
    assert_int_equal(pil_shim_accept(server, NULL, NULL, NULL), -1);
    assert_int_equal(errno, ECONNABORTED);
    assert_int_equal(recv(client, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(client), close(server);
}

static void a_unix_peer_has_no_source(void **state)
{
    struct fake_policyd *f = *state;
    char *folder = test_folder_make();
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), fd;
    struct pil_ip none = {{0}};

    pil_genpage_publish(fake_page(f), 1001, PIL_FIELD_SOURCE);
    snprintf(un.sun_path, sizeof(un.sun_path), "%s/own.sock", folder);
    assert_int_equal(bind(server, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(listen(server, 1), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&un, sizeof(un)), 0);
    fd = pil_shim_accept(server, NULL, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(fake_seen(f).last[0].kind, PIL_KIND_UNIX);
    assert_string_equal(fake_seen(f).text[0][0], un.sun_path);
    assert_memory_equal(&fake_seen(f).last[0].source, &none, sizeof(none));
    close(fd), close(client), close(server);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(an_allowed_connect_is_made),
        world_test(a_denied_connect_never_reaches_the_kernel),
        world_test(a_datagram_connect_is_judged_as_send),
        world_test(the_kernels_own_refusals_come_through),
        world_test(what_was_judged_is_what_is_connected),
        world_test(unix_sockets_are_judged_by_their_absolute_path),
        world_test(the_name_service_reaches_its_daemons),
        world_test(a_relative_path_is_bound_as_given_and_judged_as_absolute),
        world_test(a_relative_bind_works_where_the_absolute_does_not),
        world_test(listen_is_judged_by_the_own_address),
        world_test(a_denied_listen_does_not_listen),
        world_test(a_datagram_bind_to_a_port_is_judged_as_listen),
        world_test(a_unix_listener_is_judged_by_its_path),
        world_test(an_allowed_connection_is_handed_over),
        world_test(a_refused_connection_is_reset),
        world_test(after_a_refused_one_the_next_is_served),
        world_test(a_short_buffer_gets_what_fits),
        world_test(no_place_for_the_length_is_efault),
        world_test(without_policyd_nothing_is_accepted),
        world_test(a_unix_peer_has_no_source),
    };

    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
