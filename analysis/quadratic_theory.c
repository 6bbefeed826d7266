#include "analysis/quadratic_theory.h"

#include <math.h>

double quadratic_eigenvalue(const quadratic *q, size_t i) {
  if (q->dimension < 2) return q->L;
  return q->mu * pow(q->L / q->mu, (double)i / (double)(q->dimension - 1));
}

double quadratic_gradient2(const quadratic *q, double t) {
  double sum = 0;
  for (size_t i = 0; i < q->dimension; i++) {
    const double lambda = quadratic_eigenvalue(q, i), r2 = pow(1 - q->eta * lambda, 2);
    const double left = pow(r2, t);
    sum += lambda * lambda * (left + q->eta * q->eta * q->variance * (1 - left) / (1 - r2));
  }
  return sum;
}

double quadratic_contraction(const quadratic *q) {
  double worst = 0;
  for (size_t i = 0; i < q->dimension; i++) worst = fmax(worst, fabs(1 - q->eta * quadratic_eigenvalue(q, i)));
  return worst;
}
