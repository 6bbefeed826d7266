/* One method's runs as a table: a row a seed, a column a value of what was varied, in each the run's mean over rounds.
 */
#ifndef TERSE_ANALYSIS_GRID_H
#define TERSE_ANALYSIS_GRID_H

#include "analysis/probed_runs.h"

enum { GRID_MAX_COLUMNS = 16, GRID_MAX_SEEDS = 64 };

/* What was varied, e.g. the number of workers. */
typedef double grid_axis(const probed_run *run);

typedef struct grid {
  size_t n_columns, n_seeds;
  double x[GRID_MAX_COLUMNS]; /* ascending */
  int64_t seeds[GRID_MAX_SEEDS];
  const probed_run *first[GRID_MAX_COLUMNS];        /* the first seed's runs; the caller's */
  double values[GRID_MAX_SEEDS * GRID_MAX_COLUMNS]; /* [seed * n_columns + column] */
} grid;

/* Fills the grid from the runs with `label` (NULL: all). A value is the mean over the rounds from `from` (0 to 1) of
 * the run's length on. STATUS_BAD_INPUT where the runs are no full product of columns and seeds, or too many. */
enum status grid_fill(const probed_run *runs, size_t n, const char *label, grid_axis *axis, double from,
                      grid *g) WARN_UNUSED;
double grid_mean(const grid *g, size_t column); /* over seeds */

#endif
