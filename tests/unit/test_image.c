/* core/image: what opens, what is refused, and what the accessors say of a whole image. */
#include "tests/support/support.h"

#include <stdio.h>

#include "conf/policy.h"
#include "core/image_layout.h"

static struct pil_image img;
static void *block;
static size_t len;
static char *folder;

static const char policy[] =
    "schema = 1\ntrust_domain = \"corp.example\"\ndefault = deny\n"
    "workload \"web\" { exe = \"/usr/sbin/nginx\" user = \"www-data\" coverage = required }\n"
    "workload \"any-web\" { exe = \"/usr/*/nginx\" }\n"
    "workload \"also-web\" { exe = \"/usr/*/ngin?\" }\n"
    "workload \"hashed\" { exe = \"/opt/*\" sha256 = "
    "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\" }\n"
    "workload \"unit\" { unit = \"a.service\" cgroup = \"/system.slice/*\" }\n"
    "service \"db\" { endpoints = {\"10.0.0.1:5432\"} encrypt = required }\n"
    "service \"plain\" { endpoints = {\"10.0.0.2:80\"} encrypt = native }\n"
    "policy \"p\" { owner = \"team\" version = 7 stage = shadow applies = {\"*\"}\n"
    "  rule \"z\" { effect = allow resources = {\"service:db\"}\n"
    "    when { hours = \"06:00-22:00\" caller = {\"lib*\"} timezone = \"Europe/Berlin\" } }\n"
    "  rule \"a\" { effect = allow resources = {\"10.0.0.0/8:1-65535\", \"x.example:80\"}\n"
    "    rate { limit = 5 per = 1s } }\n"
    "}\n"
    "route \"db\" { timeout = 2s }\n";

static void show_message(void *cookie, enum pil_severity severity, const char *message)
{
    (void)cookie;
    if (severity == PIL_SEVERITY_ERROR)
        print_error("%s\n", message);
}

static int build_image(void **state)
{
    struct pil_diag diag = {.sink = show_message};
    const char *path;

    (void)state;
    folder = test_folder_make();
    path = test_file(folder, "p.conf", policy);
    if (pil_policy_build(&path, 1, 7, &diag, &block, &len, &img))
        return 1;
    free((char *)path);
    return 0;
}

static int drop_image(void **state)
{
    (void)state;
    free(block);
    test_folder_remove(folder);
    return 0;
}

static void accessors_tell_what_was_written(void **state)
{
    struct pil_image_counts n;
    struct pil_place place;

    (void)state;
    pil_image_count(&img, &n);
    assert_int_equal(n.workloads, 5);
    assert_int_equal(n.services, 2);
    assert_int_equal(n.policies, 1);
    assert_int_equal(n.rules, 2);
    assert_int_equal(n.zones, 1);
    assert_int_equal(n.bytes, len);
    assert_string_equal(pil_image_trust_domain(&img), "corp.example");
    assert_true(pil_image_encrypts(&img));
    assert_int_equal(pil_image_fields(&img), PIL_FIELD_NAME | PIL_FIELD_CALLER);
    assert_string_equal(pil_image_rule_name(&img, 0), "a");
    assert_string_equal(pil_image_rule_name(&img, 1), "z");
    assert_string_equal(pil_image_rule_name(&img, 2), "");
    assert_int_equal(pil_image_rule_policy(&img, 1), 0);
    assert_int_equal(pil_image_rule_policy(&img, 2), PIL_NO_INDEX);
    place = pil_image_rule_place(&img, 1);
    assert_int_equal(place.line, 12);
    assert_non_null(strstr(place.file, "p.conf"));
    assert_int_equal(pil_image_rule_place(&img, PIL_NO_INDEX).line, 0);
    assert_string_equal(pil_image_policy_owner(&img, 0), "team");
    assert_int_equal(pil_image_policy_version(&img, 0), 7);
    assert_int_equal(pil_image_policy_stage(&img, 0), PIL_STAGE_SHADOW);
    assert_int_equal(pil_image_policy_place(&img, 0).line, 11);
    assert_int_equal(pil_image_default_place(&img).line, 3);
    assert_string_equal(pil_image_zone_name(&img, 0), "Europe/Berlin");
    assert_string_equal(pil_image_zone_name(&img, 1), "");
}

