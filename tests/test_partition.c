/* Partitions by label and of sequential data; partition_iid is tested with the sampler. */
#include "datasets/partition.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/sampler.h"
#include "tests/net_fixture.h"

enum { N_SAMPLES = 2003, N_CLASSES = 10, MAX_WORKERS = 100 };

static const partition_rule iid = {.kind = PARTITION_IID};

static void take_labels(const data *d, int32_t *labels) {
  float x[4];
  for (uint32_t id = 0; id < d->n_train; id++) random_sample(d, SPLIT_TRAIN, id, x, &labels[id]);
}

/* counts[w][c]: samples of class c that worker w has; checks that no sample has two owners. */
static void count_classes(const partition *p, int n_workers, const int32_t *labels, size_t counts[][N_CLASSES]) {
  uint8_t seen[N_SAMPLES] = {0};
  memset(counts, 0, (size_t)n_workers * sizeof *counts);
  for (int w = 0; w < n_workers; w++) {
    size_t n;
    const uint32_t *shard = partition_shard(p, w, &n);
    for (size_t i = 0; i < n; i++) {
      cr_assert_lt(shard[i], N_SAMPLES);
      cr_assert_eq(seen[shard[i]]++, 0, "sample %u has two owners", shard[i]);
      counts[w][labels[shard[i]]]++;
    }
  }
}

static partition *made(const partition_rule *rule, const data *d, size_t n, int n_workers, uint64_t seed) {
  partition *p;
  size_t smallest;
  cr_assert_eq(partition_plan(rule, d, n, n_workers, &smallest), STATUS_OK, "%s", status_detail());
  cr_assert_eq(partition_create(rule, d, n, n_workers, seed, &p), STATUS_OK, "%s", status_detail());
  cr_assert_eq(partition_smallest(p), smallest, "the plan says otherwise");
  return p;
}

/* E |q - p|^2 of Dirichlet(alpha p) is sum_c p_c (1 - p_c) / (alpha + 1); drawing n samples from q adds
 * (1 - E sum q^2) / n. Workers who want the same class and find it used up make it less, the more so the smaller alpha.
 */
Test(partition, dirichlet_has_the_spread_of_its_alpha) {
  data *d = random_data(1, 1, 4, N_CLASSES, N_SAMPLES, 1);
  int32_t labels[N_SAMPLES];
  size_t counts[MAX_WORKERS][N_CLASSES];
  take_labels(d, labels);
  const double alphas[] = {0.01, 1, 10, 1e6};
  for (size_t k = 0; k < sizeof alphas / sizeof *alphas; k++) {
    const partition_rule rule = {.kind = PARTITION_DIRICHLET, .alpha = alphas[k]};
    double spread = 0;
    size_t n_drawn = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
      partition *p = made(&rule, d, N_SAMPLES, MAX_WORKERS, seed);
      count_classes(p, MAX_WORKERS, labels, counts);
      for (int w = 0; w < MAX_WORKERS; w++) {
        size_t n;
        partition_shard(p, w, &n);
        cr_assert_eq(n, N_SAMPLES / MAX_WORKERS + (w < N_SAMPLES % MAX_WORKERS));
        for (int c = 0; c < N_CLASSES; c++) spread += pow((double)counts[w][c] / (double)n - 0.1, 2);
        n_drawn++;
      }
      partition_destroy(p);
    }
    spread /= (double)n_drawn;
    const double mix = 0.9 / (alphas[k] + 1), expected = mix + (0.9 - mix) * MAX_WORKERS / N_SAMPLES;
    cr_assert(spread > 0.6 * expected && spread < 1.1 * expected, "alpha %g: %g instead of %g", alphas[k], spread,
              expected);
  }
  data_close(d);
}

Test(partition, shards_hold_few_classes_each) {
  data *d = random_data(1, 1, 4, N_CLASSES, N_SAMPLES, 1);
  int32_t labels[N_SAMPLES];
  size_t counts[MAX_WORKERS][N_CLASSES];
  take_labels(d, labels);
  for (size_t n_pieces = 1; n_pieces <= 5; n_pieces++)
    for (int m = 1; m <= 16; m += 5) {
      const partition_rule rule = {.kind = PARTITION_SHARDS, .n_pieces = n_pieces};
      partition *p = made(&rule, d, N_SAMPLES, m, 3);
      count_classes(p, m, labels, counts);
      const size_t size = N_SAMPLES / ((size_t)m * n_pieces);
      for (int w = 0; w < m; w++) {
        size_t n, n_classes = 0;
        partition_shard(p, w, &n);
        cr_assert_eq(n, size * n_pieces);
        for (int c = 0; c < N_CLASSES; c++) n_classes += counts[w][c] > 0;
        /* A piece of sorted samples spans at most the classes that fit in it and one more cut at each end. */
        if (size < N_SAMPLES / (2 * N_CLASSES)) cr_assert_leq(n_classes, 2 * n_pieces);
      }
      partition_destroy(p);
    }
  data_close(d);
}

