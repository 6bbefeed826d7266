/* The exponential and what is made of it, in fp32 without branches or calls, so that loops over them become vector
 * code. A NaN stays one. */
#ifndef TERSE_MODELS_CPU_EXPONENTIAL_H
#define TERSE_MODELS_CPU_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

/* e^x within 2 units in the last place for -87 < x < 88; else, up to |x| = 2^21, 0 or infinity. x = k ln 2 + r,
 * |r| <= ln 2 / 2; the polynomial is Taylor's of degree 7. It is the integer k that is bounded: comparing floats, which
 * may trap, would keep gcc from making vector code. */
static inline float exponential(float x) {
  const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer and leaves that in the low bits */
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
  int32_t exponent = (int32_t)(bits - 0x4b400000u + 127u);
  exponent = exponent > 255 ? 255 : exponent < 0 ? 0 : exponent;
  bits = (uint32_t)exponent << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  return p * power;
}

/* 1 / (1 + e^-x), to 1e-7. */
static inline float sigmoid(float x) { return 1 / (1 + exponential(-x)); }

/* tanh x, to 1e-7 absolutely. */
static inline float hyperbolic_tangent(float x) { return 1 - 2 / (1 + exponential(2 * x)); }

#endif
