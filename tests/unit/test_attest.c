/* policyd/attest and policyd/hasher: what the kernel says, read right. */
#include "tests/support/support.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/chan.h"
#include "policyd/attest.h"
#include "policyd/hasher.h"

static void start_time_survives_hostile_names(void **state)
{
    (void)state;
    assert_int_equal(pil_attest_start("7 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "
                                      "4242 20"),
                     4242);
    assert_int_equal(pil_attest_start("7 (x"), 0);
    assert_int_equal(pil_attest_start(""), 0);
    assert_int_equal(pil_attest_start("7 (x) S 1 2"), 0);
}

/* The kernel of another release, and another peer than there is. */
static struct {
    int pidfd_error; /* what SO_PEERPIDFD says, 0 asks the kernel */
    uid_t uid;       /* who connected, 0 asks the kernel */
} fake;

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    if (level == SOL_SOCKET && name == 77 && fake.pidfd_error) {
        errno = fake.pidfd_error;
        return -1;
    }
    if (syscall(SYS_getsockopt, fd, level, name, value, len))
        return -1;
    if (level == SOL_SOCKET && name == SO_PEERCRED && fake.uid)
        ((struct ucred *)value)->uid = fake.uid;
    return 0;
}

/* A kernel that has SO_PEERPIDFD. */
static bool kernel_has_it(void)
{
    socklen_t len = sizeof(int);
    int ends[2], pidfd = -1;
    bool has;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    has = getsockopt(ends[0], SOL_SOCKET, 77, &pidfd, &len) == 0;
    if (has)
        close(pidfd);
    close(ends[0]), close(ends[1]);
    return has;
}

static struct ucred myself(void)
{
    return (struct ucred){.pid = getpid(), .uid = getuid(), .gid = getgid()};
}

/* This very process as its own peer, on a kernel like `fake`. */
static int attest(const struct ucred *sender, struct pil_peer *peer)
{
    int ends[2], err;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    err = pil_attest_peer(ends[0], sender, peer);
    close(ends[0]), close(ends[1]);
    if (err)
        assert_int_equal(peer->pidfd, -1);
    return err;
}

static void a_live_peer_is_known(void **state)
{
    static const int errors[] = {0, ENOPROTOOPT};
    struct ucred sender = myself();
    struct pil_attested facts;
    char self[PATH_MAX] = "";
    struct pil_peer peer;

    (void)state;
    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    for (size_t i = 0; i < PIL_NELEM(errors); i++) {
        fake.pidfd_error = errors[i];
        assert_err(attest(&sender, &peer), PIL_OK);
        fake.pidfd_error = 0;
        assert_int_equal(peer.pid, getpid());
        assert_int_equal(peer.uid, getuid());
        assert_true(peer.pidfd >= 0 && peer.start > 0);
        assert_int_equal(peer.by_number, errors[i] != 0 || !kernel_has_it());
        assert_err(pil_attest_read(&peer, &facts), PIL_OK);
        assert_string_equal(facts.exe, self);
        assert_true(facts.id.inode > 0 && facts.id.size > 0);
        assert_true(facts.user[0] != '\0');
        /* The same number with another start time is somebody else. */
        peer.start++;
        assert_err(pil_attest_read(&peer, &facts), PIL_E_PEER);
        pil_attest_drop(&peer);
    }
}

/* Whoever has the number of a peer that is gone is alive and well here: this process. */
static void a_number_is_asked_of_old_kernels_only(void **state)
{
    static const int errors[] = {ESRCH, EINVAL, ENODATA, EMFILE};
    struct ucred sender = myself();
    struct pil_peer peer;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(errors); i++) {
        fake.pidfd_error = errors[i];
        assert_err(attest(&sender, &peer), PIL_E_PEER);
    }
    fake.pidfd_error = 0;
}

static void another_sender_than_connected_is_refused(void **state)
{
    struct ucred sender = myself();
    struct pil_peer peer;

    (void)state;
    sender.pid = getppid();
    assert_err(attest(&sender, &peer), PIL_E_PEER);
    sender.pid = 0;
    assert_err(attest(&sender, &peer), PIL_E_PEER);
    sender = myself();
    sender.uid += 4242;
    assert_err(attest(&sender, &peer), PIL_E_PEER);
    sender.uid = (uid_t)-1;
    assert_err(attest(&sender, &peer), PIL_E_PEER);
    sender = myself();
    fake.uid = getuid() + 4242;
    assert_err(attest(&sender, &peer), PIL_E_PEER);
    fake.uid = 0;
}

