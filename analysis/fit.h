/* Rates from measured values: a power law v = C t^slope fitted by least squares on logarithms, the interval of its
 * slope by resampling seeds, and the verdict on a published slope. */
#ifndef TERSE_ANALYSIS_FIT_H
#define TERSE_ANALYSIS_FIT_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* y = intercept + slope x */
typedef struct line {
  double slope, intercept;
} line;

typedef struct interval {
  double low, high;
} interval;

/* The least-squares line through n points. STATUS_BAD_INPUT: fewer than two distinct x, or a value not finite. */
enum status fit_line(const double *x, const double *y, size_t n, line *out) WARN_UNUSED;

/* The same for (log t, log v). STATUS_BAD_INPUT also where a value is not positive. */
enum status fit_power(const double *t, const double *v, size_t n, line *out) WARN_UNUSED;

/* The fitted slope of a mean over seeds, with its 95 % interval. */
typedef struct slope_estimate {
  double slope;
  interval interval;
} slope_estimate;

/* values[s * n_points + i] is seed s's value at t[i]. The slope is that of the mean over seeds. Its standard error
 * comes from `n_resamples` bootstrap samples, each drawing n_seeds seeds with replacement (a seed with all its points,
 * so that what its points share is kept); the interval is slope +- t(0.975, n_seeds - 1) sqrt(n_seeds / (n_seeds - 1))
 * times that error: plain percentiles of so few seeds are too narrow (Hesterberg, What Teachers Should Know About the
 * Bootstrap, The American Statistician 69, 2015). `seed` fixes the draws. STATUS_BAD_INPUT: n_seeds < 2,
 * n_resamples < 2, or a fit that fails. */
enum status fit_slope(const double *t, const double *values, size_t n_points, size_t n_seeds, size_t n_resamples,
                      uint64_t seed, slope_estimate *out) WARN_UNUSED;

/* The 0.975 quantile of Student's t, relative error below 2e-4; infinite for no degrees of freedom. */
double student_quantile_975(size_t degrees_of_freedom);

enum verdict { VERDICT_CONFIRMED, VERDICT_CONTRADICTED, VERDICT_INCONCLUSIVE };
/* "confirmed", "contradicted", "inconclusive" */
const char *verdict_name(enum verdict v);

/* Confirmed: the interval lies within published +- tolerance. Contradicted: it has no point in common with that.
 * Inconclusive: anything else, values that are not finite included. */
enum verdict verdict_on(interval measured, double published, double tolerance);

#endif
