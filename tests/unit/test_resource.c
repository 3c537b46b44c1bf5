/* conf/resource: what is a resource and what is not, and what the parse says of it. */
#include "tests/support/support.h"

#include "conf/resource.h"

static struct pil_resource parse(const char *text)
{
    struct pil_resource res;
    const char *legal = "";

    if (pil_resource_parse(pil_slice_of(text), &res, &legal))
        fail_msg("\"%s\" was refused; legal is %s", text, legal);
    return res;
}

static void assert_refused(const char *text, int code, const char *sentence)
{
    struct pil_resource res = {.kind = PIL_KIND_NAME};
    const char *legal = NULL;
    int err = pil_resource_parse(pil_slice_of(text), &res, &legal);

    if (err != code)
        fail_msg("\"%s\" gave %s, not %s", text, pil_err_name(err), pil_err_name(code));
    assert_int_equal(res.kind, PIL_KIND_NAME); /* untouched */
    assert_non_null(legal);
    if (!strstr(legal, sentence))
        fail_msg("\"%s\": \"%s\" does not speak of \"%s\"", text, legal, sentence);
    assert_err(pil_resource_parse(pil_slice_of(text), &res, NULL), code);
}

static void addresses_have_prefix_and_ports(void **state)
{
    struct pil_resource res = parse("10.0.3.11:5432");

    (void)state;
    assert_int_equal(res.kind, PIL_KIND_INET);
    assert_int_equal(res.prefix.bits, 128);
    assert_int_equal(res.ports.low, 5432);
    assert_int_equal(res.ports.high, 5432);
    res = parse("10.0.0.0/8:*");
    assert_int_equal(res.prefix.bits, 104);
    assert_int_equal(res.ports.low, 0);
    assert_int_equal(res.ports.high, 65535);
    res = parse("[fd00::/8]:443-445");
    assert_int_equal(res.prefix.bits, 8);
    assert_int_equal(res.ports.low, 443);
    assert_int_equal(res.ports.high, 445);
    res = parse("*:53");
    assert_int_equal(res.kind, PIL_KIND_INET);
    assert_int_equal(res.prefix.bits, 0);
    assert_int_equal(res.ports.low, 53);
    assert_false(res.wildcard);
}

static void names_have_ports_or_all(void **state)
{
    struct pil_resource res = parse("ledger.corp.example:5432");

    (void)state;
    assert_int_equal(res.kind, PIL_KIND_NAME);
    assert_slice(res.name, "ledger.corp.example");
    assert_int_equal(res.ports.low, 5432);
    assert_false(res.wildcard);
    res = parse("*.corp.example:443");
    assert_slice(res.name, "corp.example");
    assert_true(res.wildcard);
    res = parse("*.corp.example");
    assert_true(res.wildcard);
    assert_int_equal(res.ports.low, 0);
    assert_int_equal(res.ports.high, 65535);
    assert_slice(parse("localhost").name, "localhost");
    assert_slice(parse("_sip._tcp.x9:5060").name, "_sip._tcp.x9");
}

static void unix_paths_services_and_anything(void **state)
{
    struct pil_resource res = parse("unix:/run/x.sock");

    (void)state;
    assert_int_equal(res.kind, PIL_KIND_UNIX);
    assert_slice(res.name, "/run/x.sock");
    assert_false(res.wildcard);
    assert_true(parse("unix:/run/*.sock").wildcard);
    assert_true(parse("unix:**").wildcard);
    assert_slice(parse("unix:@abstract").name, "@abstract");
    res = parse("service:ledger");
    assert_true(res.service);
    assert_slice(res.name, "ledger");
    res = parse("*");
    assert_int_equal(res.kind, PIL_KIND_NONE);
    assert_true(res.wildcard);
    assert_false(res.service);
}

