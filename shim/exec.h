/*
 * What exec.c offers to shell.c: the judgement of a program that libc is about to start.
 *
 * Cost, errors, threads: as in shim.h.
 */
#ifndef PIL_SHIM_EXEC_H
#define PIL_SHIM_EXEC_H

/* 0 when /bin/sh may be started, else the errno of the refusal; events are written. */
int pil_exec_shell(void);

#endif
