#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/device_lab.h"

static const size_t sizes[] = {0, 1, 31, 32, 33, 4095, 4096, 4097, 100003};
enum { N_SIZES = sizeof sizes / sizeof *sizes, N_MAX = 100003 };
static float x[N_MAX], value[N_MAX + 8];
static uint32_t index_of[N_MAX + 8];
static bool chosen[N_MAX];

typedef struct ranked {
  uint32_t magnitude, index;
} ranked;

static int by_rank(const void *a, const void *b) {
  const ranked *p = a, *q = b;
  if (p->magnitude != q->magnitude) return p->magnitude > q->magnitude ? -1 : 1;
  return p->index < q->index ? -1 : 1;
}

/* All n elements of v, the largest magnitude first, ties by the lower index: by sorting. */
static void rank_all(const float *v, size_t n, ranked *out) {
  for (size_t i = 0; i < n; i++) out[i] = (ranked){lab_bits(v[i]) & 0x7fffffffu, (uint32_t)i};
  if (n > 0) qsort(out, n, sizeof *out, by_rank);
}

/* Whether `out` holds exactly the chosen elements of x in order; `names` are their indices (NULL: their positions). */
static void check_chosen(device_lab *lab, const sparse *out, const uint32_t *names, size_t n, const char *what,
                         size_t k) {
  const size_t count = lab_read_sparse(lab, out, index_of, value);
  size_t j = 0;
  for (size_t i = 0; i < n; i++) {
    if (!chosen[i]) continue;
    cr_assert_lt(j, count, "%s: only %zu entries of %zu, k = %zu", what, count, n, k);
    cr_assert_eq(index_of[j], names ? names[i] : i, "%s: entry %zu, n = %zu, k = %zu", what, j, n, k);
    cr_assert_eq(lab_bits(value[j]), lab_bits(x[i]), "%s: value %zu, n = %zu, k = %zu", what, j, n, k);
    j++;
  }
  cr_assert_eq(j, count, "%s: %zu entries, not %zu; n = %zu, k = %zu", what, count, j, n, k);
}

static void choose_first(const ranked *order, size_t n, size_t k) {
  memset(chosen, 0, n);
  for (size_t j = 0; j < k && j < n; j++) chosen[order[j].index] = true;
}

static void check_selections(device_lab *lab, size_t n) {
  static ranked order[N_MAX];
  static uint32_t names[N_MAX];
  float *device_x = lab_floats(lab, x, n);
  void *scratch = lab_scratch(lab, n);
  rank_all(x, n, order);
  for (size_t i = 0; i < n; i++) names[i] = (uint32_t)(7 * i + 3);
  const size_t ks[] = {0, 1, n / 100, n / 2, n > 0 ? n - 1 : 0, n, n + 5};
  for (size_t c = 0; c < sizeof ks / sizeof *ks; c++) {
    const size_t k = ks[c], fits = k < n ? k : n;
    choose_first(order, n, k);
    sparse out = lab_sparse(lab, NULL, NULL, 0, fits);
    vec_select_k(lab->stream, device_x, n, k, &out, scratch);
    check_chosen(lab, &out, NULL, n, "select_k", k);
    /* The same entries under other names, in a vector with room to spare. */
    sparse in = lab_sparse(lab, names, x, n, n + 3);
    void *keep_scratch = lab_scratch(lab, n + 3);
    vec_sparse_keep(lab->stream, &in, k, &out, keep_scratch);
    check_chosen(lab, &out, names, n, "sparse_keep", k);
    device_release(lab->device, keep_scratch);
    sparse_release(lab->device, &in);
    sparse_release(lab->device, &out);
  }
  device_release(lab->device, scratch);
  device_release(lab->device, device_x);
}

Test(select, largest_magnitudes, .timeout = 120) {
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    for (int kind = 0; kind < LAB_VECTORS; kind++) {
      lab_fill((enum lab_vector)kind, 1, x, N_MAX);
      for (size_t s = 0; s < N_SIZES; s++) check_selections(&lab, sizes[s]);
    }
    lab_close(&lab);
  }
}

/* Magnitudes that differ in one digit only, so that each pass of the radix selection decides. */
Test(select, every_digit_decides) {
  device_lab lab = lab_open(DEVICE_CPU);
  const unsigned shifts[] = {0, 4, 9, 13, 20, 26};
  for (size_t s = 0; s < sizeof shifts / sizeof *shifts; s++) {
    for (size_t i = 0; i < 300; i++) {
      const uint32_t bits = (0x35a5a5a5u ^ (uint32_t)(i * 37 % 16) << shifts[s]) | (uint32_t)(i % 2) << 31;
      memcpy(&x[i], &bits, sizeof bits);
    }
    check_selections(&lab, 300);
  }
  lab_close(&lab);
}

static void check_compactions(device_lab *lab, size_t n) {
  const float thresholds[] = {0.0f, -0.0f, 1e-42f, 1.0f, 1.5f, INFINITY, -1.0f, NAN};
  float *device_x = lab_floats(lab, x, n);
  void *scratch = lab_scratch(lab, n);
  for (size_t t = 0; t < sizeof thresholds / sizeof *thresholds; t++) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += chosen[i] = isnan(x[i]) || !(fabsf(x[i]) <= thresholds[t]);
    const size_t capacities[] = {n, count, count / 2, 0};
    for (size_t c = 0; c < 4; c++) {
      sparse out = lab_sparse(lab, NULL, NULL, 0, capacities[c]);
      vec_compact(lab->stream, device_x, n, thresholds[t], &out, scratch);
      size_t left = capacities[c]; /* capacities shrink: what is left out now is left out by the next */
      for (size_t i = 0; i < n; i++) chosen[i] = chosen[i] && left > 0 && left--;
      check_chosen(lab, &out, NULL, n, "compact", t);
      sparse_release(lab->device, &out);
    }
  }
  device_release(lab->device, scratch);
  device_release(lab->device, device_x);
}

Test(select, compact, .timeout = 120) {
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    for (int kind = 0; kind < LAB_VECTORS; kind++) {
      lab_fill((enum lab_vector)kind, 2, x, N_MAX);
      for (size_t s = 0; s < N_SIZES; s++) check_compactions(&lab, sizes[s]);
    }
    lab_close(&lab);
  }
}
