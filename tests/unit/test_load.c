/* conf/load: files and folders become a model, or errors that name them. */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/load.h"
#include "conf/policy.h"

/* All messages, one a line. */
struct heard {
    char text[8192];
    size_t len;
};

static void hear(void *cookie, enum pil_severity severity, const char *message)
{
    struct heard *h = cookie;

    (void)severity;
    h->len += (size_t)snprintf(h->text + h->len, sizeof(h->text) - h->len, "%s\n", message);
    assert_true(h->len < sizeof(h->text));
}

/* Growth number `fail_at` from now fails; every array of conf/ grows through this function. */
static long fail_at = -1;

void *reallocarray(void *array, size_t count, size_t size)
{
    size_t bytes;

    if (fail_at == 0 || __builtin_mul_overflow(count, size, &bytes))
        return NULL;
    if (fail_at > 0)
        fail_at--;
    return realloc(array, bytes);
}

struct fixture {
    char *folder;
    struct heard heard;
    struct pil_diag diag;
    struct pil_model model;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->folder = test_folder_make();
    f->diag = (struct pil_diag){.sink = hear, .cookie = &f->heard};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    fail_at = -1;
    pil_model_free(&f->model);
    test_folder_remove(f->folder);
    free(f);
    return 0;
}

static void put(struct fixture *f, const char *name, const char *text)
{
    free(test_file(f->folder, name, text));
}

static char *path_of(struct fixture *f, const char *name)
{
    char *path;

    assert_true(asprintf(&path, "%s/%s", f->folder, name) > 0);
    return path;
}

static int load(struct fixture *f, const char *name)
{
    char *path = path_of(f, name);
    const char *paths[] = {path};
    int err = pil_load(paths, 1, &f->diag, &f->model);

    free(path);
    return err;
}

/* The load fails with exactly one message, FOLDER/ replaced by nothing. */
static void assert_one_error(struct fixture *f, const char *name, const char *expected)
{
    char plain[8192];
    size_t len = 0, skip = strlen(f->folder) + 1;

    assert_err(load(f, name), PIL_E_SYNTAX);
    for (const char *at = f->heard.text; *at;) {
        const char *next = strstr(at, f->folder);
        size_t n = next ? (size_t)(next - at) : strlen(at);

        memcpy(plain + len, at, n);
        len += n;
        at += n + (next ? skip : 0);
    }
    plain[len] = '\0';
    if (len > 0 && plain[len - 1] == '\n')
        plain[len - 1] = '\0';
    assert_string_equal(plain, expected);
    assert_int_equal(f->diag.errors, 1);
    assert_null(f->model.file);
    assert_null(f->model.policy);
    f->heard = (struct heard){0};
    f->diag.errors = 0;
}

static void a_text_becomes_a_model_with_places(void **state)
{
    struct fixture *f = *state;
    const struct pil_policy *p;

    put(f, "a.conf",
        "schema = 1 # one\n"
        "/* two\n lines */ default = deny\n"
        "policy \"p\"\n"
        "{\n"
        "    version = 7  stage = shadow  rollout = 25  errno = ETIMEDOUT default = allow\n"
        "    applies = { \"workload:w\", // with a comment\n"
        "                '*', }\n"
        "    rule r1 { effect = allow }\n"
        "    rule \"r2\" {\n"
        "        effect = deny resources = { \"HOST.example.:80\" }\n"
        "        when { hours = \"22:30-06:00\" days = {sat, sun} uid = {0, 33} }\n"
        "        rate { limit = 5 per = 2m }\n"
        "    }\n"
        "}\n");
    assert_err(load(f, "a.conf"), PIL_OK);
    assert_int_equal(f->model.has_default, true);
    assert_int_equal(f->model.default_at.line, 3);
    assert_int_equal(f->model.policy_count, 1);
    p = &f->model.policy[0];
    assert_int_equal(p->at.line, 4);
    assert_int_equal(p->version, 7);
    assert_int_equal(p->stage, PIL_STAGE_SHADOW);
    assert_int_equal(p->rollout, 25);
    assert_int_equal(p->deny_errno, ETIMEDOUT);
    assert_true(p->has_default && p->default_effect == PIL_ALLOW && p->default_at.line == 6);
    assert_int_equal(p->applies.count, 2);
    assert_string_equal(p->applies.item[1], "*");
    assert_int_equal(p->applies.at.line, 7);
    assert_int_equal(p->applies.line[1], 8);
    assert_false(p->inherits.has);
    assert_int_equal(p->rule_count, 2);
    assert_string_equal(p->rule[0].title, "r1");
    assert_int_equal(p->rule[0].at.line, 9);
    assert_false(p->rule[0].when.has || p->rule[0].rate.has || p->rule[0].subjects.has);
    assert_int_equal(p->rule[1].at.line, 10);
    assert_string_equal(p->rule[1].resources.item[0], "host.example:80");
    assert_int_equal(p->rule[1].when.at.line, 12);
    assert_int_equal(p->rule[1].when.hours.low, 22 * 60 + 30);
    assert_int_equal(p->rule[1].when.hours.high, 6 * 60);
    assert_int_equal(p->rule[1].when.days, 0x60);
    assert_int_equal(p->rule[1].when.uid[1], 33);
    assert_int_equal(p->rule[1].rate.per_ms, 120000);
    assert_int_equal(p->rule[1].rate.burst, 5);
}

