/* The runs of an experiment on the quadratic problem, with the squared gradient norms probed along them, read from the
 * results database. */
#ifndef TERSE_ANALYSIS_PROBED_RUNS_H
#define TERSE_ANALYSIS_PROBED_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct probed_run {
  char *label;       /* the method's, as in tables */
  bool is_dense;     /* plain sgd */
  bool has_residual; /* a method that keeps what it did not apply; true for sgd, which applies all */
  int64_t seed;
  int workers, batch;
  double steps; /* T */
  double lr;
  size_t dimension;
  double mu, L; /* smallest and largest eigenvalue */
  double noise; /* standard deviation of a sample's gradient in each coordinate */
  size_t n;     /* probes, rounds ascending */
  double *round, *value;
} probed_run;

/* The finished runs of `experiment` (base tier) with gradient probes, in the experiment's order. Reads only.
 * STATUS_STORE: the database cannot be read. STATUS_BAD_INPUT: it has no such runs, or one lacks what is read of it. */
enum status probed_runs_load(const char *database, const char *experiment, probed_run **out, size_t *n) WARN_UNUSED;
void probed_runs_free(probed_run *list, size_t n); /* NULL is ignored */

/* Mean of the value over rounds from the first probe to the last, by the trapezoid rule; NaN for fewer than 2. */
double mean_over_rounds(const double *round, const double *value, size_t n);

#endif
