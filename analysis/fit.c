#include "analysis/fit.h"

#include <math.h>
#include <stdlib.h>

#include "core/rng.h"

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

/* mean[i] = sum over s of count[s] values[s][i] / n_seeds */
static void average(const double *values, const size_t *count, size_t n_points, size_t n_seeds, double *mean) {
  for (size_t i = 0; i < n_points; i++) {
    mean[i] = 0;
    for (size_t s = 0; s < n_seeds; s++) mean[i] += (double)count[s] * values[s * n_points + i] / (double)n_seeds;
  }
}

enum status fit_slope(const double *t, const double *values, size_t n_points, size_t n_seeds, size_t n_resamples,
                      uint64_t seed, slope_estimate *out) {
  if (n_seeds < 2) return FAIL(STATUS_BAD_INPUT, "an interval over seeds needs at least two of them, not %zu", n_seeds);
  if (n_resamples < 2) return FAIL(STATUS_BAD_INPUT, "a bootstrap needs at least two resamples, not %zu", n_resamples);
  enum status status = STATUS_OK;
  line fitted;
  double *mean = malloc((n_points + 1) * sizeof *mean);
  size_t *count = malloc(n_seeds * sizeof *count);
  if (!mean || !count) {
    status = FAIL(STATUS_NO_MEMORY, "no memory for a bootstrap over %zu seeds", n_seeds);
    goto exit;
  }
  for (size_t s = 0; s < n_seeds; s++) count[s] = 1;
  average(values, count, n_points, n_seeds, mean);
  TRY(fit_power(t, mean, n_points, &fitted));

  double resampled_mean = 0, squares = 0; /* Welford's recurrence: the spread may be far below the slope */
  for (size_t b = 0; b < n_resamples; b++) {
    const rng_key draws = rng_stream(seed, RNG_BOOTSTRAP, -1, b);
    for (size_t s = 0; s < n_seeds; s++) count[s] = 0;
    for (size_t s = 0; s < n_seeds; s++) count[(size_t)((double)rng_uniform_at(draws, s) * (double)n_seeds)]++;
    average(values, count, n_points, n_seeds, mean);
    line resampled;
    TRY(fit_power(t, mean, n_points, &resampled));
    const double step = resampled.slope - resampled_mean;
    resampled_mean += step / (double)(b + 1);
    squares += step * (resampled.slope - resampled_mean);
  }
  const double n = (double)n_seeds;
  const double error = sqrt(squares / (double)(n_resamples - 1) * n / (n - 1));
  const double half = student_quantile_975(n_seeds - 1) * error;
  *out = (slope_estimate){fitted.slope, {fitted.slope - half, fitted.slope + half}};
exit:
  free(count);
  free(mean);
  return status;
}

double student_quantile_975(size_t degrees_of_freedom) {
  static const double exact[] = {INFINITY, 12.706205, 4.302653, 3.182446, 2.776445, 2.570582,
                                 2.446912, 2.364624,  2.306004, 2.262157, 2.228139};
  if (degrees_of_freedom < sizeof exact / sizeof *exact) return exact[degrees_of_freedom];
  /* Cornish-Fisher expansion about the normal quantile (Abramowitz and Stegun 26.7.5). */
  const double z = 1.959963985, z2 = z * z, n = (double)degrees_of_freedom;
  return z + z * (z2 + 1) / (4 * n) + z * ((5 * z2 + 16) * z2 + 3) / (96 * n * n) +
         z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * n * n * n);
}

const char *verdict_name(enum verdict v) {
  static const char *const names[] = {"confirmed", "contradicted", "inconclusive"};
  return names[v];
}

enum verdict verdict_on(interval measured, double published, double tolerance) {
  const double low = published - tolerance, high = published + tolerance;
  if (measured.low >= low && measured.high <= high) return VERDICT_CONFIRMED;
  if (measured.low > high || measured.high < low) return VERDICT_CONTRADICTED;
  return VERDICT_INCONCLUSIVE;
}
