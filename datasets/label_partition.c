/* Dirichlet mixes and shards of sorted samples; the papers are named in datasets/partition.h.
 *
 * Gamma variates: G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000);
 * shapes below 1 by their section 6, Gamma(a) = Gamma(a + 1) U^(1/a), here in logarithms, for U^(1/a) underflows. */
#include "datasets/label_partition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

enum { CHUNK = 64 }; /* samples fetched at a time to read their labels */

/* Times of the streams (seed, RNG_PARTITION, worker, time); 0 is the permutation of all samples, drawn for all. */
enum { TIME_MIX = 1, TIME_DRAW = 2, TIME_PIECES = 3 };

/* The samples by class, at random within a class: class c's are list[first[c]] to list[first[c + 1] - 1]. */
typedef struct classes {
  size_t n_classes;
  size_t *first; /* n_classes + 1 */
  uint32_t *list;
} classes;

static void release(classes *c) {
  free(c->first);
  free(c->list);
}

static enum status read_labels(const label_partition_task *t, int32_t *labels) {
  const data *d = t->data;
  enum status status = STATUS_OK;
  uint32_t ids[CHUNK];
  float *x = (float *)malloc(CHUNK * d->channels * d->height * d->width * sizeof *x);
  if (!x) return FAIL(STATUS_NO_MEMORY, "no memory to read labels");
  for (size_t begin = 0; begin < t->n_samples; begin += CHUNK) {
    const size_t n = t->n_samples - begin < CHUNK ? t->n_samples - begin : CHUNK;
    for (size_t i = 0; i < n; i++) ids[i] = (uint32_t)(begin + i);
    const batch_request request = {.split = SPLIT_TRAIN, .ids = ids, .n = n, .worker = -1};
    TRY(d->fetch(d, &request, x, labels + begin));
  }
exit:
  free(x);
  return status;
}

/* Sorts the first n samples of `mixed` by label, keeping the order within one. */
static void sort_by_label(const uint32_t *mixed, size_t n, const int32_t *labels, classes *c) {
  memset(c->first, 0, (c->n_classes + 1) * sizeof *c->first);
  for (size_t i = 0; i < n; i++) c->first[labels[mixed[i]]]++;
  size_t begin = 0;
  for (size_t k = 0; k <= c->n_classes; k++) {
    const size_t count = c->first[k];
    c->first[k] = begin;
    begin += count;
  }
  for (size_t i = 0; i < n; i++) c->list[c->first[labels[mixed[i]]]++] = mixed[i];
  memmove(c->first + 1, c->first, c->n_classes * sizeof *c->first); /* the cursors ended where the next class begins */
  c->first[0] = 0;
}

/* The classes of n of the samples, chosen at random. */
static enum status group(const label_partition_task *t, size_t n, classes *c) {
  enum status status = STATUS_OK;
  c->n_classes = t->data->n_classes;
  c->first = (size_t *)malloc((c->n_classes + 1) * sizeof *c->first);
  c->list = (uint32_t *)malloc(n * sizeof *c->list);
  uint32_t *mixed = (uint32_t *)malloc(t->n_samples * sizeof *mixed);
  int32_t *labels = (int32_t *)malloc(t->n_samples * sizeof *labels);
  if (!c->first || !c->list || !mixed || !labels)
    TRY(FAIL(STATUS_NO_MEMORY, "no memory to partition %zu samples", t->n_samples));
  TRY(read_labels(t, labels));
  rng_permutation(rng_stream(t->seed, RNG_PARTITION, -1, 0), mixed, t->n_samples);
  sort_by_label(mixed, n, labels, c);
exit:
  free(mixed);
  free(labels);
  return status;
}

/* log of a Gamma(a, 1) variate, from the stream's positions *at on. */
static double log_gamma_variate(double a, rng_key key, uint64_t *at) {
  const double boosted = a < 1 ? a + 1 : a, d = boosted - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    const rng_words words = rng_draw(key, (*at)++);
    const double x = rng_normal(words.w[0]), u = ((double)words.w[1] + 0.5) * 0x1p-32, v = 1 + c * x;
    if (v <= 0 || log(u) >= 0.5 * x * x + d - d * v * v * v + 3 * d * log(v)) continue;
    const double boost = ((double)words.w[2] + 0.5) * 0x1p-32;
    return log(d) + 3 * log(v) + (a < 1 ? log(boost) / a : 0);
  }
}

