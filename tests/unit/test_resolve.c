/*
 * getaddrinfo and the gethostbyname family: with a libc that does as it is told. The name is
 * judged before libc hears of it, and what libc gave is tied to it.
 */
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/names.h"
#include "shim/shim.h"
#include "tests/support/shimworld.h"

static unsigned libc_calls;
static const char *libc_node, *libc_service;
static const struct addrinfo *libc_hints;
static int libc_family, libc_result;

/* What libc finds: up to eight addresses 10.x.y.n, with the port and the type of each. */
static struct {
    struct addrinfo info[8];
    struct sockaddr_in in[8];
} list;

static void find_list(unsigned count, unsigned x, unsigned y, uint16_t port, int type)
{
    memset(&list, 0, sizeof(list));
    for (unsigned i = 0; i < count; i++) {
        list.in[i] =
            (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(10u << 24 | x << 16 | y << 8 | i)};
        list.info[i] = (struct addrinfo){.ai_family = AF_INET,
                                         .ai_socktype = type,
                                         .ai_addrlen = sizeof(list.in[i]),
                                         .ai_addr = (struct sockaddr *)&list.in[i],
                                         .ai_next = i + 1 < count ? &list.info[i + 1] : NULL};
    }
}

static int fake_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                            struct addrinfo **res)
{
    libc_calls++;
    libc_node = node, libc_service = service, libc_hints = hints;
    if (libc_result == 0)
        *res = list.info;
    return libc_result;
}

static char address_room[2][16];
static char *addresses[3];
static struct hostent host_found;

static struct hostent *fake_host2(const char *name, int family)
{
    libc_calls++;
    libc_node = name, libc_family = family;
    return libc_result ? NULL : &host_found;
}

static struct hostent *fake_host(const char *name)
{
    return fake_host2(name, -1);
}

static int fake_host2_r(const char *name, int family, struct hostent *ret, char *buf, size_t len,
                        struct hostent **result, int *error)
{
    struct hostent *found = fake_host2(name, family);

    (void)buf, (void)len;
    *result = NULL;
    *error = TRY_AGAIN;
    if (!found)
        return libc_result;
    *ret = *found;
    *result = ret;
    *error = 0;
    return 0;
}

static int fake_host_r(const char *name, struct hostent *ret, char *buf, size_t len,
                       struct hostent **result, int *error)
{
    return fake_host2_r(name, -1, ret, buf, len, result, error);
}

static void find_host(int family, const char *first, const char *second)
{
    host_found = (struct hostent){
        .h_addrtype = family, .h_length = family == AF_INET ? 4 : 16, .h_addr_list = addresses};
    assert_int_equal(inet_pton(family, first, address_room[0]), 1);
    assert_int_equal(inet_pton(family, second, address_room[1]), 1);
    addresses[0] = address_room[0];
    addresses[1] = address_room[1];
    addresses[2] = NULL;
}

static int set_up(void **state)
{
    struct fake_policyd *f = world_begin();

    *state = f;
    pil_real_libc.getaddrinfo = fake_getaddrinfo;
    pil_real_libc.gethostbyname = fake_host;
    pil_real_libc.gethostbyname2 = fake_host2;
    pil_real_libc.gethostbyname_r = fake_host_r;
    pil_real_libc.gethostbyname2_r = fake_host2_r;
    libc_calls = 0;
    libc_result = 0;
    libc_family = 0;
    return 0;
}

#define resolve_test(name) cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)

static const struct pil_verdict deny = {.effect = PIL_DENY, .tier = PIL_TIER_ENGINE};

static void assert_named(struct pil_ip ip, const char *text)
{
    struct pil_name name;

    assert_true(pil_names_find(&ip, &name));
    assert_slice(((struct pil_slice){name.text, name.len}), text);
}

static void assert_unnamed(struct pil_ip ip)
{
    struct pil_name name;

    assert_false(pil_names_find(&ip, &name));
}

/* ---- getaddrinfo ----------------------------------------------------------------------------- */

