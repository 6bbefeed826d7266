#include "datasets/sampler.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(sampler, shards_are_a_partition) {
  const size_t sizes[] = {1, 2, 7, 100, 1000, 4099};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
    for (int m = 1; m <= 16 && (size_t)m <= sizes[k]; m++) {
      partition *p;
      uint8_t *seen = (uint8_t *)calloc(sizes[k], 1);
      cr_assert_eq(partition_iid(sizes[k], m, 5, &p), STATUS_OK);
      size_t total = 0, smallest = sizes[k], largest = 0;
      for (int w = 0; w < m; w++) {
        size_t n;
        const uint32_t *shard = partition_shard(p, w, &n);
        for (size_t i = 0; i < n; i++) {
          cr_assert_lt(shard[i], sizes[k]);
          cr_assert_eq(seen[shard[i]]++, 0, "sample %u has two owners", shard[i]);
        }
        total += n;
        smallest = n < smallest ? n : smallest;
        largest = n > largest ? n : largest;
      }
      cr_assert_eq(total, sizes[k]);
      cr_assert_leq(largest - smallest, 1);
      cr_assert_eq(partition_smallest(p), smallest);
      partition_destroy(p);
      free(seen);
    }
}

Test(sampler, partition_depends_on_seed_and_workers_alone) {
  partition *a, *b, *c, *d;
  size_t n, n_other;
  cr_assert_eq(partition_iid(1000, 4, 1, &a), STATUS_OK);
  cr_assert_eq(partition_iid(1000, 4, 1, &b), STATUS_OK);
  cr_assert_eq(partition_iid(1000, 4, 2, &c), STATUS_OK);
  cr_assert_eq(partition_iid(1000, 5, 1, &d), STATUS_OK);
  for (int w = 0; w < 4; w++) {
    const uint32_t *shard = partition_shard(a, w, &n);
    cr_assert_eq(memcmp(shard, partition_shard(b, w, &n_other), n * sizeof *shard), 0);
    cr_assert_eq(n, n_other);
    cr_assert_neq(memcmp(shard, partition_shard(c, w, &n_other), n * sizeof *shard), 0);
  }
  partition_shard(d, 0, &n);
  cr_assert_eq(n, 200);
  partition_destroy(a);
  partition_destroy(b);
  partition_destroy(c);
  partition_destroy(d);
  partition_destroy(NULL);
}

Test(sampler, bad_sizes_are_refused) {
  partition *p;
  sampler *s;
  cr_assert_eq(partition_iid(3, 4, 1, &p), STATUS_BAD_INPUT);
  cr_assert(strstr(status_detail(), "3 training samples are too few for 4 workers"));
  cr_assert_null(p);
  cr_assert_eq(partition_iid(3, 0, 1, &p), STATUS_BAD_INPUT);
  cr_assert_eq(partition_iid(11, 2, 1, &p), STATUS_OK);
  for (size_t batch = 0; batch <= 7; batch++) {
    const bool fits = batch >= 1 && batch <= 5;
    cr_assert_eq(sampler_create(p, 0, batch, 1, &s), fits ? STATUS_OK : STATUS_BAD_INPUT);
    cr_assert_eq(s != NULL, fits);
    if (fits) cr_assert_eq(sampler_steps_per_epoch(s), 5 / batch);
    sampler_destroy(s);
  }
  sampler_destroy(NULL);
  partition_destroy(p);
}

static bool contains(const uint32_t *list, size_t n, uint32_t value) {
  for (size_t i = 0; i < n; i++)
    if (list[i] == value) return true;
  return false;
}

/* Every epoch hands out distinct samples of the worker's shard, all of them where batches divide it, in another order.
 */
Test(sampler, an_epoch_is_a_pass) {
  partition *p;
  cr_assert_eq(partition_iid(603, 3, 7, &p), STATUS_OK);
  for (size_t batch = 1; batch <= 67; batch += 11)
    for (int w = 0; w < 3; w++) {
      sampler *s;
      size_t n;
      uint32_t before[201] = {0};
      const uint32_t *shard = partition_shard(p, w, &n);
      cr_assert_eq(n, 201);
      cr_assert_eq(sampler_create(p, w, batch, 7, &s), STATUS_OK);
      const size_t steps = sampler_steps_per_epoch(s);
      cr_assert_eq(steps, 201 / batch);
      for (uint64_t epoch = 0; epoch < 3; epoch++) {
        uint32_t taken[201];
        for (size_t t = 0; t < steps; t++)
          memcpy(taken + t * batch, sampler_batch(s, epoch * steps + t), batch * sizeof *taken);
        for (size_t i = 0; i < steps * batch; i++) {
          cr_assert(contains(shard, n, taken[i]), "not the worker's own");
          cr_assert(!contains(taken, i, taken[i]), "given out twice");
        }
        cr_assert_neq(memcmp(taken, before, steps * batch * sizeof *taken), 0, "the order repeats");
        memcpy(before, taken, sizeof before);
      }
      sampler_destroy(s);
    }
  partition_destroy(p);
}

/* A step's batch does not depend on which steps were asked for before: a resumed run sees the same data. */
Test(sampler, steps_may_come_in_any_order) {
  partition *p;
  sampler *forward, *jumping;
  cr_assert_eq(partition_iid(100, 2, 3, &p), STATUS_OK);
  cr_assert_eq(sampler_create(p, 1, 8, 3, &forward), STATUS_OK);
  cr_assert_eq(sampler_create(p, 1, 8, 3, &jumping), STATUS_OK);
  uint32_t batches[30][8];
  for (uint64_t t = 0; t < 30; t++) memcpy(batches[t], sampler_batch(forward, t), sizeof batches[t]);
  for (uint64_t t = 0; t < 30; t++) {
    const uint64_t jump = t * 17 % 30;
    cr_assert_eq(memcmp(sampler_batch(jumping, jump), batches[jump], sizeof batches[jump]), 0);
  }
  sampler_destroy(forward);
  sampler_destroy(jumping);
  partition_destroy(p);
}
