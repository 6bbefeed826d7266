/* The exponential and what is made of it, in fp32 without branches or calls, so that loops over them become vector
 * code. A NaN stays one. */
#ifndef TERSE_MODELS_CPU_EXPONENTIAL_H
#define TERSE_MODELS_CPU_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

/* e^x within 2 units in the last place for |x| < 87; beyond, that of the nearer bound. x = k ln 2 + r, |r| <= ln 2 / 2;
 * the polynomial is Taylor's of degree 7. */
static inline float exponential(float x) {
  const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer and leaves that in the low bits */
  x = x > 87.0f ? 87.0f : x;
  x = x < -87.0f ? -87.0f : x;
  const float shifted = x * 1.44269504f + shift, k = shifted - shift;
  const float r = (x - k * 0.693359375f) + k * 2.12194440e-4f; /* ln 2 in two parts, the first exact in few bits */
  float p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1;
  uint32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits - 0x4b400000u + 127u) << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  return p * power;
}

/* 1 / (1 + e^-x), to 1e-7. */
static inline float sigmoid(float x) { return 1 / (1 + exponential(-x)); }

/* tanh x, to 1e-7 absolutely. */
static inline float hyperbolic_tangent(float x) { return 1 - 2 / (1 + exponential(2 * x)); }

#endif
