/*
 * The index of an image: that each search ends, and finds what it should.
 */
#include "core/image_verify.h"

static bool shape_ok(const struct pil_layout_shape *s)
{
    if (s->actions == 0 || (s->actions & ~PIL_LAYOUT_ACTIONS) || s->port_bits > 16)
        return false;
    switch (s->key) {
    case PIL_LAYOUT_KEY_INET:
        return s->bits <= 128;
    case PIL_LAYOUT_KEY_NAME:
        return s->bits <= 1;
    case PIL_LAYOUT_KEY_UNIX:
        return s->bits <= 1 && s->port_bits == 0;
    case PIL_LAYOUT_KEY_ANY:
        return s->bits == 0 && s->port_bits == 0;
    case PIL_LAYOUT_KEY_UNSEEN:
        return s->bits == 0;
    default:
        return false;
    }
}

/* The text of a slot lies in the text section, ends where it says, and has the slot's hash. */
static bool slot_text_ok(const struct pil_layout_head *h, const struct pil_layout_slot *s)
{
    uint32_t offset = (uint32_t)s->lo, len = (uint32_t)(s->lo >> 32);
    uint32_t room = pil_layout_count(h, PIL_LAYOUT_TEXT);
    const char *text = pil_layout_text_section(h) + offset;

    if (offset >= room || len >= room - offset || memchr(text, 0, len))
        return false;
    if (s->shape.key == PIL_LAYOUT_KEY_UNIX)
        return (s->shape.bits || text[len] == '\0') && s->hi == pil_layout_hash_path(text, len);
    return text[len] == '\0' && s->hi == pil_layout_hash_name(text, len);
}

static bool slot_is_text(const struct pil_layout_slot *s)
{
    return s->shape.key == PIL_LAYOUT_KEY_NAME || s->shape.key == PIL_LAYOUT_KEY_UNIX;
}

static bool slot_key_ok(const struct pil_layout_head *h, const struct pil_layout_slot *s)
{
    uint64_t hi = s->hi, lo = s->lo;

    if (pil_layout_mask_port(s->shape.port_bits, s->port) != s->port || s->zero[0] || s->zero[1])
        return false;
    if (slot_is_text(s))
        return slot_text_ok(h, s);
    if (s->shape.key != PIL_LAYOUT_KEY_INET)
        return s->hi == 0 && s->lo == 0;
    pil_layout_mask_ip(s->shape.bits, &hi, &lo);
    return hi == s->hi && lo == s->lo;
}

static bool announced(const struct pil_layout_head *h, const struct pil_layout_part *part,
                      const struct pil_layout_slot *s)
{
    const struct pil_layout_shape *shape = pil_layout_shapes(h) + part->shapes.first;

    for (uint32_t i = 0; i < part->shapes.count; i++)
        if (memcmp(&shape[i], &s->shape, sizeof(s->shape)) == 0)
            return true;
    return false;
}

/* The endpoint of a service, which asks for the same in all actions of its key. */
static bool endpoint_ok(const struct pil_layout_head *h, const struct pil_layout_candidate *c,
                        const struct pil_layout_shape *shape)
{
    const unsigned connect = 1u << PIL_ACTION_CONNECT;
    const struct pil_layout_service *s = pil_layout_services(h) + c->rule;

    if (c->rule >= pil_layout_count(h, PIL_LAYOUT_SERVICES) || c->effect != PIL_LAYOUT_SERVICE ||
        c->set != 0 || c->when != 0 || c->enforce != 100 || c->active != 100)
        return false;
    return (!(shape->actions & connect) || c->encrypt == pil_layout_asks(s, true)) &&
           (!(shape->actions & ~connect) || c->encrypt == pil_layout_asks(s, false));
}

static bool candidate_ok(const struct pil_layout_head *h, const struct pil_layout_candidate *c,
                         const struct pil_layout_shape *shape)
{
    const struct pil_layout_rule *rule;

    if (c->rule >= pil_layout_count(h, PIL_LAYOUT_RULES) ||
        c->set >= pil_layout_count(h, PIL_LAYOUT_SETS))
        return false;
    rule = pil_layout_rules(h) + c->rule;
    return c->when == rule->when && c->effect == rule->effect && c->enforce <= c->active &&
           c->active <= 100 && c->encrypt == PIL_ENCRYPT_UNSET &&
           !(shape->actions & ~rule->actions);
}

