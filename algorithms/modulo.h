/* Modular quantization on a lattice (Davies et al., New Bounds for Distributed Mean Estimation and Variance Reduction,
 * ICLR 2021; Moniqua: Lu and De Sa, ICML 2020): of a value only its grid point modulo q = 2^bits is sent, and whoever
 * has a vector y close to it finds the point again. With step s and a dither theta, uniform in [-s/2, s/2), that both
 * ends draw,
 *   k = round((x - theta)/s),  c = k mod q,  decoded k = c + q round(((y - theta)/s - c)/q),  value s k + theta,
 * right wherever |x - y| < (q - 1) s/2. The value is unbiased with variance s^2/12, its error independent of x.
 *
 * Beyond that distance k is off by multiples of q, which nothing in c shows: so a 32-bit checksum of all k goes with
 * them. A value that is not finite, or has no k in fp64's exact range, matches no checksum either.
 * Codes are packed as algorithms/codes.h says. Compiled for both devices. */
#ifndef TERSE_ALGORITHMS_MODULO_H
#define TERSE_ALGORITHMS_MODULO_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/device.h"
#include "core/rng.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MODULO_MAX_BITS = 16 };

typedef struct modulo_grid {
  double step;    /* s > 0 */
  unsigned bits;  /* log2 q, 1 to MODULO_MAX_BITS */
  rng_key dither; /* element i's theta comes from word i % 4 of draw i / 4 */
} modulo_grid;

/* The arithmetic of one element. */
HD static inline double modulo_dither(double step, uint32_t word) {
  return (((double)word + 0.5) * 0x1p-32 - 0.5) * step;
}

/* k of x, or what no decoded k is. */
HD static inline int64_t modulo_integer(double step, double theta, float x) {
  const double k = rint(((double)x - theta) / step);
  return k > -0x1p51 && k < 0x1p51 ? (int64_t)k : INT64_MIN;
}

HD static inline uint32_t modulo_code(int64_t k, unsigned bits) { return (uint32_t)k & ((1u << bits) - 1); }

/* The k of this code that is nearest to y. */
HD static inline int64_t modulo_nearest(double step, double theta, unsigned bits, uint32_t code, float y) {
  const double q = (double)(1u << bits), turns = rint((((double)y - theta) / step - (double)code) / q);
  return turns > -0x1p51 / q && turns < 0x1p51 / q ? (int64_t)(turns * q) + (int64_t)code : 0;
}

HD static inline float modulo_value(double step, double theta, int64_t k) { return (float)(step * (double)k + theta); }

/* All pointers are device memory, but for `grid`, which is copied when the call is issued. */
typedef struct modulo_ops {
  /* The codes of n values to `words`, codes_words of them, and the checksum of their integers to *checksum. */
  void (*encode)(stream *s, const modulo_grid *grid, const float *x, size_t n, uint32_t *words, uint32_t *checksum,
                 uint32_t *scratch);
  /* The values of the codes nearest to y, and the checksum of their integers. value may be y. */
  void (*decode)(stream *s, const modulo_grid *grid, const uint32_t *words, const float *y, size_t n, float *value,
                 uint32_t *checksum, uint32_t *scratch);
  /* x = H D x, or with `back` its inverse x = D H x: D random signs from the key, H the orthonormal Walsh-Hadamard
   * transform of blocks of 2^log2_block elements, and of what is left in blocks of falling powers of 2. */
  void (*rotate)(stream *s, rng_key signs, float *x, size_t n, unsigned log2_block, bool back);
} modulo_ops;

/* How many words of scratch encode and decode need. */
size_t modulo_scratch_words(size_t n);

extern const modulo_ops modulo_table;
/* The device's own build of the operations. */
static inline const modulo_ops *modulo_of(const device *d) { return d->modulo ? d->modulo : &modulo_table; }

void rotate_issue(stream *s, rng_key signs, float *x, size_t n, unsigned log2_block, bool back); /* rotation.c */

#ifdef __cplusplus
}
#endif
#endif
