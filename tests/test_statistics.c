#include "core/statistics.h"

#include <criterion/criterion.h>
#include <math.h>

#include "core/rng.h"

static void check_close(double value, double expected, double relative) {
  cr_assert(fabs(value - expected) <= relative * fabs(expected), "%.10g, not %.10g", value, expected);
}

/* The bootstrap's error of a mean is sd / sqrt(n) up to the resampling: the interval is Student's. */
Test(statistics, a_mean_has_students_interval) {
  const double values[] = {1, 2, 4, 8, 16}, expected = 6.2;
  double squares = 0, mean;
  interval found;
  for (int i = 0; i < 5; i++) squares += pow(values[i] - expected, 2);
  const double half = student_quantile_975(4) * sqrt(squares / 4 / 5);
  cr_assert_eq(mean_interval(values, 5, 20000, 1, &mean, &found), STATUS_OK);
  check_close(mean, expected, 1e-14);
  check_close(found.high - mean, half, 0.02);
  check_close(mean - found.low, half, 0.02);
  cr_assert_eq(mean_interval(values, 1, 100, 1, &mean, &found), STATUS_OK);
  cr_assert(mean == 1 && isinf(found.low) && isinf(found.high));
  cr_assert_eq(mean_interval(values, 0, 100, 1, &mean, &found), STATUS_BAD_INPUT);
  const double same[] = {0.1, 0.1, 0.1};
  cr_assert_eq(mean_interval(same, 3, 100, 1, &mean, &found), STATUS_OK);
  check_close(found.high, 0.1, 1e-14);
  const double bad[] = {0.1, NAN};
  cr_assert_eq(mean_interval(bad, 2, 100, 1, &mean, &found), STATUS_OK);
  cr_assert_eq(verdict_on(found, 0.1, 1), VERDICT_INCONCLUSIVE);
}

Test(statistics, student_quantiles) {
  check_close(student_quantile_975(1), 12.7062, 1e-4);
  check_close(student_quantile_975(4), 2.776445, 1e-6);
  check_close(student_quantile_975(11), 2.200985, 5e-4);
  check_close(student_quantile_975(30), 2.042272, 1e-5);
  check_close(student_quantile_975(1000), 1.962339, 1e-6);
  cr_assert(isinf(student_quantile_975(0)));
}

Test(statistics, verdicts) {
  const struct {
    double low, high;
    enum verdict expected;
  } cases[] = {
      {-0.52, -0.48, VERDICT_CONFIRMED},    {-0.55, -0.45, VERDICT_CONFIRMED},
      {-0.5, -0.5, VERDICT_CONFIRMED},      {-0.56, -0.48, VERDICT_INCONCLUSIVE},
      {-0.52, -0.44, VERDICT_INCONCLUSIVE}, {-0.9, 0.1, VERDICT_INCONCLUSIVE},
      {-0.44, -0.3, VERDICT_CONTRADICTED},  {-0.7, -0.5501, VERDICT_CONTRADICTED},
      {NAN, NAN, VERDICT_INCONCLUSIVE},     {-INFINITY, INFINITY, VERDICT_INCONCLUSIVE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    cr_assert_eq(verdict_on((interval){cases[i].low, cases[i].high}, -0.5, 0.05), cases[i].expected, "case %zu", i);
  /* One-sided: what is at most 3. */
  const interval at_most = {-INFINITY, 3};
  cr_assert_eq(verdict_within((interval){-9, 3}, at_most), VERDICT_CONFIRMED);
  cr_assert_eq(verdict_within((interval){2, 4}, at_most), VERDICT_INCONCLUSIVE);
  cr_assert_eq(verdict_within((interval){3.5, 4}, at_most), VERDICT_CONTRADICTED);
  cr_assert_eq(verdict_within((interval){-INFINITY, INFINITY}, at_most), VERDICT_INCONCLUSIVE);
  cr_assert_str_eq(verdict_name(VERDICT_CONTRADICTED), "contradicted");
}

Test(statistics, median_of_odd_and_even) {
  double odd[] = {3, -1, 7}, even[] = {4, 1, 8, 2}, one[] = {5};
  cr_expect_eq(median(odd, 3), 3);
  cr_expect_eq(median(even, 4), 3);
  cr_expect_eq(median(one, 1), 5);
}
