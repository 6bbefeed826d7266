/* A benchmark that another program takes turns with: both then see the same machine. */
#ifndef TERSE_RUNNER_BENCH_SERVE_H
#define TERSE_RUNNER_BENCH_SERVE_H

#include "core/status.h"

/* Calls `answer`, which measures and prints one line, for every line of standard input, until its end. */
enum status bench_serve(enum status (*answer)(void *context), void *context) WARN_UNUSED;

#endif
