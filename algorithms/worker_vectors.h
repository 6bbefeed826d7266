/* One device vector for each worker of this rank, starting at zero: what methods remember beside models and residuals.
 */
#ifndef TERSE_ALGORITHMS_WORKER_VECTORS_H
#define TERSE_ALGORITHMS_WORKER_VECTORS_H

#include "algorithms/method.h"

/* *out: n_local vectors of n floats. After a failure too it is in a state for worker_vectors_destroy. */
enum status worker_vectors_create(const method_env *env, size_t n, float ***out) WARN_UNUSED;
void worker_vectors_destroy(const method_env *env, float **v); /* NULL is ignored */
/* Worker sections `name`. */
enum status worker_vectors_archive(const method_env *env, archive *a, const char *name, float **v,
                                   size_t n) WARN_UNUSED;

#endif
