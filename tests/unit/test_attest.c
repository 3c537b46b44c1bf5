/* policyd/attest and policyd/hasher: what the kernel says, read right. */
#include "tests/support/support.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policyd/attest.h"
#include "policyd/hasher.h"

static void cgroup_is(const char *text, const char *cgroup, const char *unit)
{
    struct pil_attested facts;
    char copy[512];

    snprintf(copy, sizeof(copy), "%s", text);
    pil_attest_cgroup(copy, &facts);
    assert_string_equal(facts.cgroup, cgroup);
    assert_string_equal(facts.unit, unit);
}

static void cgroups_of_both_hierarchies(void **state)
{
    (void)state;
    cgroup_is("0::/system.slice/nginx.service\n", "/system.slice/nginx.service", "nginx.service");
    cgroup_is("0::/user.slice/user-1.slice/user@1.service/app.slice/a.scope\n",
              "/user.slice/user-1.slice/user@1.service/app.slice/a.scope", "a.scope");
    cgroup_is("12:cpu,cpuacct:/x\n1:name=systemd:/system.slice/db.service\n",
              "/system.slice/db.service", "db.service");
    cgroup_is("1:name=systemd:/system.slice/db.service\n0::/\n", "/system.slice/db.service",
              "db.service");
    cgroup_is("0::/\n1:name=systemd:/system.slice/db.service\n", "/system.slice/db.service",
              "db.service");
    cgroup_is("0::/\n", "/", "");
    cgroup_is("0::/a.service.d/b\n", "/a.service.d/b", "");
    cgroup_is("nonsense\n::\n", "", "");
    cgroup_is("", "", "");
}

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

static void a_live_peer_is_known(void **state)
{
    struct pil_attested facts;
    char self[PATH_MAX] = "";
    struct pil_peer peer;
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_err(pil_attest_peer(ends[0], &peer), PIL_OK);
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(peer.uid, getuid());
    assert_true(peer.pidfd >= 0 && peer.start > 0);
    assert_err(pil_attest_read(&peer, &facts), PIL_OK);
    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    assert_string_equal(facts.exe, self);
    assert_true(facts.id.inode > 0 && facts.id.size > 0);
    assert_true(facts.user[0] != '\0');
    /* The same number with another start time is somebody else. */
    peer.start++;
    assert_err(pil_attest_read(&peer, &facts), PIL_E_PEER);
    pil_attest_drop(&peer);
    close(ends[0]), close(ends[1]);
}

static void a_dead_peer_is_refused(void **state)
{
    struct pil_attested facts;
    struct pil_peer peer;
    int ends[2], go[2];
    pid_t child;

    (void)state;
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char byte;

        close(go[1]);
        _exit(read(go[0], &byte, 1) < 0);
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_err(pil_attest_peer(ends[0], &peer), PIL_OK);
    pil_attest_drop(&peer);
    peer.pid = child;
    close(go[1]), close(go[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_err(pil_attest_read(&peer, &facts), PIL_E_PEER);
    close(ends[0]), close(ends[1]);
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
        cmocka_unit_test(cgroups_of_both_hierarchies),
        cmocka_unit_test(start_time_survives_hostile_names),
        cmocka_unit_test(a_live_peer_is_known),
        cmocka_unit_test(a_dead_peer_is_refused),
        cmocka_unit_test(one_hash_for_all_who_wait),
        cmocka_unit_test(another_file_than_was_said_has_no_hash),
    };

    return cmocka_run_group_tests_name("attest", tests, NULL, NULL);
}
