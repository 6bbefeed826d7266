#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "tests/device_lab.h"

enum { N = 9001 };

/* A sparse vector as the test sees it. */
typedef struct entries {
  uint32_t index[N];
  float value[N];
  size_t count;
} entries;

static entries a, b, got;

/* About one in `every` of N coordinates; 0: none. */
static void draw(entries *e, uint64_t seed, uint32_t every) {
  const rng_key key = rng_stream(seed, RNG_TEST, 0, 0);
  e->count = 0;
  for (uint32_t i = 0; i < N && every > 0; i++) {
    const rng_words words = rng_draw(key, i);
    if (words.w[0] % every != 0) continue;
    e->index[e->count] = i;
    e->value[e->count++] = words.w[1] % 40 == 0 ? NAN : words.w[1] % 40 == 1 ? -0.0f : rng_normal(words.w[2]);
  }
}

static void check_same(float want, size_t j, const char *what) {
  cr_assert(lab_bits(got.value[j]) == lab_bits(want) || (isnan(want) && isnan(got.value[j])), "%s: value %zu", what, j);
}

/* Position + 1 of every coordinate in e, 0 where it has none. */
static void place(const entries *e, uint32_t *at) {
  memset(at, 0, N * sizeof *at);
  for (size_t j = 0; j < e->count; j++) at[e->index[j]] = (uint32_t)j + 1;
}

static void check_pair(device_lab *lab, size_t spare) {
  static uint32_t in_a[N], in_b[N];
  sparse da = lab_sparse(lab, a.index, a.value, a.count, a.count + spare);
  sparse db = lab_sparse(lab, b.index, b.value, b.count, b.count + spare);
  sparse merged = lab_sparse(lab, NULL, NULL, 0, da.capacity + db.capacity);
  sparse rest = lab_sparse(lab, NULL, NULL, 0, da.capacity);
  void *scratch = lab_scratch(lab, da.capacity + db.capacity);
  vec_sparse_merge(lab->stream, &da, &db, &merged, scratch);
  vec_sparse_subtract(lab->stream, &da, &db, &rest, scratch);
  place(&a, in_a);
  place(&b, in_b);
  static uint32_t index[2 * N + 20];
  static float value[2 * N + 20];
  size_t count = lab_read_sparse(lab, &merged, index, value), j = 0;
  cr_assert_leq(count, N);
  got.count = count;
  memcpy(got.index, index, count * sizeof *index);
  memcpy(got.value, value, count * sizeof *value);
  for (uint32_t i = 0; i < N; i++) {
    if (!in_a[i] && !in_b[i]) continue;
    cr_assert(j < count && got.index[j] == i, "merge: index %u", i);
    const float from_a = in_a[i] ? a.value[in_a[i] - 1] : 0.0f, from_b = in_b[i] ? b.value[in_b[i] - 1] : 0.0f;
    check_same(in_a[i] && in_b[i] ? from_a + from_b : in_a[i] ? from_a : from_b, j++, "merge");
  }
  cr_assert_eq(j, count);
  count = lab_read_sparse(lab, &rest, index, value);
  memcpy(got.value, value, count * sizeof *value);
  j = 0;
  for (uint32_t i = 0; i < N; i++) {
    if (!in_a[i] || in_b[i]) continue;
    cr_assert(j < count && index[j] == i, "subtract: index %u", i);
    check_same(a.value[in_a[i] - 1], j++, "subtract");
  }
  cr_assert_eq(j, count);
  device_release(lab->device, scratch);
  sparse_release(lab->device, &rest);
  sparse_release(lab->device, &merged);
  sparse_release(lab->device, &db);
  sparse_release(lab->device, &da);
}

Test(sparse, merge_and_subtract) {
  const uint32_t densities[] = {0, 9000, 50, 2, 1};
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    for (size_t p = 0; p < 5; p++) {
      for (size_t q = 0; q < 5; q++) {
        draw(&a, 1 + p, densities[p]);
        draw(&b, 10 + q, densities[q]);
        check_pair(&lab, 0);
        check_pair(&lab, 7);
      }
    }
    lab_close(&lab);
  }
}

