/* shim/env: what is taken from an environment, what is not, and nothing in secure mode. */
#include "tests/support/support.h"

#include <sys/auxv.h>
#include <unistd.h>

#include "shim/env.h"
#include "shim/real.h"

/* Takes the place of libc's: what the kernel would say about this process. */
static unsigned long secure_mode, real_uid;

unsigned long __getauxval(unsigned long type); /* libc's own name for it */

unsigned long getauxval(unsigned long type)
{
    return type == AT_SECURE ? secure_mode : type == AT_UID ? real_uid : __getauxval(type);
}

#define OWN       "/usr/lib/pillion/libpillion.so"
#define READ(...) read_env((const char *[]){__VA_ARGS__, NULL}, OWN)

static void read_env(const char **envp, const char *own)
{
    memset(&pil_env, 0, sizeof(pil_env));
    pil_env_read((char *const *)envp, own);
}

static int set_up(void **state)
{
    (void)state;
    secure_mode = 0;
    real_uid = 0; /* others may not choose on every host */
    return 0;
}

static void an_empty_environment_gives_the_defaults(void **state)
{
    (void)state;
    real_uid = 1234;
    READ(NULL);
    assert_string_equal(pil_env.socket, PIL_DEFAULT_SOCKET);
    assert_string_equal(pil_env.alternative, PIL_DEFAULT_ABSTRACT);
    assert_string_equal(pil_env.preload, "");
    assert_int_equal(pil_env.uid, 1234);
    assert_false(pil_env.secure);
    memset(&pil_env, 0, sizeof(pil_env));
    pil_env_read(NULL, OWN);
    assert_string_equal(pil_env.socket, PIL_DEFAULT_SOCKET);
}

static void a_named_socket_is_the_only_one(void **state)
{
    (void)state;
    READ("A=1", "PILLION_SOCKET=/tmp/x.sock", "B=2");
    assert_string_equal(pil_env.socket, "/tmp/x.sock");
    assert_string_equal(pil_env.alternative, "");
    READ("PILLION_SOCKET=@solo-1");
    assert_string_equal(pil_env.socket, "@solo-1");
    assert_string_equal(pil_env.alternative, "");
}

/* As if it were not set: both default places are tried. */
static void a_malformed_socket_is_ignored(void **state)
{
    static char name[sizeof("PILLION_SOCKET=") + PIL_SOCKET_MAX + 1] = "PILLION_SOCKET=";
    static const char *const bad[] = {"PILLION_SOCKET=",    "PILLION_SOCKET=x.sock",
                                      "PILLION_SOCKET=./x", "PILLION_SOCKETS=/x",
                                      "XPILLION_SOCKET=/x", "PILLION_SOCKET"};

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(bad); i++) {
        READ(bad[i]);
        assert_string_equal(pil_env.socket, PIL_DEFAULT_SOCKET);
        assert_string_equal(pil_env.alternative, PIL_DEFAULT_ABSTRACT);
    }
    memset(name + 15, '/', PIL_SOCKET_MAX);
    READ(name);
    assert_int_equal(strlen(pil_env.socket), PIL_SOCKET_MAX);
    assert_string_equal(pil_env.alternative, "");
    memset(name + 15, '/', PIL_SOCKET_MAX + 1);
    READ(name);
    assert_string_equal(pil_env.socket, PIL_DEFAULT_SOCKET);
    assert_string_equal(pil_env.alternative, PIL_DEFAULT_ABSTRACT);
}

static void secure_mode_ignores_what_a_user_set(void **state)
{
    (void)state;
    secure_mode = 1;
    READ("PILLION_SOCKET=/tmp/mine.sock", "LD_PRELOAD=/usr/lib/libpillion.so");
    assert_true(pil_env.secure);
    assert_string_equal(pil_env.socket, PIL_DEFAULT_SOCKET);
    assert_string_equal(pil_env.alternative, PIL_DEFAULT_ABSTRACT);
}

