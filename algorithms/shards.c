#include "algorithms/shards.h"

#include <stdlib.h>
#include <string.h>

static size_t shard_begin(size_t n, int j, int n_shards) {
  const size_t s = (size_t)n_shards, w = (size_t)j; /* n w / s without overflow */
  return n / s * w + n % s * w / s;
}

/* The table's layers as far as they lie in the shard, counted from its beginning. */
static enum status cut_layers(const layer_table *whole, shard *s) {
  s->slices = calloc(whole->n_slices + 1, sizeof *s->slices);
  if (!s->slices) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %zu layers", whole->n_slices);
  for (size_t i = 0; i < whole->n_slices; i++) {
    const layer_slice *from = &whole->slices[i];
    const size_t begin = from->offset > s->offset ? from->offset : s->offset;
    const size_t end = from->offset + from->n < s->offset + s->n ? from->offset + from->n : s->offset + s->n;
    if (begin >= end) continue;
    layer_slice *to = &s->slices[s->layers.n_slices++];
    *to = *from;
    to->offset = begin - s->offset;
    to->n = end - begin;
  }
  s->layers.slices = s->slices;
  s->layers.n_params = s->n;
  return STATUS_OK;
}

enum status shards_create(const method_env *env, const pipeline_spec *spec, int n, shards *out) {
  memset(out, 0, sizeof *out);
  out->list = calloc((size_t)n, sizeof *out->list);
  if (!out->list) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d shards", n);
  out->n = n;
  for (int j = 0; j < n; j++) {
    shard *s = &out->list[j];
    s->offset = shard_begin(env->n_params, j, n);
    s->n = shard_begin(env->n_params, j + 1, n) - s->offset;
    TRY_RETURN(cut_layers(env->layers, s));
    const uint64_t seed = env->seed + 0xbf58476d1ce4e5b9ull * (uint64_t)j;
    TRY_RETURN(pipeline_create(spec, env->device, env->stream, &s->layers, seed, &s->pipeline));
    const size_t bound = pipeline_wire_bound(s->pipeline);
    if (bound > out->bound) out->bound = bound;
  }
  return STATUS_OK;
}

void shards_destroy(shards *s) {
  for (int j = 0; j < s->n; j++) {
    pipeline_destroy(s->list[j].pipeline);
    free(s->list[j].slices);
  }
  free(s->list);
}

enum status shards_message(const shards *s, const method_env *env, int j, message **out) {
  return message_acquire(comm_pool(env->comm), pipeline_wire_bound(s->list[j].pipeline), out);
}