static void what_is_not_written_is_not_there(void **state)
{
    struct fixture *f = *state;
    const struct pil_policy *p;

    put(f, "a.conf", "policy p { applies = {} }");
    assert_err(load(f, "a.conf"), PIL_OK);
    p = &f->model.policy[0];
    assert_false(f->model.has_schema || f->model.has_default || p->has_version || p->has_default);
    assert_true(p->applies.has);
    assert_int_equal(p->applies.count, 0);
    assert_int_equal(p->stage, PIL_STAGE_ENFORCE);
    assert_int_equal(p->rollout, 100);
    assert_null(f->model.timezone);
}

static void a_folder_is_read_in_byte_order(void **state)
{
    struct fixture *f = *state;

    put(f, "b.conf", "role \"second\" {}");
    put(f, "a.conf", "schema = 1 default = deny role \"first\" {}");
    put(f, "Z.conf", "schema = 1 role \"zero\" {}");
    put(f, ".hidden.conf", "nonsense");
    put(f, "a.conf~", "nonsense");
    put(f, ".conf", "nonsense");
    assert_err(load(f, ""), PIL_OK);
    assert_int_equal(f->model.role_count, 3);
    assert_string_equal(f->model.role[0].title, "zero");
    assert_string_equal(f->model.role[1].title, "first");
    assert_string_equal(f->model.role[2].title, "second");
    assert_int_equal(f->model.file_count, 3);
}

static void includes_are_relative_and_read_once(void **state)
{
    struct fixture *f = *state;
    char *sub = path_of(f, "sub");

    assert_int_equal(mkdir(sub, 0700), 0);
    put(f, "a.conf", "include(\"sub\")\ninclude(\"sub/b.conf\") role \"a\" {}");
    put(f, "sub/b.conf", "include('../c.conf') role \"b\" {}");
    put(f, "c.conf", "role \"c\" {}");
    assert_err(load(f, "a.conf"), PIL_OK);
    assert_int_equal(f->model.role_count, 3);
    assert_int_equal(f->model.file_count, 3);
    free(sub);
}

static void circles_and_depth_of_includes_end(void **state)
{
    struct fixture *f = *state;
    char name[32], text[48];

    put(f, "a.conf", "\ninclude(\"b.conf\")");
    put(f, "b.conf", "include(\"a.conf\")");
    assert_one_error(f, "a.conf",
                     "b.conf:1: includes run in a circle at \"a.conf\"; legal is a file that does "
                     "not lead back to itself");
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof(name), "d%d.conf", i);
        snprintf(text, sizeof(text), "include(\"d%d.conf\")", i + 1);
        put(f, name, text);
    }
    assert_one_error(f, "d0.conf",
                     "d8.conf:1: includes are nested too deeply at \"d9.conf\"; legal is at most 8 "
                     "levels");
}

static void files_that_others_can_write_are_refused(void **state)
{
    struct fixture *f = *state;
    char *path;

    put(f, "a.conf", "schema = 1");
    path = path_of(f, "a.conf");
    assert_int_equal(chmod(path, 0660), 0);
    assert_one_error(f, "a.conf",
                     "a.conf: mode 0660 of \"a.conf\" lets others write; legal is writable by its "
                     "owner only");
    assert_int_equal(chmod(path, 0602), 0);
    assert_one_error(f, "a.conf",
                     "a.conf: mode 0602 of \"a.conf\" lets others write; legal is writable by its "
                     "owner only");
    assert_int_equal(chmod(path, 0644), 0);
    assert_err(load(f, "a.conf"), PIL_OK);
    pil_model_free(&f->model);
    assert_int_equal(chmod(f->folder, 0777), 0);
    assert_err(load(f, ""), PIL_E_SYNTAX);
    assert_non_null(strstr(f->heard.text, "mode 0777"));
    free(path);
}

static void foreign_owners_are_refused(void **state)
{
    struct fixture *f = *state;
    char *path;

    if (geteuid() != 0) {
        print_message("only root can give a file away\n");
        skip();
    }
    put(f, "a.conf", "schema = 1");
    path = path_of(f, "a.conf");
    assert_int_equal(chown(path, 65534, 0), 0);
    free(path);
    assert_one_error(f, "a.conf",
                     "a.conf: wrong owner 65534 of \"a.conf\"; legal is root or the user who loads "
                     "the policy");
}

