#include "algorithms/ring_cascade.h"

#include <stdlib.h>
#include <string.h>

enum status ring_cascade_create(const method_env *env, const pipeline_spec *spec, ring_cascade *out) {
  memset(out, 0, sizeof *out);
  out->env = env;
  out->outgoing = calloc((size_t)env->n_local, sizeof *out->outgoing);
  out->list = calloc((size_t)env->n_workers, sizeof *out->list);
  out->inbox = calloc((size_t)env->n_workers, sizeof *out->inbox);
  if (!out->outgoing || !out->list || !out->inbox)
    return FAIL(STATUS_NO_MEMORY, "no memory for the messages of %d workers", env->n_workers);
  return shards_create(env, spec, env->n_workers, &out->chunks);
}

void ring_cascade_destroy(ring_cascade *r) {
  shards_destroy(&r->chunks);
  free(r->outgoing);
  free(r->list);
  free(r->inbox);
}

/* Which chunk worker w sends in a hop: it stands at place `hop` of that chunk's way, which began at the chunk's + 1. */
static int chunk_of(const ring_cascade *r, int w, int hop) {
  const int m = r->env->n_workers;
  return (w - 1 - hop + 2 * m) % m;
}

/* Local worker i compresses chunk j as it has it. */
static enum status encode(ring_cascade *r, uint64_t round, int i, int j, const float *v) {
  const shard *chunk = &r->chunks.list[j];
  TRY_RETURN(shards_message(&r->chunks, r->env, j, &r->outgoing[i]));
  return pipeline_encode(chunk->pipeline, round, r->env->workers[i].id, v + chunk->offset, r->outgoing[i]);
}

static enum status hop(ring_cascade *r, uint64_t round, int number, float *const *v) {
  const method_env *env = r->env;
  const int m = env->n_workers, first = env->workers[0].id;
  for (int w = 0; w < m; w++) r->list[w] = (transfer){.from = w, .to = (w + 1) % m};
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) {
    TRY_RETURN(encode(r, round, i, chunk_of(r, first + i, number), v[i]));
    r->list[first + i].out = r->outgoing[i];
  }
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_transfer(env->comm, r->list, (size_t)m, r->chunks.bound));
  env->enter(env->clock, PHASE_DECODE);
  for (int i = 0; i < env->n_local; i++) {
    const int from = (first + i + m - 1) % m;
    const shard *chunk = &r->chunks.list[chunk_of(r, from, number)];
    TRY_RETURN(pipeline_decode_add(chunk->pipeline, round, from, r->list[from].in, 1.0f, v[i] + chunk->offset));
  }
  comm_release(env->comm);
  return STATUS_OK;
}

enum status ring_cascade_mean(ring_cascade *r, uint64_t round, float *const *v, float *mean) {
  const method_env *env = r->env;
  for (int number = 0; number + 1 < env->n_workers; number++) TRY_RETURN(hop(r, round, number, v));
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(encode(r, round, i, env->workers[i].id, v[i]));
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_allgather(env->comm, r->outgoing, r->chunks.bound, r->inbox));
  env->enter(env->clock, PHASE_DECODE);
  vec_fill(env->stream, mean, 0.0f, env->n_params);
  for (int j = 0; j < r->chunks.n; j++)
    TRY_RETURN(
        pipeline_decode_add(r->chunks.list[j].pipeline, round, j, r->inbox[j], 1.0f, mean + r->chunks.list[j].offset));
  vec_scale(env->stream, mean, 1.0f / (float)env->n_workers, env->n_params);
  comm_release(env->comm);
  return STATUS_OK;
}
