/* `terse bench overhead`. */
#ifndef TERSE_RUNNER_BENCH_OVERHEAD_H
#define TERSE_RUNNER_BENCH_OVERHEAD_H

#include "core/status.h"

/* Prints the table; STATUS_UNSUPPORTED where the overhead misses its goal. data_folder: TERSE_DATA, or NULL. */
enum status bench_overhead(const char *data_folder) WARN_UNUSED;

#endif
