#include "cli/rules/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/out.h"
#include "cli/rules/merge_parts.h"
#include "cli/rules/print.h"
#include "cli/source.h"
#include "conf/load.h"
#include "core/err.h"

/* ---- opening and closing -------------------------------------------------------------------- */

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "re"), *to;
    char *text = NULL, buf[16384];
    size_t len, got;

    if (!file)
        return NULL;
    to = open_memstream(&text, &len);
    while (to && (got = fread(buf, 1, sizeof(buf), file)) > 0)
        fwrite(buf, 1, got, to);
    if (!to || ferror(file) || fclose(to)) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

static int refuse_file(const char *path, int error)
{
    pil_cli_error("%s is there and cannot be added to: %s; nothing was written "
                  "(--force writes it anew)",
                  path, error == PIL_E_SYNTAX ? "it is no policy" : pil_err_text(error));
    return error;
}

static int open_existing(struct pil_merging *m)
{
    const char *path = m->wishes->path;
    struct pil_diag diag = {.sink = pil_source_tell};
    struct pil_diag quiet = {0};
    int error = pil_cover_open(&m->cover, path, &diag);

    if (!error)
        error = pil_load(&path, 1, &quiet, &m->model);
    if (error)
        return refuse_file(path, error);
    m->text = read_text(path);
    if (!m->text) {
        pil_cli_error("cannot read %s: %s", path, strerror(errno));
        return PIL_E_SYSTEM;
    }
    return pil_sights_paths(m);
}

static int open_fresh(struct pil_merging *m)
{
    m->fresh = true;
    m->text = strdup("");
    return m->text ? PIL_OK : PIL_E_NOMEM;
}

