#include "conf/value.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

/* Offending text is quoted up to here. */
#define QUOTED 80

static struct pil_at place(const struct pil_fill *fill, unsigned line)
{
    return (struct pil_at){fill->file, line};
}

static void refuse(struct pil_fill *fill, const struct pil_word *word, const char *keyword,
                   const char *what, const char *legal)
{
    pil_diag_error(fill->diag, place(fill, word->line), "bad %s \"%.*s\" in %s; legal is %s", what,
                   QUOTED, word->text, keyword, legal);
}

void *pil_value_grow(void *array, size_t count, size_t size)
{
    if (count & (count - 1))
        return array; /* a power of two was allocated, and it is not full */
    return reallocarray(array, count ? count * 2 : 1, size);
}

/* A normalised copy of the word when it has the form, else NULL. */
static char *take_one(struct pil_fill *fill, const struct pil_form *form, const char *keyword,
                      const struct pil_word *word)
{
    size_t max = form->max ? form->max : PIL_TEXT_MAX;
    const char *legal = form->legal;
    char *copy = strdup(word->text);

    if (!copy) {
        fill->nomem = true;
        return NULL;
    }
    if (form->normalize)
        form->normalize(copy);
    if (strlen(copy) <= max && copy[0] && form->fits(copy, &legal))
        return copy;
    refuse(fill, word, keyword, form->what, legal);
    free(copy);
    return NULL;
}

void pil_value_text(struct pil_fill *fill, const void *with, const struct pil_written *written,
                    void *field)
{
    char *copy = take_one(fill, with, written->keyword, written->word[0]);

    if (!copy)
        return;
    free(*(char **)field);
    *(char **)field = copy;
}

static bool add_text(struct pil_strings *list, char *text, unsigned line)
{
    char **item = pil_value_grow(list->item, list->count, sizeof(*item));
    unsigned *lines;

    if (!item)
        return false;
    list->item = item;
    lines = pil_value_grow(list->line, list->count, sizeof(*lines));
    if (!lines)
        return false;
    list->line = lines;
    list->item[list->count] = text;
    list->line[list->count++] = line;
    return true;
}

void pil_value_texts(struct pil_fill *fill, const void *with, const struct pil_written *written,
                     void *field)
{
    struct pil_strings *list = field;

    list->has = true;
    list->at = place(fill, written->line);
    for (size_t i = 0; i < written->count; i++) {
        char *copy = take_one(fill, with, written->keyword, written->word[i]);

        if (copy && !add_text(list, copy, written->word[i]->line)) {
            free(copy);
            fill->nomem = true;
        }
    }
}

/* A decimal number without sign or leading zeros; false when it is none or above 32 bits. */
static bool read_number(const char *text, size_t len, uint32_t *out)
{
    uint64_t value = 0;

    if (len == 0 || len > 10 || (len > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = (uint32_t)value;
    return value <= UINT32_MAX;
}

static void store(void *field, size_t width, uint32_t value)
{
    if (width == 1)
        *(uint8_t *)field = (uint8_t)value;
    else if (width == 2)
        *(uint16_t *)field = (uint16_t)value;
    else
        *(uint32_t *)field = value;
}

void pil_value_number(struct pil_fill *fill, const void *with, const struct pil_written *written,
                      void *field)
{
    const struct pil_range *range = with;
    const char *text = written->word[0]->text;
    uint32_t value;

    if (read_number(text, strlen(text), &value) && value >= range->low && value <= range->high)
        store(field, range->width, value);
    else
        refuse(fill, written->word[0], written->keyword, "number", range->legal);
}

static bool read_duration(const char *text, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint32_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}};
    size_t len = strspn(text, "0123456789");
    uint32_t value;

    if (!read_number(text, len, &value))
        return false;
    for (size_t i = 0; i < PIL_NELEM(units); i++) {
        if (strcmp(text + len, units[i].unit) == 0) {
            *out = (uint64_t)value * units[i].ms;
            return true;
        }
    }
    return false;
}

