#include "core/image.h"

#include "core/glob.h"
#include "core/image_layout.h"

static const struct pil_place no_place = {"", 0};

static const char *text_of(const struct pil_image *img, uint32_t offset)
{
    return pil_layout_text(pil_layout_head(img), offset);
}

static struct pil_place place_at(const struct pil_image *img, uint32_t index)
{
    const struct pil_layout_head *h = pil_layout_head(img);
    const struct pil_layout_place *place = pil_layout_places(h) + index;

    return (struct pil_place){pil_layout_files(h) + place->file, place->line};
}

void pil_image_count(const struct pil_image *img, struct pil_image_counts *out)
{
    const struct pil_layout_head *h = pil_layout_head(img);

    *out = (struct pil_image_counts){
        .workloads = pil_layout_count(h, PIL_LAYOUT_WORKLOADS),
        .roles = pil_layout_count(h, PIL_LAYOUT_ROLES),
        .services = pil_layout_count(h, PIL_LAYOUT_SERVICES),
        .policies = pil_layout_count(h, PIL_LAYOUT_POLICIES),
        .rules = pil_layout_count(h, PIL_LAYOUT_RULES),
        .entries = pil_layout_count(h, PIL_LAYOUT_CANDIDATES),
        .zones = pil_layout_count(h, PIL_LAYOUT_ZONES),
        .bytes = h->size,
        .digest = h->digest,
    };
    out->workloads--; /* the nameless one is none that anybody wrote */
}

unsigned pil_image_fields(const struct pil_image *img)
{
    return pil_layout_head(img)->fields;
}

const char *pil_image_trust_domain(const struct pil_image *img)
{
    return text_of(img, pil_layout_head(img)->trust_domain);
}

/* ---- workloads ------------------------------------------------------------------------------- */

/* One selector: adds to *held when it was written and holds. */
static bool selector_holds(const struct pil_image *img, uint32_t selector, const char *fact,
                           bool glob, unsigned *held)
{
    struct pil_slice want = pil_slice_of(text_of(img, selector));
    struct pil_slice have = pil_slice_of(fact);

    if (want.len == 0)
        return true;
    if (have.len == 0)
        return false;
    ++*held;
    return glob ? pil_glob_match(want, have, true) : pil_slice_equal(want, have);
}

uint32_t pil_image_attest(const struct pil_image *img, const struct pil_facts *facts)
{
    const struct pil_layout_head *h = pil_layout_head(img);
    uint32_t best = 0;
    unsigned most = 0;

    for (uint32_t i = 1; i < pil_layout_count(h, PIL_LAYOUT_WORKLOADS); i++) {
        const struct pil_layout_workload *w = pil_layout_workloads(h) + i;
        unsigned held = 0;

        if (!selector_holds(img, w->exe, facts->exe, true, &held) ||
            !selector_holds(img, w->user, facts->user, false, &held) ||
            !selector_holds(img, w->unit, facts->unit, false, &held) ||
            !selector_holds(img, w->cgroup, facts->cgroup, true, &held) ||
            !selector_holds(img, w->sha256, facts->sha256, false, &held))
            continue;
        if (held > most) {
            most = held;
            best = i;
        }
    }
    return best;
}

bool pil_image_wants_sha256(const struct pil_image *img, const char *exe)
{
    const struct pil_layout_head *h = pil_layout_head(img);

    for (uint32_t i = 1; i < pil_layout_count(h, PIL_LAYOUT_WORKLOADS); i++) {
        const struct pil_layout_workload *w = pil_layout_workloads(h) + i;
        unsigned held = 0;

        if (w->sha256 && (!exe || selector_holds(img, w->exe, exe, true, &held)))
            return true;
    }
    return false;
}

const char *pil_image_workload_name(const struct pil_image *img, uint32_t workload)
{
    const struct pil_layout_head *h = pil_layout_head(img);

    if (workload >= pil_layout_count(h, PIL_LAYOUT_WORKLOADS))
        return "";
    return text_of(img, pil_layout_workloads(h)[workload].title);
}

