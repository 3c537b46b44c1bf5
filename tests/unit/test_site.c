/* shim/site: a return address gives its module; what lies in none gives nothing. */
#include "tests/support/support.h"

#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>

#include "shim/env.h"
#include "shim/real.h"
#include "shim/site.h"

static void the_program_goes_by_its_own_name(void **state)
{
    struct pil_slice name;

    (void)state;
    snprintf(pil_env.program, sizeof(pil_env.program), "ledgerd");
    assert_true(pil_site_module((void *)the_program_goes_by_its_own_name, &name));
    assert_slice(name, "ledgerd");
}

static void a_program_that_nobody_named_goes_by_its_file(void **state)
{
    struct pil_slice name;

    (void)state;
    pil_env.program[0] = '\0';
    assert_true(pil_site_module((void *)a_program_that_nobody_named_goes_by_its_file, &name));
    assert_slice(name, "test_site");
}

static void a_library_goes_by_its_base_name(void **state)
{
    struct pil_slice name;

    (void)state;
    assert_true(pil_site_module(dlsym(RTLD_DEFAULT, "_cmocka_run_group_tests"), &name));
    assert_true(name.len > 10);
    assert_memory_equal(name.at, "libcmocka.so", 12);
    assert_null(memchr(name.at, '/', name.len));
    assert_true(pil_site_module(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &name));
    assert_slice(name, "libc.so.6");
}

static void generated_code_has_no_module(void **state)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct pil_slice name = {"kept", 4};

    (void)state;
    assert_true(page != MAP_FAILED);
    assert_false(pil_site_module((char *)page + 16, &name));
    assert_false(pil_site_module(&name, &name));
    assert_false(pil_site_module((void *)1, &name));
    assert_slice(name, "kept");
    munmap(page, 4096);
}

static int set_up(void **state)
{
    (void)state;
    pil_real_bind();
    return 0;
}

static void a_libc_that_cannot_tell_leaves_it_unseen(void **state)
{
    int (*kept)(void *, struct dl_find_object *) = pil_real_libc._dl_find_object;
    struct pil_slice name;

    (void)state;
    pil_real_libc._dl_find_object = NULL;
    assert_false(pil_site_module((void *)set_up, &name));
    assert_false(pil_site_names((void *)set_up));
    pil_real_libc._dl_find_object = kept;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_goes_by_its_own_name),
        cmocka_unit_test(a_program_that_nobody_named_goes_by_its_file),
        cmocka_unit_test(a_library_goes_by_its_base_name),
        cmocka_unit_test(generated_code_has_no_module),
        cmocka_unit_test(a_libc_that_cannot_tell_leaves_it_unseen),
    };

    return cmocka_run_group_tests_name("site", tests, set_up, NULL);
}
