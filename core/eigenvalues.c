#include "core/eigenvalues.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

/* Cosine and sine of the rotation that makes a_pq zero: of the two angles the smaller. */
static void choose_rotation(double pp, double pq, double qq, double *c, double *s) {
  const double theta = (qq - pp) / (2 * pq);
  const double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
  *c = 1 / sqrt(t * t + 1);
  *s = t * *c;
}

/* a = R^T a R for the rotation R of coordinates p and q. */
static void rotate(size_t n, double *a, size_t p, size_t q) {
  double c, s;
  choose_rotation(a[p * n + p], a[p * n + q], a[q * n + q], &c, &s);
  for (size_t k = 0; k < n; k++) {
    const double x = a[k * n + p], y = a[k * n + q];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (size_t k = 0; k < n; k++) {
    const double x = a[p * n + k], y = a[q * n + k];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
  }
}

static double sum_of_squares(size_t n, const double *a) {
  double sum = 0;
  for (size_t i = 0; i < n * n; i++) sum += a[i] * a[i];
  return sum;
}

void eigenvalue_range(int rows, double *a, double *least, double *largest) {
  enum { MOST_SWEEPS = 60 }; /* convergence is quadratic: ten are usual */
  const size_t n = (size_t)rows;
  const double negligible = DBL_EPSILON / (double)n * sqrt(sum_of_squares(n, a)) / 8;
  size_t n_rotated = 1;
  for (int sweep = 0; sweep < MOST_SWEEPS && n_rotated > 0; sweep++) {
    n_rotated = 0;
    for (size_t p = 0; p < n; p++)
      for (size_t q = p + 1; q < n; q++)
        if (fabs(a[p * n + q]) > negligible) {
          rotate(n, a, p, q);
          n_rotated++;
        }
  }
  *least = *largest = a[0];
  for (size_t i = 1; i < n; i++) {
    *least = fmin(*least, a[i * n + i]);
    *largest = fmax(*largest, a[i * n + i]);
  }
}
