#include "datasets/partition.h"

#include <stdlib.h>

#include "core/rng.h"
#include "datasets/label_partition.h"

struct partition {
  size_t n_samples; /* that have an owner */
  int n_workers;
  bool sequential;
  uint32_t order[]; /* worker w owns a contiguous stretch */
};

static enum status check_sizes(size_t n_samples, int n_workers) {
  if (n_workers < 1) return FAIL(STATUS_BAD_INPUT, "%d workers; there has to be at least one", n_workers);
  if (n_samples < (size_t)n_workers)
    return FAIL(STATUS_BAD_INPUT, "%zu training samples are too few for %d workers; use fewer workers or more samples",
                n_samples, n_workers);
  if (n_samples > UINT32_MAX) return FAIL(STATUS_BAD_INPUT, "%zu samples; at most 2^32 - 1 can be numbered", n_samples);
  return STATUS_OK;
}

enum status partition_plan(const partition_rule *rule, const data *d, size_t n_samples, int n_workers,
                           size_t *smallest) {
  TRY_RETURN(check_sizes(n_samples, n_workers));
  *smallest = n_samples / (size_t)n_workers;
  if (rule->kind == PARTITION_IID) return STATUS_OK;
  if (d->labels_per_sample != 1)
    return FAIL(STATUS_BAD_INPUT, "partition %s goes by the label of a sample, and samples of %s have %s; use iid",
                rule->kind == PARTITION_SHARDS ? "shards" : "dirichlet", d->module ? d->module->name : "this data set",
                d->labels_per_sample ? "many" : "none");
  if (rule->kind == PARTITION_DIRICHLET) return STATUS_OK;
  const size_t n_pieces = (size_t)n_workers * rule->n_pieces;
  if (n_pieces > n_samples)
    return FAIL(STATUS_BAD_INPUT, "%zu training samples are too few for %d workers with %zu shards each; use fewer",
                n_samples, n_workers, rule->n_pieces);
  *smallest = rule->n_pieces * (n_samples / n_pieces);
  return STATUS_OK;
}

static partition *take(size_t n_samples, int n_workers) {
  partition *p = (partition *)malloc(sizeof *p + n_samples * sizeof *p->order);
  if (p) *p = (partition){.n_samples = n_samples, .n_workers = n_workers};
  return p;
}

static enum status no_memory(size_t n_samples) {
  return FAIL(STATUS_NO_MEMORY, "no memory to partition %zu samples", n_samples);
}

enum status partition_iid(size_t n_samples, int n_workers, uint64_t seed, partition **out) {
  *out = NULL;
  TRY_RETURN(check_sizes(n_samples, n_workers));
  partition *p = take(n_samples, n_workers);
  if (!p) return no_memory(n_samples);
  rng_permutation(rng_stream(seed, RNG_PARTITION, -1, 0), p->order, n_samples);
  *out = p;
  return STATUS_OK;
}

static enum status in_order(size_t n_samples, int n_workers, partition **out) {
  partition *p = take(n_samples, n_workers);
  if (!p) return no_memory(n_samples);
  p->sequential = true;
  for (size_t i = 0; i < n_samples; i++) p->order[i] = (uint32_t)i;
  *out = p;
  return STATUS_OK;
}

enum status partition_create(const partition_rule *rule, const data *d, size_t n_samples, int n_workers, uint64_t seed,
                             partition **out) {
  size_t smallest;
  *out = NULL;
  TRY_RETURN(partition_plan(rule, d, n_samples, n_workers, &smallest));
  if (rule->kind == PARTITION_IID)
    return d->sequential ? in_order(n_samples, n_workers, out) : partition_iid(n_samples, n_workers, seed, out);
  partition *p = take(rule->kind == PARTITION_SHARDS ? smallest * (size_t)n_workers : n_samples, n_workers);
  if (!p) return no_memory(n_samples);
  const label_partition_task task = {.data = d, .n_samples = n_samples, .n_workers = n_workers, .seed = seed};
  const enum status status = rule->kind == PARTITION_SHARDS ? label_partition_shards(&task, rule->n_pieces, p->order)
                                                            : label_partition_dirichlet(&task, rule->alpha, p->order);
  if (status != STATUS_OK)
    partition_destroy(p);
  else
    *out = p;
  return status;
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

bool partition_sequential(const partition *p) { return p->sequential; }
