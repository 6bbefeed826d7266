/* One device vector for each worker of this rank: models, momentum, residuals and what else methods remember of each.
 */
#ifndef TERSE_ALGORITHMS_WORKER_VECTORS_H
#define TERSE_ALGORITHMS_WORKER_VECTORS_H

#include "algorithms/method.h"

/* *out: n_local vectors of n floats, starting at zero. After a failure too it is in a state for worker_vectors_destroy.
 */
enum status worker_vectors_create(const method_env *env, size_t n, float ***out) WARN_UNUSED;
void worker_vectors_destroy(const method_env *env, float **v); /* NULL is ignored */
/* Every vector, of n_params floats, becomes x (device). */
void worker_vectors_set(const method_env *env, float *const *v, const float *x);
/* Worker sections `name`. */
enum status worker_vectors_archive(const method_env *env, archive *a, const char *name, float **v,
                                   size_t n) WARN_UNUSED;

/* *out: a table of the local workers' gradient buffers, which stay the workers' own; the caller frees the table. */
enum status worker_gradient_table(const method_env *env, float ***out) WARN_UNUSED;

#endif