Test(partition, by_label_depends_on_seed_and_workers_alone) {
  data *d = random_data(1, 1, 4, N_CLASSES, N_SAMPLES, 1);
  const partition_rule rules[] = {{.kind = PARTITION_DIRICHLET, .alpha = 0.3},
                                  {.kind = PARTITION_SHARDS, .n_pieces = 2}};
  for (int k = 0; k < 2; k++) {
    size_t n;
    partition *a = made(&rules[k], d, 900, 4, 1), *b = made(&rules[k], d, 900, 4, 1),
              *c = made(&rules[k], d, 900, 4, 2);
    const uint32_t *shard = partition_shard(a, 2, &n);
    cr_assert_eq(memcmp(shard, partition_shard(b, 2, &n), n * sizeof *shard), 0);
    cr_assert_neq(memcmp(shard, partition_shard(c, 2, &n), n * sizeof *shard), 0);
    for (size_t i = 0; i < n; i++) cr_assert_lt(shard[i], 900, "a sample beyond the limit");
    partition_destroy(a);
    partition_destroy(b);
    partition_destroy(c);
  }
  data_close(d);
}

Test(partition, says_why_a_rule_cannot_serve) {
  data *labelled = random_data(1, 1, 4, N_CLASSES, N_SAMPLES, 1), *text = random_data(1, 1, 4, N_CLASSES, 100, 1);
  text->labels_per_sample = 4;
  const partition_rule mix = {.kind = PARTITION_DIRICHLET, .alpha = 1},
                       pieces = {.kind = PARTITION_SHARDS, .n_pieces = 30};
  partition *p;
  cr_assert_eq(partition_create(&mix, text, 100, 2, 1, &p), STATUS_BAD_INPUT);
  cr_assert(strstr(status_detail(), "have many; use iid"), "%s", status_detail());
  cr_assert_null(p);
  text->labels_per_sample = 0;
  cr_assert_eq(partition_create(&pieces, text, 100, 2, 1, &p), STATUS_BAD_INPUT);
  cr_assert(strstr(status_detail(), "have none; use iid"), "%s", status_detail());
  cr_assert_eq(partition_create(&pieces, labelled, 100, 4, 1, &p), STATUS_BAD_INPUT);
  cr_assert(strstr(status_detail(), "too few for 4 workers with 30 shards"), "%s", status_detail());
  cr_assert_eq(partition_create(&mix, labelled, 3, 4, 1, &p), STATUS_BAD_INPUT);
  cr_assert_eq(partition_create(&iid, labelled, 3, 0, 1, &p), STATUS_BAD_INPUT);
  data_close(labelled);
  data_close(text);
}

/* A worker's lanes tile a contiguous part of the text, and each walks its part step by step. */
Test(partition, sequential_data_is_walked_in_lanes) {
  data *d = random_data(1, 1, 4, N_CLASSES, N_SAMPLES, 1);
  d->sequential = true;
  const size_t batches[] = {1, 3, 20};
  for (int m = 1; m <= 4; m++)
    for (size_t k = 0; k < 3; k++) {
      partition *p = made(&iid, d, N_SAMPLES, m, 5);
      uint32_t expected = 0;
      for (int w = 0; w < m; w++) {
        size_t n;
        const uint32_t *shard = partition_shard(p, w, &n);
        for (size_t i = 0; i < n; i++) cr_assert_eq(shard[i], expected++, "shards are in the text's order");
        sampler *s;
        cr_assert_eq(sampler_create(p, w, batches[k], 5, &s), STATUS_OK);
        const size_t steps = sampler_steps_per_epoch(s);
        cr_assert_eq(steps, (size_t)N_SAMPLES / (size_t)m / batches[k]);
        for (uint64_t t = 0; t < 2 * steps; t++) {
          const uint32_t *ids = sampler_batch(s, t);
          for (size_t j = 0; j < batches[k]; j++) cr_assert_eq(ids[j], shard[0] + j * steps + t % steps);
        }
        sampler_destroy(s);
      }
      cr_assert_eq(expected, N_SAMPLES);
      partition_destroy(p);
    }
  data_close(d);
}
