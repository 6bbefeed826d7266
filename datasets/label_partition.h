/* Partitions that go by labels (datasets/partition.h): who gets which sample, as one list in the workers' order. */
#ifndef TERSE_DATASETS_LABEL_PARTITION_H
#define TERSE_DATASETS_LABEL_PARTITION_H

#include <stddef.h>
#include <stdint.h>

#include "datasets/dataset.h"

typedef struct label_partition_task {
  const data *data; /* one label a sample */
  size_t n_samples; /* the first ones of the training set */
  int n_workers;
  uint64_t seed;
} label_partition_task;

/* order[n_samples]: worker w's shard has n_samples / M samples, the first n_samples mod M workers one more. */
enum status label_partition_dirichlet(const label_partition_task *t, double alpha, uint32_t *order) WARN_UNUSED;

/* order[M n_pieces (n_samples / (M n_pieces))]: each worker's n_pieces pieces. */
enum status label_partition_shards(const label_partition_task *t, size_t n_pieces, uint32_t *order) WARN_UNUSED;

#endif