/* q[n_classes]: worker w's mix, scaled so that the largest is 1. */
static void draw_mix(const label_partition_task *t, const classes *c, double alpha, int worker, double *q) {
  const rng_key key = rng_stream(t->seed, RNG_PARTITION, worker, TIME_MIX);
  uint64_t at = 0;
  double largest = -INFINITY;
  for (size_t k = 0; k < c->n_classes; k++) {
    const double share = (double)(c->first[k + 1] - c->first[k]) / (double)t->n_samples;
    q[k] = share > 0 ? log_gamma_variate(alpha * share, key, &at) : -INFINITY;
    largest = fmax(largest, q[k]);
  }
  for (size_t k = 0; k < c->n_classes; k++) q[k] = exp(q[k] - largest);
}

/* A class with samples left, by the weights q; where all its classes are used up, by what is left of each. */
static size_t draw_class(const classes *c, const size_t *next, const double *q, double uniform) {
  double total = 0, seen = 0;
  size_t chosen = 0;
  for (size_t k = 0; k < c->n_classes; k++)
    if (next[k] < c->first[k + 1]) total += q[k];
  const bool by_mix = total > 0;
  for (size_t k = 0; k < c->n_classes && !by_mix; k++) total += (double)(c->first[k + 1] - next[k]);
  for (size_t k = 0; k < c->n_classes; k++) {
    const double left = (double)(c->first[k + 1] - next[k]), weight = !by_mix ? left : left > 0 ? q[k] : 0;
    if (weight <= 0) continue;
    chosen = k;
    seen += weight;
    if (uniform * total < seen) break;
  }
  return chosen;
}

enum status label_partition_dirichlet(const label_partition_task *t, double alpha, uint32_t *order) {
  enum status status = STATUS_OK;
  classes c = {.n_classes = 0};
  const size_t m = (size_t)t->n_workers, smallest = t->n_samples / m, larger = t->n_samples % m;
  size_t *next = (size_t *)malloc(t->data->n_classes * sizeof *next);
  double *q = (double *)malloc(m * t->data->n_classes * sizeof *q);
  if (!next || !q) TRY(FAIL(STATUS_NO_MEMORY, "no memory for the class mixes of %d workers", t->n_workers));
  TRY(group(t, t->n_samples, &c));
  for (int w = 0; w < t->n_workers; w++) draw_mix(t, &c, alpha, w, q + (size_t)w * c.n_classes);
  memcpy(next, c.first, c.n_classes * sizeof *next);
  for (size_t i = 0; i < t->n_samples; i++) { /* the i-th turn */
    const size_t w = i % m, turn = i / m;
    const float uniform = rng_uniform_at(rng_stream(t->seed, RNG_PARTITION, (int)w, TIME_DRAW), turn);
    const size_t k = draw_class(&c, next, q + w * c.n_classes, uniform);
    order[w * smallest + (w < larger ? w : larger) + turn] = c.list[next[k]++];
  }
exit:
  release(&c);
  free(next);
  free(q);
  return status;
}

enum status label_partition_shards(const label_partition_task *t, size_t n_pieces, uint32_t *order) {
  enum status status = STATUS_OK;
  classes c = {.n_classes = 0};
  const size_t n_all = (size_t)t->n_workers * n_pieces, size = t->n_samples / n_all;
  uint32_t *pieces = (uint32_t *)malloc(n_all * sizeof *pieces);
  if (!pieces) TRY(FAIL(STATUS_NO_MEMORY, "no memory for %zu shards", n_all));
  TRY(group(t, n_all * size, &c));
  rng_permutation(rng_stream(t->seed, RNG_PARTITION, -1, TIME_PIECES), pieces, n_all);
  for (size_t i = 0; i < n_all; i++) memcpy(order + i * size, c.list + pieces[i] * size, size * sizeof *order);
exit:
  release(&c);
  free(pieces);
  return status;
}
