/* What repeated measurements say: a mean over seeds with its interval, and the verdict on a published number. Shared by
 * the claims of the runner and the rates of the analysis. */
#ifndef TERSE_CORE_STATISTICS_H
#define TERSE_CORE_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct interval {
  double low, high;
} interval;

/* The 0.975 quantile of Student's t, relative error below 2e-4; infinite for no degrees of freedom. */
double student_quantile_975(size_t degrees_of_freedom);

/* A statistic of resampled seeds: seed s counts count[s] times, sum of count = n_seeds. Fallible. */
typedef enum status statistic(void *context, const size_t *count, double *value);

/* The 95 % interval of a statistic of n_seeds seeds around its `value` on all of them once. The standard error comes
 * from `n_resamples` bootstrap samples, each drawing n_seeds seeds with replacement (a seed with all that belongs to
 * it, so that what its points share is kept); the interval is value +- t(0.975, n_seeds - 1) sqrt(n_seeds / (n_seeds -
 * 1)) times that error: plain percentiles of so few seeds are too narrow (Hesterberg, What Teachers Should Know About
 * the Bootstrap, The American Statistician 69, 2015). `seed` fixes the draws. STATUS_BAD_INPUT: n_seeds < 2,
 * n_resamples < 2; and whatever the statistic fails with. */
enum status bootstrap_interval(statistic *of, void *context, size_t n_seeds, size_t n_resamples, uint64_t seed,
                               double *value, interval *out) WARN_UNUSED;

/* The mean of n values, one a seed, with that interval; a single one has no bounds. STATUS_BAD_INPUT: n = 0. */
enum status mean_interval(const double *values, size_t n, size_t n_resamples, uint64_t seed, double *mean,
                          interval *out) WARN_UNUSED;

/* The median of n >= 1 values, the mean of the middle two where n is even; sorts them in place. */
double median(double *values, size_t n);

enum verdict { VERDICT_CONFIRMED, VERDICT_CONTRADICTED, VERDICT_INCONCLUSIVE };
/* "confirmed", "contradicted", "inconclusive" */
const char *verdict_name(enum verdict v);

/* Confirmed: the measured interval lies within `allowed`, whose ends may be infinite. Contradicted: it has no point in
 * common with that. Inconclusive: anything else, values that are not numbers included. */
enum verdict verdict_within(interval measured, interval allowed);
/* The same for published +- tolerance. */
enum verdict verdict_on(interval measured, double published, double tolerance);

#endif
