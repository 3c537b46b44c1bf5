/* cli/out: tables line up, and nothing that was fed to them steers a terminal. */
#include "tests/support/support.h"

#include "cli/out.h"

static char *printed(void (*print)(FILE *to, const void *cookie), const void *cookie)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(to);
    print(to, cookie);
    assert_int_equal(fclose(to), 0);
    return text;
}

static void print_table(FILE *to, const void *cookie)
{
    const char *const *cell = cookie;
    struct pil_table table;

    pil_table_init(&table, 3);
    for (; *cell; cell++)
        pil_table_add(&table, "%s", *cell);
    pil_table_print(&table, to);
}

static void assert_table(const char *const *cells, const char *want)
{
    char *text = printed(print_table, cells);

    assert_string_equal(text, want);
    free(text);
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    assert_table((const char *[]){"A", "BB", "C", "aaaa", "b", "c", NULL}, "A     BB  C\n"
                                                                           "aaaa  b   c\n");
    assert_table((const char *[]){"\xc3\xa4\xc3\xb6", "x", "y", "abc", "x", "y", NULL},
                 "\xc3\xa4\xc3\xb6   x  y\n"
                 "abc  x  y\n");
    assert_table((const char *[]){"A", NULL}, "A\n");
    assert_table((const char *[]){NULL}, "");
}

static void tables_grow(void **state)
{
    const char *cells[301];
    char *text;
    size_t lines = 0;

    (void)state;
    for (size_t i = 0; i < 300; i++)
        cells[i] = "x";
    cells[300] = NULL;
    text = printed(print_table, cells);
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 100);
    free(text);
}

static void print_it(FILE *to, const void *cookie)
{
    pil_out_text(to, cookie);
}

static void control_bytes_do_not_get_through(void **state)
{
    char *text = printed(print_it, "a\033[31mb\r\nc\177\xc3\xa4");

    (void)state;
    assert_string_equal(text, "a?[31mb??c?\xc3\xa4");
    free(text);
    text = printed(print_it, "a\xc2\x9b\x33Jb\xc2\xa0\xc2");
    assert_string_equal(text, "a?3Jb\xc2\xa0\xc2");
    free(text);
    assert_table((const char *[]){"\xc2\x9bx", "b", "c", NULL}, "?x  b  c\n");
    assert_table((const char *[]){"\033]0;x\a", "b", "c", NULL}, "?]0;x?  b  c\n");
}

static void bytes_that_are_no_utf8_become_json(void **state)
{
    json_t *value = pil_out_json_text("/srv/\xff\xfe"
                                      "x");

    (void)state;
    assert_string_equal(json_string_value(value), "/srv/??x");
    json_decref(value);
    value = pil_out_json_text("/srv/\xc3\xa4");
    assert_string_equal(json_string_value(value), "/srv/\xc3\xa4");
    json_decref(value);
    value = pil_out_json_text(NULL);
    assert_string_equal(json_string_value(value), "");
    json_decref(value);
}

static void *no_memory(size_t size)
{
    (void)size;
    return NULL;
}

static void without_memory_there_is_no_json(void **state)
{
    json_malloc_t get;
    json_free_t give;

    (void)state;
    json_get_alloc_funcs(&get, &give);
    json_set_alloc_funcs(no_memory, give);
    assert_null(pil_out_json_text(NULL));
    assert_null(pil_out_json_text("text"));
    json_set_alloc_funcs(get, give);
}

static void members_that_are_missing_are_empty(void **state)
{
    json_t *object = json_pack("{s:i, s:s, s:f, s:n}", "n", 7, "s", "x", "f", 2.9, "z");

    (void)state;
    assert_int_equal(pil_out_number(object, "n"), 7);
    assert_int_equal(pil_out_number(object, "f"), 2);
    assert_int_equal(pil_out_number(object, "s"), 0);
    assert_int_equal(pil_out_number(object, "none"), 0);
    assert_string_equal(pil_out_string(object, "s"), "x");
    assert_string_equal(pil_out_string(object, "n"), "");
    assert_string_equal(pil_out_string(object, "z"), "");
    assert_string_equal(pil_out_string(NULL, "s"), "");
    json_decref(object);
}

static void ages_read_well(void **state)
{
    static const struct {
        json_int_t seconds;
        const char *text;
    } row[] = {
        {-5, "0s"},         {0, "0s"},         {59, "59s"},
        {60, "1m 0s"},      {3599, "59m 59s"}, {3600, "1h 0m"},
        {86399, "23h 59m"}, {86400, "1d 0h"},  {INT64_MAX, "106751991167300d 15h"},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(row); i++) {
        char buf[32];

        pil_out_age(buf, sizeof(buf), row[i].seconds);
        assert_string_equal(buf, row[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(tables_grow),
        cmocka_unit_test(control_bytes_do_not_get_through),
        cmocka_unit_test(bytes_that_are_no_utf8_become_json),
        cmocka_unit_test(without_memory_there_is_no_json),
        cmocka_unit_test(members_that_are_missing_are_empty),
        cmocka_unit_test(ages_read_well),
    };

    return cmocka_run_group_tests_name("cli_out", tests, NULL, NULL);
}
