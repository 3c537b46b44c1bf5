/*
 * What the parts of policyd share: one struct, made by main.c and lent to everybody.
 *
 * Each member has one owner, the file of its name; others call that file's functions. Members
 * that a test does not need may be NULL where their header says so.
 * Threads: main thread only.
 */
#ifndef PIL_POLICYD_DAEMON_H
#define PIL_POLICYD_DAEMON_H

#include "conf/settings.h"
#include "policyd/process.h"
#include "policyd/stats.h"

struct event_base;
struct pil_decider;
struct pil_events;
struct pil_expect;
struct pil_follower;
struct pil_hasher;
struct pil_identity;
struct pil_journal;
struct pil_log;
struct pil_mesh;
struct pil_observer;
struct pil_reply;
struct pil_server;
struct pil_store;
struct pil_switch;

struct pil_daemon {
    struct event_base *base;
    struct pil_settings settings;
    struct pil_stats stats;
    struct pil_log *log;
    struct pil_journal *journal;
    struct pil_store *store;
    struct pil_decider *decider;
    struct pil_hasher *hasher;
    struct pil_process_table processes;
    struct pil_events *events;
    struct pil_server *server;
    struct pil_expect *expect;
    struct pil_observer *observer;
    struct pil_mesh *mesh;          /* NULL: nothing is secured */
    struct pil_follower *followers; /* control sessions that follow decisions */
    struct pil_reply *reloading;    /* answers that wait for a load to end */
    struct pil_switch *kill_switch; /* NULL: on */
    struct pil_identity *identity;  /* NULL: nobody has one */
    uid_t starter;                  /* who started policyd */
    gid_t control_gid;              /* (gid_t)-1: none */
    bool solo;                      /* private to one command */
};

#endif