static void a_name_is_judged_and_tied_to_its_addresses(void **state)
{
    struct fake_policyd *f = *state;
    struct addrinfo hints = {0}, *res = NULL;

    find_list(3, 50, 0, 443, SOCK_STREAM);
    assert_int_equal(pil_shim_getaddrinfo("WWW.Example.", "443", &hints, &res, NULL), 0);
    assert_ptr_equal(res, list.info);
    assert_string_equal(libc_node, "WWW.Example."); /* libc gets what the program said */
    assert_string_equal(libc_service, "443");
    assert_ptr_equal(libc_hints, &hints);
    assert_named(world_ip(10, 50, 0, 0), "www.example");
    assert_named(world_ip(10, 50, 0, 2), "www.example");
    /* One question for the name, and one frame ahead for the three addresses. */
    assert_int_equal(fake_seen(f).frames, 2);
    assert_int_equal(fake_seen(f).queries, 4);
    assert_int_equal(fake_seen(f).last[2].action, PIL_ACTION_CONNECT);
    assert_int_equal(fake_seen(f).last[2].port, 443);
}

static void the_question_is_about_the_name(void **state)
{
    struct fake_policyd *f = *state;
    struct addrinfo *res;

    find_list(1, 50, 1, 443, SOCK_STREAM);
    assert_int_equal(pil_shim_getaddrinfo("one.example", NULL, NULL, &res, NULL), 0);
    assert_int_equal(fake_seen(f).frames, 1); /* for one address nothing is asked ahead */
    assert_int_equal(fake_seen(f).last[0].action, PIL_ACTION_RESOLVE);
    assert_int_equal(fake_seen(f).last[0].kind, PIL_KIND_NAME);
    assert_string_equal(fake_seen(f).text[0][0], "one.example");
}

static void only_streams_with_a_port_are_asked_ahead(void **state)
{
    struct fake_policyd *f = *state;
    struct addrinfo *res;

    find_list(3, 50, 2, 53, SOCK_DGRAM);
    assert_int_equal(pil_shim_getaddrinfo("dns.example", "53", NULL, &res, NULL), 0);
    find_list(3, 50, 3, 0, SOCK_STREAM);
    assert_int_equal(pil_shim_getaddrinfo("dns.example", NULL, NULL, &res, NULL), 0);
    assert_int_equal(fake_seen(f).queries, 1);
    assert_named(world_ip(10, 50, 2, 1), "dns.example");
    assert_named(world_ip(10, 50, 3, 1), "dns.example");
}

static void a_denied_name_never_reaches_libc(void **state)
{
    struct fake_policyd *f = *state;
    struct addrinfo *res = (struct addrinfo *)4711;

    fake_verdict(f, &deny);
    find_list(1, 50, 4, 443, SOCK_STREAM);
    assert_int_equal(pil_shim_getaddrinfo("bad.example", "443", NULL, &res, NULL), EAI_FAIL);
    assert_int_equal(libc_calls, 0);
    assert_ptr_equal(res, 4711);
    assert_unnamed(world_ip(10, 50, 4, 0));
}

static void without_policyd_no_name_resolves(void **state)
{
    struct fake_policyd *f = *state;
    struct hostent ret, *result = &ret;
    struct addrinfo *res;
    char buf[64];
    int error = 0;

    fake_die(f);
    assert_int_equal(pil_shim_getaddrinfo("a.example", NULL, NULL, &res, NULL), EAI_FAIL);
    h_errno = 0;
    assert_null(pil_shim_gethostbyname("a.example", NULL));
    assert_int_equal(h_errno, NO_RECOVERY);
    assert_int_equal(
        pil_shim_gethostbyname_r("a.example", &ret, buf, sizeof(buf), &result, &error, NULL),
        EACCES);
    assert_null(result);
    assert_int_equal(error, NO_RECOVERY);
    assert_int_equal(libc_calls, 0);
}

static void libcs_own_failure_comes_through(void **state)
{
    struct addrinfo *res;

    (void)state;
    libc_result = EAI_AGAIN;
    find_list(1, 50, 5, 443, SOCK_STREAM);
    assert_int_equal(pil_shim_getaddrinfo("a.example", NULL, NULL, &res, NULL), EAI_AGAIN);
    assert_unnamed(world_ip(10, 50, 5, 0));
    pil_real_libc.getaddrinfo = NULL;
    assert_int_equal(pil_shim_getaddrinfo("a.example", NULL, NULL, &res, NULL), EAI_FAIL);
}

/* There is nothing to resolve: connect is where it is judged. */
static void an_address_is_no_name(void **state)
{
    static const char *const rows[] = {"10.0.0.1",       "::1", "fd00::1", "fe80::1%eth0",
                                       "::ffff:1.2.3.4", "",    NULL};
    struct fake_policyd *f = *state;
    struct addrinfo *res;

    fake_verdict(f, &deny);
    find_list(1, 50, 6, 443, SOCK_STREAM);
    for (unsigned i = 0; i < PIL_NELEM(rows); i++)
        assert_int_equal(pil_shim_getaddrinfo(rows[i], "443", NULL, &res, NULL), 0);
    assert_int_equal(libc_calls, PIL_NELEM(rows));
    assert_int_equal(fake_seen(f).frames, 0);
    assert_unnamed(world_ip(10, 50, 6, 0));
}

