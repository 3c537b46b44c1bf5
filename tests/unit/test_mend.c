/* shim/mend: what an environment lacks, and the same with it put back. */
#include "tests/support/support.h"

#include <stdbool.h>

#include "shim/env.h"
#include "shim/mend.h"

static int set_up(void **state)
{
    (void)state;
    memset(&pil_env, 0, sizeof(pil_env));
    strcpy(pil_env.preload, "/opt/pillion/libpillion.so");
    strcpy(pil_env.socket, "/run/p.sock");
    return 0;
}

static char **mended(char *const envp[])
{
    struct pil_lacks lacks;

    assert_true(pil_mend_look(envp, &lacks));
    return pil_mend(envp, &lacks, malloc(pil_mend_room(&lacks)));
}

static void an_empty_environment_gets_both(void **state)
{
    char *none[] = {NULL}, **env = mended(none), **also = mended(NULL);

    (void)state;
    assert_string_equal(env[0], "LD_PRELOAD=/opt/pillion/libpillion.so");
    assert_string_equal(env[1], "PILLION_SOCKET=/run/p.sock");
    assert_null(env[2]);
    assert_string_equal(also[1], env[1]);
    free(env);
    free(also);
}

static void what_is_there_stays_in_its_order(void **state)
{
    char *some[] = {(char *)"A=1", (char *)"LD_PRELOAD=libtheirs.so", (char *)"B=2", NULL},
         **env = mended(some);

    (void)state;
    assert_ptr_equal(env[0], some[0]);
    assert_ptr_equal(env[1], some[2]);
    assert_string_equal(env[2], "LD_PRELOAD=/opt/pillion/libpillion.so:libtheirs.so");
    assert_string_equal(env[3], "PILLION_SOCKET=/run/p.sock");
    assert_null(env[4]);
    free(env);
}

static void a_whole_environment_lacks_nothing(void **state)
{
    char *whole[] = {(char *)"LD_PRELOAD=x.so:/opt/pillion/libpillion.so",
                     (char *)"PILLION_SOCKET=/run/p.sock", NULL};
    struct pil_lacks lacks;

    (void)state;
    assert_false(pil_mend_look(whole, &lacks));
    assert_int_equal(lacks.count, 2);
}

/* Another library of that name, and another policyd, are not ours. */
static void what_leads_elsewhere_is_replaced(void **state)
{
    char *some[] = {(char *)"PILLION_SOCKET=/tmp/mine.sock",
                    (char *)"A=1",
                    (char *)"LD_PRELOAD=/tmp/libpillion.so",
                    (char *)"PILLION_SOCKET=@again",
                    (char *)"PILLION_SOCKETS=x",
                    NULL},
         **env = mended(some);

    (void)state;
    assert_ptr_equal(env[0], some[1]);
    assert_ptr_equal(env[1], some[4]);
    assert_string_equal(env[2], "LD_PRELOAD=/opt/pillion/libpillion.so:/tmp/libpillion.so");
    assert_string_equal(env[3], "PILLION_SOCKET=/run/p.sock");
    assert_null(env[4]);
    free(env);
}

static void nothing_is_put_back_that_was_not_there(void **state)
{
    char *none[] = {NULL};
    struct pil_lacks lacks;

    (void)state;
    pil_env.preload[0] = '\0';
    strcpy(pil_env.alternative, "@pillion/policyd");
    assert_false(pil_mend_look(none, &lacks));
    pil_env.alternative[0] = '\0';
    assert_true(pil_mend_look(none, &lacks));
    assert_false(lacks.preload);
}

static void where_none_was_chosen_none_is_handed_on(void **state)
{
    char *chosen[] = {(char *)"PILLION_SOCKET=/tmp/mine.sock", (char *)"A=1", NULL}, **env;
    char *same[] = {(char *)"PILLION_SOCKET=" PIL_DEFAULT_SOCKET, NULL};
    struct pil_lacks lacks;

    (void)state;
    pil_env.preload[0] = '\0';
    strcpy(pil_env.alternative, "@pillion/policyd");
    env = mended(chosen);
    assert_ptr_equal(env[0], chosen[1]);
    assert_null(env[1]);
    free(env);
    assert_false(pil_mend_look(same, &lacks));
    same[0] = (char *)"PILLION_SOCKET=" PIL_DEFAULT_ABSTRACT;
    assert_false(pil_mend_look(same, &lacks));
}

/* A private policyd needs the hello of each; one process's own pid is nobody else's business. */
static void where_all_greet_children_do(void **state)
{
    char *some[] = {(char *)"LD_PRELOAD=/opt/pillion/libpillion.so",
                    (char *)"PILLION_SOCKET=/run/p.sock", (char *)"PILLION_GREET=12", NULL},
         **env;
    struct pil_lacks lacks;

    (void)state;
    assert_false(pil_mend_look(some, &lacks));
    pil_env.all_greet = true;
    env = mended(some);
    assert_ptr_equal(env[0], some[0]);
    assert_ptr_equal(env[1], some[1]);
    assert_string_equal(env[2], "PILLION_GREET=all");
    assert_null(env[3]);
    assert_false(pil_mend_look(env, &lacks));
    free(env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_environment_gets_both, set_up),
        cmocka_unit_test_setup(what_is_there_stays_in_its_order, set_up),
        cmocka_unit_test_setup(a_whole_environment_lacks_nothing, set_up),
        cmocka_unit_test_setup(what_leads_elsewhere_is_replaced, set_up),
        cmocka_unit_test_setup(nothing_is_put_back_that_was_not_there, set_up),
        cmocka_unit_test_setup(where_none_was_chosen_none_is_handed_on, set_up),
        cmocka_unit_test_setup(where_all_greet_children_do, set_up),
    };

    return cmocka_run_group_tests_name("mend", tests, NULL, NULL);
}
