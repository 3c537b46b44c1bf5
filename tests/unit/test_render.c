/* conf/render: the text is the one that is stored, and loading it gives the image again. */
#include "tests/support/support.h"

#include <stdio.h>
#include <unistd.h>

#include "conf/policy.h"
#include "core/image_layout.h"

static const char *const golden[] = {"full", "empty"};

static void show_message(void *cookie, enum pil_severity severity, const char *message)
{
    (void)cookie;
    if (severity == PIL_SEVERITY_ERROR)
        print_error("%s\n", message);
}

struct built {
    void *block;
    size_t len;
    struct pil_image img;
    char *text;
};

static void build(struct built *b, const char *path)
{
    struct pil_diag diag = {.sink = show_message};

    assert_err(pil_policy_build(&path, 1, 7, &diag, &b->block, &b->len, &b->img), PIL_OK);
    assert_err(pil_render(&b->img, &b->text), PIL_OK);
}

static void release(struct built *b)
{
    free(b->block);
    free(b->text);
}

static char *slurp(const char *path)
{
    FILE *in = fopen(path, "r");
    char *text = calloc(1, 65536);

    if (!in || !text)
        fail_msg("%s cannot be read", path);
    assert_true(fread(text, 1, 65535, in) > 0);
    fclose(in);
    return text;
}

/* The repository, wherever the test is started from below it: tests run in its root. */
static void golden_path(char *out, size_t cap, const char *name, const char *suffix)
{
    snprintf(out, cap, "tests/policy/golden/%s.%s", name, suffix);
}

/* Stored files belong to whoever checked them out, perhaps with a umask that policy refuses. */
static char *private_copy(const char *folder, const char *path)
{
    char *text = slurp(path), *copy = test_file(folder, "policy.conf", text);

    free(text);
    return copy;
}

static void text_is_the_stored_one(void **state)
{
    char path[256];

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(golden); i++) {
        char *folder = test_folder_make(), *copy, *want;
        struct built b;

        golden_path(path, sizeof(path), golden[i], "conf");
        copy = private_copy(folder, path);
        build(&b, copy);
        golden_path(path, sizeof(path), golden[i], "txt");
        if (getenv("PIL_WRITE_GOLDEN")) { /* after a change that was meant: then read the diff */
            FILE *out = fopen(path, "w");

            assert_non_null(out);
            fputs(b.text, out);
            fclose(out);
        }
        want = slurp(path);
        assert_string_equal(b.text, want);
        free(want);
        free(copy);
        release(&b);
        test_folder_remove(folder);
    }
}

static void text_loads_to_the_same_image(void **state)
{
    char path[256];

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(golden); i++) {
        char *folder = test_folder_make(), *copy, *again;
        struct built first, second;
        const struct pil_layout_head *a, *b;
        size_t start = sizeof(struct pil_layout_head);

        golden_path(path, sizeof(path), golden[i], "conf");
        copy = private_copy(folder, path);
        build(&first, copy);
        again = test_file(folder, "again.conf", first.text);
        build(&second, again);
        assert_string_equal(first.text, second.text);
        a = pil_layout_head(&first.img);
        b = pil_layout_head(&second.img);
        assert_int_equal(a->section[PIL_LAYOUT_PLACES].at, b->section[PIL_LAYOUT_PLACES].at);
        assert_memory_equal((const char *)a + start, (const char *)b + start,
                            a->section[PIL_LAYOUT_PLACES].at - start);
        free(copy);
        free(again);
        release(&first);
        release(&second);
        test_folder_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_the_stored_one),
        cmocka_unit_test(text_loads_to_the_same_image),
    };

    return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