/* What libc would ask a name server for must not pass as an address. */
static void what_only_looks_like_an_address_is_a_name(void **state)
{
    static const char *const judged[] = {"127.1", "0x7f000001", "2130706433", "10.0.0.1.example"};
    static const char *const illegal[] = {"10.0.0.1%secret.example", "a b", "a%b", "10.0.0.1/8",
                                          "%eth0"};
    struct fake_policyd *f = *state;
    struct addrinfo *res;

    fake_verdict(f, &deny);
    for (unsigned i = 0; i < PIL_NELEM(judged); i++) {
        assert_int_equal(pil_shim_getaddrinfo(judged[i], NULL, NULL, &res, NULL), EAI_FAIL);
        assert_string_equal(fake_seen(f).text[0][0], judged[i]);
    }
    assert_int_equal(fake_seen(f).frames, PIL_NELEM(judged));
    for (unsigned i = 0; i < PIL_NELEM(illegal); i++) {
        assert_int_equal(pil_shim_getaddrinfo(illegal[i], NULL, NULL, &res, NULL), EAI_FAIL);
        assert_null(pil_shim_gethostbyname(illegal[i], NULL));
    }
    assert_null(pil_shim_gethostbyname("fe80::1%secret.example", NULL)); /* it knows no zones */
    assert_int_equal(libc_calls, 0);
}

static void other_families_in_the_list_are_passed_over(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct addrinfo *res;

    (void)state;
    find_list(4, 50, 7, 443, SOCK_STREAM);
    list.info[0].ai_addr = NULL;
    list.info[1].ai_addr = (struct sockaddr *)&un;
    list.info[1].ai_addrlen = sizeof(un);
    list.info[2].ai_addrlen = 3;
    assert_int_equal(pil_shim_getaddrinfo("mixed.example", "443", NULL, &res, NULL), 0);
    assert_unnamed(world_ip(10, 50, 7, 0));
    assert_unnamed(world_ip(10, 50, 7, 1));
    assert_unnamed(world_ip(10, 50, 7, 2));
    assert_named(world_ip(10, 50, 7, 3), "mixed.example");
}

/* A rule by name decides the connect that follows. */
static void deny_by_name(const struct pil_query *q, struct pil_verdict *v)
{
    if (q->action == PIL_ACTION_CONNECT && !pil_slice_equal(q->name, pil_slice_of("good.example")))
        v->effect = PIL_DENY;
}

static void the_name_decides_the_connect(void **state)
{
    struct fake_policyd *f = *state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct addrinfo *res;

    fake_judge(f, deny_by_name);
    pil_genpage_publish(fake_page(f), 1001, PIL_FIELD_NAME);
    find_list(1, 50, 8, 1, SOCK_STREAM);
    list.in[0].sin_addr.s_addr = htonl(0x7f320801);
    assert_int_equal(pil_shim_connect(fd, list.info[0].ai_addr, sizeof(list.in[0]), NULL), -1);
    assert_int_equal(errno, EACCES); /* no name gave it */
    assert_int_equal(pil_shim_getaddrinfo("good.example", "1", NULL, &res, NULL), 0);
    assert_int_equal(pil_shim_connect(fd, res->ai_addr, res->ai_addrlen, NULL), -1);
    assert_true(errno == EINPROGRESS || errno == ECONNREFUSED); /* the kernel's word */
    assert_int_equal(pil_shim_getaddrinfo("other.example", "1", NULL, &res, NULL), 0);
    assert_int_equal(pil_shim_connect(fd, res->ai_addr, res->ai_addrlen, NULL), -1);
    assert_int_equal(errno, EACCES); /* the same address, by another name */
    close(fd);
}

/* ---- gethostbyname --------------------------------------------------------------------------- */

