#include "analysis/fit.h"

#include <math.h>
#include <stdlib.h>

enum status fit_line(const double *x, const double *y, size_t n, line *out) {
  double mean_x = 0, mean_y = 0;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(x[i]) || !isfinite(y[i])) return FAIL(STATUS_BAD_INPUT, "point %zu of a fit is not finite", i);
    mean_x += x[i] / (double)n;
    mean_y += y[i] / (double)n;
  }
  double xx = 0, xy = 0, scale = 0;
  for (size_t i = 0; i < n; i++) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    scale = fmax(scale, fabs(x[i]));
  }
  /* Equal x can differ from their rounded mean by a unit in the last place. */
  if (n < 2 || sqrt(xx) <= 1e-12 * scale) return FAIL(STATUS_BAD_INPUT, "a fit needs values at two distinct points");
  out->slope = xy / xx;
  out->intercept = mean_y - out->slope * mean_x;
  return STATUS_OK;
}

enum status fit_power(const double *t, const double *v, size_t n, line *out) {
  enum status status = STATUS_OK;
  double *logs = malloc((2 * n + 1) * sizeof *logs);
  if (!logs) return FAIL(STATUS_NO_MEMORY, "no memory for a fit of %zu points", n);
  for (size_t i = 0; i < n; i++) {
    if (!(t[i] > 0) || !(v[i] > 0)) {
      status = FAIL(STATUS_BAD_INPUT, "a power law needs positive values, point %zu is (%g, %g)", i, t[i], v[i]);
      goto exit;
    }
    logs[i] = log(t[i]);
    logs[n + i] = log(v[i]);
  }
  TRY(fit_line(logs, logs + n, n, out));
exit:
  free(logs);
  return status;
}

/* A mean over resampled seeds, and its fit. */
typedef struct resampling {
  const double *t, *values;
  size_t n_points, n_seeds;
  double *mean; /* n_points */
} resampling;

static enum status slope_of_mean(void *context, const size_t *count, double *slope) {
  const resampling *r = context;
  line fitted;
  for (size_t i = 0; i < r->n_points; i++) {
    r->mean[i] = 0;
    for (size_t s = 0; s < r->n_seeds; s++)
      r->mean[i] += (double)count[s] * r->values[s * r->n_points + i] / (double)r->n_seeds;
  }
  TRY_RETURN(fit_power(r->t, r->mean, r->n_points, &fitted));
  *slope = fitted.slope;
  return STATUS_OK;
}

enum status fit_slope(const double *t, const double *values, size_t n_points, size_t n_seeds, size_t n_resamples,
                      uint64_t seed, slope_estimate *out) {
  resampling r = {t, values, n_points, n_seeds, malloc((n_points + 1) * sizeof *r.mean)};
  if (!r.mean) return FAIL(STATUS_NO_MEMORY, "no memory for a fit of %zu points", n_points);
  const enum status status =
      bootstrap_interval(slope_of_mean, &r, n_seeds, n_resamples, seed, &out->slope, &out->interval);
  free(r.mean);
  return status;
}
