#include "policyd/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/err.h"

static const struct pil_at nowhere = {0};

static const cap_value_t kept[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_KILL, CAP_NET_ADMIN};

static bool find_group(const char *setting, const char *name, gid_t *out, struct pil_diag *diag)
{
    const struct group *group;

    if (name[0] == '\0')
        return true;
    group = getgrnam(name);
    if (group)
        *out = group->gr_gid;
    else
        pil_diag_error(diag, nowhere, "%s = \"%s\": no such group on this host", setting, name);
    return group != NULL;
}

int pil_privilege_find(const struct pil_settings *settings, struct pil_diag *diag,
                       struct pil_privilege *out)
{
    unsigned before = diag->errors;

    *out = (struct pil_privilege){.uid = geteuid(), .gid = getegid(), .control_gid = (gid_t)-1};
    if (settings->user[0] != '\0') {
        const struct passwd *user = getpwnam(settings->user);

        if (!user)
            pil_diag_error(diag, nowhere, "user = \"%s\": no such user on this host",
                           settings->user);
        else
            out->uid = user->pw_uid, out->gid = user->pw_gid, out->change = true;
    }
    find_group("group", settings->group, &out->gid, diag);
    find_group("control_group", settings->control_group, &out->control_gid, diag);
    if (settings->group[0] != '\0')
        out->change = true;
    if (out->change && geteuid() != 0 && (out->uid != geteuid() || out->gid != getegid()))
        pil_diag_error(diag, nowhere, "user = \"%s\": only root can become somebody else",
                       settings->user);
    return diag->errors > before ? PIL_E_NOTFOUND : PIL_OK;
}

static bool become(const struct pil_privilege *who)
{
    if (!who->change || geteuid() != 0)
        return true;
    return prctl(PR_SET_KEEPCAPS, 1) == 0 && setgroups(0, NULL) == 0 &&
           setresgid(who->gid, who->gid, who->gid) == 0 &&
           setresuid(who->uid, who->uid, who->uid) == 0 && prctl(PR_SET_KEEPCAPS, 0) == 0;
}

/* Those of `kept` that are there to be kept: a container may have taken some away. */
static bool keep_few(void)
{
    cap_t now = cap_get_proc(), few = cap_init();
    bool good = now && few;

    for (size_t i = 0; good && i < PIL_NELEM(kept); i++) {
        cap_flag_value_t has = CAP_CLEAR;

        good = cap_get_flag(now, kept[i], CAP_PERMITTED, &has) == 0;
        if (good && has == CAP_SET)
            good = cap_set_flag(few, CAP_PERMITTED, 1, &kept[i], CAP_SET) == 0 &&
                   cap_set_flag(few, CAP_EFFECTIVE, 1, &kept[i], CAP_SET) == 0;
    }
    good = good && cap_set_proc(few) == 0;
    cap_free(now);
    cap_free(few);
    return good;
}

static bool fail(struct pil_diag *diag, const char *step)
{
    pil_diag_error(diag, nowhere, "giving up privileges: %s: %s", step, strerror(errno));
    return false;
}

int pil_privilege_drop(const struct pil_privilege *who, struct pil_diag *diag)
{
    bool root = geteuid() == 0;

    if (!become(who) && !fail(diag, "groups, group and user"))
        return PIL_E_SYSTEM;
    if (root && !keep_few() && !fail(diag, "capabilities"))
        return PIL_E_SYSTEM;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !fail(diag, "no-new-privileges"))
        return PIL_E_SYSTEM;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) && !fail(diag, "dumpable"))
        return PIL_E_SYSTEM;
    return PIL_OK;
}
