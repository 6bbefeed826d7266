#include <stdlib.h>

#include "core/rng.h"
#include "datasets/sampler.h"

struct partition {
  size_t n_samples;
  int n_workers;
  uint32_t order[]; /* a permutation of the samples; worker w owns a contiguous stretch */
};

enum status partition_iid(size_t n_samples, int n_workers, uint64_t seed, partition **out) {
  *out = NULL;
  if (n_workers < 1) return FAIL(STATUS_BAD_INPUT, "%d workers; there has to be at least one", n_workers);
  if (n_samples < (size_t)n_workers)
    return FAIL(STATUS_BAD_INPUT, "%zu training samples are too few for %d workers; use fewer workers or more samples",
                n_samples, n_workers);
  if (n_samples > UINT32_MAX) return FAIL(STATUS_BAD_INPUT, "%zu samples; at most 2^32 - 1 can be numbered", n_samples);
  partition *p = (partition *)malloc(sizeof *p + n_samples * sizeof *p->order);
  if (!p) return FAIL(STATUS_NO_MEMORY, "no memory to partition %zu samples", n_samples);
  p->n_samples = n_samples;
  p->n_workers = n_workers;
  rng_permutation(rng_stream(seed, RNG_PARTITION, -1, 0), p->order, n_samples);
  *out = p;
  return STATUS_OK;
}

void partition_destroy(partition *p) { free(p); }

/* Where worker w's stretch begins: the first n_samples mod M workers have one sample more. */
static size_t first_of(const partition *p, int worker) {
  const size_t m = (size_t)p->n_workers, w = (size_t)worker, larger = p->n_samples % m;
  return w * (p->n_samples / m) + (w < larger ? w : larger);
}

const uint32_t *partition_shard(const partition *p, int worker, size_t *n) {
  *n = first_of(p, worker + 1) - first_of(p, worker);
  return p->order + first_of(p, worker);
}

size_t partition_smallest(const partition *p) { return p->n_samples / (size_t)p->n_workers; }
