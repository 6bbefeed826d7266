/* `terse bench step`: one worker's training step (mini-batch, gradient, momentum SGD) beside the library calls in it.
 */
#ifndef TERSE_RUNNER_BENCH_STEP_H
#define TERSE_RUNNER_BENCH_STEP_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct bench_step_options {
  const char *model, *dataset; /* the data set with its default parameters */
  const char *with;            /* "depth=18,width=16": parameters of the model; NULL: its defaults */
  const char *data_folder;     /* TERSE_DATA, or NULL */
  size_t batch;
  int n_samples, n_steps; /* medians are of n_samples; each sample is the mean of n_steps */
  bool serve;             /* for every line read from standard input write one sample as a JSON line, until its end */
} bench_step_options;

/* Prints the table, or serves. Times are CPU time of the calling thread, so that they hold on a shared machine; run it
 * with OMP_NUM_THREADS=1. */
enum status bench_step(const bench_step_options *o) WARN_UNUSED;

#endif
