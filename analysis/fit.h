/* Rates from measured values: a power law v = C t^slope fitted by least squares on logarithms and the interval of
 * its slope by resampling seeds. */
#ifndef TERSE_ANALYSIS_FIT_H
#define TERSE_ANALYSIS_FIT_H

#include <stddef.h>
#include <stdint.h>

#include "core/statistics.h"

/* y = intercept + slope x */
typedef struct line {
  double slope, intercept;
} line;

/* The least-squares line through n points. STATUS_BAD_INPUT: fewer than two distinct x, or a value not finite. */
enum status fit_line(const double *x, const double *y, size_t n, line *out) WARN_UNUSED;

/* The same for (log t, log v). STATUS_BAD_INPUT also where a value is not positive. */
enum status fit_power(const double *t, const double *v, size_t n, line *out) WARN_UNUSED;

/* The fitted slope of a mean over seeds, with its 95 % interval. */
typedef struct slope_estimate {
  double slope;
  interval interval;
} slope_estimate;

/* values[s * n_points + i] is seed s's value at t[i]. The slope is that of the mean over seeds, its interval that of
 * bootstrap_interval. STATUS_BAD_INPUT: as there, or a fit that fails. */
enum status fit_slope(const double *t, const double *values, size_t n_points, size_t n_seeds, size_t n_resamples,
                      uint64_t seed, slope_estimate *out) WARN_UNUSED;

#endif
