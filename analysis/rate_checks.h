/* Judges runs on the quadratic problem against theory. */
#ifndef TERSE_ANALYSIS_RATE_CHECKS_H
#define TERSE_ANALYSIS_RATE_CHECKS_H

#include <stdio.h>

#include "analysis/fit.h"
#include "analysis/probed_runs.h"

/* How many claims got each verdict. */
typedef struct tally {
  int n[VERDICT_INCONCLUSIVE + 1];
} tally;

/* Full-gradient descent (no noise): two claims a run, printed in one line. |grad f(x_t)| follows the exact sum over
 * modes within 1 % at every probe; the factor by which it shrinks in a step, fitted over the second half of the run, is
 * max |1 - eta lambda| within 1 %. */
enum status check_descent(const probed_run *runs, size_t n, FILE *out, tally *verdicts) WARN_UNUSED;

/* Stochastic gradients, eta = theta / sqrt(T): one block a method. The mean over t of |grad f(x_t)|^2 goes as T^slope
 * with slope = -1/2 (tolerance 0.05); without the residual the slope must be told apart from that; and sgd's mean
 * equals the exact expectation within 5 % at every T. STATUS_BAD_INPUT where a method lacks a seed at some T. */
enum status check_noise(const probed_run *runs, size_t n, FILE *out, tally *verdicts) WARN_UNUSED;

#endif