Test(sparse, gather_and_scatter) {
  static float x[N], y[N], expected[N];
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    lab_fill(LAB_MIXED, 1, x, N);
    lab_fill(LAB_NORMAL, 2, y, N);
    draw(&a, 3, 5);
    float *dx = lab_floats(&lab, x, N), *dy = lab_floats(&lab, y, N);
    sparse s = lab_sparse(&lab, a.index, a.value, a.count, a.count + 9);
    memcpy(expected, y, sizeof y);
    for (size_t j = 0; j < a.count; j++) {
      const float product = 0.3f * a.value[j];
      expected[a.index[j]] += product;
    }
    vec_scatter_add(lab.stream, 0.3f, &s, dy, N);
    lab_read(&lab, y, dy, sizeof y);
    for (size_t i = 0; i < N; i++)
      cr_assert(lab_bits(y[i]) == lab_bits(expected[i]) || (isnan(y[i]) && isnan(expected[i])), "scatter_add: %zu", i);
    vec_scatter_fill(lab.stream, &s, -4.0f, dy, N);
    for (size_t j = 0; j < a.count; j++) y[a.index[j]] = -4.0f;
    lab_read(&lab, expected, dy, sizeof y);
    cr_assert_eq(memcmp(expected, y, sizeof y), 0, "scatter_fill");
    vec_gather(lab.stream, dx, N, &s);
    static uint32_t index[N + 9];
    static float value[N + 9];
    cr_assert_eq(lab_read_sparse(&lab, &s, index, value), a.count);
    for (size_t j = 0; j < a.count; j++) cr_assert_eq(lab_bits(value[j]), lab_bits(x[a.index[j]]), "gather: %zu", j);
    for (size_t j = a.count; j < s.capacity; j++) cr_assert_eq(lab_bits(value[j]), 0, "gather beyond the count");
    sparse_release(lab.device, &s);
    device_release(lab.device, dy);
    device_release(lab.device, dx);
    lab_close(&lab);
  }
}

/* An index beyond the vector is skipped and reported once; a count beyond the capacity leads nowhere. */
Test(sparse, hostile_entries) {
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    const uint32_t index[] = {1, 10, UINT32_MAX}, good[] = {1, 9};
    const float value[] = {5.0f, 6.0f, 7.0f}, zeros[10] = {0};
    float *y = lab_floats(&lab, zeros, 10), seen[10];
    sparse s = lab_sparse(&lab, index, value, 3, 3), fine = lab_sparse(&lab, good, value, 7, 2);
    vec_scatter_add(lab.stream, 1.0f, &s, y, 10);
    cr_assert_eq(stream_check(lab.stream), STATUS_BAD_MESSAGE);
    cr_assert(strstr(status_detail(), "index"), "%s", status_detail());
    cr_assert_eq(stream_check(lab.stream), STATUS_OK);
    vec_scatter_fill(lab.stream, &s, 2.0f, y, 10);
    cr_assert_eq(stream_check(lab.stream), STATUS_BAD_MESSAGE);
    vec_gather(lab.stream, y, 10, &s);
    cr_assert_eq(stream_check(lab.stream), STATUS_BAD_MESSAGE);
    vec_scatter_add(lab.stream, 1.0f, &fine, y, 10);
    lab_read(&lab, seen, y, sizeof seen);
    for (int i = 0; i < 10; i++) cr_assert_eq(seen[i], i == 1 ? 7.0f : i == 9 ? 6.0f : 0.0f, "element %d", i);
    /* Out of order, and merged into a vector that is too small. */
    const uint32_t falling[] = {9, 4, 4, 0}, rising[] = {0, 4, 9};
    const float ones[] = {1, 1, 1, 1};
    sparse bad = lab_sparse(&lab, falling, ones, 90, 4), other = lab_sparse(&lab, rising, ones, 3, 3);
    sparse small = lab_sparse(&lab, NULL, NULL, 0, 2);
    void *scratch = lab_scratch(&lab, 7);
    uint32_t index_read[2], count = 9;
    float value_read[2];
    vec_sparse_merge(lab.stream, &bad, &other, &small, scratch);
    cr_assert_leq(lab_read_sparse(&lab, &small, index_read, value_read), 2);
    vec_sparse_subtract(lab.stream, &bad, &other, &small, scratch);
    vec_sparse_keep(lab.stream, &bad, 3, &small, scratch);
    lab_read(&lab, &count, small.count, sizeof count);
    cr_assert_eq(count, 2);
    device_release(lab.device, scratch);
    sparse_release(lab.device, &small);
    sparse_release(lab.device, &other);
    sparse_release(lab.device, &bad);
    sparse_release(lab.device, &fine);
    sparse_release(lab.device, &s);
    device_release(lab.device, y);
    lab_close(&lab);
  }
}

Test(sparse, allocation) {
  device_lab lab = lab_open(DEVICE_CPU);
  sparse s;
  cr_assert_eq(sparse_alloc(lab.device, 0, &s), STATUS_OK);
  cr_assert(s.index && s.value && s.count && s.capacity == 0 && *s.count == 0);
  sparse_release(lab.device, &s);
  sparse_release(lab.device, &s);
  cr_assert_eq(sparse_alloc(lab.device, (size_t)UINT32_MAX + 1, &s), STATUS_BAD_INPUT);
  cr_assert_null(s.index);
  lab_close(&lab);
}
