/* pillion check: every error and warning of a policy, as the load of policyd would find them. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/options.h"
#include "cli/out.h"
#include "cli/source.h"
#include "core/err.h"

struct findings {
    json_t *list; /* NULL: print at once */
};

static void tell(void *cookie, enum pil_severity severity, const char *message)
{
    struct findings *f = cookie;

    if (!f->list) {
        pil_source_tell(NULL, severity, message);
        return;
    }
    json_array_append_new(f->list, json_pack("{s:s, s:o}", "severity",
                                             severity == PIL_SEVERITY_ERROR ? "error" : "warning",
                                             "message", pil_out_json_text(message)));
}

static json_t *counts_of(const struct pil_image *img)
{
    struct pil_image_counts n;

    pil_image_count(img, &n);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "workloads", (json_int_t)n.workloads,
                     "roles", (json_int_t)n.roles, "services", (json_int_t)n.services, "policies",
                     (json_int_t)n.policies, "rules", (json_int_t)n.rules, "bytes",
                     (json_int_t)n.bytes, "digest",
                     json_sprintf("%016llx", (unsigned long long)n.digest));
}

static void print_json(json_t *list, const struct pil_diag *diag, const struct pil_image *img)
{
    json_t *out = json_pack("{s:b, s:i, s:i, s:O}", "ok", diag->errors == 0, "errors",
                            (int)diag->errors, "warnings", (int)diag->warnings, "messages", list);

    if (img)
        json_object_set_new(out, "policy", counts_of(img));
    pil_out_json(stdout, out, true);
    json_decref(out);
}

static void print_text(const struct pil_diag *diag, const struct pil_image *img)
{
    struct pil_image_counts n;

    if (img) {
        pil_image_count(img, &n);
        printf("%u workloads, %u roles, %u services, %u policies, %u rules\n", n.workloads, n.roles,
               n.services, n.policies, n.rules);
    }
    printf("%u error%s, %u warning%s\n", diag->errors, diag->errors == 1 ? "" : "s", diag->warnings,
           diag->warnings == 1 ? "" : "s");
}

int pil_cmd_check(const struct pil_command *self, int argc, char **argv)
{
    bool json = false, portable = false;
    const struct pil_option rows[] = {
        {0, "json", NULL, "print JSON", &json, NULL, NULL},
        {0, "portable", NULL, "accept obligations this build cannot keep", &portable, NULL, NULL},
    };
    struct findings findings = {0};
    struct pil_diag diag = {.sink = tell, .cookie = &findings};
    struct pil_image img;
    void *block = NULL;
    size_t len;
    int first, error;
    enum pil_options got = pil_options_read(self, rows, PIL_NELEM(rows), false, argc, argv, &first);

    if (got != PIL_OPTIONS_OK)
        return pil_options_exit(got);
    if (!pil_options_operands(self, argc - first, 1, -1))
        return PIL_EXIT_USAGE;
    findings.list = json ? json_array() : NULL;
    error = pil_policy_build((const char *const *)argv + first, (size_t)(argc - first),
                             portable ? PIL_MET_ALL : PIL_MET, &diag, &block, &len, &img);
    if (json)
        print_json(findings.list, &diag, error ? NULL : &img);
    else
        print_text(&diag, error ? NULL : &img);
    json_decref(findings.list);
    if (error && diag.errors == 0) {
        pil_cli_error("the policy cannot be compiled: %s", pil_err_text(error));
        return PIL_EXIT_FAILED;
    }
    free(block);
    return error ? PIL_EXIT_NO : PIL_EXIT_OK;
}