static bool slot_ok(const struct pil_layout_head *h, const struct pil_layout_part *part,
                    const struct pil_layout_slot *s)
{
    const bool services =
        part == pil_layout_parts(h) + pil_layout_count(h, PIL_LAYOUT_WORKLOADS) + 1;
    const struct pil_layout_candidate *c;

    if (!shape_ok(&s->shape) || !announced(h, part, s) || !slot_key_ok(h, s) ||
        !pil_verify_span(h, PIL_LAYOUT_CANDIDATES, &s->candidates))
        return false;
    c = pil_layout_candidates(h) + s->candidates.first;
    for (uint32_t i = 0; i < s->candidates.count; i++)
        if (!(services ? endpoint_ok : candidate_ok)(h, c + i, &s->shape))
            return false;
    return true;
}

/*
 * A search starts at a key's home and goes on until an empty slot. So nothing is lost when every
 * slot lies in the same unbroken run as its home, not before it: one walk round the table that
 * starts behind an empty slot and counts the length of the run.
 */
static bool table_ok(const struct pil_layout_head *h, const struct pil_layout_part *part)
{
    const struct pil_layout_slot *table = pil_layout_slots(h) + part->slots;
    uint32_t start = 0, run = 0;

    while (start <= part->mask && table[start].shape.key != PIL_LAYOUT_KEY_NONE)
        start++;
    if (start > part->mask)
        return false;
    for (uint32_t step = 1; step <= part->mask + 1; step++) {
        uint32_t at = (start + step) & part->mask;
        const struct pil_layout_slot *s = table + at;

        if (s->shape.key == PIL_LAYOUT_KEY_NONE) {
            run = 0;
            if (!pil_verify_zero(s, sizeof(*s)))
                return false;
            continue;
        }
        if (!slot_ok(h, part, s) ||
            ((at - pil_layout_home(s->hi, slot_is_text(s) ? 0 : s->lo, s->shape, s->port)) &
             part->mask) > run)
            return false;
        run++;
    }
    return true;
}

/* Parts lie one behind the other, so that no slot or candidate is looked at twice. */
static bool part_ok(const struct pil_layout_head *h, uint32_t i, uint32_t *shapes, uint32_t *slots)
{
    const struct pil_layout_part *part = pil_layout_parts(h) + i;
    struct pil_layout_span table = {part->slots, part->mask + 1};

    if (!pil_verify_span(h, PIL_LAYOUT_SHAPES, &part->shapes) ||
        !pil_verify_span(h, PIL_LAYOUT_DEFAULTS, &part->defaults) ||
        part->shapes.first != *shapes || part->slots != *slots)
        return false;
    if (part->shapes.count == 0)
        return part->mask == 0;
    if (table.count == 0 || (table.count & part->mask) ||
        part->shapes.count > PIL_LAYOUT_SHAPES_MAX || !pil_verify_span(h, PIL_LAYOUT_SLOTS, &table))
        return false;
    *shapes += part->shapes.count;
    *slots += table.count;
    return table_ok(h, part);
}

/* Candidate spans must not overlap either: their sum is the section. */
static bool candidates_ok(const struct pil_layout_head *h)
{
    const struct pil_layout_slot *s = pil_layout_slots(h);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < pil_layout_count(h, PIL_LAYOUT_SLOTS); i++)
        sum += s[i].candidates.count;
    return sum == pil_layout_count(h, PIL_LAYOUT_CANDIDATES);
}

bool pil_verify_index(const struct pil_layout_head *h)
{
    uint32_t shapes = 0, slots = 0;

    if (!candidates_ok(h))
        return false;
    for (uint32_t i = 0; i < pil_layout_count(h, PIL_LAYOUT_SHAPES); i++)
        if (!shape_ok(pil_layout_shapes(h) + i))
            return false;
    for (uint32_t i = 0; i < pil_layout_count(h, PIL_LAYOUT_PARTS); i++)
        if (!part_ok(h, i, &shapes, &slots))
            return false;
    return shapes == pil_layout_count(h, PIL_LAYOUT_SHAPES) &&
           slots == pil_layout_count(h, PIL_LAYOUT_SLOTS);
}
