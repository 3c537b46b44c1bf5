/* policyd/tls/caps: counts for each address, and for each /64 of IPv6. */
#include "tests/support/support.h"

#include <stdio.h>

#include "policyd/tls/caps.h"

static struct pil_ip ip(const char *text)
{
    struct pil_ip out;

    assert_err(pil_ip_parse(pil_slice_of(text), &out), PIL_OK);
    return out;
}

static void each_address_has_its_own(void **state)
{
    struct pil_ip a = ip("10.0.0.1"), b = ip("10.0.0.2");
    struct pil_caps *caps;

    (void)state;
    assert_err(pil_caps_open(8, 2, &caps), PIL_OK);
    assert_true(pil_caps_take(caps, &a));
    assert_true(pil_caps_take(caps, &a));
    assert_false(pil_caps_take(caps, &a));
    assert_true(pil_caps_take(caps, &b));
    pil_caps_give(caps, &a);
    assert_true(pil_caps_take(caps, &a));
    assert_false(pil_caps_take(caps, &a));
    pil_caps_close(caps);
}

static void a_network_of_ipv6_is_one(void **state)
{
    struct pil_ip a = ip("fd00:1:2:3::1"), b = ip("fd00:1:2:3:ffff::9"), c = ip("fd00:1:2:4::1");
    struct pil_caps *caps;

    (void)state;
    assert_err(pil_caps_open(8, 1, &caps), PIL_OK);
    assert_true(pil_caps_take(caps, &a));
    assert_false(pil_caps_take(caps, &b));
    assert_true(pil_caps_take(caps, &c));
    pil_caps_give(caps, &b);
    assert_true(pil_caps_take(caps, &a));
    pil_caps_close(caps);
}

/* Rows move when others go; nothing is lost or counted twice, whatever the order. */
static void counts_hold_in_a_crowd(void **state)
{
    enum { ADDRESSES = 400, PER = 3 };
    struct pil_ip all[ADDRESSES];
    unsigned have[ADDRESSES] = {0}, dice = 12345;
    struct pil_caps *caps;
    char text[32];

    (void)state;
    assert_err(pil_caps_open(ADDRESSES, PER, &caps), PIL_OK);
    for (unsigned i = 0; i < ADDRESSES; i++) {
        snprintf(text, sizeof(text), "10.9.%u.%u", i / 256, i % 256);
        all[i] = ip(text);
    }
    for (unsigned round = 0; round < 100000; round++) {
        unsigned i;

        dice = dice * 1664525 + 1013904223;
        i = dice >> 8 & 511;
        if (i >= ADDRESSES)
            continue;
        if (dice >> 31) {
            assert_int_equal(pil_caps_take(caps, &all[i]), have[i] < PER);
            have[i] += have[i] < PER;
        } else if (have[i] > 0) {
            pil_caps_give(caps, &all[i]);
            have[i]--;
        }
    }
    for (unsigned i = 0; i < ADDRESSES; i++)
        for (; have[i] < PER; have[i]++)
            assert_true(pil_caps_take(caps, &all[i]));
    for (unsigned i = 0; i < ADDRESSES; i++)
        assert_false(pil_caps_take(caps, &all[i]));
    pil_caps_close(caps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_has_its_own),
        cmocka_unit_test(a_network_of_ipv6_is_one),
        cmocka_unit_test(counts_hold_in_a_crowd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
