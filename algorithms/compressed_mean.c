#include "algorithms/compressed_mean.h"

#include <stdlib.h>
#include <string.h>

enum status compressed_mean_create(const method_env *env, const pipeline_spec *spec, compressed_mean *out) {
  memset(out, 0, sizeof *out);
  out->env = env;
  out->outgoing = calloc((size_t)env->n_local, sizeof *out->outgoing);
  out->inbox = calloc((size_t)env->n_workers, sizeof *out->inbox);
  if (!out->outgoing || !out->inbox)
    return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d messages", env->n_workers);
  return pipeline_create(spec, env->device, env->stream, env->layers, env->seed, &out->pipeline);
}

void compressed_mean_destroy(compressed_mean *c) {
  pipeline_destroy(c->pipeline);
  free(c->outgoing);
  free(c->inbox);
}

enum status compressed_mean_take(compressed_mean *c, uint64_t round, float *const *v, float *const *e, float *mean) {
  const method_env *env = c->env;
  const size_t bound = pipeline_wire_bound(c->pipeline);
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) {
    const int w = env->workers[i].id;
    TRY_RETURN(message_acquire(comm_pool(env->comm), bound, &c->outgoing[i]));
    TRY_RETURN(e ? pipeline_encode_feedback(c->pipeline, round, w, v[i], e[i], c->outgoing[i])
                 : pipeline_encode(c->pipeline, round, w, v[i], c->outgoing[i]));
  }
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_allgather(env->comm, c->outgoing, bound, c->inbox));
  env->enter(env->clock, PHASE_DECODE);
  vec_fill(env->stream, mean, 0.0f, env->n_params);
  for (int w = 0; w < env->n_workers; w++)
    TRY_RETURN(pipeline_decode_add(c->pipeline, round, w, c->inbox[w], 1.0f, mean));
  vec_scale(env->stream, mean, 1.0f / (float)env->n_workers, env->n_params);
  comm_release(env->comm);
  return STATUS_OK;
}
