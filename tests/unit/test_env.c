/* shim/env: what is taken from an environment, what is not, and nothing in secure mode. */
#include "tests/support/support.h"

#include <sys/auxv.h>
#include <unistd.h>

#include "shim/env.h"

/* Takes the place of libc's: what the kernel would say about this process. */
static unsigned long secure_mode, real_uid;

unsigned long __getauxval(unsigned long type); /* libc's own name for it */

unsigned long getauxval(unsigned long type)
{
    return type == AT_SECURE ? secure_mode : type == AT_UID ? real_uid : __getauxval(type);
}

#define READ(...) read_env((const char *[]){__VA_ARGS__, NULL})

static void read_env(const char **envp)
{
    memset(&pil_env, 0, sizeof(pil_env));
    pil_env_read((char *const *)envp);
}

static int set_up(void **state)
{
    (void)state;
    secure_mode = 0;
    real_uid = 1234;
    return 0;
}

static void an_empty_environment_gives_the_defaults(void **state)
{
    (void)state;
    READ(NULL);
    assert_string_equal(pil_env.socket, PIL_DEFAULT_SOCKET);
    assert_string_equal(pil_env.alternative, PIL_DEFAULT_ABSTRACT);
    assert_string_equal(pil_env.preload, "");
    assert_int_equal(pil_env.uid, 1234);
    assert_false(pil_env.secure);
    memset(&pil_env, 0, sizeof(pil_env));
    pil_env_read(NULL);
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

static void the_preload_is_remembered_as_it_was_named(void **state)
{
    static const char *const rows[][2] = {
        {"LD_PRELOAD=/usr/lib/pillion/libpillion.so", "/usr/lib/pillion/libpillion.so"},
        {"LD_PRELOAD=libpillion.so", "libpillion.so"},
        {"LD_PRELOAD=/a/liba.so:/b/libpillion.so /c/libc.so", "/b/libpillion.so"},
        {"LD_PRELOAD= : /b/libpillion.so", "/b/libpillion.so"},
        {"LD_PRELOAD=/a/liba.so", ""},
        {"LD_PRELOAD=/a/notlibpillion.so", ""},
        {"LD_PRELOAD=/a/libpillion.so.1", ""},
        {"LD_PRELOAD=", ""},
    };

    (void)state;
    for (unsigned i = 0; i < PIL_NELEM(rows); i++) {
        READ(rows[i][0]);
        assert_string_equal(pil_env.preload, rows[i][1]);
        assert_int_equal(pil_env_preloads(rows[i][0] + 11), rows[i][1][0] != '\0');
    }
    assert_false(pil_env_preloads(NULL));
}

static void a_preload_that_is_too_long_cannot_be_put_back(void **state)
{
    static char value[11 + PIL_ENV_PATH + 20] = "LD_PRELOAD=";

    (void)state;
    memset(value + 11, '/', PIL_ENV_PATH);
    memcpy(value + 11 + PIL_ENV_PATH - 13, "libpillion.so", 14);
    READ(value);
    assert_int_equal(strlen(pil_env.preload), PIL_ENV_PATH);
    memset(value + 11, '/', PIL_ENV_PATH + 1);
    memcpy(value + 11 + PIL_ENV_PATH + 1 - 13, "libpillion.so", 14);
    READ(value);
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
    assert_string_equal(pil_env.program, strrchr(path, '/') + 1);
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
        cmocka_unit_test_setup(find_takes_the_first_whole_name, set_up),
    };

    return cmocka_run_group_tests_name("env", tests, NULL, NULL);
}
