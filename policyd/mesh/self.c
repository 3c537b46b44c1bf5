#include "policyd/mesh/self.h"

#include "policyd/daemon.h"
#include "policyd/identity/identity.h"
#include "policyd/mesh/owner.h"
#include "policyd/mesh/parts.h"

bool pil_self_get(const struct pil_owner *owner, struct pil_self *out)
{
    struct pil_identity *identity = owner->m->d->identity;

    *out = (struct pil_self){.problem = "there are no identities here"};
    if (!identity)
        return false;
    out->svid = pil_identity_get(identity, pil_owner_workload(owner), NULL);
    if (out->svid)
        out->bundle = pil_identity_bundle(identity);
    out->problem = pil_identity_problem(identity);
    return out->svid && out->bundle;
}

void pil_self_drop(struct pil_self *self)
{
    pil_svid_unref(self->svid);
    pil_bundle_unref(self->bundle);
}