static void illegal_text_is_refused_with_what_is_legal(void **state)
{
    (void)state;
    assert_refused("", PIL_E_SYNTAX, "service:NAME");
    assert_refused("10.0.0.1", PIL_E_SYNTAX, "with its port");
    assert_refused("10.0.0.0/8", PIL_E_SYNTAX, "with its port");
    assert_refused("fd00::1", PIL_E_SYNTAX, "with its port");
    assert_refused("[fd00::1]", PIL_E_SYNTAX, "with its port");
    assert_refused("[fd00::1", PIL_E_SYNTAX, "with its port");
    assert_refused("[fd00::1]443", PIL_E_SYNTAX, "with its port");
    assert_refused("[10.0.0.1]:443", PIL_E_SYNTAX, "an address");
    assert_refused("10.0.0.1/8:*", PIL_E_RANGE, "bits set behind");
    assert_refused("10.0.0.256:1", PIL_E_SYNTAX, "an address");
    assert_refused("10.0.0.1:0", PIL_E_RANGE, "from 1 to 65535");
    assert_refused("10.0.0.1:65536", PIL_E_RANGE, "from 1 to 65535");
    assert_refused("10.0.0.1:9-8", PIL_E_RANGE, "LOW-HIGH");
    assert_refused("10.0.0.1:", PIL_E_SYNTAX, "a port");
    assert_refused("host:http", PIL_E_SYNTAX, "a port");
    assert_refused("a..b:80", PIL_E_SYNTAX, "labels");
    assert_refused("-a.b", PIL_E_SYNTAX, "labels");
    assert_refused("a.*.b", PIL_E_SYNTAX, "only in front");
    assert_refused("*.", PIL_E_SYNTAX, "labels");
    assert_refused("Upper.example", PIL_E_SYNTAX, "a-z");
    assert_refused("unix:", PIL_E_SYNTAX, "unix:");
    assert_refused("unix:run/x", PIL_E_SYNTAX, "begins with");
    assert_refused("unix:/a*b*c*d*e*f*g*h*i*", PIL_E_SYNTAX, "8 stars");
    assert_refused("service:", PIL_E_SYNTAX, "1 to 63");
    assert_refused("service:a b", PIL_E_SYNTAX, "1 to 63");
    assert_refused("**", PIL_E_SYNTAX, "labels");
}

static void limits_hold_to_the_byte(void **state)
{
    char path[5 + PIL_UNIX_MAX + 2] = "unix:/";
    char label[70];
    struct pil_resource res;

    (void)state;
    memset(path + 6, 'x', PIL_UNIX_MAX - 1);
    path[5 + PIL_UNIX_MAX] = '\0';
    assert_int_equal(parse(path).name.len, PIL_UNIX_MAX);
    path[5 + PIL_UNIX_MAX] = 'x';
    path[6 + PIL_UNIX_MAX] = '\0';
    assert_refused(path, PIL_E_RANGE, "107 bytes");
    memset(label, 'a', 64);
    label[63] = '\0';
    assert_err(pil_resource_parse(pil_slice_of(label), &res, NULL), PIL_OK);
    label[63] = 'a';
    label[64] = '\0';
    assert_refused(label, PIL_E_SYNTAX, "63 bytes");
    assert_true(pil_resource_title((struct pil_slice){label, 63}));
    assert_false(pil_resource_title((struct pil_slice){label, 64}));
}

static void normalising_lowers_names_and_nothing_else(void **state)
{
    static const char *const pairs[][2] = {
        {"Ledger.Corp.Example.:5432", "ledger.corp.example:5432"},
        {"Ledger.", "ledger"},
        {"*.CORP.example.", "*.corp.example"},
        {"[FD00::1]:443", "[fd00::1]:443"},
        {"unix:/Run/X.", "unix:/Run/X."},
        {"service:Ledger.", "service:Ledger."},
        {"a..", "a.."},
        {".", "."},
        {"", ""},
    };
    char buf[64];

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(pairs); i++) {
        strcpy(buf, pairs[i][0]);
        pil_resource_normalize(buf);
        assert_string_equal(buf, pairs[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_prefix_and_ports),
        cmocka_unit_test(names_have_ports_or_all),
        cmocka_unit_test(unix_paths_services_and_anything),
        cmocka_unit_test(illegal_text_is_refused_with_what_is_legal),
        cmocka_unit_test(limits_hold_to_the_byte),
        cmocka_unit_test(normalising_lowers_names_and_nothing_else),
    };

    return cmocka_run_group_tests_name("resource", tests, NULL, NULL);
}
