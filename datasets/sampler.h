/* Which sample a worker sees when: a pure function of (seed, M, worker, step), never of the placement.
 *
 * Partition iid: one permutation of the training set, cut into M contiguous shards whose sizes differ by at most one.
 * Sampler: in every epoch a worker passes once over its shard in an order drawn for (seed, worker, epoch); a last
 * partial batch is left out, so that every worker takes floor(min shard / batch) steps an epoch. */
#ifndef TERSE_DATASETS_SAMPLER_H
#define TERSE_DATASETS_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct partition partition;

/* n_samples >= n_workers >= 1, else STATUS_BAD_INPUT. */
enum status partition_iid(size_t n_samples, int n_workers, uint64_t seed, partition **out) WARN_UNUSED;
void partition_destroy(partition *p);
/* Worker w's sample numbers; valid as long as the partition. */
const uint32_t *partition_shard(const partition *p, int worker, size_t *n);
size_t partition_smallest(const partition *p);

typedef struct sampler sampler;
/* Steps an epoch takes for every worker: max(1, floor(smallest shard / batch)); a batch larger than the shard is
 * STATUS_BAD_INPUT. */
enum status sampler_create(const partition *p, int worker, size_t batch, uint64_t seed, sampler **out) WARN_UNUSED;
void sampler_destroy(sampler *s);
size_t sampler_steps_per_epoch(const sampler *s);
/* The batch's sample numbers of step t (0-based, over all epochs); valid until the next call. */
const uint32_t *sampler_batch(sampler *s, uint64_t step);

#endif
