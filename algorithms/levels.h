/* What quantizers with levels share: values as signed whole numbers of steps, rounded at random, in a fixed number of
 * bits. With scale N and s levels a value x becomes sgn(x) z, z = floor(r) + [u < r - floor(r)] for r = s |x| / N and u
 * uniform in [0, 1), so that E N z / s = |x| wherever |x| <= N; z <= s always, also where rounding put |x| above N. A
 * NaN becomes 0. N is |x|_2 or |x|_inf.
 *
 * Wire: the scale as fp32, then w = 1 + ceil(log2(s + 1)) bits a value, z first and the sign (1: negative) above it;
 * value i has the bits [i w, (i + 1) w) of what follows the scale, bit b being bit b mod 32 of word b / 32, and what is
 * left of the last word is zero; nothing for n = 0. The scale sent is N / divisor: a divisor above 1 shrinks what is
 * decoded. */
#ifndef TERSE_ALGORITHMS_LEVELS_H
#define TERSE_ALGORITHMS_LEVELS_H

#include <math.h>

#include "algorithms/compressor.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LEVELS_MOST = 65535 };

/* The first member of the state of a quantizer with levels. */
typedef struct level_coder {
  device *device;
  uint32_t levels;     /* s, from 1 to LEVELS_MOST */
  unsigned width;      /* w */
  enum reduction norm; /* REDUCE_SQUARES: N = |x|_2; REDUCE_MAX_ABS: N = |x|_inf */
  double *reduced;     /* device, one: |x|_2^2 or |x|_inf */
  float *scale;        /* device, one: N */
} level_coder;

/* z of x, rounded by the draw `word`. */
HD static inline uint32_t level_of(float x, float scale, float levels, uint32_t word) {
  const float ratio = fabsf(x) / scale * levels; /* in this order: no step overflows or is lost for tiny scales */
  if (!(ratio > 0)) return 0;
  if (ratio >= levels) return (uint32_t)levels;
  const uint32_t whole = (uint32_t)ratio;
  return whole + (rng_uniform(word) < ratio - (float)whole);
}

/* *state = `size` bytes that begin with a level_coder, the rest zero; NULL after a failure. */
enum status levels_create(const compressor_env *env, uint32_t levels, enum reduction norm, size_t size,
                          void **state) WARN_UNUSED;
void levels_encode(const level_coder *l, const call *c, const float *x, size_t n, double divisor, unsigned char *body);

/* These are members of struct compressor as they stand. */
void levels_destroy(void *state);
double levels_theory_bits(const void *state, size_t n, enum index_convention convention);
size_t levels_body_bytes(const void *state, size_t n);
unsigned levels_padding_bits(const void *state, size_t n);
void levels_decode_add(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n);

#ifdef __cplusplus
}
#endif
#endif
