/* The runs of an experiment with a series probed along them, read from the results database. */
#ifndef TERSE_ANALYSIS_PROBED_RUNS_H
#define TERSE_ANALYSIS_PROBED_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct probed_run {
  char *label;    /* the method's, as in tables */
  bool is_dense;  /* plain sgd */
  bool converges; /* as theory has it: not without memory of what was not applied, nor where models are quantized
                     themselves (gossip-direct) */
  int64_t seed;
  int workers, batch;
  double steps; /* T */
  double lr;
  double density;   /* of gtopk; NaN elsewhere */
  double l2;        /* of softmax; NaN elsewhere */
  size_t dimension; /* of a synthetic data set; 0 elsewhere */
  double mu, L;     /* of the quadratic: smallest and largest eigenvalue; NaN elsewhere */
  double noise;     /* of the quadratic: standard deviation of a sample's gradient in each coordinate; NaN elsewhere */
  size_t n;         /* probes, rounds ascending */
  double *round, *value; /* values are means over the workers where each has its own */
} probed_run;

/* The finished runs of `experiment` (base tier) with probes named `series`, in the experiment's order. Reads only.
 * STATUS_STORE: the database cannot be read. STATUS_BAD_INPUT: it has no such runs, or one has no number of steps or a
 * value that is not finite. */
enum status probed_runs_load(const char *database, const char *experiment, const char *series, probed_run **out,
                             size_t *n) WARN_UNUSED;
void probed_runs_free(probed_run *list, size_t n); /* NULL is ignored */

/* Mean of the value over rounds from the first probe to the last, by the trapezoid rule; NaN for fewer than 2. */
double mean_over_rounds(const double *round, const double *value, size_t n);

#endif
