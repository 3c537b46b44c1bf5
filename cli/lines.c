#include "cli/lines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool finish(struct pil_lines *lines)
{
    bool more = true;

    lines->buf[lines->len] = '\0';
    if (lines->skipping)
        lines->skipped++;
    else if (lines->len > 0)
        more = lines->line(lines->cookie, lines->buf, lines->len);
    lines->len = 0;
    lines->skipping = false;
    return more;
}

static void keep(struct pil_lines *lines, const char *text, size_t len)
{
    if (len > PIL_LINES_MAX - lines->len) {
        lines->skipping = true;
        lines->len = 0;
    }
    if (lines->skipping)
        return;
    memcpy(lines->buf + lines->len, text, len);
    lines->len += len;
}

bool pil_lines_feed(struct pil_lines *lines, const char *text, size_t len)
{
    while (len > 0) {
        const char *newline = memchr(text, '\n', len);
        size_t part = newline ? (size_t)(newline - text) : len;

        keep(lines, text, part);
        if (!newline)
            return true;
        if (!finish(lines))
            return false;
        text += part + 1;
        len -= part + 1;
    }
    return true;
}

bool pil_lines_end(struct pil_lines *lines)
{
    return lines->len > 0 || lines->skipping ? finish(lines) : true;
}

int pil_lines_file(const char *path, struct pil_lines *lines)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    char buf[16384];
    size_t got;
    int code = PIL_EXIT_OK;

    if (!file) {
        pil_cli_error("cannot read the log \"%s\": %s", path, strerror(errno));
        return errno == EACCES ? PIL_EXIT_PERMISSION : PIL_EXIT_FAILED;
    }
    while ((got = fread(buf, 1, sizeof(buf), file)) > 0)
        if (!pil_lines_feed(lines, buf, got))
            break;
    pil_lines_end(lines);
    if (ferror(file)) {
        pil_cli_error("cannot read the log \"%s\": %s", path, strerror(errno));
        code = PIL_EXIT_FAILED;
    }
    if (!standard)
        fclose(file);
    return code;
}
