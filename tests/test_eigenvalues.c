#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "core/eigenvalues.h"
#include "core/rng.h"

static void expect_range(int n, double *a, double least, double largest) {
  double low, high;
  eigenvalue_range(n, a, &low, &high);
  const double tolerance = 1e-13 * fmax(fabs(least), fabs(largest)) * n;
  cr_expect(fabs(low - least) <= tolerance && fabs(high - largest) <= tolerance, "n = %d: [%.17g, %.17g]", n, low,
            high);
}

Test(eigenvalues, known_matrices) {
  expect_range(1, (double[]){-3}, -3, -3);
  expect_range(2, (double[]){0, 0, 0, 0}, 0, 0);
  expect_range(2, (double[]){2, 1, 1, 2}, 1, 3);
  expect_range(2, (double[]){5, 1e-9, 1e-9, -7}, -7, 5);
  expect_range(3, (double[]){1, 2, 3, 2, 4, 6, 3, 6, 9}, 0, 14); /* (1 2 3)^T (1 2 3) */
  for (int n = 2; n <= 64; n *= 2) { /* a path's second differences: 2 - 2 cos(pi k / (n + 1)) */
    double *a = calloc((size_t)n * (size_t)n, sizeof *a);
    for (int i = 0; i < n; i++) {
      a[i * n + i] = 2;
      if (i > 0) a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
    }
    expect_range(n, a, 2 - 2 * cos(M_PI / (n + 1)), 2 - 2 * cos(M_PI * n / (n + 1)));
    free(a);
  }
}

/* H D H, H = I - 2 v v^T / |v|^2, has the diagonal's numbers for eigenvalues, whatever v is. */
Test(eigenvalues, reflected_diagonals) {
  for (int n = 1; n <= 40; n += 3) {
    double v[40], norm2 = 0, d[40], low = INFINITY, high = -INFINITY, *a = calloc((size_t)n * (size_t)n, sizeof *a);
    for (int i = 0; i < n; i++) {
      v[i] = rng_normal_at(rng_stream(5, RNG_TEST, n, 0), (uint64_t)i);
      d[i] = rng_normal_at(rng_stream(5, RNG_TEST, n, 1), (uint64_t)i);
      norm2 += v[i] * v[i];
      low = fmin(low, d[i]);
      high = fmax(high, d[i]);
    }
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++)
        for (int k = 0; k < n; k++)
          a[i * n + j] += ((i == k) - 2 * v[i] * v[k] / norm2) * d[k] * ((k == j) - 2 * v[k] * v[j] / norm2);
    expect_range(n, a, low, high);
    free(a);
  }
}
