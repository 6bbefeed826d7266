#include "analysis/rate_checks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/grid.h"
#include "analysis/quadratic_theory.h"

enum { N_RESAMPLES = 4000, label_width = 64 };
static const double descent_tolerance = 0.01, level_tolerance = 0.05, optimum_tolerance = 1e-6;

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

/* How a mean over rounds is to depend on what was varied. */
typedef struct power_law {
  const char *title, *name; /* name: of what was varied */
  grid_axis *axis;
  double from; /* the share of a run that is left out at its beginning */
  double slope, tolerance;
} power_law;

static double length_of(const probed_run *s) { return s->steps; }
static double workers_of(const probed_run *s) { return s->workers; }
static double compression_of(const probed_run *s) { return 1 / s->density; }

static double expected_mean(const probed_run *s) {
  const quadratic q = theory_of(s);
  double *value = malloc((s->n + 1) * sizeof *value);
  if (!value) return NAN;
  for (size_t i = 0; i < s->n; i++) value[i] = quadratic_gradient2(&q, s->round[i]);
  const double mean = mean_over_rounds(s->round, value, s->n);
  free(value);
  return mean;
}

static void print_grid(const grid *g, const char *name, FILE *out) {
  fprintf(out, "  %-*s", label_width, name);
  for (size_t i = 0; i < g->n_columns; i++) fprintf(out, " %9g", g->x[i]);
  fputc('\n', out);
}

static void print_means(const grid *g, const char *label, FILE *out) {
  fprintf(out, "  %-*s", label_width, label);
  for (size_t i = 0; i < g->n_columns; i++) fprintf(out, " %9.4g", grid_mean(g, i));
}

static void judge_level(const grid *g, FILE *out, tally *verdicts) {
  double worst = 0;
  fprintf(out, "  %-*s", label_width, "  exact theory");
  for (size_t i = 0; i < g->n_columns; i++) {
    const double expected = expected_mean(g->first[i]), deviation = fabs(grid_mean(g, i) / expected - 1);
    fprintf(out, " %9.4g", expected);
    if (isnan(deviation) || deviation > worst) worst = deviation;
  }
  fprintf(out, "  off by %.2g %% at most: %s\n", 100 * worst,
          verdict_name(count(verdicts, exactly(worst, 0, level_tolerance))));
}

static enum verdict opposite(enum verdict v) {
  return v == VERDICT_CONTRADICTED ? VERDICT_CONFIRMED : v == VERDICT_CONFIRMED ? VERDICT_CONTRADICTED : v;
}

/* One line: the means, their slope with its interval, and the verdict. */
static enum status judge_method(const power_law *p, const grid *g, FILE *out, tally *verdicts) {
  const probed_run *first = g->first[0];
  slope_estimate e;
  TRY_RETURN(fit_slope(g->x, g->values, g->n_columns, g->n_seeds, N_RESAMPLES, 1, &e));
  print_means(g, first->label, out);
  const enum verdict on_slope = verdict_on(e.interval, p->slope, p->tolerance);
  const enum verdict v = count(verdicts, first->converges ? on_slope : opposite(on_slope));
  fprintf(out, "  %6.3f [%6.3f, %6.3f]  %s%s\n", e.slope, e.interval.low, e.interval.high,
          first->converges ? "" : "not to converge so: ", verdict_name(v));
  return STATUS_OK;
}

static enum status check_power(const power_law *p, const probed_run *runs, size_t n, FILE *out, tally *verdicts) {
  grid g;
  fprintf(out, "%s; slope %g within %g\n", p->title, p->slope, p->tolerance);
  for (size_t i = 0; i < n; i++) {
    size_t first = 0;
    while (strcmp(runs[first].label, runs[i].label) != 0) first++;
    if (first < i) continue; /* judged with the first run of its label */
    TRY_RETURN(grid_fill(runs, n, runs[i].label, p->axis, p->from, &g));
    if (i == 0) print_grid(&g, p->name, out);
    TRY_RETURN(judge_method(p, &g, out, verdicts));
    if (p->axis == length_of && runs[i].is_dense && isfinite(runs[i].mu)) judge_level(&g, out, verdicts);
  }
  return STATUS_OK;
}

enum status check_noise(const probed_run *runs, size_t n, FILE *out, tally *verdicts) {
  static const power_law law = {
      "Stochastic gradients, eta = theta / sqrt(T): mean over t, against T", "T", length_of, 0, -0.5, 0.05};
  return check_power(&law, runs, n, out, verdicts);
}

enum status check_speedup(const probed_run *runs, size_t n, FILE *out, tally *verdicts) {
  static const power_law law = {"Linear speed-up, eta constant: mean over the second half of the rounds, against M",
                                "M",
                                workers_of,
                                0.5,
                                -1,
                                0.1};
  return check_power(&law, runs, n, out, verdicts);
}

