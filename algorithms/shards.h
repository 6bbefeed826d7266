/* The parameter vector cut into nearly equal stretches, each compressed by itself: what a ring passes on, and what each
 * of several servers is responsible for. Stretch j is the elements [n j / S, n (j+1) / S), as in comm_allreduce. */
#ifndef TERSE_ALGORITHMS_SHARDS_H
#define TERSE_ALGORITHMS_SHARDS_H

#include "algorithms/method.h"
#include "algorithms/pipeline.h"

typedef struct shard {
  size_t offset, n; /* elements */
  pipeline *pipeline;
  layer_slice *slices; /* the layers' shares of it */
  layer_table layers;
} shard;

typedef struct shards {
  shard *list;
  int n;        /* S */
  size_t bound; /* bytes of the largest wire image of any */
} shards;

/* Fills *out with n >= 1 stretches, each with a pipeline of `spec` of its own: layers that a border cuts are compressed
 * in two parts, buckets begin anew, and different stretches draw differently. After a failure too *out is in a state
 * for shards_destroy. */
enum status shards_create(const method_env *env, const pipeline_spec *spec, int n, shards *out) WARN_UNUSED;
void shards_destroy(shards *s); /* a zeroed one is ignored */

/* A message acquired with room for whatever stretch j needs. */
enum status shards_message(const shards *s, const method_env *env, int j, message **out) WARN_UNUSED;

#endif
