/* Judges runs against theory: rates of convergence, the speed-up in M, the cost of compression. */
#ifndef TERSE_ANALYSIS_RATE_CHECKS_H
#define TERSE_ANALYSIS_RATE_CHECKS_H

#include <stdio.h>

#include "analysis/fit.h"
#include "analysis/probed_runs.h"

/* How many claims got each verdict. */
typedef struct tally {
  int n[VERDICT_INCONCLUSIVE + 1];
} tally;

/* Full-gradient descent on the quadratic (no noise; series gradient_norm2): two claims a run, printed in one line.
 * |grad f(x_t)| follows the exact sum over modes within 1 % at every probe; the factor by which it shrinks in a step,
 * fitted over the second half of the run, is max |1 - eta lambda| within 1 %. */
enum status check_descent(const probed_run *runs, size_t n, FILE *out, tally *verdicts) WARN_UNUSED;

/* Stochastic gradients: one line a method (a label of its own), and one claim. The mean over rounds of the runs'
 * values goes as T^slope with slope = -1/2 (tolerance 0.05), eta being theta / sqrt(T); a method that is not to
 * converge so must be told apart from that. Of plain sgd on the quadratic (series gradient_norm2) one claim more: it
 * equals the exact expectation within 5 % at every T. STATUS_BAD_INPUT where a method lacks a seed at some T, or a
 * value is not positive.
 */
enum status check_noise(const probed_run *runs, size_t n, FILE *out, tally *verdicts) WARN_UNUSED;

/* Linear speed-up, the same for runs of constant eta that differ in M: the mean over the second half of the rounds goes
 * as M^slope with slope = -1 (tolerance 0.1). */
enum status check_speedup(const probed_run *runs, size_t n, FILE *out, tally *verdicts) WARN_UNUSED;

/* gTop-k at several c = 1/density on the quadratic without heterogeneity; the least c must be 1. `gradients`: series
 * gradient_norm2, `residuals`: residual_norm2 of the same n runs. Three kinds of claims:
 *   - the mean of |grad f(x_t)|^2 does not fall from one c to the next (its ratio, seed by seed);
 *   - what it has above that of c = 1 grows as c^slope with slope <= 3, the power of O(c^3/T);
 *   - at every c > 1, mean_w |e_w|^2 <= (c^3 - c) B^2 in every probed round, B^2 = max_t |grad f(x_t)|^2 + d noise^2 /
 * batch being E|G_w|^2. That bounds |x_t - v_t|^2 = gamma^2 |mean_w e_w|^2 (papers' v_t: the dense virtual iterate). */
enum status check_compression(const probed_run *gradients, const probed_run *residuals, size_t n, FILE *out,
                              tally *verdicts) WARN_UNUSED;

/* F(x*) of an l2-strongly convex F from one run of full-gradient descent: its last value, above the minimum by
 * |grad F|^2 / (2 l2) at most, which is printed. STATUS_BAD_INPUT where that is more than 1e-6: the descent was too
 * short. `objective` and `gradient`: that run's series of these. */
enum status find_optimum(const probed_run *objective, const probed_run *gradient, FILE *out,
                         double *optimum) WARN_UNUSED;

#endif
