/* cli/rules/shape: what is generalised, what is not, and what --exact and --widen change. */
#include "tests/support/support.h"

#include "cli/rules/shape.h"

static struct pil_seen item(unsigned action, const char *ip, unsigned port)
{
    struct pil_seen s = {.action = (uint8_t)action,
                         .kind = PIL_KIND_INET,
                         .port = (uint16_t)port,
                         .exe = (char *)"/bin/x",
                         .name = (char *)""};

    assert_err(pil_ip_parse(pil_slice_of(ip), &s.ip), PIL_OK);
    return s;
}

static struct pil_seen path(const char *text)
{
    return (struct pil_seen){.action = PIL_ACTION_CONNECT,
                             .kind = PIL_KIND_UNIX,
                             .exe = (char *)"/bin/x",
                             .name = (char *)(uintptr_t)text};
}

static void expect(const struct pil_shape *shape, const struct pil_seen *seen, const char *want,
                   bool noted)
{
    const char *note;
    char *got = pil_shape_resource(shape, seen, &note);

    assert_string_equal(got, want);
    assert_int_equal(note != NULL, noted);
    free(got);
}

static const struct pil_ports chosen = {32768, 60999};

static void ports_that_the_kernel_chose_become_its_range(void **state)
{
    struct pil_seen all[] = {
        item(PIL_ACTION_LISTEN, "127.0.0.1", 40000),  item(PIL_ACTION_LISTEN, "0.0.0.0", 80),
        item(PIL_ACTION_LISTEN, "::", 443),           item(PIL_ACTION_ACCEPT, "10.0.0.1", 80),
        item(PIL_ACTION_ACCEPT, "10.0.0.1", 81),      item(PIL_ACTION_CONNECT, "127.0.0.1", 40000),
        item(PIL_ACTION_CONNECT, "127.0.0.1", 40001), item(PIL_ACTION_SEND, "10.0.0.9", 50000),
        item(PIL_ACTION_LISTEN, "::1", 60999),        item(PIL_ACTION_LISTEN, "::1", 61000),
        item(PIL_ACTION_LISTEN, "::", 32768),
    };
    static const struct {
        const char *want, *exact;
    } rows[] = {
        {"127.0.0.1:32768-60999", "127.0.0.1:40000"},
        {"*:80", "*:80"},
        {"*:443", "*:443"},
        {"*:80", "*:80"}, /* what came to a listener of every address */
        {"10.0.0.1:81", "10.0.0.1:81"},
        {"127.0.0.1:32768-60999", "127.0.0.1:40000"}, /* to one of the own listeners */
        {"127.0.0.1:40001", "127.0.0.1:40001"},
        {"10.0.0.9:32768-60999", "10.0.0.9:50000"}, /* an answer of a server */
        {"[::1]:32768-60999", "[::1]:60999"},
        {"[::1]:61000", "[::1]:61000"},
        {"*:32768-60999", "*:32768"},
    };
    struct pil_seen_list list = {all, PIL_NELEM(all), 0};
    struct pil_shape shape = {.all = &list, .chosen = chosen};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++)
        expect(&shape, &all[i], rows[i].want, strchr(rows[i].want, '-') != NULL);
    shape.exact = true;
    for (size_t i = 0; i < PIL_NELEM(rows); i++)
        expect(&shape, &all[i], rows[i].exact, false);
    all[7].exe = (char *)"/bin/client"; /* who sends and serves nothing */
    shape.exact = false;
    expect(&shape, &all[7], "10.0.0.9:50000", false);
}

static void names_stand_for_what_is_reached_not_for_oneself(void **state)
{
    struct pil_shape shape = {.chosen = chosen};
    struct pil_seen s = item(PIL_ACTION_CONNECT, "10.0.0.1", 5432);

    (void)state;
    s.name = (char *)"db.example";
    expect(&shape, &s, "db.example:5432", false);
    s.action = PIL_ACTION_LISTEN;
    expect(&shape, &s, "10.0.0.1:5432", false);
    s = (struct pil_seen){
        .action = PIL_ACTION_RESOLVE, .kind = PIL_KIND_NAME, .name = (char *)"db.example"};
    expect(&shape, &s, "db.example", false);
    s.kind = PIL_KIND_OTHER;
    expect(&shape, &s, "", false);
}

