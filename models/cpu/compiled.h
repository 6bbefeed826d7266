/* Compiles a layer graph into a program for the CPU, and runs it. Everything here is host memory. */
#ifndef TERSE_MODELS_CPU_COMPILED_H
#define TERSE_MODELS_CPU_COMPILED_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "models/cpu/program.h"
#include "models/graph.h"

typedef struct compiled compiled;

/* For batches of exactly `batch` samples; the graph ends in a loss. The graph may go afterwards, its spectrum may not. */
enum status compiled_create(const graph *g, size_t batch, compiled **out) WARN_UNUSED;
void compiled_destroy(compiled *e); /* NULL is ignored */

/* Where the batch goes before compiled_run: samples in plain layout. A run may overwrite it. */
float *compiled_input(compiled *e);

/* Floats of state that a run carries on: see run. */
size_t compiled_n_state(const compiled *e);

/* One pass over the batch in the input. */
enum status compiled_run(compiled *e, run *r) WARN_UNUSED;
/* The oneDNN calls of one training step alone, in their order; the results are meaningless. For timing. */
enum status compiled_run_library(compiled *e) WARN_UNUSED;

#endif
