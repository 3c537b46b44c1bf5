#include "conf/diag.h"

#include <stdio.h>

/* Longest message; what is longer is cut, the places and the head of the sentence stay. */
#define MESSAGE_MAX 2048

/* A policy text must not be able to drive the terminal that shows its errors. */
static void disarm(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

static void PIL_PRINTF(4, 0) tell(struct pil_diag *d, enum pil_severity severity, struct pil_at at,
                                  const char *format, va_list args)
{
    char message[MESSAGE_MAX];
    int len = 0;

    if (!d->sink)
        return;
    if (at.file && at.line)
        len = snprintf(message, sizeof(message), "%s:%u: ", at.file, at.line);
    else if (at.file)
        len = snprintf(message, sizeof(message), "%s: ", at.file);
    if (len >= 0 && (size_t)len < sizeof(message))
        vsnprintf(message + len, sizeof(message) - (size_t)len, format, args);
    disarm(message);
    d->sink(d->cookie, severity, message);
}

void pil_diag_error(struct pil_diag *d, struct pil_at at, const char *format, ...)
{
    va_list args;

    d->errors++;
    va_start(args, format);
    tell(d, PIL_SEVERITY_ERROR, at, format, args);
    va_end(args);
}

void pil_diag_warning(struct pil_diag *d, struct pil_at at, const char *format, ...)
{
    va_list args;

    d->warnings++;
    va_start(args, format);
    tell(d, PIL_SEVERITY_WARNING, at, format, args);
    va_end(args);
}