static void random_names_become_stars(void **state)
{
    static const struct {
        const char *path, *want;
    } rows[] = {
        {"/run/postgresql/.s.PGSQL.5432", "unix:/run/postgresql/.s.PGSQL.5432"},
        {"/run/user/1000/bus", "unix:/run/user/1000/bus"},
        {"/tmp/.X11-unix/X0", "unix:/tmp/.X11-unix/X0"},
        {"/no-such-run/journal/dev-log", "unix:/no-such-run/journal/dev-log"},
        {"/run/php/php8.2-fpm.sock", "unix:/run/php/php8.2-fpm.sock"},
        {"/run/x86_64/sha256sum.sock", "unix:/run/x86_64/sha256sum.sock"},
        {"@/tmp/dbus-aB3dEf9Gh1", "unix:@/tmp/dbus-*"},
        {"/tmp/ssh-XXk2J3h4g5/agent.77", "unix:/tmp/ssh-*/agent.77"},
        {"/tmp/tmpab12cd_x/x", "unix:/tmp/tmp*/x"},
        {"/tmp/tmpabcdefgh/x", "unix:/tmp/tmp*/x"},
        {"/run/v/550e8400-e29b-41d4-a716-446655440000.sock", "unix:/run/v/*.sock"},
        {"@1f0ab", "unix:@?????"},
        {"@name", "unix:@name"},
        /* Below a folder that is gone. */
        {"/tmp/no-such-folder-abcdefgh/listener-qwertyui", "unix:/tmp/no-such-folder-*/listener-*"},
        {"/tmp/no-such-folder-abcdefgh/control.socket",
         "unix:/tmp/no-such-folder-*/control.socket"},
    };
    struct pil_shape shape = {.chosen = chosen};

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_seen s = path(rows[i].path);

        expect(&shape, &s, rows[i].want, strpbrk(rows[i].want, "*?") != NULL);
    }
}

static void exact_paths_stay(void **state)
{
    struct pil_seen s = path("/tmp/tmpab12cd_x/x");
    struct pil_shape shape = {.exact = true};

    (void)state;
    expect(&shape, &s, "unix:/tmp/tmpab12cd_x/x", false);
}

static void numbers_become_stars_where_several_differ(void **state)
{
    const char *const there[] = {"/run/w-3/x.sock"};
    struct pil_seen all[] = {path("/run/app-17/4.sock"), path("/run/app-18/4.sock"),
                             path("/run/one-1.sock"), path("/run/w-4/x.sock")};
    struct pil_seen_list list = {all, PIL_NELEM(all), 0};
    struct pil_shape shape = {.all = &list, .path = there, .paths = 1};

    (void)state;
    expect(&shape, &all[0], "unix:/run/app-*/4.sock", true);
    expect(&shape, &all[1], "unix:/run/app-*/4.sock", true);
    expect(&shape, &all[2], "unix:/run/one-1.sock", false);
    expect(&shape, &all[3], "unix:/run/w-*/x.sock", true); /* with one that the policy has */
}

static void more_stars_than_a_pattern_may_have_are_none(void **state)
{
    struct pil_seen s = path("/a1B2c3/a1B2c3/a1B2c3/a1B2c3/a1B2c3/a1B2c3/a1B2c3/a1B2c3/a1B2c3");
    struct pil_shape shape = {.exact = false};

    (void)state;
    expect(&shape, &s, "unix:/a1B2c3/a1B2c3/a1B2c3/a1B2c3/a1B2c3/a1B2c3/a1B2c3/a1B2c3/a1B2c3",
           false);
}

