/* pillion explain: who, action, where -> verdict, the rule that decides, and those that nearly did.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/explain.h"
#include "cli/facts.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/question.h"
#include "cli/source.h"
#include "cli/when.h"
#include "core/err.h"

struct arguments {
    const char *as, *pid, *exe, *user, *unit, *cgroup, *sha256, *at, *host_id, *socket;
    struct pil_asked asked;
    struct pil_words policy;
    bool json, all;
};

static int read_arguments(const struct pil_command *self, struct arguments *a, int argc,
                          char **argv)
{
    const struct pil_option rows[] = {
        {'w', "as", "WORKLOAD", "ask for this workload; \"\" is the one without a name", NULL,
         &a->as, NULL},
        {'p', "pid", "PID", "ask for this running process", NULL, &a->pid, NULL},
        {'e', "exe", "PATH", "ask for a process of this executable", NULL, &a->exe, NULL},
        {'u', "user", "USER", "its user (you)", NULL, &a->user, NULL},
        {0, "unit", "UNIT", "with --exe: its systemd unit", NULL, &a->unit, NULL},
        {0, "cgroup", "PATH", "with --exe: its cgroup", NULL, &a->cgroup, NULL},
        {0, "sha256", "HEX", "with --exe or --pid: digest of it", NULL, &a->sha256, NULL},
        {'n', "name", "HOST", "the name that gave the address", NULL, &a->asked.name, NULL},
        {0, "source", "ADDRESS", "accept: the peer's address", NULL, &a->asked.source, NULL},
        {0, "peer", "SPIFFE-ID", "who showed this identity; \"\" is nobody", NULL, &a->asked.peer,
         NULL},
        {'c', "caller", "LIBRARY", "the calling library, as libpq.so.5", NULL, &a->asked.caller,
         NULL},
        {0, "at", "TIME", PIL_WHEN_LEGAL, NULL, &a->at, NULL},
        {0, "host-id", "TEXT", "host of rollouts (/etc/machine-id)", NULL, &a->host_id, NULL},
        {0, "policy", "FILE", "this policy; repeat for more (the one in force)", NULL, NULL,
         &a->policy},
        {'a', "all", NULL, "every rule, not only the nearest", &a->all, NULL, NULL},
        {0, "json", NULL, "print JSON", &a->json, NULL, NULL},
        {'s', "socket", "SOCKET", "policyd's socket", NULL, &a->socket, NULL},
    };
    int first;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return got == PIL_OPTIONS_HELP ? -1 : PIL_EXIT_USAGE;
    if (!pil_options_operands(self, argc - first, 2, 2))
        return PIL_EXIT_USAGE;
    if (!!a->as + !!a->pid + !!a->exe != 1) {
        pil_cli_error("explain: who asks? exactly one of --as, --pid and --exe is needed");
        return PIL_EXIT_USAGE;
    }
    a->asked.action = argv[first];
    a->asked.resource = argv[first + 1];
    return PIL_EXIT_OK;
}

static int by_title(const struct arguments *a, const struct pil_image *img, struct pil_subject *who)
{
    who->workload = pil_image_workload_find(img, pil_slice_of(a->as));
    if (who->workload == 0 && *a->as) {
        pil_cli_error("there is no workload \"%s\" in this policy", a->as);
        return PIL_EXIT_USAGE;
    }
    return PIL_EXIT_OK;
}

/* The entry of that process; after an exec the old one may linger a moment. */
static const json_t *entry_of(const json_t *answer, uint64_t pid, const char *exe)
{
    const json_t *list = json_object_get(answer, "processes"), *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if ((uint64_t)pil_out_number(one, "pid") == pid &&
            strcmp(pil_out_string(one, "exe"), exe) == 0 &&
            strcmp(pil_out_string(one, "state"), "attached") == 0)
            return one;
    }
    return NULL;
}

/* policyd has attested it already, and knows more than anyone else could. */
static bool by_policyd(const struct arguments *a, uint64_t pid, const char *exe,
                       const struct pil_image *img, struct pil_subject *who)
{
    struct pil_client *c = malloc(sizeof(*c));
    json_t *answer = NULL;
    const json_t *entry = NULL;

    if (c && pil_client_open(c, a->socket) == PIL_OK &&
        pil_client_call(c, "processes", NULL, &answer, NULL) == PIL_OK)
        entry = entry_of(answer, pid, exe);
    if (entry)
        who->workload =
            pil_image_workload_find(img, pil_slice_of(pil_out_string(entry, "workload")));
    if (c)
        pil_client_close(c);
    free(c);
    json_decref(answer);
    return entry != NULL;
}