/* Byte order, a prefix before the longer: as compile sorted the titles. */
static int compare(struct pil_slice a, struct pil_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.at, b.at, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

uint32_t pil_image_workload_find(const struct pil_image *img, struct pil_slice title)
{
    uint32_t low = 1, high = pil_layout_count(pil_layout_head(img), PIL_LAYOUT_WORKLOADS);

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = compare(pil_slice_of(pil_image_workload_name(img, mid)), title);

        if (order == 0)
            return mid;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return 0;
}

bool pil_image_workload_covered(const struct pil_image *img, uint32_t workload)
{
    const struct pil_layout_head *h = pil_layout_head(img);

    return workload < pil_layout_count(h, PIL_LAYOUT_WORKLOADS) &&
           pil_layout_workloads(h)[workload].covered;
}

/* ---- rules and policies ---------------------------------------------------------------------- */

static const struct pil_layout_rule *rule_at(const struct pil_image *img, uint32_t rule)
{
    const struct pil_layout_head *h = pil_layout_head(img);

    return rule < pil_layout_count(h, PIL_LAYOUT_RULES) ? pil_layout_rules(h) + rule : NULL;
}

static const struct pil_layout_policy *policy_at(const struct pil_image *img, uint32_t policy)
{
    const struct pil_layout_head *h = pil_layout_head(img);

    return policy < pil_layout_count(h, PIL_LAYOUT_POLICIES) ? pil_layout_policies(h) + policy
                                                             : NULL;
}

const char *pil_image_rule_name(const struct pil_image *img, uint32_t rule)
{
    const struct pil_layout_rule *r = rule_at(img, rule);

    return r ? text_of(img, r->title) : "";
}

uint32_t pil_image_rule_policy(const struct pil_image *img, uint32_t rule)
{
    const struct pil_layout_rule *r = rule_at(img, rule);

    return r ? r->policy : PIL_NO_INDEX;
}

struct pil_place pil_image_rule_place(const struct pil_image *img, uint32_t rule)
{
    return rule_at(img, rule) ? place_at(img, pil_layout_place_rule() + rule) : no_place;
}

const char *pil_image_policy_name(const struct pil_image *img, uint32_t policy)
{
    const struct pil_layout_policy *p = policy_at(img, policy);

    return p ? text_of(img, p->title) : "";
}

const char *pil_image_policy_owner(const struct pil_image *img, uint32_t policy)
{
    const struct pil_layout_policy *p = policy_at(img, policy);

    return p ? text_of(img, p->owner) : "";
}

uint32_t pil_image_policy_version(const struct pil_image *img, uint32_t policy)
{
    const struct pil_layout_policy *p = policy_at(img, policy);

    return p ? p->version : 0;
}

enum pil_stage pil_image_policy_stage(const struct pil_image *img, uint32_t policy)
{
    const struct pil_layout_policy *p = policy_at(img, policy);

    return p ? (enum pil_stage)p->stage : PIL_STAGE_OFF;
}

struct pil_place pil_image_policy_place(const struct pil_image *img, uint32_t policy)
{
    if (!policy_at(img, policy))
        return no_place;
    return place_at(img, pil_layout_place_policy(pil_layout_head(img)) + policy);
}

struct pil_place pil_image_default_place(const struct pil_image *img)
{
    return place_at(img, 0);
}

uint32_t pil_image_zones(const struct pil_image *img)
{
    return pil_layout_count(pil_layout_head(img), PIL_LAYOUT_ZONES);
}

const char *pil_image_zone_name(const struct pil_image *img, uint32_t zone)
{
    if (zone >= pil_image_zones(img))
        return "";
    return text_of(img, pil_layout_zones(pil_layout_head(img))[zone]);
}

/* ---- obligations ----------------------------------------------------------------------------- */

static void append(char *buf, size_t cap, const char *const *piece)
{
    struct pil_text text;

    pil_text_init(&text, buf, cap);
    for (; *piece; piece++)
        pil_text_add(&text, *piece);
}

typedef void tell_fn(void *cookie, struct pil_place place, const char *what);

bool pil_image_encrypts(const struct pil_image *img)
{
    const struct pil_layout_head *h = pil_layout_head(img);

    for (uint32_t i = 0; i < pil_layout_count(h, PIL_LAYOUT_SERVICES); i++)
        switch (pil_layout_services(h)[i].encrypt) {
        case PIL_ENCRYPT_PERMISSIVE:
        case PIL_ENCRYPT_REQUIRED:
            return true;
        default:
            break;
        }
    return false;
}

static unsigned unmet_native(const struct pil_image *img, tell_fn *tell, void *cookie)
{
    const struct pil_layout_head *h = pil_layout_head(img);
    unsigned count = 0;
    char what[160];

    for (uint32_t i = 0; i < pil_layout_count(h, PIL_LAYOUT_SERVICES); i++) {
        const struct pil_layout_service *s = pil_layout_services(h) + i;

        if (s->encrypt != PIL_ENCRYPT_NATIVE)
            continue;
        append(what, sizeof(what),
               (const char *const[]){"encrypt = ", pil_encrypt_name(s->encrypt), " of service \"",
                                     text_of(img, s->title),
                                     "\" cannot be kept by this build; "
                                     "legal is required, permissive or off",
                                     NULL});
        tell(cookie, place_at(img, pil_layout_place_service(h) + i), what);
        count++;
    }
    return count;
}

static unsigned unmet_rate(const struct pil_image *img, tell_fn *tell, void *cookie)
{
    const struct pil_layout_head *h = pil_layout_head(img);
    unsigned count = 0;
    char what[160];

    for (uint32_t i = 0; i < pil_layout_count(h, PIL_LAYOUT_RULES); i++) {
        const struct pil_layout_rule *r = pil_layout_rules(h) + i;

        if (r->rate == PIL_NO_INDEX)
            continue;
        append(what, sizeof(what),
               (const char *const[]){"rate of rule \"", text_of(img, r->title),
                                     "\" cannot be kept by this build; legal is no rate", NULL});
        tell(cookie, place_at(img, pil_layout_place_rate(h) + r->rate), what);
        count++;
    }
    return count;
}

static unsigned unmet_route(const struct pil_image *img, tell_fn *tell, void *cookie)
{
    const struct pil_layout_head *h = pil_layout_head(img);
    unsigned count = pil_layout_count(h, PIL_LAYOUT_ROUTES);
    char what[160];

    for (uint32_t i = 0; i < count; i++) {
        append(what, sizeof(what),
               (const char *const[]){"route \"", text_of(img, pil_layout_routes(h)[i].title),
                                     "\" cannot be kept by this build; legal is no route", NULL});
        tell(cookie, place_at(img, pil_layout_place_route(h) + i), what);
    }
    return count;
}

static void say_nothing(void *cookie, struct pil_place place, const char *what)
{
    (void)cookie, (void)place, (void)what;
}

unsigned pil_image_unmet(const struct pil_image *img, unsigned met,
                         void (*tell)(void *cookie, struct pil_place place, const char *what),
                         void *cookie)
{
    unsigned count = 0;

    if (!tell)
        tell = say_nothing;
    if (!(met & PIL_OBLIGATION_NATIVE))
        count += unmet_native(img, tell, cookie);
    if (!(met & PIL_OBLIGATION_RATE))
        count += unmet_rate(img, tell, cookie);
    if (!(met & PIL_OBLIGATION_ROUTE))
        count += unmet_route(img, tell, cookie);
    return count;
}
