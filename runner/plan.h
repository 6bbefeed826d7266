/* From an experiment file to its cells. Every mistake is reported as FILE:LINE:COLUMN with a remedy (STATUS_BAD_INPUT).
 */
#ifndef TERSE_RUNNER_PLAN_H
#define TERSE_RUNNER_PLAN_H

#include "runner/cell.h"

typedef struct plan_options {
  const char *tier;        /* NULL: "laptop" where the file has it, else the base alone */
  const char *const *sets; /* n_sets strings "key.path=value", applied last */
  size_t n_sets;
  const char *device;      /* NULL: as the file says (default auto) */
  const char *data_folder; /* TERSE_DATA, or NULL */
  void (*note)(void *context,
               const char *line); /* e.g. "device auto: no CUDA device: ...; using the CPU"; may be NULL */
  void *note_context;
} plan_options;

typedef struct plan {
  char *experiment; /* the file's `experiment` */
  char *file;
  const char *tier; /* "" for the base alone */
  cell **cells;     /* distinct hashes, in matrix order */
  size_t n_cells;
} plan;

/* Loads and checks the data sets too, so that a missing file is found before any run. */
enum status plan_load(const char *file, const plan_options *options, plan **out) WARN_UNUSED;
void plan_destroy(plan *p);

#endif