static void by_facts(const struct arguments *a, const struct pil_image *img,
                     const struct pil_process_facts *p, struct pil_subject *who)
{
    struct pil_facts facts = {
        .exe = p->exe,
        .user = p->user,
        .unit = a->unit ? a->unit : p->unit,
        .cgroup = a->cgroup ? a->cgroup : p->cgroup,
        .sha256 = a->sha256,
    };

    if (!a->sha256 && pil_image_wants_sha256(img, p->exe))
        pil_cli_error("note: workloads that ask for the sha256 of %s do not match without --sha256",
                      p->exe);
    who->workload = pil_image_attest(img, &facts);
}

static int by_pid(const struct arguments *a, const struct pil_image *img,
                  struct pil_process_facts *p, struct pil_subject *who)
{
    uint64_t pid;
    int error;

    if (!pil_options_number("pid", a->pid, 1, INT32_MAX, &pid))
        return PIL_EXIT_USAGE;
    error = pil_facts_of((uint32_t)pid, p);
    if (error) {
        pil_cli_error("process %s: %s", a->pid, pil_err_text(error));
        return error == PIL_E_PERMISSION ? PIL_EXIT_PERMISSION : PIL_EXIT_USAGE;
    }
    if (a->policy.count > 0 || !by_policyd(a, pid, p->exe, img, who))
        by_facts(a, img, p, who);
    return PIL_EXIT_OK;
}

/* Who asks; *p keeps the facts that the verdict may need. */
static int find_subject(const struct arguments *a, const struct pil_image *img,
                        struct pil_process_facts *p, struct pil_subject *who)
{
    char me[16];
    int code = PIL_EXIT_OK;

    snprintf(me, sizeof(me), "%u", (unsigned)getuid());
    memset(p, 0, sizeof(*p));
    if (a->pid)
        code = by_pid(a, img, p, who);
    if (!code && (!a->pid || a->user) && pil_facts_user(a->user ? a->user : me, p)) {
        pil_cli_error("there is no user \"%s\"", a->user);
        code = PIL_EXIT_USAGE;
    }
    if (!code && a->as)
        code = by_title(a, img, who);
    if (!code && a->exe) {
        if (!realpath(a->exe, p->exe))
            snprintf(p->exe, sizeof(p->exe), "%s", a->exe);
        by_facts(a, img, p, who);
    }
    who->uid = p->uid;
    return code;
}

/* A program that calls connect by itself is its own caller. */
static void default_caller(struct pil_asked *asked, const struct pil_process_facts *p)
{
    const char *base = strrchr(p->exe, '/');

    if (!asked->caller && base && strlen(base + 1) <= PIL_CALLER_MAX)
        asked->caller = base + 1;
}

static int explain_from(struct arguments *a, const struct pil_source *source)
{
    struct pil_process_facts *p = calloc(1, sizeof(*p));
    struct pil_question *question = calloc(1, sizeof(*question));
    struct pil_explain_env env = {.host_id = a->host_id, .all = a->all};
    struct pil_subject who = {0};
    int code = p && question ? PIL_EXIT_OK : PIL_EXIT_FAILED;

    if (!code && pil_when_parse(a->at ? a->at : "now", &env.now)) {
        pil_cli_error("--at: \"%s\" is no time; legal is " PIL_WHEN_LEGAL, a->at);
        code = PIL_EXIT_USAGE;
    }
    if (!code)
        code = find_subject(a, &source->image, p, &who);
    if (!code) {
        default_caller(&a->asked, p);
        code = pil_question_read(&a->asked, question) ? PIL_EXIT_USAGE : PIL_EXIT_OK;
    }
    if (!code)
        code = pil_explain(&source->image, &who, question, &env, a->json);
    free(question);
    free(p);
    return code;
}

int pil_cmd_explain(const struct pil_command *self, int argc, char **argv)
{
    struct arguments a = {0};
    struct pil_source source;
    int code = read_arguments(self, &a, argc, argv);

    if (code == PIL_EXIT_OK) {
        int error = pil_source_open(&source, &a.policy, a.socket);

        code = error ? pil_cli_exit_of(error) : explain_from(&a, &source);
        if (!error)
            pil_source_close(&source);
    }
    pil_words_free(&a.policy);
    return code < 0 ? PIL_EXIT_OK : code;
}
