#include <criterion/criterion.h>
#include <math.h>

#include "analysis/fit.h"
#include "core/rng.h"

static void check_close(double is, double should_be, double tolerance) {
  cr_assert(fabs(is - should_be) <= tolerance, "%.17g is not %.17g", is, should_be);
}

Test(fit, known_lines_and_powers) {
  line fitted;
  const double x[] = {-1, 0, 2, 5}, y[] = {5, 3, -1, -7};
  cr_assert_eq(fit_line(x, y, 4, &fitted), STATUS_OK);
  check_close(fitted.slope, -2, 1e-14);
  check_close(fitted.intercept, 3, 1e-14);
  /* Normal equations worked by hand: x = 0..3, y = 1, 0, 2, 5 gives slope 1.4, intercept -0.1. */
  const double u[] = {0, 1, 2, 3}, v[] = {1, 0, 2, 5};
  cr_assert_eq(fit_line(u, v, 4, &fitted), STATUS_OK);
  check_close(fitted.slope, 1.4, 1e-14);
  check_close(fitted.intercept, -0.1, 1e-14);
  const double exponents[] = {-1, -0.5, 0, 0.25, 3};
  for (size_t e = 0; e < 5; e++) {
    double t[6], value[6];
    for (size_t i = 0; i < 6; i++) {
      t[i] = pow(2, 6 + (double)i);
      value[i] = 7 * pow(t[i], exponents[e]);
    }
    cr_assert_eq(fit_power(t, value, 6, &fitted), STATUS_OK);
    check_close(fitted.slope, exponents[e], 1e-12);
    check_close(fitted.intercept, log(7), 1e-11);
  }
}

Test(fit, degenerate_input_is_refused) {
  line fitted;
  slope_estimate estimate;
  const double x[] = {1, 2, 3}, equal[] = {0.1, 0.1, 0.1}, hole[] = {1, NAN, 3}, huge[] = {1, INFINITY, 3};
  const double zero[] = {1, 0, 3}, negative[] = {1, -2, 3};
  cr_assert_eq(fit_line(x, x, 0, &fitted), STATUS_BAD_INPUT);
  cr_assert_eq(fit_line(x, x, 1, &fitted), STATUS_BAD_INPUT);
  cr_assert_eq(fit_line(equal, x, 3, &fitted), STATUS_BAD_INPUT);
  cr_assert_eq(fit_line(x, hole, 3, &fitted), STATUS_BAD_INPUT);
  cr_assert_eq(fit_line(huge, x, 3, &fitted), STATUS_BAD_INPUT);
  cr_assert_eq(fit_power(x, zero, 3, &fitted), STATUS_BAD_INPUT);
  cr_assert_eq(fit_power(negative, x, 3, &fitted), STATUS_BAD_INPUT);
  cr_assert_eq(fit_power(x, hole, 3, &fitted), STATUS_BAD_INPUT);
  const double values[] = {1, 2, 3, 1, 2, 3};
  cr_assert_eq(fit_slope(x, values, 3, 1, 100, 1, &estimate), STATUS_BAD_INPUT);
  cr_assert_eq(fit_slope(x, values, 3, 2, 1, 1, &estimate), STATUS_BAD_INPUT);
  cr_assert_eq(fit_slope(equal, values, 3, 2, 100, 1, &estimate), STATUS_BAD_INPUT);
  cr_assert_eq(fit_slope(x, values, 3, 2, 100, 1, &estimate), STATUS_OK);
  /* Seeds that agree leave no doubt. */
  check_close(estimate.interval.low, estimate.slope, 1e-12);
  check_close(estimate.interval.high, estimate.slope, 1e-12);
}

/* v_s(t) = t^-1/2 exp(a_s log t + b_{s,t}): a seed's own tilt and independent noise, mean 0 in the exponent. */
static void draw_seeds(uint64_t trial, size_t n_seeds, const double *t, size_t n_points, double *values) {
  const rng_key key = rng_stream(20, RNG_TEST, -1, trial);
  for (size_t s = 0; s < n_seeds; s++)
    for (size_t i = 0; i < n_points; i++) {
      const double tilt = 0.01 * (double)rng_normal_at(key, s * (n_points + 1));
      const double noise = 0.05 * (double)rng_normal_at(key, s * (n_points + 1) + 1 + i);
      values[s * n_points + i] = pow(t[i], -0.5 + tilt) * exp(noise);
    }
}

/* 400 trials: the share that covers has standard error 0.011, so [0.92, 0.98] holds a right interval with room and
 * excludes plain percentiles of 5 seeds (0.83) and an interval three times too wide. */
Test(fit, interval_covers_the_true_slope_in_95_of_100) {
  const double t[] = {256, 1024, 4096, 16384};
  const size_t n_seeds[] = {3, 5, 12};
  for (size_t n = 0; n < 3; n++) {
    int covered = 0, above = 0, below = 0;
    for (uint64_t trial = 0; trial < 400; trial++) {
      double values[12 * 4];
      slope_estimate estimate;
      draw_seeds(1000 * n + trial, n_seeds[n], t, 4, values);
      cr_assert_eq(fit_slope(t, values, 4, n_seeds[n], 200, trial, &estimate), STATUS_OK);
      if (estimate.interval.low > -0.5)
        above++;
      else if (estimate.interval.high < -0.5)
        below++;
      else
        covered++;
    }
    cr_assert(covered >= 368 && covered <= 392, "%zu seeds: %d of 400 intervals cover", n_seeds[n], covered);
    cr_assert(above >= 1 && below >= 1, "%zu seeds: %d above, %d below", n_seeds[n], above, below);
  }
}

Test(fit, bootstrap_is_reproducible_and_uses_every_seed) {
  const double t[] = {256, 1024, 4096, 16384};
  double values[5 * 4];
  draw_seeds(7, 5, t, 4, values);
  slope_estimate a, b, c;
  cr_assert_eq(fit_slope(t, values, 4, 5, 500, 1, &a), STATUS_OK);
  cr_assert_eq(fit_slope(t, values, 4, 5, 500, 1, &b), STATUS_OK);
  cr_assert(a.interval.low == b.interval.low && a.interval.high == b.interval.high);
  cr_assert_eq(fit_slope(t, values, 4, 5, 500, 2, &b), STATUS_OK);
  cr_assert(a.interval.low != b.interval.low && a.slope == b.slope);
  for (size_t i = 0; i < 4; i++) values[4 * 4 + i] *= pow(t[i], 0.3); /* the last seed disagrees */
  cr_assert_eq(fit_slope(t, values, 4, 5, 500, 1, &c), STATUS_OK);
  cr_assert(c.interval.high - c.interval.low > 4 * (a.interval.high - a.interval.low));
}
