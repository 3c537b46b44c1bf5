/* core/addr: one form for both families, parsed as strictly as inet_pton, printed as inet_ntop. */
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

#include "core/addr.h"

static struct pil_ip ip_of(const char *text)
{
    struct pil_ip ip;

    assert_err(pil_ip_parse(pil_slice_of(text), &ip), PIL_OK);
    return ip;
}

static struct pil_prefix prefix_of(const char *text)
{
    struct pil_prefix prefix;

    assert_err(pil_prefix_parse(pil_slice_of(text), &prefix), PIL_OK);
    return prefix;
}

static void addresses_parse_to_exact_bytes(void **state)
{
    static const struct {
        const char *text;
        uint8_t want[16];
    } rows[] = {
        {"10.0.3.11", {[10] = 0xff, 0xff, 10, 0, 3, 11}},
        {"0.0.0.0", {[10] = 0xff, 0xff}},
        {"255.255.255.255", {[10] = 0xff, 0xff, 255, 255, 255, 255}},
        {"::ffff:10.0.3.11", {[10] = 0xff, 0xff, 10, 0, 3, 11}},
        {"::ffff:0a00:030b", {[10] = 0xff, 0xff, 10, 0, 3, 11}},
        {"::", {0}},
        {"::1", {[15] = 1}},
        {"1::", {[1] = 1}},
        {"fd00::Ab:1", {0xfd, [13] = 0xab, [15] = 1}},
        {"1:2:3:4:5:6:7:8", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"1:2:3:4:5:6:7::", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7}},
        {"::2:3:4:5:6:7:8", {0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"64:ff9b::192.0.2.33", {0, 0x64, 0xff, 0x9b, [12] = 192, 0, 2, 33}},
        {"1:2:3:4:5:6:1.2.3.4", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1, 2, 3, 4}},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_ip ip = ip_of(rows[i].text);

        assert_memory_equal(ip.octet, rows[i].want, 16);
    }
}

static void broken_addresses_are_refused_and_leave_the_output(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.",
        ".1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1..3.4",
        "0x1.2.3.4",
        "-1.2.3.4",
        "1.2.3.+4",
        "1.2.3.99999",
        ":",
        ":::",
        "1:",
        ":1",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "12345::",
        "g::",
        "::1%eth0",
        "[::1]",
        "1.2.3.4::",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1.2.3",
        "::1.2.3.4.5",
        "1:::2",
        "::-1",
        "::1/64",
        "1.2.3.4/8",
        "0000:0000:0000:0000:0000:0000:0255.255.255.255",
        "localhost",
        "*",
    };
    struct pil_ip before, ip;

    (void)state;
    memset(&before, 0x5a, sizeof(before));
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        ip = before;
        if (pil_ip_parse(pil_slice_of(rows[i]), &ip) != PIL_E_SYNTAX)
            fail_msg("\"%s\" was taken", rows[i]);
        assert_memory_equal(&ip, &before, sizeof(ip));
    }
    assert_err(pil_ip_parse((struct pil_slice){"1.2.3.4\0", 8}, &ip), PIL_E_SYNTAX);
    /* The slice ends where it says, whatever stands behind. */
    assert_err(pil_ip_parse((struct pil_slice){"1.2.3.45", 7}, &ip), PIL_OK);
    assert_int_equal(ip.octet[15], 4);
}

/* What libc's parser says, in our form. */
static bool reference(const char *text, struct pil_ip *out)
{
    memset(out, 0, sizeof(*out));
    if (strchr(text, ':'))
        return inet_pton(AF_INET6, text, out->octet) == 1;
    out->octet[10] = out->octet[11] = 0xff;
    return inet_pton(AF_INET, text, out->octet + 12) == 1;
}

static void random_texts_parse_as_libc_parses_them(void **state)
{
    static const char alphabet[] = "0123456789abcF::::...";
    char text[48];

    (void)state;
    srandom(20260701);
    for (int round = 0; round < 400000; round++) {
        size_t len = 1 + (size_t)random() % 16;
        struct pil_ip want, got;
        bool ok;

        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
        text[len] = '\0';
        ok = reference(text, &want);
        if ((pil_ip_parse(pil_slice_of(text), &got) == PIL_OK) != ok)
            fail_msg("\"%s\": libc %s it", text, ok ? "takes" : "refuses");
        if (ok)
            assert_memory_equal(got.octet, want.octet, 16);
    }
}

