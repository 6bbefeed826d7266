/* How good the global selection is, round by round: Assumption 1 of Shi et al., "A Convergence Analysis of Distributed
 * SGD with Communication-Efficient Gradient Sparsification", IJCAI 2019. With x = (1/M) sum_w u_w the mean of all
 * vectors before selection (u_w = g_w + e_w), G the aggregate and Rand_k(x) k random coordinates of x, it asks
 *   delta = |x - G/M|^2 / E|x - Rand_k(x)|^2 <= 1.
 * The expectation is (1 - k/d) |x|^2 exactly; the authors draw one Rand_k. Both are emitted, numerator and denominators
 * apart, so that a mean over rounds can be taken of each:
 *   gtopk_error2      |x - G/M|^2
 *   rand_error2       |x - Rand_k(x)|^2 for one draw
 *   rand_error2_mean  (1 - k/d) |x|^2
 * and the first and the last for each tensor of the model too, as gtopk_error2/NAME: the same sums over its
 * coordinates.
 *
 * x takes an exchange outside the account. Nothing here changes what the method does. */
#ifndef TERSE_ALGORITHMS_GTOPK_PROBE_H
#define TERSE_ALGORITHMS_GTOPK_PROBE_H

#include "algorithms/method.h"

typedef struct gtopk_probe gtopk_probe;

/* Allocates 2 n_params floats. `max_k`: the largest k of any round. env outlives it. */
enum status gtopk_probe_create(const method_env *env, size_t max_k, gtopk_probe **out) WARN_UNUSED;
void gtopk_probe_destroy(gtopk_probe *p); /* NULL is ignored */

/* Notes x from the local workers' u (n_params floats each, device). Collective. */
enum status gtopk_probe_before(gtopk_probe *p, const float *const *u) WARN_UNUSED;
/* Measures against the aggregate `sum` (of M workers, as is) of k entries. */
enum status gtopk_probe_after(gtopk_probe *p, uint64_t round, size_t k, const sparse *sum) WARN_UNUSED;
/* Emits what the last round noted, once; nothing where it was not probed. */
enum status gtopk_probe_emit(gtopk_probe *p, const probe_sink *sink) WARN_UNUSED;

#endif
