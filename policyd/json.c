#include "policyd/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void raw(struct pil_json *j, const char *text, size_t len)
{
    if (j->failed || len > j->cap - j->len) {
        j->failed = true;
        return;
    }
    memcpy(j->at + j->len, text, len);
    j->len += len;
}

static void key(struct pil_json *j, const char *name)
{
    if (j->comma)
        raw(j, ",", 1);
    j->comma = true;
    raw(j, "\"", 1);
    raw(j, name, strlen(name));
    raw(j, "\":", 2);
}

void pil_json_begin(struct pil_json *j, char *buf, size_t cap)
{
    *j = (struct pil_json){.at = buf, .cap = cap};
    raw(j, "{", 1);
}

size_t pil_json_end(struct pil_json *j)
{
    raw(j, "}\n", 2);
    return j->failed ? 0 : j->len;
}

/* Bytes of the UTF-8 sequence at `at`, 0 when it is none (RFC 3629: shortest form, no surrogates,
 * nothing above U+10FFFF). */
static size_t sequence(const unsigned char *at, size_t left)
{
    static const struct {
        unsigned char low, high, second_low, second_high, len;
    } kind[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t k = 0; k < PIL_NELEM(kind); k++) {
        if (at[0] < kind[k].low || at[0] > kind[k].high || left < kind[k].len)
            continue;
        if (at[1] < kind[k].second_low || at[1] > kind[k].second_high)
            return 0;
        for (size_t i = 2; i < kind[k].len; i++)
            if ((at[i] & 0xc0) != 0x80)
                return 0;
        return kind[k].len;
    }
    return 0;
}

static void escape(struct pil_json *j, unsigned char c)
{
    char text[8];

    if (c == '"' || c == '\\') {
        text[0] = '\\', text[1] = (char)c;
        raw(j, text, 2);
        return;
    }
    snprintf(text, sizeof(text), "\\u%04x", c);
    raw(j, text, 6);
}

static void quoted(struct pil_json *j, struct pil_slice value)
{
    const unsigned char *at = (const unsigned char *)value.at;
    size_t len = value.len > PIL_JSON_TEXT ? PIL_JSON_TEXT : value.len, run = 0, i = 0;

    raw(j, "\"", 1);
    while (i < len) {
        size_t step = at[i] < 0x80 ? 1 : sequence(at + i, len - i);

        if (step > 1 || (step == 1 && at[i] >= 0x20 && at[i] != '"' && at[i] != '\\')) {
            i += step;
            continue;
        }
        raw(j, value.at + run, i - run);
        if (step == 1 && at[i] != 0x7f)
            escape(j, at[i]);
        else
            raw(j, "\\ufffd", 6);
        run = ++i;
    }
    if (len > run)
        raw(j, value.at + run, len - run);
    if (value.len > len)
        raw(j, "\\u2026", 6);
    raw(j, "\"", 1);
}

void pil_json_text(struct pil_json *j, const char *name, struct pil_slice value)
{
    key(j, name);
    quoted(j, value);
}

void pil_json_string(struct pil_json *j, const char *name, const char *value)
{
    key(j, name);
    if (value)
        quoted(j, pil_slice_of(value));
    else
        raw(j, "null", 4);
}

/* Plain decimal; readers of JSON keep 63 bits, so more is written as the most. */
static void number(struct pil_json *j, uint64_t value)
{
    char digits[24];
    struct pil_text text;

    pil_text_init(&text, digits, sizeof(digits));
    pil_text_add_u64(&text, value <= INT64_MAX ? value : INT64_MAX);
    raw(j, digits, text.len);
}

void pil_json_u64(struct pil_json *j, const char *name, uint64_t value)
{
    key(j, name);
    number(j, value);
}

void pil_json_bool(struct pil_json *j, const char *name, bool value)
{
    key(j, name);
    raw(j, value ? "true" : "false", value ? 4 : 5);
}

void pil_json_micros(struct pil_json *j, const char *name, uint64_t nanoseconds)
{
    unsigned rest = (unsigned)(nanoseconds % 1000);
    char decimals[4] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                        (char)('0' + rest % 10)};

    key(j, name);
    number(j, nanoseconds / 1000);
    raw(j, decimals, sizeof(decimals));
}

void pil_json_time(struct pil_json *j, const char *name, uint64_t realtime_ns)
{
    time_t seconds = (time_t)(realtime_ns / 1000000000u);
    char text[48];
    struct tm utc;
    int len;

    /* A ring's time is the process's word: a year that does not fit is shown as the first. */
    if (!gmtime_r(&seconds, &utc) || utc.tm_year > 8099)
        memset(&utc, 0, sizeof(utc)), utc.tm_year = 70, utc.tm_mday = 1;
    len = snprintf(text, sizeof(text), "\"%04d-%02d-%02dT%02d:%02d:%02d.%06uZ\"",
                   utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                   utc.tm_sec, (unsigned)(realtime_ns % 1000000000u / 1000u));
    key(j, name);
    raw(j, text, (size_t)len);
}

void pil_json_list(struct pil_json *j, const char *name, char *const *item, size_t count)
{
    key(j, name);
    raw(j, "[", 1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            raw(j, ",", 1);
        quoted(j, pil_slice_of(item[i]));
    }
    raw(j, "]", 1);
}
