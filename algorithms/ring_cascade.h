/* The mean over workers by a ring all-reduce whose every hop is compressed. [reconstruction: only the abstract of
 * "Quantized-PR-SGD" (arXiv 2004.09125) could be read.]
 *
 * The vector is cut into M chunks (shards.h). Chunk j begins at worker j + 1, who sends it, compressed, to the next;
 * each adds its own chunk to what it has decoded and compresses the sum; worker j is the last, and what it has
 * compressed goes to all unchanged, so that all decode the same. M compressions in all, and 2 (M-1) d b / M bits a
 * worker at b bits a value. With an unbiased compressor of variance omega, the error of a chunk is E|err|^2 <= omega
 * sum_{j=1..M} (1 + omega)^(M-j) |S_j|^2, S_j the sum of the first j workers' chunks on its way. */
#ifndef TERSE_ALGORITHMS_RING_CASCADE_H
#define TERSE_ALGORITHMS_RING_CASCADE_H

#include "algorithms/shards.h"

typedef struct ring_cascade {
  const method_env *env;
  shards chunks;
  message **outgoing;    /* [local worker] */
  transfer *list;        /* of every worker to the next */
  const message **inbox; /* [worker] */
} ring_cascade;

/* After a failure too *out is in a state for ring_cascade_destroy. */
enum status ring_cascade_create(const method_env *env, const pipeline_spec *spec, ring_cascade *out) WARN_UNUSED;
void ring_cascade_destroy(ring_cascade *r); /* a zeroed one is ignored */

/* mean = (1/M) of the compressed sum of all workers' vectors v[i] (n_params floats, device), which are used up: they
 * hold partial sums afterwards. Collective; ends with comm_release. */
enum status ring_cascade_mean(ring_cascade *r, uint64_t round, float *const *v, float *mean) WARN_UNUSED;

#endif
