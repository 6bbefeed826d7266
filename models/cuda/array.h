/* Elements that are fp32 or bf16: the upper half of a float, rounded to nearest, ties to even. */
#ifndef TERSE_MODELS_CUDA_ARRAY_H
#define TERSE_MODELS_CUDA_ARRAY_H

#include <string.h>

#include "models/cuda/program.h"

typedef struct array {
  void *data;
  bool is_half;
} array;

static inline array array_at(const binding *b, const tensor *t) {
  array a = {NULL, false};
  if (t) {
    a.data = tensor_at(b, t);
    a.is_half = t->is_half;
  }
  return a;
}

HD static inline float array_get(array a, uint32_t i) {
  if (!a.is_half) return ((const float *)a.data)[i];
  const uint32_t bits = (uint32_t)((const uint16_t *)a.data)[i] << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

HD static inline void array_set(array a, uint32_t i, float x) {
  if (!a.is_half) {
    ((float *)a.data)[i] = x;
    return;
  }
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  bits = is_nan ? bits | 0x400000u : bits + 0x7fffu + ((bits >> 16) & 1); /* a NaN's carry could make it infinite */
  ((uint16_t *)a.data)[i] = (uint16_t)(bits >> 16);
}

#endif