/* ---- compression */

/* The mean's ratio between neighbouring columns, seed by seed. */
static enum status judge_order(const grid *g, FILE *out, tally *verdicts) {
  for (size_t i = 1; i < g->n_columns; i++) {
    double ratio[GRID_MAX_SEEDS], mean;
    interval around;
    for (size_t s = 0; s < g->n_seeds; s++)
      ratio[s] = g->values[s * g->n_columns + i] / g->values[s * g->n_columns + i - 1];
    TRY_RETURN(mean_interval(ratio, g->n_seeds, N_RESAMPLES, 1, &mean, &around));
    const enum verdict v = count(verdicts, verdict_within(around, (interval){1, INFINITY}));
    fprintf(out, "    from c = %g to %g times %.3f, 95 %% interval [%.3f, %.3f]; not below 1: %s\n", g->x[i - 1],
            g->x[i], mean, around.low, around.high, verdict_name(v));
  }
  return STATUS_OK;
}

static enum status judge_excess(const grid *g, FILE *out, tally *verdicts) {
  double excess[GRID_MAX_SEEDS * GRID_MAX_COLUMNS];
  const size_t n = g->n_columns - 1;
  slope_estimate e;
  for (size_t s = 0; s < g->n_seeds; s++)
    for (size_t i = 0; i < n; i++)
      excess[s * n + i] = g->values[s * g->n_columns + i + 1] - g->values[s * g->n_columns];
  TRY_RETURN(fit_slope(g->x + 1, excess, n, g->n_seeds, N_RESAMPLES, 1, &e));
  const enum verdict v = count(verdicts, verdict_within(e.interval, (interval){-INFINITY, 3}));
  fprintf(out, "    above that of c = 1 by c^%.2f, 95 %% interval [%.2f, %.2f]; theory at most c^3: %s\n", e.slope,
          e.interval.low, e.interval.high, verdict_name(v));
  return STATUS_OK;
}

static double largest(const probed_run *s) {
  double most = 0;
  for (size_t i = 0; i < s->n; i++)
    if (!(s->value[i] <= most)) most = s->value[i];
  return most;
}

static void judge_residual(const probed_run *gradients, const probed_run *residuals, size_t n, double c, FILE *out,
                           tally *verdicts) {
  double most = 0, least_bound = INFINITY;
  for (size_t i = 0; i < n; i++) {
    const probed_run *s = &gradients[i];
    if (compression_of(s) != c) continue;
    const double B2 = largest(s) + (double)s->dimension * s->noise * s->noise / s->batch;
    most = fmax(most, largest(&residuals[i]));
    least_bound = fmin(least_bound, (c * c * c - c) * B2);
  }
  const enum verdict v = count(verdicts, verdict_within((interval){most, most}, (interval){0, least_bound}));
  fprintf(out, "    c = %g: |e|^2 at most %.4g, bound (c^3 - c) B^2 = %.4g: %s\n", c, most, least_bound,
          verdict_name(v));
}

enum status check_compression(const probed_run *gradients, const probed_run *residuals, size_t n, FILE *out,
                              tally *verdicts) {
  grid g;
  TRY_RETURN(grid_fill(gradients, n, NULL, compression_of, 0, &g));
  if (g.x[0] != 1 || g.n_columns < 3)
    return FAIL(STATUS_BAD_INPUT, "the cost of compression needs gtopk at density 1 and at two others");
  fprintf(out, "gTop-k at c = 1/density on the quadratic, eta constant: mean over t of |grad f(x_t)|^2\n");
  print_grid(&g, "c", out);
  print_means(&g, "mean", out);
  fputc('\n', out);
  TRY_RETURN(judge_order(&g, out, verdicts));
  TRY_RETURN(judge_excess(&g, out, verdicts));
  for (size_t i = 1; i < g.n_columns; i++) judge_residual(gradients, residuals, n, g.x[i], out, verdicts);
  return STATUS_OK;
}

/* ---- the known optimum */

enum status find_optimum(const probed_run *objective, const probed_run *gradient, FILE *out, double *optimum) {
  const double bound = gradient->value[gradient->n - 1] / (2 * gradient->l2);
  *optimum = objective->value[objective->n - 1];
  if (!(bound <= optimum_tolerance))
    return FAIL(STATUS_BAD_INPUT, "the optimum is known to %g only; let the descent take more steps", bound);
  fprintf(out, "Softmax regression with l2: F(x*) = %.9f, above the minimum by %.1g at most\n", *optimum, bound);
  return STATUS_OK;
}
