/* core/standin: names of sockets that stand for others are read as they were written, and nothing
 * else is one. */
#include "tests/support/support.h"

#include <arpa/inet.h>

#include "core/standin.h"

static union pil_standin_addr v4(const char *ip, unsigned port)
{
    union pil_standin_addr a = {.v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)}};

    assert_int_equal(inet_pton(AF_INET, ip, &a.v4.sin_addr), 1);
    return a;
}

static union pil_standin_addr v6(const char *ip, unsigned port, unsigned scope)
{
    union pil_standin_addr a = {.v6 = {.sin6_family = AF_INET6,
                                       .sin6_port = htons((uint16_t)port),
                                       .sin6_scope_id = scope}};

    assert_int_equal(inet_pton(AF_INET6, ip, &a.v6.sin6_addr), 1);
    return a;
}

static void round_trip(const struct pil_standin *s, const char *name)
{
    struct sockaddr_un un;
    struct pil_standin got;
    socklen_t len;

    assert_true(pil_standin_name(s, &un, &len));
    assert_int_equal(un.sun_path[0], 0);
    if (name) {
        assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
        assert_memory_equal(un.sun_path + 1, name, strlen(name));
    }
    assert_true(pil_standin_read((struct sockaddr *)&un, len, &got));
    assert_int_equal(got.kind, s->kind);
    assert_true(got.id == s->id);
    assert_memory_equal(&got.own, &s->own, sizeof(got.own));
    assert_memory_equal(&got.other, &s->other, sizeof(got.other));
    /* Up to where the number begins. */
    while (((char *)&un)[len - 1] != '/')
        len--;
    for (; len > 0; len--)
        assert_false(pil_standin_read((struct sockaddr *)&un, len, &got));
}

static void names_say_what_they_stand_for(void **state)
{
    struct pil_standin s = {.kind = PIL_STANDIN_LISTEN, .id = 0x1c, .own = v4("127.0.0.1", 8080)};

    (void)state;
    round_trip(&s, "pillion/listen/4/7f000001/1f90/1c");
    s.own = v4("0.0.0.0", 0), s.id = 0;
    round_trip(&s, "pillion/listen/4/00000000/0/0");
    s.own = v6("::", 443, 0), s.id = PIL_STANDIN_ID_MAX;
    round_trip(&s, "pillion/listen/6/00000000000000000000000000000000/1bb/fffffffffffff");
    s = (struct pil_standin){.kind = PIL_STANDIN_RELAY,
                             .id = PIL_STANDIN_ID_MAX,
                             .own = v6("2001:db8::1", 65535, 0),
                             .other = v6("2001:db8:1:2:3:4:5:6", 65534, 0)};
    round_trip(&s, "pillion/relay/6/20010db8000000000000000000000001/ffff/"
                   "20010db8000100020003000400050006/fffe/fffffffffffff");
    s.own = v4("10.0.0.1", 1), s.other = v4("10.0.0.2", 2), s.id = 5;
    round_trip(&s, "pillion/relay/4/0a000001/1/0a000002/2/5");
}

static void interfaces_are_kept(void **state)
{
    struct pil_standin s = {.kind = PIL_STANDIN_RELAY,
                            .id = 1,
                            .own = v6("fe80::1", 80, 0x12345678),
                            .other = v6("fe80::2:3", 81, 2)};

    (void)state;
    round_trip(&s, NULL);
}

static void what_has_no_name(void **state)
{
    struct pil_standin s = {.kind = PIL_STANDIN_LISTEN, .own = v4("10.0.0.1", 1)};
    struct sockaddr_un un;
    socklen_t len;

    (void)state;
    s.id = PIL_STANDIN_ID_MAX + 1;
    assert_false(pil_standin_name(&s, &un, &len));
    s.id = 1, s.kind = PIL_STANDIN_NONE;
    assert_false(pil_standin_name(&s, &un, &len));
    s.kind = PIL_STANDIN_RELAY; /* whose other end has no family */
    assert_false(pil_standin_name(&s, &un, &len));
    s.kind = PIL_STANDIN_LISTEN, s.own.sa.sa_family = AF_UNIX;
    assert_false(pil_standin_name(&s, &un, &len));
}

static void other_names_are_nothing(void **state)
{
    static const char *const names[] = {
        "pillion/listen/4/7f000001/1f90/",
        "pillion/listen/4/7f000001/1f90/01",
        "pillion/listen/4/7f000001/1f90/1c/",
        "pillion/listen/4/7F000001/1f90/1c",
        "pillion/listen/4/7f00001/1f90/1c",
        "pillion/listen/4/7f000001/01f90/1c",
        "pillion/listen/4/7f000001/11f90/1c",
        "pillion/listen/5/7f000001/1f90/1c",
        "pillion/listen/4/7f000001/1f90/g",
        "pillion/listen/4//1f90/1",
        "pillion/listen/4/7f000001//1",
        "pillion/listen/4/7f000001/1f90/10000000000000",
        "pillion/relay/4/7f000001/1f90/1c",
        "pillion/policyd",
        "pillion/listen/",
        "pillion/listen/6",
        "pillion/listen/6/7f000001/1f90/1c",
        "xpillion/listen/4/7f000001/1f90/1c",
        "pillion/listen/4/7f000001/1f90/1c\n",
    };
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct pil_standin got;

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(names); i++) {
        size_t len = strlen(names[i]);

        memcpy(un.sun_path + 1, names[i], len);
        if (pil_standin_read((struct sockaddr *)&un,
                             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len), &got))
            fail_msg("%s was taken", names[i]);
        assert_int_equal(got.kind, PIL_STANDIN_NONE);
    }
    /* The same as a path in the file system, which anybody may make. */
    strcpy(un.sun_path, "pillion/listen/4/7f000001/1f90/1c");
    assert_false(pil_standin_read((struct sockaddr *)&un, sizeof(un), &got));
    assert_false(pil_standin_read((struct sockaddr *)&in, sizeof(in), &got));
    un.sun_path[0] = '\0';
    assert_false(pil_standin_read((struct sockaddr *)&un, sizeof(un.sun_family), &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_say_what_they_stand_for),
        cmocka_unit_test(interfaces_are_kept),
        cmocka_unit_test(what_has_no_name),
        cmocka_unit_test(other_names_are_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
