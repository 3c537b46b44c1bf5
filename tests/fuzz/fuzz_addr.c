// sources: core/addr.c core/bytes.c core/err.c core/standin.c
/*
 * Addresses, prefixes and ports: parsing agrees with libc, printing round-trips; socket addresses
 * of any bytes and any length are read inside their bounds, and names of stand-ins that are taken
 * are written as they were.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "core/err.h"
#include "core/standin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

/* libc parses NUL-terminated text only, so only texts without one are compared. */
static void check_ip(struct pil_slice text)
{
    char copy[64];
    uint8_t want[16] = {[10] = 0xff, [11] = 0xff};
    struct pil_ip ip, again;
    char printed[PIL_IP_TEXT];
    int err = pil_ip_parse(text, &ip);
    bool libc;

    if (text.len < sizeof(copy) && !(text.len && memchr(text.at, 0, text.len))) {
        memcpy(copy, text.at, text.len);
        copy[text.len] = '\0';
        libc = strchr(copy, ':') ? inet_pton(AF_INET6, copy, want) == 1
                                 : inet_pton(AF_INET, copy, want + 12) == 1;
        need(libc == (err == PIL_OK));
        need(err || memcmp(want, ip.octet, 16) == 0);
    }
    if (err)
        return;
    need(pil_ip_print(&ip, printed) < PIL_IP_TEXT);
    need(pil_ip_parse(pil_slice_of(printed), &again) == PIL_OK && pil_ip_equal(&ip, &again));
}

static void check_prefix(struct pil_slice text)
{
    char buf[PIL_IP_TEXT + 4];
    struct pil_prefix prefix, again;
    struct pil_text printed;

    if (pil_prefix_parse(text, &prefix))
        return;
    need(prefix.bits <= 128 && pil_prefix_has(&prefix, &prefix.ip));
    pil_text_init(&printed, buf, sizeof(buf));
    pil_prefix_print(&prefix, &printed);
    need(pil_prefix_parse(pil_slice_of(buf), &again) == PIL_OK);
    need(again.bits == prefix.bits && pil_ip_equal(&again.ip, &prefix.ip));
}

static void check_ports(struct pil_slice text)
{
    struct pil_ports ports;

    if (pil_ports_parse(text, &ports) == PIL_OK)
        need(ports.low <= ports.high);
}

static void check_sockaddr(const uint8_t *data, size_t len)
{
    struct pil_addr out;

    if (pil_addr_from((const struct sockaddr *)data, (socklen_t)len, &out))
        return;
    need(out.kind < PIL_KIND_COUNT && out.kind != PIL_KIND_NAME);
    need(out.path_len < sizeof(out.path) && strlen(out.path) == out.path_len);
}

static void check_standin(const uint8_t *data, size_t len)
{
    struct sockaddr_un in = {.sun_family = AF_UNIX}, out;
    socklen_t room = offsetof(struct sockaddr_un, sun_path) + 1, size;
    struct pil_standin got;

    if (len > sizeof(in) - room)
        return;
    memcpy(in.sun_path + 1, data, len);
    if (!pil_standin_read((struct sockaddr *)&in, room + (socklen_t)len, &got)) {
        need(got.kind == PIL_STANDIN_NONE);
        return;
    }
    need(pil_standin_name(&got, &out, &size));
    need(size == room + len && memcmp(out.sun_path + 1, data, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pil_slice text = {(const char *)data, len};

    check_ip(text);
    check_prefix(text);
    check_ports(text);
    check_sockaddr(data, len);
    check_standin(data, len);
    return 0;
}
