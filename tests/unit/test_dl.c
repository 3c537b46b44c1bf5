/* shim/dl, shim/reach: what is asked of the loader, and what policyd hears of it. */
#include "tests/support/shimworld.h"

#include <errno.h>

#include "core/wire.h"
#include "shim/reach.h"
#include "shim/shim.h"

static struct pil_event event;
static uint32_t tail;

static const struct pil_event *next_event(void)
{
    assert_true(pil_ring_get(atomic_load(&pil_process.ring), &tail, &event));
    return &event;
}

static int set_up(void **state)
{
    tail = 0;
    return world_set_up(state);
}

static void libc_is_asked_for_what_is_not_hooked(void **state)
{
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

    (void)state;
    pil_shim_bind_dl();
    assert_ptr_equal(pil_shim_dlsym(libc, "getpid"), dlsym(libc, "getpid"));
    assert_ptr_equal(pil_shim_dlvsym(libc, "getpid", "GLIBC_2.2.5"), dlsym(libc, "getpid"));
    assert_non_null(pil_shim_dl.dlopen);
    assert_non_null(pil_shim_dl.dlmopen);
    dlerror();
    assert_null(pil_shim_dlsym(libc, "no_such_symbol"));
    assert_non_null(strstr(dlerror(), "no_such_symbol"));
    assert_null(pil_shim_dlvsym(libc, "getpid", "GLIBC_0.0"));
    dlclose(libc);
}

static void a_deep_binding_is_reported(void **state)
{
    (void)state;
    pil_shim_deepbind("/opt/module.so");
    assert_int_equal(next_event()->type, PIL_EVENT_DEEPBIND);
    assert_int_equal(event.text_len, 14);
    assert_memory_equal(event.text, "/opt/module.so", 14);
    pil_shim_deepbind(NULL); /* the program itself */
    assert_int_equal(next_event()->text_len, 0);
}

static void a_ring_is_refused_and_reported(void **state)
{
    (void)state;
    errno = 4711;
    assert_int_equal(pil_shim_io_uring(), -EPERM);
    assert_int_equal(errno, 4711);
    assert_int_equal(next_event()->type, PIL_EVENT_URING);
}

static void another_namespace_is_reported(void **state)
{
    (void)state;
    assert_null(pil_shim_namespace("/opt/module.so"));
    assert_int_equal(next_event()->type, PIL_EVENT_COVERAGE_LOST);
    assert_int_equal(event.kind, PIL_COVER_NAMESPACE);
    assert_memory_equal(event.text, "/opt/module.so", 14);
}

static void or_refused_where_coverage_is_required(void **state)
{
    (void)state;
    assert_int_equal(pil_reach_refuses(NULL, PIL_COVER_STATIC), 0);
    next_event();
    atomic_store(&pil_process.flags, PIL_WELCOME_COVER_CHILDREN);
    assert_non_null(pil_shim_namespace("/opt/module.so"));
    assert_int_equal(next_event()->type, PIL_EVENT_EXEC_REFUSED);
    assert_int_equal(event.kind, PIL_COVER_NAMESPACE);
}

/* What nobody can tell is a refusal, and nothing waits for ever. */
static void without_policyd_it_is_refused(void **state)
{
    (void)state;
    world_fresh("/nowhere");
    world_deadline(WORLD_SHORT_MS);
    assert_true(pil_reach_refuses("/opt/module.so", PIL_COVER_NAMESPACE));
    assert_int_equal(pil_shim_io_uring(), -EPERM);
    pil_shim_deepbind("/opt/module.so");
    assert_null(atomic_load(&pil_process.ring));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(libc_is_asked_for_what_is_not_hooked),  TEST(a_deep_binding_is_reported),
        TEST(a_ring_is_refused_and_reported),        TEST(another_namespace_is_reported),
        TEST(or_refused_where_coverage_is_required), TEST(without_policyd_it_is_refused),
    };

    return cmocka_run_group_tests_name("dl", tests, NULL, NULL);
}