/* Number and sender fit, and yet the process that has the number is another user's. */
static void a_number_of_another_user_is_refused(void **state)
{
    struct ucred sender = {.pid = getpid(), .uid = getuid() + 4242};
    struct pil_attested facts;
    struct pil_peer peer;

    (void)state;
    fake.uid = sender.uid;
    fake.pidfd_error = ENOPROTOOPT;
    assert_err(attest(&sender, &peer), PIL_E_PEER);
    /* And one that became another user's while its facts were read. */
    fake.uid = 0;
    sender = myself();
    assert_err(attest(&sender, &peer), PIL_OK);
    fake.pidfd_error = 0;
    assert_err(pil_attest_read(&peer, &facts), PIL_OK);
    peer.sender = getuid() + 4242;
    assert_err(pil_attest_read(&peer, &facts), PIL_E_PEER);
    pil_attest_drop(&peer);
}

static void users_are_read_right(void **state)
{
    uid_t real, effective;

    (void)state;
    assert_true(pil_attest_users(
        "Name:\tUid: 9\nUmask:\t0022\nUid:\t1\t4294967294\t3\t4\nGid:\t5\n", &real, &effective));
    assert_int_equal(real, 1);
    assert_true(effective == 4294967294u);
    assert_false(pil_attest_users("Name:\tx\n", &real, &effective));
    assert_false(pil_attest_users("Name:\tx\nUid:\t1\n", &real, &effective));
    assert_false(pil_attest_users("", &real, &effective));
}

/* A child connects, as whatever users it is told to be, and sends one frame; then it leaves when
 * `go` is closed. What the kernel says of the frame is in *sender. */
static int connected_by(int go[2], const uid_t *users, pid_t *child, struct ucred *sender)
{
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fd, one = 1;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(at);
    size_t got;
    char byte;

    assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
    /* No name: the kernel finds one. */
    assert_int_equal(bind(listener, (struct sockaddr *)&at, offsetof(struct sockaddr_un, sun_path)),
                     0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(listen(listener, 1), 0);
    *child = fork();
    assert_true(*child >= 0);
    if (*child == 0) {
        close(go[1]);
        if (users && setresuid(users[0], users[1], users[2]))
            _exit(1);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&at, len) || send(fd, "x", 1, 0) != 1)
            _exit(2);
        _exit(read(go[0], &byte, 1) < 0);
    }
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    assert_err(pil_chan_recv_from(&pil_sysops_kernel, fd, &byte, 1, &got, NULL, NULL, sender, true),
               PIL_OK);
    assert_int_equal(sender->pid, *child);
    close(listener);
    return fd;
}

static void let_go(const int go[2], pid_t child)
{
    int status = 0;

    close(go[1]), close(go[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_dead_peer_is_refused(void **state)
{
    static const int errors[] = {0, ENOPROTOOPT, ESRCH, EINVAL};
    struct pil_attested facts;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(errors); i++) {
        struct pil_peer alive, dead;
        struct ucred sender;
        int go[2], fd;
        pid_t child;

        assert_int_equal(pipe2(go, O_CLOEXEC), 0);
        fd = connected_by(go, NULL, &child, &sender);
        assert_err(pil_attest_peer(fd, &sender, &alive), PIL_OK);
        assert_int_equal(alive.pid, child);
        assert_err(pil_attest_read(&alive, &facts), PIL_OK);
        let_go(go, child);
        fake.pidfd_error = errors[i];
        assert_err(pil_attest_read(&alive, &facts), PIL_E_PEER);
        assert_err(pil_attest_peer(fd, &sender, &dead), PIL_E_PEER);
        assert_int_equal(dead.pidfd, -1);
        fake.pidfd_error = 0;
        pil_attest_drop(&alive);
        close(fd);
    }
}

/* The kernel names its effective user at connect and its real one at send. */
static void a_program_with_two_users_is_known(void **state)
{
    static const uid_t users[] = {4242, 4243, 4243};
    static const int errors[] = {0, ENOPROTOOPT};

    (void)state;
    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < PIL_NELEM(errors); i++) {
        struct pil_attested facts;
        struct pil_peer peer;
        struct ucred sender;
        int go[2], fd;
        pid_t child;

        assert_int_equal(pipe2(go, O_CLOEXEC), 0);
        fd = connected_by(go, users, &child, &sender);
        assert_int_equal(sender.uid, 4242);
        fake.pidfd_error = errors[i];
        assert_err(pil_attest_peer(fd, &sender, &peer), PIL_OK);
        assert_int_equal(peer.uid, 4243);
        assert_err(pil_attest_read(&peer, &facts), PIL_OK);
        fake.pidfd_error = 0;
        pil_attest_drop(&peer);
        close(fd);
        let_go(go, child);
    }
}

struct answer {
    struct event_base *base;
    unsigned expected, got;
    char hash[PIL_HASH_TEXT];
};

static void on_hash(void *cookie, const char *hash)
{
    struct answer *a = cookie;

    strcpy(a->hash, hash);
    if (++a->got == a->expected)
        event_base_loopbreak(a->base);
}

static struct pil_exe_id id_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return (struct pil_exe_id){
        .device = st.st_dev,
        .inode = st.st_ino,
        .size = (uint64_t)st.st_size,
        .mtime_ns = st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
        .ctime_ns = st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
    };
}

