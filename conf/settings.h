/*
 * policyd's own settings: a flat file of "name = value" in libconfuse syntax.
 *
 * Every error names file, line, the offending text and what is legal, and all errors of a file are
 * told before the load is refused as a whole. What the file does not say has the default that
 * pil_settings_init gives; the table in settings.c is the only place names are spelled.
 *
 * Cost: linear in the file. Memory: strings belong to the settings; pil_settings_free releases
 * them. Errors: PIL_E_SYNTAX with messages in the diag; *out is then what it was before.
 * Threads: one at a time (libconfuse keeps global state while parsing).
 */
#ifndef PIL_CONF_SETTINGS_H
#define PIL_CONF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/diag.h"
#include "core/defs.h"

/* What happens to decisions while the decision log cannot take their records. */
enum pil_on_full {
    PIL_ON_FULL_DROP = 0, /* records are lost and counted */
    PIL_ON_FULL_BLOCK,    /* decisions wait for the log */
    PIL_ON_FULL_DENY,     /* decisions become denials */
};

/* Which allows of the engine are written to the log; denials always are. */
enum pil_log_allows {
    PIL_LOG_ALLOWS_ALL = 0,
    PIL_LOG_ALLOWS_DENIALS,
};

/* Where identities come from. */
enum pil_identity_source {
    PIL_IDENTITY_CA = 0, /* the built-in CA */
    PIL_IDENTITY_FILES,  /* files that another agent renews */
};

/* Who moves the bytes of secured connections. */
enum pil_record_path {
    PIL_RECORD_PATH_AUTO = 0, /* the process itself where it can */
    PIL_RECORD_PATH_RELAY,    /* policyd, always */
};

/* What becomes of a standing connection whose peer's certificate has expired. */
enum pil_peer_expiry {
    PIL_PEER_EXPIRY_KEEP = 0, /* it goes on: who stood there then still does */
    PIL_PEER_EXPIRY_CUT,
};

struct pil_list {
    char **item;
    size_t count;
};

struct pil_settings {
    char *socket;
    char *abstract; /* "@name"; "" for none */
    uint32_t socket_mode;
    struct pil_list policy;
    char *user;           /* "" stays who it was started as */
    char *group;          /* "" for the user's own */
    char *control_group;  /* whose members may reload and follow; "" for nobody more */
    char *host_id;        /* for rollouts; "" reads /etc/machine-id */
    char *pidfile;        /* "" for none */
    char *log;            /* path or "stderr" */
    uint32_t log_allows;  /* enum pil_log_allows */
    uint32_t on_full;     /* enum pil_on_full */
    uint32_t log_buffer;  /* bytes */
    uint32_t verdict_ttl; /* milliseconds */
    uint32_t deadline;    /* milliseconds */
    uint32_t max_age;     /* milliseconds; 0 for ever */
    char *kill_switch;    /* root's file that turns enforcement off; "" for none */
    bool watch;           /* reload when policy files change */
    uint32_t sessions, sessions_per_uid;
    uint32_t host_cache; /* entries */
    uint32_t hash_size;  /* largest executable that is hashed, bytes */
    struct pil_list metrics;
    char *state;                    /* folder of what outlives policyd: roots, revocations */
    uint32_t identity;              /* enum pil_identity_source */
    struct pil_list identity_files; /* of source files */
    uint32_t identity_lifetime;     /* seconds */
    uint32_t root_lifetime;         /* seconds */
    struct pil_list trust;          /* files with roots of others that are believed too */
    uint32_t handshake_timeout;     /* milliseconds */
    uint32_t record_path;           /* enum pil_record_path */
    bool resume;                    /* handshakes may go on from those of before */
    uint32_t peer_expiry;           /* enum pil_peer_expiry */
};

/* The defaults. PIL_E_NOMEM leaves nothing behind. */
int pil_settings_init(struct pil_settings *out) PIL_USERESULT;

/* Reads path over *out. */
int pil_settings_load(const char *path, struct pil_diag *diag,
                      struct pil_settings *out) PIL_USERESULT;

/* Sets one setting from text, as the file would; for command line options. A list is replaced by
 * its first item and appended to afterwards when `more` is set. */
int pil_settings_set(struct pil_settings *out, const char *name, const char *value, bool more,
                     struct pil_diag *diag) PIL_USERESULT;

/* Releases everything; an empty or zeroed one is legal. */
void pil_settings_free(struct pil_settings *settings);

/* Appends to a list; PIL_E_NOMEM leaves it as it was. */
int pil_list_add(struct pil_list *list, const char *item) PIL_USERESULT;
void pil_list_free(struct pil_list *list);

#endif
