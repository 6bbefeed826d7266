/* `terse bench step`: a training step (mini-batch, gradient, momentum SGD) of one worker, or of several side by side. */
#ifndef TERSE_RUNNER_BENCH_STEP_H
#define TERSE_RUNNER_BENCH_STEP_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct bench_step_options {
  const char *model, *dataset; /* the data set with its default parameters */
  const char *with;            /* "depth=18,width=16": parameters of the model; NULL: its defaults */
  const char *data_folder;     /* TERSE_DATA, or NULL */
  const char *device, *math;   /* "cpu", "cuda"; see math_names */
  size_t batch;
  int n_workers; /* each with its own model; a step is one of each */
  int n_samples, n_steps; /* medians are of n_samples; each sample is the mean of n_steps */
  bool serve;             /* for every line read from standard input write one sample as a JSON line, until its end */
} bench_step_options;

/* Prints the table, or serves. On the CPU times are the calling thread's, so that they hold on a shared machine (run it
 * with OMP_NUM_THREADS=1), beside those of the library calls in the step; on a GPU they are wall times, from first issue
 * to the end of the last step. */
enum status bench_step(const bench_step_options *o) WARN_UNUSED;

#endif
