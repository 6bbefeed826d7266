#include "analysis/rate_checks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/quadratic_theory.h"

enum { MAX_STEPS = 16, MAX_SEEDS = 64, N_RESAMPLES = 4000 };
static const double expected_slope = -0.5, slope_tolerance = 0.05, descent_tolerance = 0.01, level_tolerance = 0.05;

static enum verdict count(tally *verdicts, enum verdict v) {
  verdicts->n[v]++;
  return v;
}

/* Verdict on a number without an interval. */
static enum verdict exactly(double value, double published, double tolerance) {
  return verdict_on((interval){value, value}, published, tolerance);
}

/* The noise of the workers' mean gradient: independent samples, n of them in all. */
static quadratic theory_of(const probed_run *s) {
  return (quadratic){.dimension = s->dimension,
                     .mu = s->mu,
                     .L = s->L,
                     .eta = s->lr,
                     .variance = s->noise * s->noise / ((double)s->workers * s->batch)};
}

/* The largest relative deviation of |grad f| from theory over a run's probes. */
static double worst_deviation(const probed_run *s, const quadratic *q) {
  double worst = 0;
  for (size_t i = 0; i < s->n; i++) {
    const double deviation = fabs(sqrt(s->value[i] / quadratic_gradient2(q, s->round[i])) - 1);
    if (isnan(deviation) || deviation > worst) worst = deviation;
  }
  return worst;
}

enum status check_descent(const probed_run *runs, size_t n, FILE *out, tally *verdicts) {
  fprintf(out, "Full-gradient descent on the quadratic: |grad f(x_t)| against exact theory, tolerance %g %%\n",
          100 * descent_tolerance);
  fprintf(out, "  %-8s %8s %10s %10s  %-13s %16s  %s\n", "workers", "eta L", "factor", "theory", "verdict",
          "worst deviation", "verdict");
  for (size_t i = 0; i < n; i++) {
    const probed_run *s = &runs[i];
    const quadratic q = theory_of(s);
    const size_t half = s->n / 2;
    line fitted;
    double *logs = malloc((s->n + 1) * sizeof *logs);
    if (!logs) return FAIL(STATUS_NO_MEMORY, "no memory for %zu probes", s->n);
    for (size_t t = 0; t < s->n; t++) logs[t] = log(s->value[t]) / 2;
    const enum status status = fit_line(s->round + half, logs + half, s->n - half, &fitted);
    free(logs);
    if (status != STATUS_OK) return status;
    const double factor = exp(fitted.slope), theory = quadratic_contraction(&q), deviation = worst_deviation(s, &q);
    const enum verdict on_factor = count(verdicts, exactly(factor, theory, descent_tolerance * theory));
    const enum verdict on_path = count(verdicts, exactly(deviation, 0, descent_tolerance));
    fprintf(out, "  %-8d %8g %10.6f %10.6f  %-13s %16.2g  %s\n", s->workers, s->lr * s->L, factor, theory,
            verdict_name(on_factor), deviation, verdict_name(on_path));
  }
  return STATUS_OK;
}

/* One method's means over rounds, a row a seed, a column a T. */
typedef struct grid {
  double steps[MAX_STEPS];
  int64_t seeds[MAX_SEEDS];
  size_t n_steps, n_seeds;
  double values[MAX_SEEDS * MAX_STEPS]; /* [seed * n_steps + column] */
  double expected[MAX_STEPS];           /* of plain SGD, by theory, over the same probes */
} grid;

static int compare_runs(const void *a, const void *b) {
  const probed_run *x = *(const probed_run *const *)a, *y = *(const probed_run *const *)b;
  if (x->seed != y->seed) return x->seed < y->seed ? -1 : 1;
  return (x->steps > y->steps) - (x->steps < y->steps);
}

static double expected_mean(const probed_run *s) {
  const quadratic q = theory_of(s);
  double *value = malloc((s->n + 1) * sizeof *value);
  if (!value) return NAN;
  for (size_t i = 0; i < s->n; i++) value[i] = quadratic_gradient2(&q, s->round[i]);
  const double mean = mean_over_rounds(s->round, value, s->n);
  free(value);
  return mean;
}

