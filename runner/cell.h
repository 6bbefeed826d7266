/* A cell: one point of an experiment's matrix, fully resolved. */
#ifndef TERSE_RUNNER_CELL_H
#define TERSE_RUNNER_CELL_H

#include <stddef.h>
#include <stdint.h>

#include "algorithms/method.h"
#include "core/comm.h"
#include "core/status.h"

typedef struct cell {
  char *config;  /* canonical one-line JSON of the resolved form: keys in a fixed order, defaults filled in */
  char hash[17]; /* 16 hex digits over config, the modules' versions and the data set's checksum */
  const method *method;
  const model *model;
  const dataset *dataset;
  module_spec method_spec, model_spec, dataset_spec;
  size_t limit; /* training samples used; 0: all */
  partition_rule partition;
  int workers;    /* M */
  size_t batch;   /* per worker */
  size_t accumulate; /* parts of a batch whose gradients are taken one after the other; divides batch */
  double label_smoothing; /* [0, 1) */
  enum math math;
  bool wavers;    /* deterministic: false, on a device where that means something */
  double epochs;  /* length of the run in epochs, or 0: */
  uint64_t steps; /* length of the run in steps of each worker; 0 where epochs counts */
  uint64_t seed;
  optimizer optimizer;
  double eval_every; /* epochs between evaluations (the first is at 0, the last at the end); 0 with steps: 20 in all */
  uint64_t probe_every; /* rounds between probes; 0: never */
  enum device_kind device;
  enum reduction_order reduction;
  void *memory; /* owns the specs' strings */
} cell;

/* From canonical JSON (the worker's side: what cell->config holds), which is a valid `base` section. Checks everything
 * anew, except what needs the data set; the hash stays "" for the same reason. */
enum status cell_from_json(const char *json, cell **out) WARN_UNUSED;
void cell_destroy(cell *c); /* NULL is ignored */

/* Writes config from the other fields. */
enum status cell_set_config(cell *c) WARN_UNUSED;
/* Fills in the hash; config must be there. `data_checksum`: data->checksum of the data set as loaded. */
enum status cell_set_hash(cell *c, uint64_t data_checksum) WARN_UNUSED;

/* Short words for tables: "gtopk(density 0.01, recursive)": the method with its compressors and the parameters that are
 * not defaults. Cut to n bytes. */
void cell_label(const cell *c, char *out, size_t n);

#endif
