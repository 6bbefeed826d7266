#include "datasets/sampler.h"

#include <stdlib.h>

#include "core/rng.h"

struct sampler {
  const uint32_t *shard;
  size_t n_shard, batch, steps_per_epoch;
  uint64_t seed, epoch; /* `order` is this epoch's; UINT64_MAX: none drawn yet */
  int worker;
  bool sequential;
  uint32_t *ids;   /* the batch handed out */
  uint32_t *order; /* a permutation of the shard's positions */
};

enum status sampler_create(const partition *p, int worker, size_t batch, uint64_t seed, sampler **out) {
  *out = NULL;
  const size_t smallest = partition_smallest(p);
  if (batch < 1 || batch > smallest)
    return FAIL(STATUS_BAD_INPUT, "batch %zu does not fit the smallest worker's %zu samples; use a batch from 1 to %zu",
                batch, smallest, smallest);
  sampler *s = (sampler *)calloc(1, sizeof *s);
  if (!s) return FAIL(STATUS_NO_MEMORY, "no memory for a sampler");
  s->shard = partition_shard(p, worker, &s->n_shard);
  s->batch = batch;
  s->steps_per_epoch = smallest / batch;
  s->seed = seed;
  s->epoch = UINT64_MAX;
  s->worker = worker;
  s->sequential = partition_sequential(p);
  s->ids = (uint32_t *)malloc(batch * sizeof *s->ids);
  s->order = (uint32_t *)malloc(s->n_shard * sizeof *s->order);
  if (!s->ids || !s->order) {
    sampler_destroy(s);
    return FAIL(STATUS_NO_MEMORY, "no memory for a sampler of %zu samples", smallest);
  }
  *out = s;
  return STATUS_OK;
}

void sampler_destroy(sampler *s) {
  if (!s) return;
  free(s->ids);
  free(s->order);
  free(s);
}

size_t sampler_steps_per_epoch(const sampler *s) { return s->steps_per_epoch; }

static const uint32_t *next_in_lanes(sampler *s, size_t step) {
  for (size_t j = 0; j < s->batch; j++) s->ids[j] = s->shard[j * s->steps_per_epoch + step];
  return s->ids;
}

const uint32_t *sampler_batch(sampler *s, uint64_t step) {
  const uint64_t epoch = step / s->steps_per_epoch, in_epoch = step % s->steps_per_epoch;
  if (s->sequential) return next_in_lanes(s, in_epoch);
  if (epoch != s->epoch) {
    rng_permutation(rng_stream(s->seed, RNG_SHUFFLE, s->worker, epoch), s->order, s->n_shard);
    s->epoch = epoch;
  }
  const uint32_t *order = s->order + in_epoch * s->batch;
  for (size_t j = 0; j < s->batch; j++) s->ids[j] = s->shard[order[j]];
  return s->ids;
}