/* Zeroes about half of the groups, so that runs of every length appear. */
static void random_ip(struct pil_ip *ip)
{
    for (int i = 0; i < 8; i++) {
        unsigned group = random() % 2 ? 0 : (unsigned)random() & 0xffff;

        if (random() % 3 == 0)
            group &= 0xf;
        ip->octet[2 * i] = (uint8_t)(group >> 8);
        ip->octet[2 * i + 1] = (uint8_t)group;
    }
}

static void printing_round_trips_and_agrees_with_libc(void **state)
{
    char text[PIL_IP_TEXT], libc[INET6_ADDRSTRLEN];

    (void)state;
    srandom(7);
    for (int round = 0; round < 100000; round++) {
        struct pil_ip ip, again;
        size_t len;

        random_ip(&ip);
        len = pil_ip_print(&ip, text);
        assert_int_equal(len, strlen(text));
        again = ip_of(text);
        assert_true(pil_ip_equal(&ip, &again));
        /* libc writes ::/96 with dots, RFC 5952 section 5 leaves that open; we do not. */
        if (pil_ip_is_v4(&ip) || memcmp(ip.octet, (uint8_t[12]){0}, 12) == 0)
            continue;
        assert_non_null(inet_ntop(AF_INET6, ip.octet, libc, sizeof(libc)));
        assert_string_equal(text, libc);
    }
}

static void printing_follows_rfc_5952(void **state)
{
    static const char *const rows[][2] = {
        {"10.0.0.1", "10.0.0.1"},
        {"::ffff:255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"0:0:0:0:0:0:0:2", "::2"},
    };
    char text[PIL_IP_TEXT];

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_ip ip = ip_of(rows[i][0]);

        pil_ip_print(&ip, text);
        assert_string_equal(text, rows[i][1]);
    }
}

static void prefixes_parse_print_and_refuse(void **state)
{
    static const char *const good[][2] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"10.1.2.3", "10.1.2.3"},
        {"10.1.2.3/32", "10.1.2.3"},
        {"fd00::/8", "fd00::/8"},
        {"::/0", "*"},
        {"*", "*"},
        {"::1/128", "::1"},
        {"::1", "::1"},
        {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
        {"8000::/1", "8000::/1"},
        {"192.0.2.128/25", "192.0.2.128/25"},
    };
    static const struct {
        const char *text;
        int want;
    } bad[] = {
        {"10.0.0.1/8", PIL_E_RANGE},    {"10.0.0.0/33", PIL_E_RANGE},  {"::1/64", PIL_E_RANGE},
        {"fd00::/129", PIL_E_RANGE},    {"10.0.0.0/", PIL_E_SYNTAX},   {"/8", PIL_E_SYNTAX},
        {"10.0.0.0/8/8", PIL_E_SYNTAX}, {"10.0.0.0/08", PIL_E_SYNTAX}, {"", PIL_E_SYNTAX},
        {"10.0.0.0/+8", PIL_E_SYNTAX},  {"**", PIL_E_SYNTAX},          {"*/0", PIL_E_SYNTAX},
        {"10.0.0.0/a", PIL_E_SYNTAX},   {"10.0.0.0/ 8", PIL_E_SYNTAX}, {"8000::/0", PIL_E_RANGE},
    };
    char buf[64];

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(good); i++) {
        struct pil_prefix prefix = prefix_of(good[i][0]);
        struct pil_text text;

        pil_text_init(&text, buf, sizeof(buf));
        pil_prefix_print(&prefix, &text);
        assert_string_equal(buf, good[i][1]);
    }
    for (size_t i = 0; i < PIL_NELEM(bad); i++) {
        struct pil_prefix prefix = {.bits = 77};

        if (pil_prefix_parse(pil_slice_of(bad[i].text), &prefix) != bad[i].want)
            fail_msg("\"%s\" is not %s", bad[i].text, pil_err_name(bad[i].want));
        assert_int_equal(prefix.bits, 77);
    }
}

static void prefixes_contain_bit_by_bit(void **state)
{
    struct pil_prefix ten = prefix_of("10.0.0.0/8"), all = prefix_of("*");
    struct pil_prefix v4 = prefix_of("0.0.0.0/0"), one = prefix_of("10.0.0.1");
    struct pil_ip in = ip_of("10.255.0.1"), out = ip_of("11.0.0.0"), v6 = ip_of("fd00::1");
    struct pil_ip mapped = ip_of("::ffff:10.0.0.1");

    (void)state;
    assert_true(pil_prefix_has(&ten, &in));
    assert_true(pil_prefix_has(&ten, &mapped));
    assert_false(pil_prefix_has(&ten, &out));
    assert_true(pil_prefix_has(&all, &in) && pil_prefix_has(&all, &v6));
    assert_true(pil_prefix_has(&v4, &out));
    assert_false(pil_prefix_has(&v4, &v6));
    assert_true(pil_prefix_has(&one, &mapped));
    assert_false(pil_prefix_has(&one, &in));
}