void pil_value_duration(struct pil_fill *fill, const void *with, const struct pil_written *written,
                        void *field)
{
    const struct pil_range *range = with;
    uint64_t ms;

    if (read_duration(written->word[0]->text, &ms) && ms >= range->low && ms <= range->high)
        *(uint32_t *)field = (uint32_t)ms;
    else
        refuse(fill, written->word[0], written->keyword, "duration", range->legal);
}

void pil_value_choice(struct pil_fill *fill, const void *with, const struct pil_written *written,
                      void *field)
{
    const struct pil_choices *choices = with;
    struct pil_text legal;
    char buf[128];

    pil_text_init(&legal, buf, sizeof(buf));
    for (const struct pil_choice *c = choices->choice; c->word; c++) {
        if (strcmp(c->word, written->word[0]->text) == 0) {
            store(field, choices->width, c->number);
            return;
        }
        pil_text_add(&legal, c == choices->choice ? "" : ", ");
        pil_text_add(&legal, c->word);
    }
    refuse(fill, written->word[0], written->keyword, "word", buf);
}

/* "HH:MM" at text, "24:00" included, into minutes of the day. */
static bool read_minute(const char *text, uint16_t *out)
{
    unsigned hour, minute;

    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return false;
    hour = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
    minute = (unsigned)(text[3] - '0') * 10 + (unsigned)(text[4] - '0');
    *out = (uint16_t)(hour * 60 + minute);
    return minute < 60 && *out <= 24 * 60;
}

void pil_value_hours(struct pil_fill *fill, const void *with, const struct pil_written *written,
                     void *field)
{
    const char *text = written->word[0]->text;
    struct pil_hours hours;

    (void)with;
    if (strlen(text) == 11 && text[5] == '-' && read_minute(text, &hours.low) &&
        read_minute(text + 6, &hours.high) && hours.low != hours.high && hours.low < 24 * 60)
        *(struct pil_hours *)field = hours;
    else
        refuse(fill, written->word[0], written->keyword, "time",
               "\"HH:MM-HH:MM\" from 00:00 to 24:00, the ends not equal; over midnight the first "
               "is the later one");
}

void pil_value_days(struct pil_fill *fill, const void *with, const struct pil_written *written,
                    void *field)
{
    static const char names[7][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    uint8_t days = 0;

    (void)with;
    for (size_t i = 0; i < written->count; i++) {
        unsigned day = 0;

        while (day < 7 && strcmp(written->word[i]->text, names[day]) != 0)
            day++;
        if (day == 7)
            refuse(fill, written->word[i], written->keyword, "day",
                   "mon, tue, wed, thu, fri, sat, sun");
        days |= (uint8_t)(1u << day & 0x7f);
    }
    if (written->count == 0)
        pil_diag_error(fill->diag, place(fill, written->line),
                       "no day in \"days\"; legal is one or more of mon, tue, wed, thu, fri, sat, "
                       "sun");
    *(uint8_t *)field = days;
}

void pil_value_uids(struct pil_fill *fill, const void *with, const struct pil_written *written,
                    void *field)
{
    size_t *count = (size_t *)(void *)((char *)field + *(const size_t *)with);
    uint32_t *uids = calloc(written->count + 1, sizeof(*uids));

    if (!uids) {
        fill->nomem = true;
        return;
    }
    *count = 0;
    for (size_t i = 0; i < written->count; i++) {
        const char *text = written->word[i]->text;

        if (!read_number(text, strlen(text), &uids[*count]) || uids[*count] == UINT32_MAX)
            refuse(fill, written->word[i], written->keyword, "number",
                   "user ids from 0 to 4294967294");
        else
            ++*count;
    }
    if (written->count == 0)
        pil_diag_error(fill->diag, place(fill, written->line),
                       "no user id in \"%s\"; legal is one or more numbers", written->keyword);
    free(*(uint32_t **)field);
    *(uint32_t **)field = uids;
}
