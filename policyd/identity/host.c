#include "policyd/identity/host.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/daemon.h"
#include "policyd/identity/cert.h"
#include "policyd/identity/identity.h"
#include "policyd/journal.h"
#include "policyd/store.h"

void pil_identity_host_own(const struct pil_settings *settings, unsigned uid, unsigned gid)
{
    struct stat st;
    int fd;

    mkdir(settings->state, 0700);
    fd = open(settings->state, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* Only what is root's own and closed to others already was made for this. */
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == 0 && (st.st_mode & 077) == 0 &&
        fchown(fd, uid, gid) == 0)
        fchmod(fd, 0700);
    if (fd >= 0)
        close(fd);
}

static void put(struct pil_json *json, const char *key, const char *text)
{
    if (text)
        pil_json_string(json, key, text);
}

static void put_time(struct pil_json *json, const char *key, int64_t seconds)
{
    char text[PIL_CERT_TIME_TEXT];

    if (seconds == 0)
        return;
    pil_cert_time(seconds, text);
    pil_json_string(json, key, text);
}

static void note(void *cookie, const struct pil_identity_note *what)
{
    struct pil_daemon *d = cookie;
    struct pil_json *json;

    if (!d->journal)
        return;
    json = pil_journal_begin(d->journal, what->event);
    put(json, "workload", what->workload);
    put(json, "id", what->id);
    put(json, "serial", what->serial);
    put(json, "state", what->state);
    put(json, "file", what->file);
    put(json, "by", what->by);
    put_time(json, "now", what->now);
    put_time(json, "not_before", what->not_before);
    put_time(json, "not_after", what->not_after);
    put(json, "problem", what->problem);
    pil_journal_end(d->journal);
}

static bool is_there(void *cookie, const char *workload)
{
    const struct pil_daemon *d = cookie;

    for (const struct pil_process *p = d->processes.all; p; p = p->next)
        if (strcmp(pil_process_workload(d, p), workload) == 0)
            return true;
    return false;
}

int pil_identity_host_open(struct pil_daemon *d)
{
    struct pil_identity_setup setup = {
        .settings = &d->settings, .memory = d->solo, .note = note, .wanted = is_there, .cookie = d};

    return pil_identity_open(d->base, &setup, &d->identity);
}

void pil_identity_host_swapped(struct pil_daemon *d)
{
    const struct pil_policy_image *policy = pil_store_current(d->store);

    if (!d->identity)
        return;
    pil_identity_domain(d->identity, policy ? pil_image_trust_domain(&policy->img) : NULL,
                        policy && pil_image_encrypts(&policy->img));
    for (const struct pil_process *p = d->processes.all; p; p = p->next)
        pil_identity_expect(d->identity, pil_process_workload(d, p));
}
