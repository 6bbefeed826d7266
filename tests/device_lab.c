#include "tests/device_lab.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "core/rng.h"

const enum device_kind lab_kinds[LAB_DEVICES] = {DEVICE_CPU, DEVICE_SHADOW};

device_lab lab_open(enum device_kind kind) {
  device_lab lab;
  cr_assert_eq(device_open(kind, &lab.device), STATUS_OK, "%s", status_detail());
  cr_assert_eq(stream_open(lab.device, &lab.stream), STATUS_OK, "%s", status_detail());
  return lab;
}

void lab_close(device_lab *lab) {
  stream_close(lab->stream);
  device_close(lab->device);
}

void *lab_zeroed(device_lab *lab, size_t n_bytes) {
  void *memory = NULL;
  cr_assert_eq(device_alloc(lab->device, n_bytes, &memory), STATUS_OK, "%s", status_detail());
  return memory;
}

float *lab_floats(device_lab *lab, const float *host, size_t n) {
  float *x = lab_zeroed(lab, n * sizeof *x);
  stream_copy(lab->stream, x, host, n * sizeof *x);
  cr_assert_eq(stream_synchronize(lab->stream), STATUS_OK, "%s", status_detail());
  return x;
}

void lab_read(device_lab *lab, void *host, const void *memory, size_t n_bytes) {
  stream_copy(lab->stream, host, memory, n_bytes);
  cr_assert_eq(stream_synchronize(lab->stream), STATUS_OK, "%s", status_detail());
}

void *lab_scratch(device_lab *lab, size_t n) { return lab_zeroed(lab, vec_scratch_bytes(n)); }

sparse lab_sparse(device_lab *lab, const uint32_t *index, const float *value, size_t count, size_t capacity) {
  sparse s;
  const uint32_t count32 = (uint32_t)count;
  cr_assert_eq(sparse_alloc(lab->device, capacity, &s), STATUS_OK, "%s", status_detail());
  stream_copy(lab->stream, s.index, index, (count < capacity ? count : capacity) * sizeof *index);
  stream_copy(lab->stream, s.value, value, (count < capacity ? count : capacity) * sizeof *value);
  stream_copy(lab->stream, s.count, &count32, sizeof count32);
  cr_assert_eq(stream_synchronize(lab->stream), STATUS_OK, "%s", status_detail());
  return s;
}

size_t lab_read_sparse(device_lab *lab, const sparse *s, uint32_t *index, float *value) {
  uint32_t count = 0;
  lab_read(lab, &count, s->count, sizeof count);
  cr_assert_leq(count, s->capacity);
  lab_read(lab, index, s->index, s->capacity * sizeof *index);
  lab_read(lab, value, s->value, s->capacity * sizeof *value);
  return count;
}

void lab_fill(enum lab_vector kind, uint64_t seed, float *x, size_t n) {
  static const float few[] = {0.0f, -1.0f, 1.0f, 2.0f, -2.0f, 0.5f};
  static const float odd[] = {0.0f, -0.0f, 1e-40f, -1e-40f, INFINITY, -INFINITY, NAN, 3.4e38f, 1e-30f, -1.0f};
  const rng_key key = rng_stream(seed, RNG_TEST, -1, kind);
  for (size_t i = 0; i < n; i++) {
    const rng_words draw = rng_draw(key, i);
    x[i] = rng_normal(draw.w[0]);
    if (kind == LAB_TIES) x[i] = few[draw.w[1] % 6];
    if (kind == LAB_ZEROS) x[i] = draw.w[1] % 50 == 0 ? x[i] : draw.w[1] % 2 ? 0.0f : -0.0f;
    if (kind == LAB_MIXED && draw.w[1] % 3 == 0) x[i] = odd[draw.w[2] % 10];
  }
}

uint32_t lab_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