static int open_merge(struct pil_merging *m, const struct pil_merge_wishes *wishes,
                      const struct pil_seen_list *seen)
{
    int error;

    *m = (struct pil_merging){.wishes = wishes, .seen = seen, .shape = wishes->shape};
    m->shape.all = seen;
    m->wanted = calloc(seen->count + 1, sizeof(*m->wanted));
    if (!m->wanted)
        return PIL_E_NOMEM;
    if (wishes->path && !wishes->replace && access(wishes->path, F_OK) == 0)
        error = open_existing(m);
    else
        error = open_fresh(m);
    if (!error && !m->fresh)
        m->shape.image = &m->cover.image;
    m->edit = (struct pil_edit){.text = m->text, .len = m->text ? strlen(m->text) : 0};
    return error;
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

static void close_merge(struct pil_merging *m)
{
    pil_edit_free(&m->edit);
    pil_model_free(&m->model);
    pil_cover_close(&m->cover);
    free_texts(m->titles, m->title_count);
    free_texts(m->paths, m->path_count);
    free(m->sight);
    free(m->sight_at);
    free(m->wanted);
    free(m->text);
}

/* ---- sorting out ---------------------------------------------------------------------------- */

/* Workloads that the new things are for, and what each is to be allowed. */
struct sorted {
    struct pil_who_list who;  /* of a policy to be written */
    uint64_t titled;          /* those of them that are workloads already */
    struct pil_grants grants; /* theirs */
    struct pil_grants *known; /* of each policy's workload that is there: see `into` */
    char **workload;
    size_t *into;
    size_t count;
};

static void tell(const char *what, const struct pil_seen *seen, const char *policy,
                 const char *rule)
{
    char text[PIL_SEEN_TEXT];

    pil_seen_print(seen, text);
    fprintf(stderr, "  %s: %s %s", what, pil_action_name(seen->action), text);
    if (*policy)
        fprintf(stderr, " (policy %s, %s%s)", policy, *rule ? "rule " : "default", rule);
    fputc('\n', stderr);
}

static int known_index(struct sorted *s, const char *workload, size_t policy, size_t *out)
{
    for (*out = 0; *out < s->count; ++*out)
        if (strcmp(s->workload[*out], workload) == 0)
            return PIL_OK;
    s->known = realloc(s->known, (s->count + 1) * sizeof(*s->known));
    s->workload = realloc(s->workload, (s->count + 1) * sizeof(*s->workload));
    s->into = realloc(s->into, (s->count + 1) * sizeof(*s->into));
    if (!s->known || !s->workload || !s->into)
        return PIL_E_NOMEM;
    s->known[s->count] = (struct pil_grants){0};
    s->into[s->count] = policy;
    s->workload[s->count] = strdup(workload);
    return s->workload[s->count++] ? PIL_OK : PIL_E_NOMEM;
}

/* A subject of the policy to be written; one that is a workload already keeps its title. */
static int add_new(struct pil_merging *m, struct sorted *s, const struct pil_seen *seen,
                   const char *workload)
{
    unsigned i;
    int error;

    if (*workload) {
        for (i = 0; i < s->who.count; i++)
            if (s->who.item[i].title && strcmp(s->who.item[i].title, workload) == 0)
                return pil_grants_add(&s->grants, &m->shape, seen, i);
        if (s->who.count == PIL_WHO_MAX)
            return PIL_E_FULL;
        s->who.item[s->who.count] = (struct pil_who){.as = seen, .title = strdup(workload)};
        s->titled |= UINT64_C(1) << s->who.count++;
        error = s->who.item[i].title ? PIL_OK : PIL_E_NOMEM;
    } else {
        error = pil_who_of(&s->who, seen, &i);
    }
    return error ? error : pil_grants_add(&s->grants, &m->shape, seen, i);
}

static int add_missing(struct pil_merging *m, struct sorted *s, const struct pil_seen *seen,
                       const char *workload)
{
    size_t policy = *workload ? pil_place_policy(m, workload) : SIZE_MAX, i;
    int error;

    if (policy == SIZE_MAX) {
        error = add_new(m, s, seen, workload);
    } else {
        error = known_index(s, workload, policy, &i);
        if (!error)
            error = pil_grants_add(&s->known[i], &m->shape, seen, 0);
    }
    if (error == PIL_E_NOTFOUND) {
        m->unsaid++;
        tell("only a rule for everything allows", seen, "", "");
        return PIL_OK;
    }
    m->wanted[seen - m->seen->item] = error == PIL_OK;
    return error;
}

static int sort_one(struct pil_merging *m, struct sorted *s, const struct pil_seen *seen)
{
    const char *workload = "", *policy, *rule;
    enum pil_covered how = PIL_MISSING;

    if (seen->effect != PIL_ALLOW) {
        m->refused++;
        tell("was refused meanwhile, not learned", seen, seen->policy, seen->rule);
        return PIL_OK;
    }
    if (!m->fresh)
        how = pil_cover_judge(&m->cover, seen, &workload, &policy, &rule);
    switch (how) {
    case PIL_COVERED:
        m->kept++;
        return pil_sights_credit(m, seen, policy, rule);
    case PIL_OPPOSED:
        m->opposed++;
        tell("the policy denies, not added", seen, policy, rule);
        return PIL_OK;
    default:
        return add_missing(m, s, seen, workload);
    }
}

static bool workload_taken(void *cookie, const char *title)
{
    const struct pil_merging *m = cookie;

    for (size_t i = 0; i < m->model.workload_count; i++)
        if (strcmp(m->model.workload[i].title, title) == 0)
            return true;
    return false;
}

static int place_all(struct pil_merging *m, struct sorted *s)
{
    const char *subject[PIL_WHO_MAX];
    int error = PIL_OK;

    for (size_t i = 0; !error && i < s->count; i++) {
        const char *workload = s->workload[i];

        pil_grants_settle(&s->known[i]);
        pil_place_tell(m, &s->known[i], &workload);
        error = pil_place_into(m, s->into[i], workload, &s->known[i]);
    }
    if (error || s->grants.count == 0)
        return error;
    error = pil_who_name(&s->who, workload_taken, m);
    if (error)
        return error;
    for (size_t i = 0; i < s->who.count; i++)
        subject[i] = s->who.item[i].title;
    pil_grants_settle(&s->grants);
    pil_place_tell(m, &s->grants, subject);
    return pil_place_new(m, &s->who, s->titled, &s->grants);
}

static void sorted_free(struct sorted *s)
{
    for (size_t i = 0; i < s->count; i++)
        pil_grants_free(&s->known[i]);
    free_texts(s->workload, s->count);
    free(s->known);
    free(s->into);
    pil_grants_free(&s->grants);
    pil_who_free(&s->who);
}

/* ---- the heading of a new file -------------------------------------------------------------- */

static int put_heading(struct pil_merging *m)
{
    const struct pil_merge_wishes *w = m->wishes;
    char *text = NULL, *what = strdup(w->what);
    size_t len;
    FILE *to = open_memstream(&text, &len);
    int error;

    if (!to || !what) {
        if (to)
            fclose(to);
        free(text);
        free(what);
        return PIL_E_NOMEM;
    }
    pil_out_clean(what);
    fprintf(to, "# What %s did, written by pillion learn.\n", what);
    fputs("# Beside each thing: how often and when, in UTC; what a process did again within\n"
          "# seconds counts once.\n",
          to);
    if (w->path)
        fputs("# Learning into this file again adds to it and takes nothing away.\n", to);
    for (size_t i = 0; i < w->lost_count; i++) {
        char path[256];

        snprintf(path, sizeof(path), "%s", w->lost[i]);
        pil_out_clean(path);
        fprintf(to, "# Not covered, so that nothing is known of it: %s\n", path);
    }
    fputs("\nschema = 1\n", to);
    error = fclose(to) ? PIL_E_NOMEM : pil_edit_append(&m->edit, text);
    free(text);
    free(what);
    return error;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* Does the text, as a file, allow everything that it was written for? */
static int prove(const struct pil_merging *m, const char *path)
{
    struct pil_diag diag = {.sink = pil_source_tell};
    const char *workload, *policy, *rule;
    struct pil_cover cover;
    int error = pil_cover_open(&cover, path, &diag);

    for (size_t i = 0; !error && i < m->seen->count; i++)
        if (m->wanted[i] && pil_cover_judge(&cover, &m->seen->item[i], &workload, &policy, &rule)) {
            tell("still not covered", &m->seen->item[i], policy, rule);
            error = PIL_E_INTERNAL;
        }
    if (error)
        pil_cli_error("the result does not do what it should; nothing was written");
    pil_cover_close(&cover);
    return error;
}

/* A file beside it, with the rights it has or will have. */
static int write_beside(const char *path, const char *text, char *beside)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0, n, fd;
    mode_t mask = umask(022);
    struct stat st;
    size_t len = strlen(text);
    bool fine;

    umask(mask);
    n = snprintf(beside, PATH_MAX, "%.*s.%s.XXXXXX", folder, path, path + folder);
    if (n >= PATH_MAX)
        return PIL_E_RANGE;
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return PIL_E_SYSTEM;
    fine = write(fd, text, len) == (ssize_t)len;
    if (stat(path, &st) == 0)
        fine = fine && fchmod(fd, st.st_mode & 07777) == 0 &&
               (fchown(fd, st.st_uid, st.st_gid) == 0 || st.st_uid == geteuid());
    else /* nobody else may write what decides over others */
        fine = fine && fchmod(fd, 0644 & ~mask) == 0;
    fine = fine && fsync(fd) == 0;
    close(fd);
    if (!fine)
        unlink(beside);
    return fine ? PIL_OK : PIL_E_SYSTEM;
}

/* Proved beside its place, then put there in one step; without a place, to stdout. */
static int put_in_place(const struct pil_merging *m, const char *text)
{
    const char *path = m->wishes->path ? m->wishes->path : "/tmp/pillion-learned";
    char beside[PATH_MAX], real[PATH_MAX];
    int error;

    if (m->wishes->path && realpath(path, real))
        path = real; /* a link stays one */
    error = write_beside(path, text, beside);
    if (error) {
        pil_cli_error("cannot write beside %s: %s", path, strerror(errno));
        return error;
    }
    error = prove(m, beside);
    if (!error && m->wishes->path && rename(beside, path)) {
        pil_cli_error("cannot replace %s: %s", path, strerror(errno));
        error = PIL_E_SYSTEM;
    }
    if (error || !m->wishes->path)
        unlink(beside);
    if (!error && !m->wishes->path)
        fputs(text, stdout);
    return error;
}

static int write_out(struct pil_merging *m)
{
    char *text = pil_edit_apply(&m->edit);
    int error = text ? PIL_OK : PIL_E_NOMEM;

    if (!error && m->edit.count > 0)
        error = put_in_place(m, text);
    free(text);
    return error;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void say_result(const struct pil_merging *m)
{
    const char *path = m->wishes->path;

    if (m->fresh)
        pil_cli_error("learned: %zu thing%s%s%s", m->added, m->added == 1 ? "" : "s",
                      path ? ", written to " : "", path ? path : "");
    else
        pil_cli_error("learned: %zu new, %zu covered already, %zu not seen this time; %s%s",
                      m->added, m->kept, m->unseen, path, m->edit.count ? " is renewed" : " stays");
    if (m->opposed)
        pil_cli_error("%zu denied by a rule of the policy: not added", m->opposed);
    if (m->refused)
        pil_cli_error("%zu refused meanwhile by the policy in force: not learned", m->refused);
}

static int merge(struct pil_merging *m, struct sorted *s)
{
    int error = m->fresh ? put_heading(m) : PIL_OK;

    for (size_t i = 0; !error && i < m->seen->count; i++)
        error = sort_one(m, s, &m->seen->item[i]);
    if (error == PIL_E_FULL)
        pil_cli_error("more than %u programs; learn fewer at a time", PIL_WHO_MAX);
    if (!error)
        error = place_all(m, s);
    if (!error && !m->fresh)
        pil_sights_tell_unseen(m);
    return error;
}

static bool folder_writable(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX] = ".";

    if (slash && snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path) >=
                     (int)sizeof(folder))
        return false;
    return access(folder, W_OK) == 0;
}

