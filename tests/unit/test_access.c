/* Who may reload and follow, by what the kernel says of the peer. */
#include "tests/support/support.h"

#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/daemon.h"

#define POLICY     "schema = 1\ndefault = deny\n"
#define STRANGER   54321u /* no user of this host */
#define NO_GROUP   54321u
#define THE_GROUP  "daemon"
#define NO_MEMBERS UINT32_MAX

struct world {
    struct test_daemon d;
    char *folder, *conf;
};

static void begin(struct world *w, const char *settings)
{
    const char *more[] = {"-c", NULL, NULL};

    w->folder = test_folder_make();
    w->conf = test_file(w->folder, "policyd.conf", settings);
    more[1] = w->conf;
    test_daemon_start(&w->d, POLICY, more);
    assert_int_equal(chmod(w->d.folder, 0711), 0); /* so that others reach the socket */
}

static void finish(struct world *w)
{
    test_daemon_stop(&w->d);
    free(w->conf);
    test_folder_remove(w->folder);
}

/* The kernel notes who connects when it connects, and who sends when it sends. */
static void become(uid_t uid, gid_t gid, gid_t more)
{
    assert_int_equal(setgroups(more == NO_MEMBERS ? 0 : 1, &more), 0);
    assert_int_equal(setresgid(gid, gid, 0), 0);
    assert_int_equal(setresuid(uid, uid, 0), 0);
}

static void come_back(void)
{
    assert_int_equal(setresuid(0, 0, 0), 0);
    assert_int_equal(setresgid(0, 0, 0), 0);
    assert_int_equal(setgroups(0, NULL), 0);
}

static uint32_t asks(const struct world *w, const char *verb, const char *argument)
{
    uint32_t status;

    json_decref(test_daemon_control(&w->d, verb, argument, &status));
    return status;
}

static gid_t the_group(void)
{
    struct group *group = getgrnam(THE_GROUP);

    if (geteuid() != 0 || !group)
        skip(); /* only root can be others, and only in a group that there is */
    return group->gr_gid;
}

/* A follow that is let in has no end; one with a wrong filter shows that it was let in. */
#define FOLLOW_WRONG "{\"verdict\":\"perhaps\"}"

static void others_may_look_and_not_touch(void **state)
{
    struct world w;

    (void)state;
    the_group();
    begin(&w, "control_group = \"" THE_GROUP "\"\n");
    become(STRANGER, NO_GROUP, NO_MEMBERS);
    assert_err(asks(&w, "reload", NULL), PIL_E_PERMISSION);
    assert_err(asks(&w, "follow", NULL), PIL_E_PERMISSION);
    assert_err(asks(&w, "follow", FOLLOW_WRONG), PIL_E_PERMISSION);
    assert_err(asks(&w, "status", NULL), PIL_OK);
    assert_err(asks(&w, "processes", NULL), PIL_OK);
    assert_err(asks(&w, "image", NULL), PIL_OK);
    come_back();
    assert_err(asks(&w, "reload", NULL), PIL_OK);
    assert_err(asks(&w, "follow", FOLLOW_WRONG), PIL_E_SYNTAX);
    finish(&w);
}

static void members_of_the_group_may(void **state)
{
    gid_t group = the_group();
    struct world w;

    (void)state;
    begin(&w, "control_group = \"" THE_GROUP "\"\n");
    become(STRANGER, group, NO_MEMBERS); /* its own group */
    assert_err(asks(&w, "reload", NULL), PIL_OK);
    come_back();
    become(STRANGER, NO_GROUP, group); /* one of its others */
    assert_err(asks(&w, "reload", NULL), PIL_OK);
    assert_err(asks(&w, "follow", FOLLOW_WRONG), PIL_E_SYNTAX);
    come_back();
    become(STRANGER, NO_GROUP, group + 1); /* of another */
    assert_err(asks(&w, "reload", NULL), PIL_E_PERMISSION);
    come_back();
    finish(&w);
}

/* Group 0 is root's, and no sign of being in a group that nobody named. */
static void without_a_group_nobody_more_may(void **state)
{
    struct world w;

    (void)state;
    the_group();
    begin(&w, "");
    become(STRANGER, 0, NO_MEMBERS);
    assert_err(asks(&w, "reload", NULL), PIL_E_PERMISSION);
    come_back();
    become(STRANGER, NO_GROUP, 0);
    assert_err(asks(&w, "follow", NULL), PIL_E_PERMISSION);
    come_back();
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_may_look_and_not_touch),
        cmocka_unit_test(members_of_the_group_may),
        cmocka_unit_test(without_a_group_nobody_more_may),
    };

    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
