#include "conf/schema.h"

#include <confuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/draft.h"
#include "core/err.h"

/* ---- one parse ------------------------------------------------------------------------------- */

struct parse {
    struct pil_draft draft;
    struct pil_fill fill;
    struct pil_model *model;
    struct pil_includes *includes;
    const unsigned *opened;
    size_t opened_left;
};

/* libconfuse's callbacks have no room for a context; a parse runs from start to end in one call of
 * pil_schema_parse, and there is one at a time. */
static struct parse *current;

static struct pil_at at_line(unsigned line)
{
    return (struct pil_at){current->fill.file, line};
}

/* Appends the draft of a kind to an array and empties the draft. */
#define MOVE(into, kind)                                                                           \
    do {                                                                                           \
        void *grown_ = pil_value_grow((into).kind, (into).kind##_count, sizeof(*(into).kind));     \
        if (!grown_) {                                                                             \
            current->fill.nomem = true;                                                            \
            break;                                                                                 \
        }                                                                                          \
        (into).kind = grown_;                                                                      \
        (into).kind[(into).kind##_count++] = current->draft.kind;                                  \
        memset(&current->draft.kind, 0, sizeof(current->draft.kind));                              \
    } while (0)

#define TAKE_TITLE(kind, name, line)                                                               \
    do {                                                                                           \
        current->draft.kind.title = strdup(name);                                                  \
        current->draft.kind.at = at_line(line);                                                    \
        if (!current->draft.kind.title)                                                            \
            current->fill.nomem = true;                                                            \
    } while (0)

static void missing(unsigned line, const char *block, const char *keyword, const char *legal)
{
    pil_diag_error(current->fill.diag, at_line(line), "no \"%s\" in %s; legal is %s", keyword,
                   block, legal);
}

static void end_when(unsigned line)
{
    current->draft.rule.when.has = true;
    current->draft.rule.when.at = at_line(line);
}

static void end_rate(unsigned line)
{
    struct pil_draft *d = &current->draft;

    if (!d->has_limit)
        missing(line, "rate", "limit", "a number from 1 to 1000000000");
    if (!d->has_per)
        missing(line, "rate", "per", "a duration, such as 1s");
    d->has_limit = d->has_per = false;
    if (d->rule.rate.burst == 0)
        d->rule.rate.burst = d->rule.rate.limit;
    d->rule.rate.has = true;
    d->rule.rate.at = at_line(line);
}

static void end_breaker(unsigned line)
{
    struct pil_draft *d = &current->draft;

    if (!d->has_failures)
        missing(line, "breaker", "failures", "a number from 1 to 1000");
    if (!d->has_open)
        missing(line, "breaker", "open", "a duration, such as 30s");
    d->has_failures = d->has_open = false;
    if (d->route.breaker.half_open == 0)
        d->route.breaker.half_open = 1;
    d->route.breaker.has = true;
}

static void end_policy(const char *title, unsigned line)
{
    TAKE_TITLE(policy, title, line);
    MOVE(*current->model, policy);
    current->draft.policy.rollout = 100;
    current->draft.policy.stage = PIL_STAGE_ENFORCE;
}

/* What is to be done when a block ends. */
static void end_block(enum pil_thing thing, const char *title, unsigned line)
{
    switch (thing) {
    case PIL_THING_ROOT:
        return;
    case PIL_THING_WORKLOAD:
        TAKE_TITLE(workload, title, line);
        MOVE(*current->model, workload);
        return;
    case PIL_THING_ROLE:
        TAKE_TITLE(role, title, line);
        MOVE(*current->model, role);
        return;
    case PIL_THING_SERVICE:
        TAKE_TITLE(service, title, line);
        MOVE(*current->model, service);
        return;
    case PIL_THING_ROUTE:
        TAKE_TITLE(route, title, line);
        MOVE(*current->model, route);
        return;
    case PIL_THING_RULE:
        TAKE_TITLE(rule, title, line);
        MOVE(current->draft.policy, rule);
        return;
    case PIL_THING_POLICY:
        end_policy(title, line);
        return;
    case PIL_THING_WHEN:
        end_when(line);
        return;
    case PIL_THING_RATE:
        end_rate(line);
        return;
    case PIL_THING_BREAKER:
        end_breaker(line);
        return;
    }
}

/* Takes the values of one option that was written. */
static void take_option(const struct pil_keyword *row, cfg_opt_t *opt, unsigned block_line)
{
    char *draft = (char *)&current->draft;
    unsigned count = cfg_opt_size(opt);
    struct pil_word **words = calloc(count + 1, sizeof(struct pil_word *));
    struct pil_written written = {.keyword = row->name, .word = words, .count = count};

    if (!words) {
        current->fill.nomem = true;
        return;
    }
    for (unsigned i = 0; i < count; i++)
        words[i] = cfg_opt_getnptr(opt, i);
    written.line = count ? words[0]->line : block_line;
    row->take(&current->fill, row->with, &written, draft + row->offset);
    if (row->has)
        *(bool *)(draft + row->has) = true;
    if (row->at)
        *(struct pil_at *)(void *)(draft + row->at) = at_line(written.line);
    free(words);
}

static void take_block(const struct pil_block *block, cfg_t *section, unsigned line)
{
    for (size_t i = 0; i < block->count; i++) {
        cfg_opt_t *opt = &section->opts[i]; /* libconfuse keeps the order of the table */

        if (block->keyword[i].take && (opt->flags & CFGF_MODIFIED))
            take_option(&block->keyword[i], opt, line);
    }
}

static const struct pil_block *find_block(const struct pil_block *in, const char *name)
{
    for (size_t i = 0; i < in->count; i++) {
        const struct pil_block *inner = in->keyword[i].block;

        if (inner && strcmp(inner->name, name) != 0)
            inner = find_block(inner, name);
        if (inner)
            return inner;
    }
    return NULL;
}

/* A block has ended: its values go to the draft, and it is released at once, so that libconfuse
 * never holds more than one block of a kind nor compares titles. */
static int on_block(cfg_t *cfg, cfg_opt_t *opt)
{
    const struct pil_block *block = find_block(&pil_schema_root, opt->name);
    unsigned last = cfg_opt_size(opt) - 1, line = 0;
    cfg_t *section = cfg_opt_getnsec(opt, last);

    (void)cfg;
    if (current->opened_left > 0) {
        line = *current->opened++;
        current->opened_left--;
    }
    take_block(block, section, line);
    end_block(block->thing, section->title, line);
    cfg_opt_rmnsec(opt, last);
    return current->fill.nomem ? -1 : 0;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    size_t len = strlen(value) + 1;
    struct pil_word *word = malloc(sizeof(*word) + len);

    (void)opt;
    if (!word) {
        current->fill.nomem = true;
        return -1;
    }
    word->line = (unsigned)cfg->line;
    memcpy(word->text, value, len);
    *(void **)result = word;
    return 0;
}

static int on_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
    struct pil_includes *list = current->includes;
    struct pil_include *grown = pil_value_grow(list->item, list->count, sizeof(*grown));

    (void)opt;
    if (argc != 1 || !grown)
        goto fail;
    list->item = grown;
    grown[list->count].line = (unsigned)cfg->line;
    grown[list->count].path = strdup(argv[0]);
    if (!grown[list->count].path)
        goto fail;
    list->count++;
    return 0;
fail:
    current->fill.nomem = true;
    return -1;
}

/* What is left for libconfuse to find, in our shape and with our quotes. */
static void on_error(cfg_t *cfg, const char *format, va_list args)
{
    char message[256];

    vsnprintf(message, sizeof(message), format, args);
    for (char *at = message; *at; at++)
        if (*at == '\'')
            *at = '"';
    pil_diag_error(current->fill.diag, at_line((unsigned)cfg->line),
                   "%s; legal is the syntax of pillion-policy(5)", message);
}

/* ---- libconfuse's options from the tables ------------------------------------------------------
 */

static void free_options(cfg_opt_t *options)
{
    for (cfg_opt_t *opt = options; opt && opt->name; opt++)
        free_options(opt->subopts);
    free(options);
}

static cfg_opt_t *make_options(const struct pil_block *block)
{
    cfg_opt_t *options = calloc(block->count + 1, sizeof(*options));

    for (size_t i = 0; options && i < block->count; i++) {
        const struct pil_keyword *row = &block->keyword[i];
        cfg_opt_t *opt = &options[i];

        opt->name = row->name;
        switch (row->shape) {
        case PIL_SHAPE_VALUE:
        case PIL_SHAPE_LIST:
            opt->type = CFGT_PTR;
            opt->flags = CFGF_NODEFAULT | (row->shape == PIL_SHAPE_LIST ? CFGF_LIST : 0);
            opt->parsecb = on_value;
            opt->freecb = free;
            break;
        case PIL_SHAPE_CALL:
            opt->type = CFGT_FUNC;
            opt->func = on_include;
            break;
        case PIL_SHAPE_BLOCK:
        case PIL_SHAPE_TITLED:
            opt->type = CFGT_SEC;
            opt->flags = CFGF_MULTI | (row->shape == PIL_SHAPE_TITLED ? CFGF_TITLE : 0);
            opt->validcb = on_block;
            opt->subopts = make_options(row->block);
            if (!opt->subopts) {
                free_options(options);
                return NULL;
            }
        }
    }
    return options;
}

static int run(const char *text, size_t len)
{
    cfg_opt_t *options = make_options(&pil_schema_root);
    cfg_t *cfg = options ? cfg_init(options, CFGF_NONE) : NULL;
    FILE *file = fmemopen((void *)(uintptr_t)text, len, "r");
    int result = CFG_PARSE_ERROR;

    if (cfg && file) {
        cfg_set_error_function(cfg, on_error);
        result = cfg_parse_fp(cfg, file);
        if (result == CFG_SUCCESS)
            take_block(&pil_schema_root, cfg, 1);
    } else {
        current->fill.nomem = true;
    }
    if (file)
        fclose(file);
    if (cfg)
        cfg_free(cfg);
    free_options(options);
    return result;
}

/* ---- what stands outside of blocks, over several files -----------------------------------------
 */

static void conflict(struct pil_at at, struct pil_at first, const char *keyword, const char *value)
{
    pil_diag_error(
        current->fill.diag, at,
        "%s is \"%s\" here and something else in %s:%u; legal is one value for all files", keyword,
        value, first.file, first.line);
}

static void merge_text(char **to, struct pil_at *to_at, char **from, struct pil_at from_at,
                       const char *keyword)
{
    if (!*from)
        return;
    if (!*to) {
        *to = *from;
        *to_at = from_at;
        *from = NULL;
    } else if (strcmp(*to, *from) != 0) {
        conflict(from_at, *to_at, keyword, *from);
    }
}

static void merge_top(struct pil_model *top, struct pil_model *model)
{
    if (top->has_schema) {
        model->has_schema = true;
        model->schema = top->schema;
    }
    merge_text(&model->trust_domain, &model->trust_domain_at, &top->trust_domain,
               top->trust_domain_at, "trust_domain");
    merge_text(&model->timezone, &model->timezone_at, &top->timezone, top->timezone_at, "timezone");
    if (top->has_default && model->has_default && top->default_effect != model->default_effect) {
        conflict(top->default_at, model->default_at, "default",
                 pil_effect_name(top->default_effect));
    } else if (top->has_default && !model->has_default) {
        model->has_default = true;
        model->default_effect = top->default_effect;
        model->default_at = top->default_at;
    }
}

/* Whatever an early end left behind. */
static void free_draft(struct pil_draft *draft)
{
    pil_model_free_workload(&draft->workload);
    pil_model_free_role(&draft->role);
    pil_model_free_service(&draft->service);
    pil_model_free_rule(&draft->rule);
    pil_model_free_policy(&draft->policy);
    pil_model_free_route(&draft->route);
    pil_model_free(&draft->top);
}

int pil_schema_parse(const char *text, size_t len, const char *file, const unsigned *opened,
                     size_t opened_count, struct pil_diag *diag, struct pil_model *model,
                     struct pil_includes *includes)
{
    struct parse parse = {
        .draft = {.policy = {.rollout = 100, .stage = PIL_STAGE_ENFORCE}},
        .fill = {.diag = diag, .file = file},
        .model = model,
        .includes = includes,
        .opened = opened,
        .opened_left = opened_count,
    };
    unsigned before = diag->errors;
    int result;

    if (len == 0)
        return PIL_OK; /* fmemopen does not take nothing for a file everywhere */
    current = &parse;
    result = run(text, len);
    merge_top(&parse.draft.top, model);
    current = NULL;
    free_draft(&parse.draft);
    if (parse.fill.nomem)
        return PIL_E_NOMEM;
    if (result != CFG_SUCCESS && diag->errors == before)
        pil_diag_error(diag, (struct pil_at){file, 0},
                       "the text cannot be parsed; legal is the syntax of pillion-policy(5)");
    if (result != CFG_SUCCESS)
        return PIL_E_MALFORMED;
    return diag->errors > before ? PIL_E_SYNTAX : PIL_OK;
}
