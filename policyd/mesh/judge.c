#include "policyd/mesh/judge.h"

#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#include "policyd/daemon.h"
#include "policyd/decide.h"
#include "policyd/journal.h"
#include "policyd/mesh/parts.h"
#include "policyd/observe.h"
#include "policyd/stats.h"

void pil_judge(const struct pil_owner *o, const struct pil_query *q, struct pil_verdict *out)
{
    struct pil_daemon *d = o->m->d;
    struct pil_subject who = {o->who.workload, o->who.uid};
    uint64_t before = pil_mesh_now_ns(CLOCK_MONOTONIC), took, now;

    pil_decide(d->decider, &who, q, out);
    took = pil_mesh_now_ns(CLOCK_MONOTONIC) - before;
    now = pil_mesh_now_ns(CLOCK_REALTIME);
    pil_stats_latency(&d->stats, took);
    if (d->journal)
        pil_journal_decision(d->journal, &o->who, q, out, now, took);
    pil_observe_decision(d->observer, &o->who, q, out, now);
}

void pil_judge_again(const struct pil_owner *o, const struct pil_query *q, struct pil_verdict *out)
{
    struct pil_subject who = {o->who.workload, o->who.uid};
    struct pil_query again = *q;

    again.flags |= PIL_QUERY_AHEAD;
    pil_decide(o->m->d->decider, &who, &again, out);
}

struct pil_ip pil_judge_ip(const union pil_standin_addr *a)
{
    struct pil_ip ip = {{[10] = 0xff, [11] = 0xff}};

    if (a->sa.sa_family == AF_INET)
        memcpy(ip.octet + 12, &a->v4.sin_addr, 4);
    else
        memcpy(ip.octet, &a->v6.sin6_addr, 16);
    return ip;
}

uint16_t pil_judge_port(const union pil_standin_addr *a)
{
    return ntohs(a->sa.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port);
}

struct pil_query pil_judge_query(unsigned action, const union pil_standin_addr *own)
{
    return (struct pil_query){
        .action = (uint8_t)action,
        .kind = PIL_KIND_INET,
        .port = pil_judge_port(own),
        .ip = pil_judge_ip(own),
    };
}

static bool of_inet(const union pil_standin_addr *a)
{
    return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
}

bool pil_judge_own(int fd, union pil_standin_addr *out)
{
    socklen_t len = sizeof(*out);

    memset(out, 0, sizeof(*out));
    return getsockname(fd, &out->sa, &len) == 0 && of_inet(out);
}

bool pil_judge_other(int fd, union pil_standin_addr *out)
{
    socklen_t len = sizeof(*out);

    memset(out, 0, sizeof(*out));
    return getpeername(fd, &out->sa, &len) == 0 && of_inet(out);
}