static void the_class_is_that_of_the_file_of_the_facts(void **state)
{
    char *folder = test_folder_make(), *path = test_file(folder, "exe", "not a program");
    int text = open(path, O_RDONLY | O_CLOEXEC), own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct pil_exe_id text_id = id_of(text), own_id = id_of(own);

    (void)state;
    assert_ptr_equal(pil_attest_class(own, &own_id), pil_classes_ours());
    assert_null(pil_attest_class(own, &text_id));
    assert_null(pil_attest_class(text, &text_id));
    assert_null(pil_attest_class(-1, &own_id));
    own_id.mtime_ns++;
    assert_null(pil_attest_class(own, &own_id));
    close(text);
    close(own);
    free(path);
    test_folder_remove(folder);
}

#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void one_hash_for_all_who_wait(void **state)
{
    char *folder = test_folder_make(), *path = test_file(folder, "exe", "abc");
    struct answer a = {.base = event_base_new(), .expected = 3};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct pil_exe_id id = id_of(fd);
    struct pil_hasher *h;
    const char *hash;

    (void)state;
    assert_err(pil_hasher_start(a.base, 1000, &h), PIL_OK);
    assert_err(pil_hasher_ask(h, &id, fd, on_hash, &a, &hash), PIL_E_AGAIN);
    assert_err(pil_hasher_ask(h, &id, -1, on_hash, &a, &hash), PIL_E_AGAIN);
    assert_err(pil_hasher_ask(h, &id, -1, on_hash, &a, &hash), PIL_E_AGAIN);
    event_base_dispatch(a.base);
    assert_int_equal(a.got, 3);
    assert_string_equal(a.hash, SHA_ABC);
    assert_int_equal(pil_hasher_count(h), 1);
    assert_err(pil_hasher_ask(h, &id, -1, on_hash, &a, &hash), PIL_OK);
    assert_string_equal(hash, SHA_ABC);
    pil_hasher_stop(h);
    event_base_free(a.base);
    free(path);
    test_folder_remove(folder);
}

static void another_file_than_was_said_has_no_hash(void **state)
{
    char *folder = test_folder_make(), *path = test_file(folder, "exe", "abc");
    struct answer a = {.base = event_base_new(), .expected = 1};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct pil_exe_id id = id_of(fd);
    struct pil_hasher *h;
    const char *hash;

    (void)state;
    assert_err(pil_hasher_start(a.base, 3, &h), PIL_OK);
    id.mtime_ns++;
    assert_err(pil_hasher_ask(h, &id, fd, on_hash, &a, &hash), PIL_E_AGAIN);
    event_base_dispatch(a.base);
    assert_string_equal(a.hash, "");
    assert_false(pil_hasher_knows(h, &id));
    id.size = 4; /* over the bound */
    assert_err(pil_hasher_ask(h, &id, open(path, O_RDONLY), on_hash, &a, &hash), PIL_E_RANGE);
    assert_string_equal(hash, "");
    pil_hasher_stop(h);
    event_base_free(a.base);
    free(path);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_time_survives_hostile_names),
        cmocka_unit_test(a_live_peer_is_known),
        cmocka_unit_test(a_number_is_asked_of_old_kernels_only),
        cmocka_unit_test(another_sender_than_connected_is_refused),
        cmocka_unit_test(a_number_of_another_user_is_refused),
        cmocka_unit_test(users_are_read_right),
        cmocka_unit_test(a_dead_peer_is_refused),
        cmocka_unit_test(a_program_with_two_users_is_known),
        cmocka_unit_test(the_class_is_that_of_the_file_of_the_facts),
        cmocka_unit_test(one_hash_for_all_who_wait),
        cmocka_unit_test(another_file_than_was_said_has_no_hash),
    };

    return cmocka_run_group_tests_name("attest", tests, NULL, NULL);
}
