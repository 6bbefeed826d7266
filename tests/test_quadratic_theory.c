#include "analysis/quadratic_theory.h"

#include <criterion/criterion.h>
#include <math.h>

static void check_close(double is, double should_be, double tolerance) {
  cr_assert(fabs(is - should_be) <= tolerance, "%.17g is not %.17g", is, should_be);
}

/* The closed form against the recurrence of the second moments, coordinate by coordinate. */
Test(quadratic_theory, closed_form_is_the_recurrence) {
  const quadratic problems[] = {
      {32, 0.5, 2, 0.03, 0.25},
      {1, 1, 1, 0.3, 1},
      {8, 0.1, 1, 1.8, 0},
      {5, 1, 10, 0.1, 2},
  };
  for (size_t p = 0; p < 4; p++) {
    const quadratic *q = &problems[p];
    double moment[32];
    for (size_t i = 0; i < q->dimension; i++) moment[i] = 1;
    for (size_t t = 0; t < 100; t++) {
      double sum = 0;
      for (size_t i = 0; i < q->dimension; i++) {
        const double lambda = quadratic_eigenvalue(q, i), r = 1 - q->eta * lambda;
        sum += lambda * lambda * moment[i];
        moment[i] = r * r * moment[i] + q->eta * q->eta * q->variance;
      }
      check_close(quadratic_gradient2(q, (double)t), sum, 1e-12 * sum);
    }
  }
  check_close(quadratic_eigenvalue(&problems[0], 0), 0.5, 1e-15);
  check_close(quadratic_eigenvalue(&problems[0], 31), 2, 1e-14);
  check_close(quadratic_contraction(&problems[2]), 0.82, 1e-12);
  check_close(quadratic_contraction(&(quadratic){8, 0.1, 1, 1.95, 0}), 0.95, 1e-12);
}
