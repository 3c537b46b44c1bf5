#include "policyd/identity/alarm.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/err.h"

struct pil_alarm {
    int fd;
    struct event *event;
    void (*call)(void *cookie, bool clock_set);
    void *cookie;
};

static void on_ring(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_alarm *alarm = cookie;
    uint64_t times;
    ssize_t got = read(fd, &times, sizeof(times));

    (void)what;
    if (got == (ssize_t)sizeof(times))
        alarm->call(alarm->cookie, false);
    else if (got < 0 && errno == ECANCELED)
        alarm->call(alarm->cookie, true);
}

int pil_alarm_open(struct event_base *base, void (*call)(void *cookie, bool clock_set),
                   void *cookie, struct pil_alarm **out)
{
    struct pil_alarm *alarm = calloc(1, sizeof(*alarm));

    if (!alarm)
        return PIL_E_NOMEM;
    *alarm = (struct pil_alarm){.call = call, .cookie = cookie};
    alarm->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (alarm->fd >= 0)
        alarm->event = event_new(base, alarm->fd, EV_READ | EV_PERSIST, on_ring, alarm);
    if (!alarm->event || event_add(alarm->event, NULL)) {
        pil_alarm_close(alarm);
        return PIL_E_SYSTEM;
    }
    *out = alarm;
    return PIL_OK;
}

void pil_alarm_close(struct pil_alarm *alarm)
{
    if (!alarm)
        return;
    if (alarm->event)
        event_free(alarm->event);
    if (alarm->fd >= 0)
        close(alarm->fd);
    free(alarm);
}

int pil_alarm_set(struct pil_alarm *alarm, int64_t at_ms)
{
    struct itimerspec when = {0};

    /* All zero would turn it off. */
    if (at_ms < 1)
        at_ms = 1;
    when.it_value.tv_sec = (time_t)(at_ms / 1000);
    when.it_value.tv_nsec = (long)(at_ms % 1000) * 1000000;
    return timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL)
               ? PIL_E_SYSTEM
               : PIL_OK;
}
