#include "core/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "core/rng.h"

double student_quantile_975(size_t degrees_of_freedom) {
  static const double exact[] = {INFINITY, 12.706205, 4.302653, 3.182446, 2.776445, 2.570582,
                                 2.446912, 2.364624,  2.306004, 2.262157, 2.228139};
  if (degrees_of_freedom < sizeof exact / sizeof *exact) return exact[degrees_of_freedom];
  /* Cornish-Fisher expansion about the normal quantile (Abramowitz and Stegun 26.7.5). */
  const double z = 1.959963985, z2 = z * z, n = (double)degrees_of_freedom;
  return z + z * (z2 + 1) / (4 * n) + z * ((5 * z2 + 16) * z2 + 3) / (96 * n * n) +
         z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * n * n * n);
}

enum status bootstrap_interval(statistic *of, void *context, size_t n_seeds, size_t n_resamples, uint64_t seed,
                               double *value, interval *out) {
  if (n_seeds < 2) return FAIL(STATUS_BAD_INPUT, "an interval over seeds needs at least two of them, not %zu", n_seeds);
  if (n_resamples < 2) return FAIL(STATUS_BAD_INPUT, "a bootstrap needs at least two resamples, not %zu", n_resamples);
  enum status status = STATUS_OK;
  size_t *count = malloc(n_seeds * sizeof *count);
  if (!count) return FAIL(STATUS_NO_MEMORY, "no memory for a bootstrap over %zu seeds", n_seeds);
  for (size_t s = 0; s < n_seeds; s++) count[s] = 1;
  TRY(of(context, count, value));

  double mean = 0, squares = 0; /* Welford's recurrence: the spread may be far below the value */
  for (size_t b = 0; b < n_resamples; b++) {
    const rng_key draws = rng_stream(seed, RNG_BOOTSTRAP, -1, b);
    double resampled;
    for (size_t s = 0; s < n_seeds; s++) count[s] = 0;
    for (size_t s = 0; s < n_seeds; s++) count[(size_t)((double)rng_uniform_at(draws, s) * (double)n_seeds)]++;
    TRY(of(context, count, &resampled));
    const double step = resampled - mean;
    mean += step / (double)(b + 1);
    squares += step * (resampled - mean);
  }
  const double n = (double)n_seeds;
  const double error = sqrt(squares / (double)(n_resamples - 1) * n / (n - 1));
  const double half = student_quantile_975(n_seeds - 1) * error;
  *out = (interval){*value - half, *value + half};
exit:
  free(count);
  return status;
}

typedef struct sample {
  const double *values;
  size_t n;
} sample;

static enum status mean_of(void *context, const size_t *count, double *value) {
  const sample *s = context;
  *value = 0;
  for (size_t i = 0; i < s->n; i++) *value += (double)count[i] * s->values[i] / (double)s->n;
  return STATUS_OK;
}

enum status mean_interval(const double *values, size_t n, size_t n_resamples, uint64_t seed, double *mean,
                          interval *out) {
  if (n == 0) return FAIL(STATUS_BAD_INPUT, "no values, no mean");
  if (n == 1) {
    *mean = values[0];
    *out = (interval){-INFINITY, INFINITY};
    return STATUS_OK;
  }
  sample s = {values, n};
  return bootstrap_interval(mean_of, &s, n, n_resamples, seed, mean, out);
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double median(double *values, size_t n) {
  qsort(values, n, sizeof *values, by_value);
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

const char *verdict_name(enum verdict v) {
  static const char *const names[] = {"confirmed", "contradicted", "inconclusive"};
  return names[v];
}

enum verdict verdict_within(interval measured, interval allowed) {
  if (measured.low >= allowed.low && measured.high <= allowed.high) return VERDICT_CONFIRMED;
  if (measured.low > allowed.high || measured.high < allowed.low) return VERDICT_CONTRADICTED;
  return VERDICT_INCONCLUSIVE;
}

enum verdict verdict_on(interval measured, double published, double tolerance) {
  return verdict_within(measured, (interval){published - tolerance, published + tolerance});
}