/* Fills the grid from the runs with `label`; they must be a full product of seeds and steps. */
static enum status fill_grid(const probed_run *runs, size_t n, const char *label, grid *g) {
  const probed_run *mine[MAX_SEEDS * MAX_STEPS];
  size_t n_mine = 0;
  *g = (grid){0};
  for (size_t i = 0; i < n; i++) {
    if (strcmp(runs[i].label, label) != 0) continue;
    if (n_mine == MAX_SEEDS * MAX_STEPS) return FAIL(STATUS_BAD_INPUT, "%s has more runs than a fit takes", label);
    mine[n_mine++] = &runs[i];
  }
  qsort(mine, n_mine, sizeof *mine, compare_runs);
  while (g->n_steps < n_mine && mine[g->n_steps]->seed == mine[0]->seed) g->n_steps++;
  g->n_seeds = n_mine / g->n_steps;
  if (g->n_steps > MAX_STEPS || g->n_seeds > MAX_SEEDS)
    return FAIL(STATUS_BAD_INPUT, "%s has %zu lengths and %zu seeds, more than a fit takes", label, g->n_steps,
                g->n_seeds);
  bool complete = n_mine % g->n_steps == 0;
  for (size_t i = 0; i < n_mine && complete; i++) {
    const size_t column = i % g->n_steps;
    if (column == 0) g->seeds[i / g->n_steps] = mine[i]->seed;
    if (i < g->n_steps) {
      g->steps[column] = mine[i]->steps;
      g->expected[column] = expected_mean(mine[i]);
    }
    complete = mine[i]->steps == g->steps[column] && mine[i]->seed == g->seeds[i / g->n_steps];
    g->values[i] = mean_over_rounds(mine[i]->round, mine[i]->value, mine[i]->n);
  }
  if (!complete)
    return FAIL(STATUS_BAD_INPUT, "%s has not the same lengths for every seed; run the experiment again", label);
  return STATUS_OK;
}

static double column_mean(const grid *g, size_t column) {
  double mean = 0;
  for (size_t s = 0; s < g->n_seeds; s++) mean += g->values[s * g->n_steps + column] / (double)g->n_seeds;
  return mean;
}

static enum status judge_method(const probed_run *first, const grid *g, FILE *out, tally *verdicts) {
  slope_estimate e;
  TRY_RETURN(fit_slope(g->steps, g->values, g->n_steps, g->n_seeds, N_RESAMPLES, 1, &e));
  fprintf(out, "  %s, %zu seeds\n    %-16s", first->label, g->n_seeds, "T");
  for (size_t i = 0; i < g->n_steps; i++) fprintf(out, " %9g", g->steps[i]);
  fprintf(out, "\n    %-16s", "mean |grad f|^2");
  for (size_t i = 0; i < g->n_steps; i++) fprintf(out, " %9.4g", column_mean(g, i));
  fputc('\n', out);
  const enum verdict on_slope = verdict_on(e.interval, expected_slope, slope_tolerance);
  fprintf(out, "    slope %.3f, 95 %% interval [%.3f, %.3f]; ", e.slope, e.interval.low, e.interval.high);
  if (first->has_residual) {
    fprintf(out, "theory %g within %g: %s\n", expected_slope, slope_tolerance, verdict_name(count(verdicts, on_slope)));
  } else {
    const enum verdict apart = on_slope == VERDICT_CONTRADICTED ? VERDICT_CONFIRMED
                               : on_slope == VERDICT_CONFIRMED  ? VERDICT_CONTRADICTED
                                                                : VERDICT_INCONCLUSIVE;
    fprintf(out, "without the residual not %g: %s\n", expected_slope, verdict_name(count(verdicts, apart)));
  }
  if (!first->is_dense) return STATUS_OK;
  double worst = 0;
  fprintf(out, "    %-16s", "exact theory");
  for (size_t i = 0; i < g->n_steps; i++) {
    const double deviation = fabs(column_mean(g, i) / g->expected[i] - 1);
    fprintf(out, " %9.4g", g->expected[i]);
    if (isnan(deviation) || deviation > worst) worst = deviation;
  }
  fprintf(out, "\n    worst deviation %.2g %%, tolerance %g %%: %s\n", 100 * worst, 100 * level_tolerance,
          verdict_name(count(verdicts, exactly(worst, 0, level_tolerance))));
  return STATUS_OK;
}

enum status check_noise(const probed_run *runs, size_t n, FILE *out, tally *verdicts) {
  grid g;
  fprintf(out,
          "Stochastic gradients on the quadratic, eta = theta / sqrt(T): mean over t of |grad f(x_t)|^2 against T\n");
  for (size_t i = 0; i < n; i++) {
    size_t first = 0;
    while (strcmp(runs[first].label, runs[i].label) != 0) first++;
    if (first < i) continue; /* judged with the first run of its label */
    TRY_RETURN(fill_grid(runs, n, runs[i].label, &g));
    TRY_RETURN(judge_method(&runs[i], &g, out, verdicts));
  }
  return STATUS_OK;
}
