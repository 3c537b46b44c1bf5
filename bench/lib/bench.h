/*
 * What every bench shares: the clock, medians, one row of the result, giving up.
 *
 * A bench prints one JSON object a line on stdout, {"name", "value", "unit", "ratio"}, and nothing
 * else; remarks for people go to stderr. bench/report.c holds the rows against bench/targets.
 *
 * Errors: a bench that cannot measure says why and exits with 1; there is no half result.
 * Threads: one, but for the clock and the ways to end.
 */
#ifndef PIL_BENCH_LIB_BENCH_H
#define PIL_BENCH_LIB_BENCH_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/defs.h"

/* Instead of a ratio, where there is nothing to compare with. */
#define BENCH_NO_RATIO NAN

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t bench_now(void);

/* The middle one of count values, or the mean of the middle two; sorts them. */
double bench_median(double *values, size_t count);

/* Prints a row and sends it on its way. */
void bench_row(const char *name, double value, const char *unit, double ratio);

/* The row of pairs of rounds: medians of both, and on stderr how far the ratios lie apart. Sorts.
 */
void bench_rows(const char *name, double *values, const char *unit, double *ratios, size_t count);

/* Says why on stderr and exits with 1; what was started is taken down (bench/lib/process.h). */
void bench_fail(const char *format, ...) PIL_PRINTF(1, 2) __attribute__((noreturn));

/* Takes down what was started and exits. Any thread; the first to come decides the status. */
void bench_end(int status) __attribute__((noreturn));

/* bench_fail with errno behind the text when ok is false. */
void bench_need(bool ok, const char *what);

/* Formatted text on the heap; never NULL. Benches are short-lived and let it go with the process.
 */
char *bench_text(const char *format, ...) PIL_PRINTF(1, 2);

/* Where the build is: $BUILD, else "build", as an absolute path. Checked to be there. */
const char *bench_build(void);

/* A TCP port that is free now; of every local address. */
uint16_t bench_port(void);

#endif