static const char *attested(const char *exe, const char *user, const char *unit, const char *cgroup,
                            const char *sha256)
{
    struct pil_facts facts = {exe, user, unit, cgroup, sha256};

    return pil_image_workload_name(&img, pil_image_attest(&img, &facts));
}

static void most_selectors_win_and_titles_break_ties(void **state)
{
    (void)state;
    assert_string_equal(attested("/usr/sbin/nginx", "www-data", NULL, NULL, NULL), "web");
    assert_string_equal(attested("/usr/sbin/nginx", "root", NULL, NULL, NULL), "also-web");
    assert_string_equal(attested("/usr/a/b/nginx", "www-data", NULL, NULL, NULL), "");
    assert_string_equal(attested(NULL, "www-data", NULL, NULL, NULL), "");
    assert_string_equal(attested("/opt/x", NULL, NULL, NULL, NULL), "");
    assert_string_equal(
        attested("/opt/x", NULL, NULL, NULL,
                 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        "hashed");
    assert_string_equal(attested("/x", NULL, "a.service", "/system.slice/a.service", NULL), "unit");
    assert_string_equal(attested("/x", NULL, "a.service", "", NULL), "");
    assert_true(pil_image_wants_sha256(&img, NULL));
    assert_true(pil_image_wants_sha256(&img, "/opt/x"));
    assert_false(pil_image_wants_sha256(&img, "/usr/sbin/nginx"));
}

static void workloads_are_found_by_title(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 5; i++)
        assert_int_equal(
            pil_image_workload_find(&img, pil_slice_of(pil_image_workload_name(&img, i))), i);
    assert_int_equal(pil_image_workload_find(&img, pil_slice_of("we")), 0);
    assert_int_equal(pil_image_workload_find(&img, pil_slice_of("webs")), 0);
    assert_int_equal(pil_image_workload_find(&img, pil_slice_of("")), 0);
    assert_true(
        pil_image_workload_covered(&img, pil_image_workload_find(&img, pil_slice_of("web"))));
    assert_false(pil_image_workload_covered(&img, 0));
    assert_false(pil_image_workload_covered(&img, 99));
    assert_string_equal(pil_image_workload_name(&img, 99), "");
}

static void note_unmet(void *cookie, struct pil_place place, const char *what)
{
    char *all = cookie;
    size_t at = strlen(all);

    snprintf(all + at, 1024 - at, "%u: %s\n", place.line, what);
}

