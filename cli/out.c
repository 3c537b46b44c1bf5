#include "cli/out.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void pil_table_init(struct pil_table *table, unsigned columns)
{
    *table =
        (struct pil_table){.columns = columns <= PIL_TABLE_COLUMNS ? columns : PIL_TABLE_COLUMNS};
}

/* ASCII controls, and those of ISO 6429 as UTF-8 writes them: U+0080 to U+009F. */
static bool is_control(const unsigned char *c)
{
    return *c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f);
}

void pil_out_clean(char *text)
{
    unsigned char *to = (unsigned char *)text;

    for (const unsigned char *c = to; *c; c++) {
        bool control = is_control(c);

        if (control && *c == 0xc2)
            c++;
        *to++ = control ? '?' : *c;
    }
    *to = '\0';
}

void pil_table_add(struct pil_table *table, const char *format, ...)
{
    char *text = NULL;
    va_list ap;

    if (table->count == table->room) {
        size_t room = table->room ? table->room * 2 : 64;
        char **grown = realloc(table->cell, room * sizeof(*grown));

        if (!grown)
            return;
        table->cell = grown;
        table->room = room;
    }
    va_start(ap, format);
    if (vasprintf(&text, format, ap) < 0)
        text = NULL;
    va_end(ap);
    if (text)
        pil_out_clean(text);
    table->cell[table->count++] = text;
}

static const char *cell(const struct pil_table *table, size_t at)
{
    return table->cell[at] ? table->cell[at] : "";
}

/* Terminal columns of UTF-8 text: one for each byte that does not continue a character. */
static int width(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

void pil_table_print(struct pil_table *table, FILE *to)
{
    int widest[PIL_TABLE_COLUMNS] = {0};

    for (size_t i = 0; i < table->count; i++)
        if (width(cell(table, i)) > widest[i % table->columns])
            widest[i % table->columns] = width(cell(table, i));
    for (size_t i = 0; i < table->count; i++) {
        unsigned column = (unsigned)(i % table->columns);
        bool last = column + 1 == table->columns || i + 1 == table->count;

        fputs(cell(table, i), to);
        if (last)
            fputc('\n', to);
        else
            fprintf(to, "%*s", widest[column] - width(cell(table, i)) + 2, "");
        free(table->cell[i]);
    }
    free(table->cell);
    *table = (struct pil_table){.columns = table->columns};
}

void pil_out_text(FILE *to, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        bool control = is_control(c);

        if (control && *c == 0xc2)
            c++;
        fputc(control ? '?' : *c, to);
    }
}

void pil_out_json(FILE *to, const json_t *value, bool whole)
{
    json_dumpf(value, to, whole ? JSON_INDENT(2) : JSON_COMPACT);
    fputc('\n', to);
}

json_t *pil_out_json_text(const char *text)
{
    json_t *value = json_string(text ? text : "");
    char *copy;

    if (value || !text)
        return value;
    copy = strdup(text);
    if (!copy)
        return NULL;
    for (unsigned char *c = (unsigned char *)copy; *c; c++)
        if (*c >= 0x80)
            *c = '?';
    value = json_string(copy);
    free(copy);
    return value;
}

const char *pil_out_string(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

json_int_t pil_out_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_real(value) ? (json_int_t)json_real_value(value) : json_integer_value(value);
}

void pil_out_age(char *buf, size_t len, json_int_t seconds)
{
    long long s = seconds < 0 ? 0 : seconds;

    if (s >= 86400)
        snprintf(buf, len, "%lldd %lldh", s / 86400, s % 86400 / 3600);
    else if (s >= 3600)
        snprintf(buf, len, "%lldh %lldm", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        snprintf(buf, len, "%lldm %llds", s / 60, s % 60);
    else
        snprintf(buf, len, "%llds", s);
}
