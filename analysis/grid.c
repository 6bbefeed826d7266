#include "analysis/grid.h"

#include <stdlib.h>
#include <string.h>

static int compare_runs(const void *a, const void *b, void *axis) {
  const probed_run *x = *(const probed_run *const *)a, *y = *(const probed_run *const *)b;
  const double of_x = (*(grid_axis **)axis)(x), of_y = (*(grid_axis **)axis)(y);
  if (x->seed != y->seed) return x->seed < y->seed ? -1 : 1;
  return (of_x > of_y) - (of_x < of_y);
}

static double tail_mean(const probed_run *s, double from) {
  size_t i = 0;
  while (i + 1 < s->n && s->round[i] < from * s->round[s->n - 1]) i++;
  return mean_over_rounds(s->round + i, s->value + i, s->n - i);
}

enum status grid_fill(const probed_run *runs, size_t n, const char *label, grid_axis *axis, double from, grid *g) {
  const probed_run *mine[GRID_MAX_SEEDS * GRID_MAX_COLUMNS];
  const char *name = label ? label : "the experiment";
  size_t n_mine = 0;
  *g = (grid){0};
  for (size_t i = 0; i < n; i++) {
    if (label && strcmp(runs[i].label, label) != 0) continue;
    if (n_mine == GRID_MAX_SEEDS * GRID_MAX_COLUMNS)
      return FAIL(STATUS_BAD_INPUT, "%s has more runs than a fit takes", name);
    mine[n_mine++] = &runs[i];
  }
  if (n_mine == 0) return FAIL(STATUS_BAD_INPUT, "%s has no runs", name);
  qsort_r(mine, n_mine, sizeof *mine, compare_runs, &axis);
  while (g->n_columns < n_mine && mine[g->n_columns]->seed == mine[0]->seed) g->n_columns++;
  g->n_seeds = n_mine / g->n_columns;
  if (g->n_columns > GRID_MAX_COLUMNS || g->n_seeds > GRID_MAX_SEEDS)
    return FAIL(STATUS_BAD_INPUT, "%s has %zu columns and %zu seeds, more than a fit takes", name, g->n_columns,
                g->n_seeds);
  bool complete = n_mine % g->n_columns == 0;
  for (size_t i = 0; i < n_mine && complete; i++) {
    const size_t column = i % g->n_columns, row = i / g->n_columns;
    if (column == 0) g->seeds[row] = mine[i]->seed;
    if (row == 0) {
      g->first[column] = mine[i];
      g->x[column] = axis(mine[i]);
    }
    complete = axis(mine[i]) == g->x[column] && mine[i]->seed == g->seeds[row];
    g->values[i] = tail_mean(mine[i], from);
  }
  if (!complete)
    return FAIL(STATUS_BAD_INPUT, "%s has not the same settings for every seed; run the experiment again", name);
  return STATUS_OK;
}

double grid_mean(const grid *g, size_t column) {
  double mean = 0;
  for (size_t s = 0; s < g->n_seeds; s++) mean += g->values[s * g->n_columns + column] / (double)g->n_seeds;
  return mean;
}