static void all_four_are_judged_and_noted(void **state)
{
    struct fake_policyd *f = *state;
    struct hostent ret, *result;
    char buf[64];
    int error;

    find_host(AF_INET, "10.51.0.1", "10.51.0.2");
    assert_ptr_equal(pil_shim_gethostbyname("h1.example", NULL), &host_found);
    assert_int_equal(libc_family, -1);
    assert_named(world_ip(10, 51, 0, 1), "h1.example");
    assert_named(world_ip(10, 51, 0, 2), "h1.example");
    find_host(AF_INET, "10.51.0.3", "10.51.0.4");
    assert_ptr_equal(pil_shim_gethostbyname2("h2.example", AF_INET, NULL), &host_found);
    assert_int_equal(libc_family, AF_INET);
    assert_named(world_ip(10, 51, 0, 4), "h2.example");
    find_host(AF_INET, "10.51.0.5", "10.51.0.6");
    assert_int_equal(
        pil_shim_gethostbyname_r("h3.example", &ret, buf, sizeof(buf), &result, &error, NULL), 0);
    assert_ptr_equal(result, &ret);
    assert_int_equal(libc_family, -1);
    assert_named(world_ip(10, 51, 0, 5), "h3.example");
    find_host(AF_INET6, "fd51::1", "fd51::2");
    assert_int_equal(pil_shim_gethostbyname2_r("h4.example", AF_INET6, &ret, buf, sizeof(buf),
                                               &result, &error, NULL),
                     0);
    assert_int_equal(libc_family, AF_INET6);
    assert_named((struct pil_ip){{0xfd, 0x51, [15] = 2}}, "h4.example");
    assert_int_equal(fake_seen(f).queries, 4);
    assert_int_equal(fake_seen(f).last[0].action, PIL_ACTION_RESOLVE);
}

static void all_four_refuse_as_documented(void **state)
{
    struct fake_policyd *f = *state;
    struct hostent ret, *result;
    char buf[64];
    int error;

    fake_verdict(f, &deny);
    find_host(AF_INET, "10.51.1.1", "10.51.1.2");
    h_errno = 0;
    assert_null(pil_shim_gethostbyname("h.example", NULL));
    assert_int_equal(h_errno, NO_RECOVERY);
    h_errno = 0;
    assert_null(pil_shim_gethostbyname2("h.example", AF_INET, NULL));
    assert_int_equal(h_errno, NO_RECOVERY);
    result = &ret, error = 0;
    assert_int_equal(
        pil_shim_gethostbyname_r("h.example", &ret, buf, sizeof(buf), &result, &error, NULL),
        EACCES);
    assert_null(result);
    assert_int_equal(error, NO_RECOVERY);
    result = &ret, error = 0;
    assert_int_equal(pil_shim_gethostbyname2_r("h.example", AF_INET, &ret, buf, sizeof(buf),
                                               &result, &error, NULL),
                     EACCES);
    assert_null(result);
    assert_int_equal(error, NO_RECOVERY);
    assert_int_equal(libc_calls, 0);
}

static void a_buffer_that_is_too_small_is_libcs_to_say(void **state)
{
    struct hostent ret, *result = &ret;
    char buf[4];
    int error = 0;

    (void)state;
    find_host(AF_INET, "10.51.2.1", "10.51.2.2");
    libc_result = ERANGE;
    assert_int_equal(
        pil_shim_gethostbyname_r("h.example", &ret, buf, sizeof(buf), &result, &error, NULL),
        ERANGE);
    assert_null(result);
    assert_int_equal(error, TRY_AGAIN);
    assert_unnamed(world_ip(10, 51, 2, 1));
}

static void a_host_of_another_family_is_not_noted(void **state)
{
    (void)state;
    find_host(AF_INET, "10.51.3.1", "10.51.3.2");
    host_found.h_addrtype = AF_UNIX;
    assert_non_null(pil_shim_gethostbyname("odd.example", NULL));
    assert_unnamed(world_ip(10, 51, 3, 1));
    host_found.h_addr_list = NULL;
    assert_non_null(pil_shim_gethostbyname("odd.example", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        resolve_test(a_name_is_judged_and_tied_to_its_addresses),
        resolve_test(the_question_is_about_the_name),
        resolve_test(only_streams_with_a_port_are_asked_ahead),
        resolve_test(a_denied_name_never_reaches_libc),
        resolve_test(without_policyd_no_name_resolves),
        resolve_test(libcs_own_failure_comes_through),
        resolve_test(an_address_is_no_name),
        resolve_test(what_only_looks_like_an_address_is_a_name),
        resolve_test(other_families_in_the_list_are_passed_over),
        resolve_test(the_name_decides_the_connect),
        resolve_test(all_four_are_judged_and_noted),
        resolve_test(all_four_refuse_as_documented),
        resolve_test(a_buffer_that_is_too_small_is_libcs_to_say),
        resolve_test(a_host_of_another_family_is_not_noted),
    };

    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