static void obligations_that_nobody_keeps_are_told(void **state)
{
    char told[1024] = "";

    (void)state;
    assert_int_equal(pil_image_unmet(&img, 0, note_unmet, told), 3);
    assert_string_equal(told,
                        "10: encrypt = native of service \"plain\" cannot be kept by this build; "
                        "legal is required, permissive or off\n"
                        "15: rate of rule \"a\" cannot be kept by this build; legal is no rate\n"
                        "17: route \"db\" cannot be kept by this build; legal is no route\n");
    told[0] = '\0';
    assert_int_equal(
        pil_image_unmet(&img, PIL_OBLIGATION_NATIVE | PIL_OBLIGATION_ROUTE, note_unmet, told), 1);
    assert_int_equal(pil_image_unmet(&img, 7, note_unmet, told), 0);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static uint8_t *copy_of(void)
{
    uint8_t *copy = aligned_alloc(64, (len + 63) / 64 * 64);

    assert_non_null(copy);
    memcpy(copy, block, len);
    return copy;
}

static void seal(uint8_t *copy)
{
    struct pil_layout_head *head = (void *)copy;

    head->digest = pil_layout_digest(copy, len);
}

static void a_wrong_frame_is_refused(void **state)
{
    uint8_t *copy = copy_of();
    struct pil_layout_head *head = (void *)copy;
    struct pil_image out;

    (void)state;
    assert_err(pil_image_open(&out, copy, len), PIL_OK);
    assert_err(pil_image_open(&out, copy, 8), PIL_E_TRUNCATED);
    assert_err(pil_image_open(&out, copy, len - 8), PIL_E_TRUNCATED);
    head->version++;
    assert_err(pil_image_open(&out, copy, len), PIL_E_VERSION);
    head->version--;
    head->magic++;
    assert_err(pil_image_open(&out, copy, len), PIL_E_MALFORMED);
    head->magic--;
    head->size -= 8;
    assert_err(pil_image_open(&out, copy, len), PIL_E_MALFORMED);
    free(copy);
}

static void every_flipped_bit_is_seen(void **state)
{
    uint8_t *copy = copy_of();
    struct pil_image out;

    (void)state;
    for (size_t i = 0; i < 8 * len; i++) {
        copy[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_int_not_equal(pil_image_open(&out, copy, len), PIL_OK);
        copy[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_err(pil_image_open(&out, copy, len), PIL_OK);
    free(copy);
}

/* One value of one record made illegal, the digest put right again. */
static void refused(size_t at, const void *value, size_t size)
{
    uint8_t *copy = copy_of();
    struct pil_image out;

    memcpy(copy + at, value, size);
    seal(copy);
    if (pil_image_open(&out, copy, len) != PIL_E_MALFORMED)
        fail_msg("byte %zu of the image may be anything", at);
    free(copy);
}

#define AT(id, type, index, member)                                                                \
    (pil_layout_head(&img)->section[PIL_LAYOUT_##id].at + sizeof(type) * (index) +                 \
     offsetof(type, member))

static void deep_checks_hold_with_a_right_digest(void **state)
{
    const uint32_t big = 0x7fffffff, all = UINT32_MAX;
    const uint8_t wild = 200, one = 1;
    uint32_t texts = pil_layout_count(pil_layout_head(&img), PIL_LAYOUT_TEXT);

    (void)state;
    refused(offsetof(struct pil_layout_head, fallback), &wild, 1);
    refused(offsetof(struct pil_layout_head, zero), &one, 1);
    refused(offsetof(struct pil_layout_head, trust_domain), &texts, 4);
    refused(offsetof(struct pil_layout_head, section[3].at), &big, 4);
    refused(offsetof(struct pil_layout_head, section[3].count), &big, 4);
    refused(AT(WORKLOADS, struct pil_layout_workload, 1, exe), &texts, 4);
    refused(AT(WORKLOADS, struct pil_layout_workload, 0, title), &one, 1);
    refused(AT(SERVICES, struct pil_layout_service, 0, encrypt), &wild, 1);
    refused(AT(SERVICES, struct pil_layout_service, 0, server_first), &wild, 1);
    refused(AT(SERVICES, struct pil_layout_service, 0, endpoints.count), &big, 4);
    refused(AT(POLICIES, struct pil_layout_policy, 0, rollout), &wild, 1);
    refused(AT(POLICIES, struct pil_layout_policy, 0, rules.count), &one, 1);
    refused(AT(POLICIES, struct pil_layout_policy, 0, grants.first), &all, 4);
    refused(AT(RULES, struct pil_layout_rule, 0, set), &big, 4);
    refused(AT(RULES, struct pil_layout_rule, 0, when), &big, 4);
    refused(AT(RULES, struct pil_layout_rule, 0, policy), &one, 1);
    refused(AT(RULES, struct pil_layout_rule, 0, effect), &wild, 1);
    refused(AT(WHENS, struct pil_layout_when, 1, zone), &one, 1);
    refused(AT(WHENS, struct pil_layout_when, 0, flags), &one, 1);
    refused(AT(WHENS, struct pil_layout_when, 1, days), &wild, 1);
    refused(AT(WHENS, struct pil_layout_when, 1, flags), &wild, 1);
    refused(AT(WHENS, struct pil_layout_when, 1, peer.count), &big, 4);
    refused(AT(WHENS, struct pil_layout_when, 1, peers.count), &big, 4);
    refused(AT(RATES, struct pil_layout_rate, 0, by), &wild, 1);
    refused(AT(GRANTS, struct pil_layout_grant, 0, enforce), &wild, 1);
    refused(AT(RESOURCES, struct pil_layout_resource, 0, kind), &wild, 1);
    refused(AT(PARTS, struct pil_layout_part, 6, mask), &all, 4);
    refused(AT(PARTS, struct pil_layout_part, 6, shapes.count), &big, 4);
    refused(AT(PARTS, struct pil_layout_part, 0, slots), &big, 4);
    refused(AT(SHAPES, struct pil_layout_shape, 0, port_bits), &wild, 1);
    refused(AT(CANDIDATES, struct pil_layout_candidate, 0, rule), &big, 4);
    refused(AT(CANDIDATES, struct pil_layout_candidate, 0, active), &wild, 1);
    refused(AT(PLACES, struct pil_layout_place, 0, file), &big, 4);
}

/* What the part of services holds is what the services say. */
static void endpoints_must_be_those_of_services(void **state)
{
    const struct pil_layout_head *h = pil_layout_head(&img);
    const struct pil_layout_part *part =
        pil_layout_parts(h) + pil_layout_count(h, PIL_LAYOUT_WORKLOADS) + 1;
    const struct pil_layout_slot *slot = pil_layout_slots(h) + part->slots;
    const uint32_t services = pil_layout_count(h, PIL_LAYOUT_SERVICES);
    const uint8_t off = PIL_ENCRYPT_OFF, allow = PIL_ALLOW, less = 99, one = 1;
    uint32_t at;

    (void)state;
    assert_true(part->shapes.count > 0);
    while (slot->candidates.count == 0)
        slot++;
    at = slot->candidates.first;
    refused(AT(CANDIDATES, struct pil_layout_candidate, at, rule), &services, 4);
    refused(AT(CANDIDATES, struct pil_layout_candidate, at, encrypt), &off, 1);
    refused(AT(CANDIDATES, struct pil_layout_candidate, at, effect), &allow, 1);
    refused(AT(CANDIDATES, struct pil_layout_candidate, at, enforce), &less, 1);
    refused(AT(CANDIDATES, struct pil_layout_candidate, at, when), &one, 1);
    refused(AT(CANDIDATES, struct pil_layout_candidate, 0, encrypt), &one, 1);
}

/* A table without an empty slot would never end a search. */
static void a_table_must_have_an_end(void **state)
{
    const struct pil_layout_head *h = pil_layout_head(&img);
    const struct pil_layout_part *part = pil_layout_parts(h) + 6;
    const struct pil_layout_slot *slots = pil_layout_slots(h) + part->slots;
    uint8_t *copy = copy_of();
    struct pil_layout_slot full = {0};
    struct pil_image out;

    (void)state;
    for (uint32_t i = 0; i <= part->mask; i++)
        if (slots[i].shape.key)
            full = slots[i];
    full.candidates.count = 0;
    for (uint32_t i = 0; i <= part->mask; i++)
        if (!slots[i].shape.key)
            memcpy(copy + ((const uint8_t *)&slots[i] - (const uint8_t *)block), &full,
                   sizeof(full));
    seal(copy);
    assert_err(pil_image_open(&out, copy, len), PIL_E_MALFORMED);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accessors_tell_what_was_written),
        cmocka_unit_test(most_selectors_win_and_titles_break_ties),
        cmocka_unit_test(workloads_are_found_by_title),
        cmocka_unit_test(obligations_that_nobody_keeps_are_told),
        cmocka_unit_test(a_wrong_frame_is_refused),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(deep_checks_hold_with_a_right_digest),
        cmocka_unit_test(endpoints_must_be_those_of_services),
        cmocka_unit_test(a_table_must_have_an_end),
    };

    return cmocka_run_group_tests_name("image", tests, build_image, drop_image);
}
