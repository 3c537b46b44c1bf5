/* cli/inspect/hooks: a process whose calls lead to a library of that name, past it, or nowhere. */
#include "tests/support/support.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/inspect/hooks.h"

static const char *const library =
    "int connect(void) { return -1; }\nint listen(void) { return -1; }\n";
static const char *const module =
    "int connect(); int bind(); int SSL_write(void) { return connect() + bind(); }\n";
static const char *const program = "#include <dlfcn.h>\n"
                                   "#include <unistd.h>\n"
                                   "int connect(); int listen();\n"
                                   "int main(int argc, char **argv) {\n"
                                   "  dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND);\n"
                                   "  connect(-1, 0, 0);\n"
                                   "  write(1, \"x\", 1);\n"
                                   "  if (argc > 9) listen(-1, 0);\n"
                                   "  for (;;) pause();\n"
                                   "}\n";

struct world {
    char *folder, preload[512], module[512], program[512];
    pid_t child;
};

static bool build(struct world *w, const char *name, const char *text, const char *flags, char *out)
{
    char *source = test_file(w->folder, "source.c", text), *command;
    bool built;

    snprintf(out, 512, "%s/%s", w->folder, name);
    assert_true(asprintf(&command, "${CC:-cc} -w -fno-builtin %s -o %s %s", flags, out, source) >
                0);
    built = system(command) == 0;
    free(command);
    free(source);
    return built;
}

/* Starts the program and waits until it has made its call. */
static void start(struct world *w, bool preloaded)
{
    int said[2];
    char byte;

    assert_int_equal(pipe(said), 0);
    w->child = fork();
    assert_true(w->child >= 0);
    if (w->child == 0) {
        dup2(said[1], 1);
        if (preloaded)
            setenv("LD_PRELOAD", w->preload, 1);
        execl(w->program, w->program, w->module, NULL);
        _exit(1);
    }
    close(said[1]);
    assert_int_equal(read(said[0], &byte, 1), 1);
    close(said[0]);
}

static void stop(struct world *w)
{
    kill(w->child, SIGKILL);
    assert_int_equal(waitpid(w->child, NULL, 0), w->child);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    w->folder = test_folder_make();
    assert_true(build(w, "libpillion.so", library, "-shared -fPIC", w->preload));
    assert_true(build(w, "deep.so", module, "-shared -fPIC", w->module));
    assert_true(build(w, "program", program, "-Wl,-z,lazy", w->program));
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    test_folder_remove(w->folder);
    free(w);
    return 0;
}

static const struct pil_hooks_module *module_of(const struct pil_hooks *hooks, const char *path)
{
    for (size_t i = 0; i < hooks->count; i++)
        if (strcmp(hooks->module[i].path, path) == 0)
            return &hooks->module[i];
    fail_msg("%s is not among the modules", path);
    return NULL;
}

static void each_module_with_where_its_calls_lead(void **state)
{
    struct world *w = *state;
    const struct pil_hooks_module *m;
    struct pil_hooks hooks;

    start(w, true);
    assert_int_equal(pil_hooks_read(w->child, &hooks), 0);
    assert_string_equal(hooks.library, w->preload);
    assert_true(hooks.readable);
    assert_false(hooks.replaced);
    m = module_of(&hooks, w->program);
    assert_int_equal(m->hooked, 1);  /* connect was called */
    assert_int_equal(m->pending, 1); /* listen was not, and is bound at its first call */
    assert_int_equal(m->past, 0);
    m = module_of(&hooks, w->module);
    assert_int_equal(m->hooked + m->pending, 0);
    assert_int_equal(m->past, 1); /* bind is no name of the library's */
    assert_string_equal(m->names, "connect");
    assert_true(m->own_openssl);
    pil_hooks_free(&hooks);

    assert_int_equal(unlink(w->preload), 0);
    assert_int_equal(pil_hooks_read(w->child, &hooks), 0);
    assert_true(hooks.replaced);
    assert_false(hooks.readable);
    pil_hooks_free(&hooks);
    stop(w);
}

static void a_process_without_the_library(void **state)
{
    struct world *w = *state;
    struct pil_hooks hooks;

    start(w, false);
    assert_int_equal(pil_hooks_read(w->child, &hooks), 0);
    assert_string_equal(hooks.library, "");
    pil_hooks_free(&hooks);
    stop(w);
    assert_int_equal(pil_hooks_read(0x7fffffff, &hooks), -ENOENT);
    pil_hooks_free(&hooks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_module_with_where_its_calls_lead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_process_without_the_library, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("inspect_hooks", tests, NULL, NULL);
}
