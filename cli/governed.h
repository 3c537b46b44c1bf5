/*
 * Who may bring a policyd of his own.
 *
 * The library would not listen to it where the host, or the process that runs us, has one already
 * (shim/env.h, shim/mend.h); so the command says it before a program is started in vain.
 *
 * Cost: one look at a file. Errors: said on stderr, as everywhere in this folder. Threads: one.
 */
#ifndef PIL_CLI_GOVERNED_H
#define PIL_CLI_GOVERNED_H

/*
 * PIL_EXIT_OK, or PIL_EXIT_PERMISSION when this user cannot put a program under the policyd at
 * socket; NULL stands for one that would be started for it.
 */
int pil_governed_judge(const char *socket, const char *library);

#endif