int pil_merge_possible(const struct pil_merge_wishes *wishes)
{
    static const struct pil_seen_list nothing;
    struct pil_merging m;
    int error;

    if (!wishes->path)
        return PIL_EXIT_OK;
    if (!folder_writable(wishes->path)) {
        pil_cli_error("cannot write %s: %s", wishes->path, strerror(errno));
        return PIL_EXIT_FAILED;
    }
    error = open_merge(&m, wishes, &nothing);
    close_merge(&m);
    return error ? PIL_EXIT_FAILED : PIL_EXIT_OK;
}

int pil_merge(const struct pil_merge_wishes *wishes, const struct pil_seen_list *seen)
{
    struct sorted s = {.who = {.by = wishes->by, .of_units = wishes->of_units}};
    struct pil_merging m;
    int error = open_merge(&m, wishes, seen);

    if (!error) {
        error = merge(&m, &s);
        if (error == PIL_E_NOMEM)
            pil_cli_error("out of memory");
    }
    if (!error && m.fresh && m.added == 0) {
        pil_cli_error("nothing was learned, so nothing is written");
        error = PIL_E_NOTFOUND;
    }
    if (!error)
        error = write_out(&m);
    if (!error)
        say_result(&m);
    sorted_free(&s);
    close_merge(&m);
    return error == PIL_E_NOTFOUND ? PIL_EXIT_NO : error ? PIL_EXIT_FAILED : PIL_EXIT_OK;
}
