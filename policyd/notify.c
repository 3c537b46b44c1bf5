#include "policyd/notify.h"

#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "policyd/daemon.h"
#include "policyd/health.h"
#include "policyd/store.h"

struct pil_notify {
    struct event *beat;
};

static void on_beat(evutil_socket_t fd, short what, void *cookie)
{
    (void)fd, (void)what, (void)cookie;
    sd_notify(0, "WATCHDOG=1");
}

struct pil_notify *pil_notify_open(struct event_base *base)
{
    struct pil_notify *notify;
    uint64_t usec = 0;
    struct timeval half;

    if (sd_watchdog_enabled(0, &usec) <= 0 || usec < 2)
        return NULL;
    half = (struct timeval){.tv_sec = (time_t)(usec / 2 / 1000000),
                            .tv_usec = (suseconds_t)(usec / 2 % 1000000)};
    notify = calloc(1, sizeof(*notify));
    if (!notify)
        return NULL;
    notify->beat = event_new(base, -1, EV_PERSIST, on_beat, NULL);
    if (notify->beat)
        event_add(notify->beat, &half);
    return notify;
}

void pil_notify_close(struct pil_notify *notify)
{
    if (!notify)
        return;
    if (notify->beat)
        event_free(notify->beat);
    free(notify);
}

void pil_notify_ready(const struct pil_daemon *d)
{
    const struct pil_policy_image *policy = pil_store_current(d->store);
    struct pil_health health;

    pil_health_check(d, &health);
    sd_notifyf(0, "READY=1\nSTATUS=%s%s, generation %llu", health.count ? "not well: " : "in force",
               health.count ? health.reason[0].text : "",
               (unsigned long long)(policy ? policy->generation : 0));
}

void pil_notify_reloading(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
               (unsigned long long)now.tv_sec * 1000000u + (unsigned long long)now.tv_nsec / 1000u);
}

void pil_notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}
