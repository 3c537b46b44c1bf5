/* conf/zone: which zones this host knows, how far they are from UTC, and where a host stands in a
 * rollout. The image is a stand-in: only its zones are asked for. */
#include "tests/support/support.h"

#include <stdio.h>
#include <time.h>

#include "conf/policy.h"

static const char *const *zones;
static uint32_t zone_count;

/* These stand in front of the ones of core/image.c, which need a whole image. */
uint32_t pil_image_zones(const struct pil_image *img)
{
    (void)img;
    return zone_count;
}

const char *pil_image_zone_name(const struct pil_image *img, uint32_t zone)
{
    (void)img;
    return zones[zone];
}

#define WINTER 1767225600 /* 2026-01-01T00:00:00Z */
#define SUMMER 1782864000 /* 2026-07-01T00:00:00Z */

static void known_zones_are_known_and_nothing_else(void **state)
{
    (void)state;
    assert_true(pil_zone_known("UTC"));
    assert_true(pil_zone_known("Europe/Berlin"));
    assert_true(pil_zone_known("America/Argentina/Buenos_Aires"));
    assert_true(pil_zone_known("Etc/GMT+5"));
    assert_false(pil_zone_known(""));
    assert_false(pil_zone_known("Mars/Olympus"));
    assert_false(pil_zone_known("Europe"));   /* a folder */
    assert_false(pil_zone_known("zone.tab")); /* a file, but no zone */
    assert_false(pil_zone_known("tzdata"));
    assert_false(pil_zone_known("../zoneinfo/UTC")); /* no way out of the folder */
    assert_false(pil_zone_known("/etc/localtime"));
    assert_false(pil_zone_known("Europe//Berlin"));
    assert_false(pil_zone_known("Europe/Berlin/"));
}

static void offsets_follow_summer_time(void **state)
{
    static const char *const names[] = {"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"};
    const struct pil_image img = {0};
    int32_t offsets[4];

    (void)state;
    zones = names;
    zone_count = 4;
    assert_err(pil_zone_offsets(&img, WINTER, offsets), PIL_OK);
    assert_int_equal(offsets[0], 0);
    assert_int_equal(offsets[1], 3600);
    assert_int_equal(offsets[2], -5 * 3600);
    assert_int_equal(offsets[3], 5 * 3600 + 1800);
    assert_err(pil_zone_offsets(&img, SUMMER, offsets), PIL_OK);
    assert_int_equal(offsets[1], 7200);
    assert_int_equal(offsets[2], -4 * 3600);
}

static void the_zone_of_the_process_stays(void **state)
{
    static const char *const names[] = {"Asia/Tokyo"};
    const struct pil_image img = {0};
    time_t now = WINTER;
    struct tm local;
    int32_t offset;

    (void)state;
    zones = names;
    zone_count = 1;
    assert_int_equal(setenv("TZ", "America/New_York", 1), 0);
    assert_err(pil_zone_offsets(&img, WINTER, &offset), PIL_OK);
    assert_string_equal(getenv("TZ"), "America/New_York");
    assert_non_null(localtime_r(&now, &local));
    assert_int_equal(local.tm_gmtoff, -5 * 3600);
    assert_int_equal(unsetenv("TZ"), 0);
    assert_err(pil_zone_offsets(&img, WINTER, &offset), PIL_OK);
    assert_null(getenv("TZ"));
    assert_int_equal(offset, 9 * 3600);
}

static void an_unknown_zone_is_an_error_and_tz_stays(void **state)
{
    static const char *const names[] = {"Asia/Tokyo", "Mars/Olympus"};
    const struct pil_image img = {0};
    int32_t offsets[2];

    (void)state;
    zones = names;
    zone_count = 2;
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    assert_err(pil_zone_offsets(&img, WINTER, offsets), PIL_E_NOTFOUND);
    assert_string_equal(getenv("TZ"), "UTC");
}

/* The numbers are part of the language: a rollout that moves to other hosts is an outage. */
static void buckets_are_the_same_everywhere(void **state)
{
    unsigned seen[100] = {0}, filled = 0;
    char id[32];

    (void)state;
    assert_int_equal(pil_host_bucket(""), 0xcbf29ce484222325u % 100);
    assert_int_equal(pil_host_bucket("a"), 0xaf63dc4c8601ec8cu % 100);
    assert_int_equal(pil_host_bucket("foobar"), 0x85944171f73967e8u % 100);
    assert_int_equal(pil_host_bucket("foobar\n"), pil_host_bucket("foobar"));
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(id, sizeof(id), "host-%u", i);
        assert_true(pil_host_bucket(id) < 100);
        filled += seen[pil_host_bucket(id)]++ == 0;
    }
    assert_int_equal(filled, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_zones_are_known_and_nothing_else),
        cmocka_unit_test(offsets_follow_summer_time),
        cmocka_unit_test(the_zone_of_the_process_stays),
        cmocka_unit_test(an_unknown_zone_is_an_error_and_tz_stays),
        cmocka_unit_test(buckets_are_the_same_everywhere),
    };

    return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