static void peers_are_widened_by_class_alone(void **state)
{
    static const struct {
        unsigned widen;
        const char *peer, *want;
    } rows[] = {
        {0, "127.0.0.5", "127.0.0.5"},
        {PIL_WIDEN_LOOPBACK, "127.0.0.5", "127.0.0.0/8"},
        {PIL_WIDEN_LOOPBACK, "::1", "::1"},
        {PIL_WIDEN_LOOPBACK, "10.1.2.3", "10.1.2.3"},
        {PIL_WIDEN_PRIVATE, "10.1.2.3", "10.0.0.0/8"},
        {PIL_WIDEN_PRIVATE, "172.31.0.1", "172.16.0.0/12"},
        {PIL_WIDEN_PRIVATE, "172.32.0.1", "172.32.0.1"},
        {PIL_WIDEN_PRIVATE, "192.168.7.1", "192.168.0.0/16"},
        {PIL_WIDEN_PRIVATE, "fd00::1", "fc00::/7"},
        {PIL_WIDEN_PRIVATE, "fe80::1", "fe80::/10"},
        {PIL_WIDEN_NETWORK, "10.1.2.3", "10.1.2.0/24"},
        {PIL_WIDEN_NETWORK, "10.1.3.3", "10.1.3.3"},
        {PIL_WIDEN_NETWORK, "127.0.0.1", "127.0.0.1"},
        {PIL_WIDEN_NETWORK | PIL_WIDEN_LOOPBACK, "127.0.0.1", "127.0.0.0/8"},
        {PIL_WIDEN_ANY, "8.8.8.8", NULL},
    };
    struct pil_prefix networks[2];
    struct pil_shape shape = {.network = networks, .networks = 2};

    (void)state;
    assert_err(pil_prefix_parse(pil_slice_of("127.0.0.0/8"), &networks[0]), PIL_OK);
    assert_err(pil_prefix_parse(pil_slice_of("10.1.2.0/24"), &networks[1]), PIL_OK);
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_ip ip;
        bool any;
        char *got;

        shape.widen = rows[i].widen;
        assert_err(pil_ip_parse(pil_slice_of(rows[i].peer), &ip), PIL_OK);
        got = pil_shape_source(&shape, &ip, &any);
        assert_int_equal(any, rows[i].want == NULL);
        if (rows[i].want)
            assert_string_equal(got, rows[i].want);
        free(got);
    }
}

static void classes_are_read(void **state)
{
    struct pil_shape shape = {.widen = PIL_WIDEN_NETWORK};
    unsigned bits;

    (void)state;
    assert_true(pil_shape_widen("loopback,network,private,any", &bits));
    assert_int_equal(bits, 15);
    assert_true(pil_shape_widen("private", &bits));
    assert_int_equal(bits, PIL_WIDEN_PRIVATE);
    assert_false(pil_shape_widen("", &bits));
    assert_false(pil_shape_widen("loop", &bits));
    assert_false(pil_shape_widen("any,,any", &bits));
    pil_shape_open(&shape);
    assert_true(shape.chosen.low > 0 && shape.chosen.low <= shape.chosen.high);
    for (size_t i = 0; i < shape.networks; i++) /* no bits behind the prefix */
        assert_true(pil_prefix_has(&shape.network[i], &shape.network[i].ip));
    pil_shape_close(&shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_that_the_kernel_chose_become_its_range),
        cmocka_unit_test(names_stand_for_what_is_reached_not_for_oneself),
        cmocka_unit_test(random_names_become_stars),
        cmocka_unit_test(exact_paths_stay),
        cmocka_unit_test(numbers_become_stars_where_several_differ),
        cmocka_unit_test(more_stars_than_a_pattern_may_have_are_none),
        cmocka_unit_test(peers_are_widened_by_class_alone),
        cmocka_unit_test(classes_are_read),
    };

    return cmocka_run_group_tests_name("rules_shape", tests, NULL, NULL);
}