static void things_that_are_no_policy_files_are_refused(void **state)
{
    struct fixture *f = *state;
    char *path = path_of(f, "fifo.conf");
    int fd;

    assert_int_equal(mkfifo(path, 0600), 0);
    assert_one_error(f, "fifo.conf",
                     "fifo.conf: neither file nor directory is \"fifo.conf\"; legal is a regular "
                     "file or a directory");
    free(path);
    assert_one_error(f, "none.conf",
                     "none.conf: cannot open \"none.conf\": No such file or directory; legal is a "
                     "readable file or directory");
    put(f, "big.conf", "");
    path = path_of(f, "big.conf");
    fd = open(path, O_WRONLY);
    assert_int_equal(ftruncate(fd, PIL_LOAD_FILE_MAX + 1), 0);
    close(fd);
    free(path);
    assert_one_error(
        f, "big.conf",
        "big.conf: file of more than 16 MiB \"big.conf\"; legal is at most 16 MiB in a "
        "file");
    put(f, "from.conf", "\n\ninclude(\"gone.conf\")");
    assert_one_error(
        f, "from.conf",
        "from.conf:3: cannot open \"gone.conf\": No such file or directory; legal is a "
        "readable file or directory");
}

/* Files of the kernel have no size that could be believed; one that grows looks the same. */
static void a_file_that_changes_while_it_is_read_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *path = "/proc/self/status";

    assert_err(pil_load(&path, 1, &f->diag, &f->model), PIL_E_SYNTAX);
    assert_string_equal(f->heard.text,
                        "/proc/self/status: another size than before while reading "
                        "\"/proc/self/status\"; legal is a file that nobody writes to; rename a "
                        "finished one into place\n");
}

static void files_agree_on_what_stands_outside_of_blocks(void **state)
{
    struct fixture *f = *state;

    put(f, "a.conf", "schema = 1 default = deny");
    put(f, "b.conf", "schema = 1\ndefault = allow");
    assert_one_error(f, "",
                     "b.conf:2: default is \"allow\" here and something else in a.conf:1; legal is "
                     "one value for all files");
}

static void the_environment_has_no_say(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(setenv("WHO", "*", 1), 0);
    put(f, "a.conf", "policy p { applies = {\"${WHO}\"} }");
    assert_one_error(
        f, "a.conf",
        "a.conf:1: \"${\" behind \"\"; legal is text as it is: policies do not read the "
        "environment");
    put(f, "b.conf", "policy p { applies = {${WHO}} }");
    assert_one_error(f, "b.conf",
                     "b.conf:1: unexpected byte \"$\"; legal is words, strings in quotes and { } ( "
                     ") = += ,");
}

static void lists_have_an_end(void **state)
{
    struct fixture *f = *state;
    size_t cap = 16 * (PIL_LIST_MAX + 2);
    char *text = malloc(cap);
    size_t len = (size_t)sprintf(text, "role r { members = {");

    for (unsigned i = 0; i < PIL_LIST_MAX; i++)
        len += (size_t)sprintf(text + len, "workload:a,");
    sprintf(text + len, "} }");
    put(f, "a.conf", text);
    assert_err(load(f, "a.conf"), PIL_OK);
    assert_int_equal(f->model.role[0].members.count, PIL_LIST_MAX);
    pil_model_free(&f->model);
    sprintf(text + len, "workload:b} }");
    put(f, "a.conf", text);
    assert_one_error(f, "a.conf",
                     "a.conf:1: list of 4097 values in \"members\"; legal is at most 4096");
    free(text);
}

static void running_out_of_memory_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    long n = 0;
    int err;

    put(f, "a.conf",
        "schema = 1 include(\"b.conf\") workload w { exe = \"/x\" }\n"
        "policy p { applies = {\"*\", \"workload:w\"} rule a { effect = allow } rule b {} }");
    put(f, "b.conf", "role r { members = {\"workload:w\"} } service s {} route s {}");
    for (;; n++) {
        fail_at = n;
        err = load(f, "a.conf");
        fail_at = -1;
        if (!err)
            break;
        assert_err(err, PIL_E_NOMEM);
        assert_null(f->model.file);
        assert_null(f->model.policy);
        assert_true(f->diag.errors > 0);
        f->diag.errors = 0;
        f->heard = (struct heard){0};
    }
    assert_true(n > 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_text_becomes_a_model_with_places),
        TEST(what_is_not_written_is_not_there),
        TEST(a_folder_is_read_in_byte_order),
        TEST(includes_are_relative_and_read_once),
        TEST(circles_and_depth_of_includes_end),
        TEST(files_that_others_can_write_are_refused),
        TEST(foreign_owners_are_refused),
        TEST(things_that_are_no_policy_files_are_refused),
        TEST(a_file_that_changes_while_it_is_read_is_refused),
        TEST(files_agree_on_what_stands_outside_of_blocks),
        TEST(the_environment_has_no_say),
        TEST(lists_have_an_end),
        TEST(running_out_of_memory_leaves_nothing),
    };

    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
