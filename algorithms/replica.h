/* One copy of the parameters a rank, for methods whose workers agree between rounds, with the update rule they share.
 */
#ifndef TERSE_ALGORITHMS_REPLICA_H
#define TERSE_ALGORITHMS_REPLICA_H

#include "algorithms/method.h"

enum replica_momentum {
  REPLICA_MOMENTUM_SHARED, /* one buffer beside x, where the optimizer has momentum */
  REPLICA_MOMENTUM_NONE,   /* the method keeps momentum elsewhere: no replica_step */
};

typedef struct replica {
  const method_env *env;
  float *x;     /* device, n_params: the parameters; starts at env->initial */
  float *m;     /* device, n_params: momentum; NULL where there is none */
  float *mean;  /* device, n_params: where a method puts what its workers agreed on */
  double *norm; /* device, one: scratch of clipping */
} replica;

/* Fills *out; after a failure too it is in a state for replica_destroy. */
enum status replica_create(const method_env *env, enum replica_momentum momentum, replica *out) WARN_UNUSED;
void replica_destroy(replica *r); /* a zeroed one is ignored */

/* One step of the optimizer along r->mean at the workers' step `step`. Clipping changes r->mean. */
void replica_step(replica *r, uint64_t step);

/* What a method's iterate and archive come to where all workers have the same x. */
void replica_iterate(const replica *r, float *x);
enum status replica_archive(replica *r, archive *a) WARN_UNUSED;

#endif
