/* The mean over workers of vectors that each sends compressed to all others, who decode alike:
 *   worker w:  u_w = v_w + e_w;  sends C(u_w);  e_w = u_w - C(u_w);     all:  (1/M) sum_w C(u_w), added in worker
 * order. */
#ifndef TERSE_ALGORITHMS_COMPRESSED_MEAN_H
#define TERSE_ALGORITHMS_COMPRESSED_MEAN_H

#include "algorithms/method.h"
#include "algorithms/pipeline.h"

typedef struct compressed_mean {
  const method_env *env;
  pipeline *pipeline;
  message **outgoing;    /* n_local */
  const message **inbox; /* n_workers */
} compressed_mean;

/* Fills *out; after a failure too it is in a state for compressed_mean_destroy. */
enum status compressed_mean_create(const method_env *env, const pipeline_spec *spec, compressed_mean *out) WARN_UNUSED;
void compressed_mean_destroy(compressed_mean *c); /* a zeroed one is ignored */
/* v[i], e[i] (n_params floats, device): local worker i's vector, not changed, and its residual, updated; e NULL: u = v.
 * mean: n_params floats, device, the same on every rank; overlaps none of them. Collective; ends with comm_release. */
enum status compressed_mean_take(compressed_mean *c, uint64_t round, float *const *v, float *const *e,
                                 float *mean) WARN_UNUSED;

#endif
