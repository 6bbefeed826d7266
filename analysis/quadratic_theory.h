/* What theory says, exactly, of stochastic gradient descent on the quadratic f(w) = 1/2 sum_i lambda_i w_i^2 with
 * eigenvalues log-spaced from mu to L and every coordinate of the first iterate 1.
 *
 * x_{t+1} = x_t - eta (Lambda x_t - z_t), z_t the workers' mean noise with independent coordinates of mean 0 and
 * variance V. With r_i = 1 - eta lambda_i: E x_{t,i}^2 = r_i^{2t} + eta^2 V (1 - r_i^{2t}) / (1 - r_i^2). [derived] */
#ifndef TERSE_ANALYSIS_QUADRATIC_THEORY_H
#define TERSE_ANALYSIS_QUADRATIC_THEORY_H

#include <stddef.h>

typedef struct quadratic {
  size_t dimension; /* >= 1 */
  double mu, L;     /* 0 < mu <= L */
  double eta;       /* step size, below 2 / L */
  double variance;  /* V; 0: full-gradient descent */
} quadratic;

/* lambda_i, i < dimension: mu for i = 0, L for the last; a single eigenvalue is L. */
double quadratic_eigenvalue(const quadratic *q, size_t i);
/* E |grad f(x_t)|^2 after t steps. */
double quadratic_gradient2(const quadratic *q, double t);
/* max_i |1 - eta lambda_i|: the factor by which |x| shrinks in a step once its slowest coordinate is what is left. */
double quadratic_contraction(const quadratic *q);

#endif
