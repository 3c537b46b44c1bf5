#include "conf/model.h"

#include <stdlib.h>
#include <string.h>

static void free_strings(struct pil_strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i]);
    free(list->item);
    free(list->line);
}

void pil_model_free_workload(struct pil_workload *w)
{
    free(w->title);
    free(w->exe);
    free(w->user);
    free(w->unit);
    free(w->cgroup);
    free(w->sha256);
}

void pil_model_free_role(struct pil_role *r)
{
    free(r->title);
    free_strings(&r->members);
}

void pil_model_free_service(struct pil_service *s)
{
    free(s->title);
    free_strings(&s->endpoints);
    free(s->identity);
}

void pil_model_free_rule(struct pil_rule *r)
{
    free(r->title);
    free_strings(&r->subjects);
    free_strings(&r->actions);
    free_strings(&r->resources);
    free(r->when.timezone);
    free_strings(&r->when.source);
    free_strings(&r->when.caller);
    free_strings(&r->when.peer);
    free(r->when.uid);
}

void pil_model_free_policy(struct pil_policy *p)
{
    free(p->title);
    free(p->owner);
    free_strings(&p->inherits);
    free_strings(&p->applies);
    for (size_t i = 0; i < p->rule_count; i++)
        pil_model_free_rule(&p->rule[i]);
    free(p->rule);
}

void pil_model_free_route(struct pil_route *r)
{
    free(r->title);
    free_strings(&r->fallback);
}

#define FREE_ALL(model, kind)                                                                      \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < (model)->kind##_count; i_++)                                      \
            pil_model_free_##kind(&(model)->kind[i_]);                                             \
        free((model)->kind);                                                                       \
    } while (0)

void pil_model_free(struct pil_model *model)
{
    FREE_ALL(model, workload);
    FREE_ALL(model, role);
    FREE_ALL(model, service);
    FREE_ALL(model, policy);
    FREE_ALL(model, route);
    for (size_t i = 0; i < model->file_count; i++)
        free(model->file[i]);
    free(model->file);
    free(model->trust_domain);
    free(model->timezone);
    memset(model, 0, sizeof(*model));
}
