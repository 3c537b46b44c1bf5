/*
 * Holds measured rows against bench/targets.
 *
 *     report TARGETS OUT.json < rows
 *
 * Reads rows (one JSON object a line: name, value, unit and perhaps ratio), prints the table, and
 * writes the list of {name, value, unit, ratio, target, met}. The last line is "N of M targets
 * met". Rows without a target are shown and not counted.
 *
 * Exit: 0, also when targets were missed; 1 when a target has no row or a row cannot be read.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

struct target {
    char name[64], judged[16], relation[4], unit[8], words[80];
    double number;
};

struct tally {
    unsigned met, targets, missing;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "report: %s: %s\n", what, why);
    exit(1);
}

static bool read_target(const char *line, struct target *t)
{
    return sscanf(line, "%63s | %15s | %3s | %lf | %7s | %79[^\n]", t->name, t->judged, t->relation,
                  &t->number, t->unit, t->words) == 6 &&
           (strcmp(t->judged, "value") == 0 || strcmp(t->judged, "ratio") == 0) &&
           (strcmp(t->relation, "<=") == 0 || strcmp(t->relation, ">=") == 0);
}

/* A name that comes twice is a mistake of the benches and not a second chance. */
static json_t *read_rows(FILE *in)
{
    json_t *rows = json_object();
    char line[1024];

    while (fgets(line, sizeof(line), in)) {
        json_t *row = json_loads(line, 0, NULL);
        const char *name = json_string_value(json_object_get(row, "name"));

        if (!name || !json_is_number(json_object_get(row, "value")))
            fail("not a row", line);
        if (json_object_get(rows, name))
            fail("measured twice", name);
        json_object_set_new(rows, name, row);
    }
    return rows;
}

static bool is_met(const struct target *t, const json_t *row)
{
    const json_t *judged = json_object_get(row, t->judged);
    double got = json_number_value(judged);

    if (!json_is_number(judged))
        return false;
    return t->relation[0] == '<' ? got <= t->number : got >= t->number;
}

static void add_number(char *cell, size_t len, const json_t *number, const char *unit)
{
    double value = json_number_value(number);

    if (!json_is_number(number))
        snprintf(cell, len, "-");
    else if (value >= 1000)
        snprintf(cell, len, "%.0f %s", value, unit);
    else
        snprintf(cell, len, "%.*f %s", value >= 100 ? 1 : value >= 10 ? 2 : 3, value, unit);
}

static void print_row(const char *words, const json_t *row, const char *target, const char *met)
{
    char value[40] = "not measured", ratio[40];

    if (row)
        add_number(value, sizeof(value), json_object_get(row, "value"),
                   json_string_value(json_object_get(row, "unit")));
    add_number(ratio, sizeof(ratio), json_object_get(row, "ratio"), "x");
    printf("%-44s %14s %10s   %-11s %s\n", words, value, ratio, target, met);
}

static void append(json_t *list, const json_t *row, const char *name, const char *target,
                   json_t *met)
{
    json_t *entry = json_object();
    static const char *const measured[] = {"value", "unit", "ratio"};

    json_object_set_new(entry, "name", json_string(name));
    for (unsigned i = 0; i < sizeof(measured) / sizeof(measured[0]); i++) {
        json_t *field = json_object_get(row, measured[i]);

        json_object_set(entry, measured[i], field ? field : json_null());
    }
    json_object_set_new(entry, "target", target ? json_string(target) : json_null());
    json_object_set_new(entry, "met", met);
    json_array_append_new(list, entry);
}

static void judge(const struct target *t, json_t *rows, json_t *list, struct tally *tally)
{
    json_t *row = json_object_get(rows, t->name);
    bool met = row && is_met(t, row);
    char target[40];

    snprintf(target, sizeof(target), "%s %g %s", t->relation, t->number, t->unit);
    print_row(t->words, row, target, !row ? "" : met ? "met" : "MISSED");
    append(list, row, t->name, target, json_boolean(met));
    tally->targets++;
    tally->met += met;
    tally->missing += !row;
    json_object_del(rows, t->name);
}

static void judge_all(const char *path, json_t *rows, json_t *list, struct tally *tally)
{
    FILE *in = fopen(path, "re");
    struct target t;
    char line[256];

    if (!in)
        fail(path, strerror(errno));
    while (fgets(line, sizeof(line), in)) {
        if (line[0] == '#' || isspace((unsigned char)line[0]))
            continue;
        if (!read_target(line, &t))
            fail("not a target", line);
        judge(&t, rows, list, tally);
    }
    fclose(in);
}

static void add_rest(json_t *rows, json_t *list)
{
    const char *name;
    json_t *row;

    json_object_foreach(rows, name, row)
    {
        print_row(name, row, "", "");
        append(list, row, name, NULL, json_null());
    }
}

int main(int argc, char **argv)
{
    json_t *rows, *list = json_array();
    struct tally tally = {0};

    if (argc != 3)
        fail("usage", "report TARGETS OUT.json < rows");
    rows = read_rows(stdin);
    printf("%-44s %14s %10s   %-11s\n", "", "value", "ratio", "target");
    judge_all(argv[1], rows, list, &tally);
    add_rest(rows, list);
    if (json_dump_file(list, argv[2], JSON_INDENT(1) | JSON_REAL_PRECISION(6)))
        fail(argv[2], "cannot be written");
    json_decref(rows);
    json_decref(list);
    printf("%u of %u targets met\n", tally.met, tally.targets);
    return tally.missing ? 1 : 0;
}
