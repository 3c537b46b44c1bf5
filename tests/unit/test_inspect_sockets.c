/* cli/inspect/sockets and judged: the kernel's lines, our own sockets, and what decides on them. */
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/inspect/judged.h"
#include "cli/inspect/sockets.h"

static void lines(void **state)
{
    struct pil_socket s;

    (void)state;
    assert_true(pil_sockets_line(PIL_SOCKET_TCP,
                                 "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 "
                                 "00:00000000 00000000  1000        0 12345 1 0 100 0 0 10 0",
                                 &s));
    assert_int_equal(s.inode, 12345);
    assert_string_equal(s.kind, "tcp");
    assert_string_equal(s.state, "listen");
    assert_string_equal(s.local, "127.0.0.1:8080");
    assert_string_equal(s.peer, "");
    assert_int_equal(s.port, 8080);
    assert_true(pil_sockets_line(PIL_SOCKET_TCP,
                                 "   1: 000080FE00000000FF005450B6AD1DFE:0050 "
                                 "00000000000000000000000001000000:C001 01 00000000:00000000 "
                                 "00:00000000 00000000     0        0 7 1",
                                 &s));
    assert_string_equal(s.state, "connected");
    assert_string_equal(s.local, "[fe80::5054:ff:fe1d:adb6]:80");
    assert_string_equal(s.peer, "[::1]:49153");
    assert_true(pil_sockets_line(PIL_SOCKET_UDP,
                                 "  12: 00000000:0044 00000000:0000 07 00000000:00000000 "
                                 "00:00000000 00000000     0        0 9 2 0000000000000000 0",
                                 &s));
    assert_string_equal(s.kind, "udp");
    assert_string_equal(s.state, "bound");
    assert_true(pil_sockets_line(
        PIL_SOCKET_UNIX, "0000000000000000: 00000002 00000000 00010000 0005 01 55 /run/x y", &s));
    assert_string_equal(s.kind, "unix-seqpacket");
    assert_string_equal(s.state, "listen");
    assert_string_equal(s.local, "/run/x y");
    assert_true(pil_sockets_line(PIL_SOCKET_UNIX,
                                 "0000000000000000: 00000003 00000000 00000000 0001 03 56", &s));
    assert_string_equal(s.kind, "unix-stream");
    assert_string_equal(s.state, "connected");
    assert_string_equal(s.local, "");
    assert_true(pil_sockets_line(PIL_SOCKET_NETLINK,
                                 "0000000000000000 0   1 00000000 0 0 0 2 0 77      ", &s));
    assert_int_equal(s.inode, 77);
}

static void headings_are_no_sockets(void **state)
{
    static const char *const wrong[] = {
        "",
        "\n",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt",
        "Num       RefCount Protocol Flags    Type St Inode Path",
        "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode",
        "   0: 0100007:1F90 00000000:0000 0A 0 0 0 0 0 5"};
    struct pil_socket s;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(wrong); i++)
        for (int family = PIL_SOCKET_TCP; family <= PIL_SOCKET_PACKET; family++)
            assert_false(pil_sockets_line((enum pil_socket_family)family, wrong[i], &s));
}

static uint64_t inode_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static void our_own_sockets(void **state)
{
    char *folder = test_folder_make();
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct pil_sockets all;
    const struct pil_socket *s;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), got;

    (void)state;
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/s", folder);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
    got = accept(listener, NULL, NULL);
    assert_true(got >= 0);
    pil_sockets_read(getpid(), &all);
    s = pil_sockets_find(&all, inode_of(listener));
    assert_non_null(s);
    assert_string_equal(s->state, "listen");
    assert_string_equal(s->local, at.sun_path);
    s = pil_sockets_find(&all, inode_of(client));
    assert_non_null(s);
    assert_string_equal(s->state, "connected");
    if (all.peers)
        assert_string_equal(s->peer, at.sun_path);
    s = pil_sockets_find(&all, inode_of(got));
    assert_non_null(s);
    assert_string_equal(s->local, at.sun_path);
    assert_null(pil_sockets_find(&all, 0));
    pil_sockets_free(&all);
    close(listener), close(client), close(got);
    test_folder_remove(folder);
}

/* ---- what decides -----------------------------------------------------------------------------
 */

static const uint64_t parents[] = {5};
static const uint16_t ports[] = {80};
static const struct pil_judged_process process = {.covered = true,
                                                  .parent = parents,
                                                  .parents = 1,
                                                  .passed = 2,
                                                  .listening = ports,
                                                  .listeners = 1,
                                                  .policyd = "/run/p",
                                                  .abstract = "@p"};

static const char *by(int fd, struct pil_socket s)
{
    return pil_judged_by(&process, fd, s.inode, &s).by;
}

static void what_decides(void **state)
{
    struct pil_socket tcp = {.family = PIL_SOCKET_TCP,
                             .kind = "tcp",
                             .state = "connected",
                             .inode = 9,
                             .port = 4000,
                             .peer = "10.0.0.1:5"};
    struct pil_socket un = {
        .family = PIL_SOCKET_UNIX, .kind = "unix-stream", .inode = 9, .state = "connected"};
    struct pil_judged_process bare = process;

    (void)state;
    assert_string_equal(by(7, tcp), "connect");
    tcp.port = 80;
    assert_string_equal(by(7, tcp), "accept");
    tcp.state = "listen";
    assert_string_equal(by(7, tcp), "listen");
    assert_string_equal(by(0, tcp), "inherited"); /* a standard descriptor */
    assert_string_equal(by(4, tcp), "inherited"); /* LISTEN_FDS */
    tcp.inode = 5;
    assert_string_equal(by(7, tcp), "inherited"); /* the parent's, too */
    assert_string_equal(by(7, un), "unnamed");
    strcpy(un.peer, "/run/nscd/socket");
    assert_string_equal(by(7, un), "name-service");
    strcpy(un.peer, "/run/other");
    assert_string_equal(by(7, un), "connect");
    strcpy(un.peer, "@p");
    assert_string_equal(by(7, un), "link");
    un.peer[0] = '\0';
    strcpy(un.local, "/run/mine");
    assert_string_equal(by(7, un), "accept");
    assert_string_equal(by(7, (struct pil_socket){.family = PIL_SOCKET_UDP}), "send");
    assert_string_equal(by(7, (struct pil_socket){.family = PIL_SOCKET_NETLINK}), "kernel");
    assert_string_equal(by(7, (struct pil_socket){.family = PIL_SOCKET_PACKET}), "family");
    assert_string_equal(pil_judged_by(&process, 7, 9, NULL).by, "unused");
    bare.covered = false;
    assert_string_equal(pil_judged_by(&bare, 7, 9, &tcp).by, "nothing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(headings_are_no_sockets),
        cmocka_unit_test(our_own_sockets),
        cmocka_unit_test(what_decides),
    };

    return cmocka_run_group_tests_name("inspect_sockets", tests, NULL, NULL);
}