static void masks_clear_exactly_the_bits_behind(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 130; bits++) {
        struct pil_ip ip;

        memset(&ip, 0xff, sizeof(ip));
        pil_ip_mask(&ip, bits);
        for (unsigned bit = 0; bit < 128; bit++) {
            unsigned have = ip.octet[bit / 8] >> (7 - bit % 8) & 1;

            assert_int_equal(have, bit < bits);
        }
    }
}

static void ports_parse_and_refuse(void **state)
{
    static const struct {
        const char *text;
        int want;
        uint16_t low, high;
    } rows[] = {
        {"5432", PIL_OK, 5432, 5432},    {"1", PIL_OK, 1, 1},
        {"65535", PIL_OK, 65535, 65535}, {"8000-8999", PIL_OK, 8000, 8999},
        {"80-80", PIL_OK, 80, 80},       {"*", PIL_OK, 0, 65535},
        {"0", PIL_E_RANGE, 0, 0},        {"0-80", PIL_E_RANGE, 0, 0},
        {"65536", PIL_E_RANGE, 0, 0},    {"90-80", PIL_E_RANGE, 0, 0},
        {"", PIL_E_SYNTAX, 0, 0},        {"-", PIL_E_SYNTAX, 0, 0},
        {"80-", PIL_E_SYNTAX, 0, 0},     {"-80", PIL_E_SYNTAX, 0, 0},
        {"080", PIL_E_SYNTAX, 0, 0},     {"80-90-99", PIL_E_SYNTAX, 0, 0},
        {"http", PIL_E_SYNTAX, 0, 0},    {" 80", PIL_E_SYNTAX, 0, 0},
        {"**", PIL_E_SYNTAX, 0, 0},      {"4294967376", PIL_E_SYNTAX, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        struct pil_ports ports = {7, 7};
        int got = pil_ports_parse(pil_slice_of(rows[i].text), &ports);

        if (got != rows[i].want)
            fail_msg("\"%s\" gave %s", rows[i].text, pil_err_name(got));
        assert_int_equal(ports.low, got ? 7 : rows[i].low);
        assert_int_equal(ports.high, got ? 7 : rows[i].high);
    }
}

static void inet_sockaddrs_are_read(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(5432)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(443)};
    struct pil_ip want = ip_of("10.0.3.11");
    struct pil_addr out;

    (void)state;
    assert_int_equal(inet_pton(AF_INET, "10.0.3.11", &in.sin_addr), 1);
    assert_err(pil_addr_from((struct sockaddr *)&in, sizeof(in), &out), PIL_OK);
    assert_int_equal(out.kind, PIL_KIND_INET);
    assert_int_equal(out.port, 5432);
    assert_true(pil_ip_equal(&out.ip, &want));
    assert_int_equal(out.path_len, 0);

    /* The other family's socket is the same address to every rule. */
    assert_int_equal(inet_pton(AF_INET6, "::ffff:10.0.3.11", &in6.sin6_addr), 1);
    assert_err(pil_addr_from((struct sockaddr *)&in6, sizeof(in6), &out), PIL_OK);
    assert_int_equal(out.kind, PIL_KIND_INET);
    assert_int_equal(out.port, 443);
    assert_true(pil_ip_equal(&out.ip, &want));
}

static void short_sockaddrs_are_refused_where_the_kernel_refuses(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct pil_addr out;

    (void)state;
    for (socklen_t len = 0; len < sizeof(in); len++)
        assert_err(pil_addr_from((struct sockaddr *)&in, len, &out), PIL_E_TRUNCATED);
    /* 24 bytes are RFC 2133's sockaddr_in6, without a scope; the kernel takes it. */
    for (socklen_t len = 0; len < 24; len++)
        assert_err(pil_addr_from((struct sockaddr *)&in6, len, &out), PIL_E_TRUNCATED);
    assert_err(pil_addr_from((struct sockaddr *)&in6, 24, &out), PIL_OK);
    assert_err(pil_addr_from((struct sockaddr *)&in6, sizeof(in6), &out), PIL_OK);
}

