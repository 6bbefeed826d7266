/* Which of its samples a worker sees when: a pure function of (seed, M, worker, step), never of the placement.
 *
 * In every epoch a worker passes once over its shard, in an order drawn for (seed, worker, epoch); a last partial batch
 * is left out, so that every worker takes floor(min shard / batch) steps an epoch. Over a sequential partition every
 * epoch has the same order: lane j of the batch walks the j-th contiguous part of the shard from its beginning. */
#ifndef TERSE_DATASETS_SAMPLER_H
#define TERSE_DATASETS_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "datasets/partition.h"

typedef struct sampler sampler;
/* Steps an epoch takes for every worker: max(1, floor(smallest shard / batch)); a batch larger than the shard is
 * STATUS_BAD_INPUT. */
enum status sampler_create(const partition *p, int worker, size_t batch, uint64_t seed, sampler **out) WARN_UNUSED;
void sampler_destroy(sampler *s);
size_t sampler_steps_per_epoch(const sampler *s);
/* The batch's sample numbers of step t (0-based, over all epochs); valid until the next call. */
const uint32_t *sampler_batch(sampler *s, uint64_t step);

#endif
