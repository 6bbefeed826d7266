/* `terse bench topk`: the exact selection of the largest magnitudes, on one thread. */
#ifndef TERSE_RUNNER_BENCH_TOPK_H
#define TERSE_RUNNER_BENCH_TOPK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct bench_topk_options {
  size_t n;       /* standard normal values, the stream of (seed 1, RNG_DATA); n / 100 of them are selected */
  int n_samples;
  bool serve; /* for every line read from standard input write one selection as a JSON line, until its end */
} bench_topk_options;

/* Prints the median, or serves. Times are CPU time of the calling thread. */
enum status bench_topk(const bench_topk_options *o) WARN_UNUSED;

#endif