static void other_families_are_not_judged(void **state)
{
    struct sockaddr_storage any = {.ss_family = AF_UNSPEC};
    struct pil_addr out = {.kind = PIL_KIND_INET, .port = 1};

    (void)state;
    assert_err(pil_addr_from((struct sockaddr *)&any, 2, &out), PIL_OK);
    assert_int_equal(out.kind, PIL_KIND_NONE);
    assert_int_equal(out.port, 0);
    any.ss_family = AF_NETLINK;
    assert_err(pil_addr_from((struct sockaddr *)&any, sizeof(any), &out), PIL_OK);
    assert_int_equal(out.kind, PIL_KIND_NONE);
}

static void check_unix(const void *path, size_t len, const char *want)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct pil_addr out;

    memset(un.sun_path, 'Z', sizeof(un.sun_path));
    memcpy(un.sun_path, path, len);
    assert_err(pil_addr_from((struct sockaddr *)&un,
                             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len), &out),
               PIL_OK);
    assert_int_equal(out.kind, PIL_KIND_UNIX);
    assert_string_equal(out.path, want);
    assert_int_equal(out.path_len, strlen(want));
}

static void unix_names_are_read(void **state)
{
    char full[108];

    (void)state;
    check_unix("", 0, "");
    check_unix("/run/x.sock", 12, "/run/x.sock");
    check_unix("/run/x.sock", 11, "/run/x.sock"); /* without NUL: the length ends it */
    check_unix("/run\0junk", 9, "/run");
    check_unix("\0name", 5, "@name");
    check_unix("\0", 1, "@");
    check_unix("\0a\0b", 4, "@a\\x00b");
    check_unix("\0a b\\\x7f\xff", 7, "@a\\x20b\\x5C\\x7F\\xFF");
    memset(full, 'p', sizeof(full));
    full[0] = '/';
    check_unix(full, sizeof(full), (char[109]){[0] = '/', [1 ... 107] = 'p'});
    full[0] = '\0';
    check_unix(full, sizeof(full), (char[109]){[0] = '@', [1 ... 107] = 'p'});
}

static void long_abstract_names_are_cut_inside_the_buffer(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct pil_addr out;

    (void)state;
    memset(un.sun_path + 1, 0x01, sizeof(un.sun_path) - 1);
    assert_err(pil_addr_from((struct sockaddr *)&un, sizeof(un), &out), PIL_OK);
    assert_int_equal(out.path_len, strlen(out.path));
    assert_in_range(out.path_len, PIL_UNIX_MAX - 3, PIL_UNIX_MAX + 1);
    assert_memory_equal(out.path, "@\\x01\\x01", 9);
}

/* A file called "@name" in the working directory is not the abstract socket of that name. */
static void a_file_name_is_never_an_abstract_name(void **state)
{
    (void)state;
    check_unix("@name", 6, "./@name");
    check_unix("@", 1, "./@");
}

static void an_oversized_unix_length_reads_no_further(void **state)
{
    struct {
        struct sockaddr_un un;
        char behind[64];
    } big = {.un.sun_family = AF_UNIX};
    struct pil_addr out;

    (void)state;
    memset(big.un.sun_path, 'q', sizeof(big.un.sun_path));
    memset(big.behind, 'r', sizeof(big.behind));
    assert_err(pil_addr_from((struct sockaddr *)&big, sizeof(big), &out), PIL_OK);
    assert_int_equal(out.path_len, sizeof(big.un.sun_path));
    assert_null(strchr(out.path, 'r'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_parse_to_exact_bytes),
        cmocka_unit_test(broken_addresses_are_refused_and_leave_the_output),
        cmocka_unit_test(random_texts_parse_as_libc_parses_them),
        cmocka_unit_test(printing_round_trips_and_agrees_with_libc),
        cmocka_unit_test(printing_follows_rfc_5952),
        cmocka_unit_test(prefixes_parse_print_and_refuse),
        cmocka_unit_test(prefixes_contain_bit_by_bit),
        cmocka_unit_test(masks_clear_exactly_the_bits_behind),
        cmocka_unit_test(ports_parse_and_refuse),
        cmocka_unit_test(inet_sockaddrs_are_read),
        cmocka_unit_test(short_sockaddrs_are_refused_where_the_kernel_refuses),
        cmocka_unit_test(other_families_are_not_judged),
        cmocka_unit_test(unix_names_are_read),
        cmocka_unit_test(long_abstract_names_are_cut_inside_the_buffer),
        cmocka_unit_test(a_file_name_is_never_an_abstract_name),
        cmocka_unit_test(an_oversized_unix_length_reads_no_further),
    };

    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
