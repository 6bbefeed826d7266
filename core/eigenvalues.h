/* Eigenvalues of small symmetric matrices, by Jacobi's method: cyclic rotations (Golub and Van Loan, Matrix
 * Computations, section 8.5). On the host, in fp64, for a few hundred rows. */
#ifndef TERSE_CORE_EIGENVALUES_H
#define TERSE_CORE_EIGENVALUES_H

/* The least and the largest eigenvalue of the symmetric n x n matrix a, n >= 1, which is overwritten. Their error is a
 * few units of rounding of the largest in magnitude. */
void eigenvalue_range(int n, double *a, double *least, double *largest);

#endif
