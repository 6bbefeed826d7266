/* Which worker owns which training sample: a pure function of (seed, M), never of the placement.
 *
 * - iid: one permutation of the samples, cut into M contiguous shards whose sizes differ by at most one.
 * - dirichlet (T.-M. H. Hsu, H. Qi, M. Brown, "Measuring the effects of non-identical data distribution for federated
 *   visual classification", arXiv:1909.06335, section 3): worker w's mix of classes is q_w ~ Dirichlet(alpha p), with p
 *   the mix of the whole set; shards are as large as under iid. Workers take turns in drawing a class from q_w and a
 *   sample of it, without replacement; a class that is used up drops out of the q_w.
 * - shards (B. McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS
 *   2017, section 3): the samples, sorted by label, are cut into M n equal pieces, and every worker gets n of them at
 *   random. Samples that do not fill the pieces are left out, chosen at random.
 *
 * Sequential data (a text) keeps its order: iid then gives worker w the w-th contiguous part. */
#ifndef TERSE_DATASETS_PARTITION_H
#define TERSE_DATASETS_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "datasets/dataset.h"

enum partition_kind { PARTITION_IID, PARTITION_DIRICHLET, PARTITION_SHARDS };

typedef struct partition_rule {
  enum partition_kind kind;
  double alpha;    /* dirichlet: above 0; the smaller, the fewer classes a worker sees */
  size_t n_pieces; /* shards: pieces a worker gets, at least 1 */
} partition_rule;

typedef struct partition partition;

/* Samples the smallest shard would have. STATUS_BAD_INPUT where the rule cannot serve: no workers, fewer samples than
 * workers (or pieces), or no single label a sample to go by. Cheap. */
enum status partition_plan(const partition_rule *rule, const data *d, size_t n_samples, int n_workers,
                           size_t *smallest) WARN_UNUSED;

/* Partitions the first n_samples training samples. Errors are partition_plan's and the data set's. */
enum status partition_create(const partition_rule *rule, const data *d, size_t n_samples, int n_workers, uint64_t seed,
                             partition **out) WARN_UNUSED;
/* The same for PARTITION_IID and samples of which nothing needs to be known. */
enum status partition_iid(size_t n_samples, int n_workers, uint64_t seed, partition **out) WARN_UNUSED;
void partition_destroy(partition *p);

/* Worker w's sample numbers; valid as long as the partition. */
const uint32_t *partition_shard(const partition *p, int worker, size_t *n);
size_t partition_smallest(const partition *p);
bool partition_sequential(const partition *p);

#endif
