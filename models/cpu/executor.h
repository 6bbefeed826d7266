/* Compiles a layer graph into a program for the CPU, and runs it. Everything here is host memory. */
#ifndef TERSE_MODELS_CPU_EXECUTOR_H
#define TERSE_MODELS_CPU_EXECUTOR_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "models/cpu/program.h"
#include "models/graph.h"

typedef struct executor executor;

/* For batches of exactly `batch` samples. The graph may go afterwards, its spectrum may not. */
enum status executor_create(const graph *g, size_t batch, executor **out) WARN_UNUSED;
void executor_destroy(executor *e); /* NULL is ignored */

/* Where the batch goes before executor_run: samples in plain layout. A run may overwrite it. */
float *executor_input(executor *e);

/* Floats of state that a run carries on: see run. */
size_t executor_n_state(const executor *e);

/* One pass over the batch in the input. */
enum status executor_run(executor *e, run *r) WARN_UNUSED;
/* The oneDNN calls of one training step alone, in their order; the results are meaningless. For timing. */
enum status executor_run_library(executor *e) WARN_UNUSED;

#endif
