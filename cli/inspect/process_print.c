/* A process, its modules and its sockets as tables for people. */
#include <string.h>

#include "cli/inspect/process.h"
#include "cli/out.h"

static void print_line(FILE *to, const char *name, const char *text)
{
    fprintf(to, "%-10s ", name);
    pil_out_text(to, *text ? text : "-");
    putc('\n', to);
}

static void print_modules(const json_t *modules, FILE *to)
{
    static const char *const heading[] = {"HOOKED", "NOT YET", "PAST", "OTHER", "MODULE"};
    static const char *const keys[] = {"hooked", "pending", "past", "other"};
    struct pil_table table;
    const json_t *one;
    size_t i;

    pil_table_init(&table, PIL_NELEM(heading));
    for (i = 0; i < PIL_NELEM(heading); i++)
        pil_table_add(&table, "%s", heading[i]);
    json_array_foreach(modules, i, one)
    {
        for (size_t k = 0; k < PIL_NELEM(keys); k++)
            pil_table_add(&table, "%lld", (long long)pil_out_number(one, keys[k]));
        pil_table_add(&table, "%s", pil_out_string(one, "path"));
    }
    putc('\n', to);
    pil_table_print(&table, to);
}

static void print_sockets(const json_t *sockets, FILE *to)
{
    static const char *const heading[] = {"FD", "KIND", "STATE", "LOCAL", "PEER", "GOVERNED"};
    static const char *const keys[] = {"kind", "state", "local", "peer"};
    struct pil_table table;
    const json_t *one;
    size_t i;

    if (json_array_size(sockets) == 0)
        return;
    pil_table_init(&table, PIL_NELEM(heading));
    for (i = 0; i < PIL_NELEM(heading); i++)
        pil_table_add(&table, "%s", heading[i]);
    json_array_foreach(sockets, i, one)
    {
        pil_table_add(&table, "%lld", (long long)pil_out_number(one, "fd"));
        for (size_t k = 0; k < PIL_NELEM(keys); k++) {
            const char *text = pil_out_string(one, keys[k]);

            pil_table_add(&table, "%s", *text ? text : "-");
        }
        pil_table_add(&table, "%s: %s", pil_out_string(one, "governed"),
                      pil_out_string(one, "why"));
    }
    putc('\n', to);
    pil_table_print(&table, to);
}

static const char *attached_text(const json_t *process)
{
    const json_t *attached = json_object_get(process, "attached");

    return json_is_true(attached) ? "yes" : json_is_false(attached) ? "no" : "not known";
}

void pil_process_print(const json_t *all, const struct pil_findings *f, FILE *to)
{
    const json_t *process = json_object_get(all, "process");
    const json_t *entry = json_object_get(process, "policyd");
    const json_t *modules = json_object_get(all, "modules");

    print_line(to, "program", pil_out_string(process, "exe"));
    print_line(to, "user", pil_out_string(process, "user"));
    print_line(to, "unit", pil_out_string(process, "unit"));
    print_line(to, "library", pil_out_string(process, "library"));
    print_line(to, "attached", attached_text(process));
    if (entry)
        print_line(to, "workload", pil_out_string(entry, "workload"));
    print_line(to, "verdict", pil_findings_verdict(f));
    if (json_array_size(modules) > 0)
        print_modules(modules, to);
    print_sockets(json_object_get(all, "sockets"), to);
}
