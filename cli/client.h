/*
 * The command's end of policyd's socket: find it, make sure who is there, ask, collect.
 *
 * Where: the socket that was named; else PILLION_SOCKET; else the default path, then the default
 * abstract name. Nothing is sent before the kernel has said that the other end was opened by
 * root or by the user who runs the command; anyone may bind an abstract name.
 *
 * Cost: one connection per command. Errors: enum pil_err, and a sentence in `problem`. Memory:
 * answers belong to the caller. Threads: one.
 */
#ifndef PIL_CLI_CLIENT_H
#define PIL_CLI_CLIENT_H

#include <stdint.h>

#include <jansson.h>

#include "core/chan.h"
#include "core/wire.h"

#define PIL_CLIENT_WAIT_MS 5000u /* for each frame of an answer that is under way */

struct pil_client {
    int fd;
    int wait_ms; /* longest wait for a frame of pil_client_call; PIL_CLIENT_WAIT_MS when opened */
    uint32_t sequence;
    char socket[PIL_SOCKET_MAX + 2]; /* the one in use */
    char problem[256];               /* why the last call failed */
    char frame[PIL_WIRE_MAX];
};

/* Connects. socket may be NULL. PIL_E_UNREACHABLE, PIL_E_PEER, PIL_E_RANGE. */
int pil_client_open(struct pil_client *c, const char *socket) PIL_USERESULT;

/* May be called on a client that failed to open, and twice. */
void pil_client_close(struct pil_client *c);

/* Sends a verb; argument is borrowed and may be NULL. */
int pil_client_send(struct pil_client *c, const char *verb, const json_t *argument) PIL_USERESULT;

/*
 * Waits for the next piece of the answer; wait_ms < 0 waits for ever. PIL_OK with the text in
 * *piece (valid until the next call) and *fd its descriptor or -1 (the caller's). At the end of
 * the answer: PIL_E_CLOSED when it went well (*piece is policyd's sentence), else what policyd
 * says or what went wrong, in `problem`.
 */
int pil_client_next(struct pil_client *c, int wait_ms, struct pil_slice *piece,
                    int *fd) PIL_USERESULT;

/*
 * Open, ask, collect, close: the whole answer as one JSON value, NULL when it was empty. fd may be
 * NULL; else the last descriptor that came with it, or -1. On failure the reason is said on stderr.
 */
int pil_client_ask(const char *socket, const char *verb, const json_t *argument, json_t **answer,
                   int *fd) PIL_USERESULT;

/* The same on a client that is open; the reason stays in c->problem. */
int pil_client_call(struct pil_client *c, const char *verb, const json_t *argument, json_t **answer,
                    int *fd) PIL_USERESULT;

#endif