/* By the word that the loader took us by, and no other library of that name. */
static void the_preload_is_remembered_as_it_was_named(void **state)
{
    static const char *const rows[][2] = {
        {"LD_PRELOAD=" OWN, OWN},
        {"LD_PRELOAD=libpillion.so", "libpillion.so"},
        {"LD_PRELOAD=/a/liba.so:" OWN " /c/libc.so", OWN},
        {"LD_PRELOAD= : " OWN, OWN},
        {"LD_PRELOAD=/usr/$LIB/pillion/libpillion.so", "/usr/$LIB/pillion/libpillion.so"},
        {"LD_PRELOAD=/tmp/libpillion.so:" OWN, OWN},
        {"LD_PRELOAD=/tmp/libpillion.so", ""},
        {"LD_PRELOAD=/a/liba.so", ""},
        {"LD_PRELOAD=/a/$LIB/notlibpillion.so", ""},
        {"LD_PRELOAD=" OWN ".1", ""},
        {"LD_PRELOAD=x.so", ""},
        {"LD_PRELOAD=", ""},
    };

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(rows); i++) {
        READ(rows[i][0]);
        assert_string_equal(pil_env.preload, rows[i][1]);
        assert_int_equal(pil_env_preloads(rows[i][0] + 11), rows[i][1][0] != '\0');
    }
    assert_false(pil_env_preloads(NULL));
    READ("LD_PRELOAD=" OWN);
    assert_true(pil_env_preloads("a.so " OWN));
    assert_false(pil_env_preloads("/tmp/libpillion.so"));
    assert_false(pil_env_preloads("libpillion.so"));
    assert_false(pil_env_preloads(OWN ".1:/x" OWN));
}

static void a_preload_that_is_too_long_cannot_be_put_back(void **state)
{
    static char value[11 + PIL_ENV_PATH + 20] = "LD_PRELOAD=";
    char *own = value + 11;

    (void)state;
    memset(own, '/', PIL_ENV_PATH);
    read_env((const char *[]){value, NULL}, own);
    assert_int_equal(strlen(pil_env.preload), PIL_ENV_PATH);
    memset(own, '/', PIL_ENV_PATH + 1);
    read_env((const char *[]){value, NULL}, own);
    assert_string_equal(pil_env.preload, "");
}

static void the_program_is_the_file_that_runs(void **state)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

    (void)state;
    assert_true(len > 0);
    path[len] = '\0';
    READ(NULL);
    assert_string_equal(pil_env.program, "");
    assert_string_equal(pil_env_program(), strrchr(path, '/') + 1);
    assert_string_equal(pil_env.program, strrchr(path, '/') + 1);
}

static void who_greets_is_named_by_its_pid(void **state)
{
    char own[32], other[32];

    (void)state;
    snprintf(own, sizeof(own), "PILLION_GREET=%d", (int)getpid());
    snprintf(other, sizeof(other), "PILLION_GREET=%d", (int)getppid());
    READ("A=1");
    assert_false(pil_env.greets);
    READ(own);
    assert_true(pil_env.greets);
    assert_false(pil_env.all_greet);
    READ(other);
    assert_false(pil_env.greets);
    READ("PILLION_GREET=all");
    assert_true(pil_env.greets);
    assert_true(pil_env.all_greet);
    READ("PILLION_GREET=");
    assert_false(pil_env.greets);
    READ("PILLION_GREET=nobody");
    assert_false(pil_env.greets);
}

static void find_takes_the_first_whole_name(void **state)
{
    static const char *const entries[] = {"AB=0", "A", "A=1", "A=2", "EMPTY=", NULL};
    char *const *env = (char *const *)entries;

    (void)state;
    assert_string_equal(pil_env_find(env, "A"), "1");
    assert_string_equal(pil_env_find(env, "EMPTY"), "");
    assert_null(pil_env_find(env, "B"));
    assert_null(pil_env_find(NULL, "A"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_environment_gives_the_defaults, set_up),
        cmocka_unit_test_setup(a_named_socket_is_the_only_one, set_up),
        cmocka_unit_test_setup(a_malformed_socket_is_ignored, set_up),
        cmocka_unit_test_setup(secure_mode_ignores_what_a_user_set, set_up),
        cmocka_unit_test_setup(the_preload_is_remembered_as_it_was_named, set_up),
        cmocka_unit_test_setup(a_preload_that_is_too_long_cannot_be_put_back, set_up),
        cmocka_unit_test_setup(the_program_is_the_file_that_runs, set_up),
        cmocka_unit_test_setup(who_greets_is_named_by_its_pid, set_up),
        cmocka_unit_test_setup(find_takes_the_first_whole_name, set_up),
    };

    pil_real_bind();
    return cmocka_run_group_tests_name("env", tests, NULL, NULL);
}
