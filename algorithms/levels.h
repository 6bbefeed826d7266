/* What quantizers with levels share: values as signed whole numbers of steps, rounded at random, in a fixed number of
 * bits. With scale N and s levels a value x becomes sgn(x) z, z = floor(r) + [u < r - floor(r)] for r = s |x| / N and u
 * uniform in [0, 1), so that E N z / s = |x| wherever |x| <= N; z <= s always, also where rounding put |x| above N. A
 * NaN becomes 0.
 *
 * Wire: a value takes w = 1 + ceil(log2(s + 1)) bits, z first and the sign (1: negative) above it; value i has the bits
 * [i w, (i + 1) w) of the image, bit b being bit b mod 32 of word b / 32, and what is left of the last word is zero. 32
 * values fill w words, so that groups of 32 are worked on independently: group_encode and group_decode_add are element
 * functions for KERNEL (core/kernel.h). */
#ifndef TERSE_ALGORITHMS_LEVELS_H
#define TERSE_ALGORITHMS_LEVELS_H

#include <string.h>

#include "algorithms/compressor.h"
#include "core/kernel.h"

enum { LEVELS_GROUP = 32, LEVELS_MOST = 65535 };

static inline unsigned level_width(uint32_t levels) {
  unsigned width = 1;
  while (((uint64_t)1 << (width - 1)) < (uint64_t)levels + 1) width++;
  return width;
}

static inline size_t level_words(unsigned width, size_t n) { return (n * width + 31) / 32; }
static inline size_t level_groups(size_t n) { return (n + LEVELS_GROUP - 1) / LEVELS_GROUP; }

typedef struct group_encode_args {
  const float *x;
  uint32_t *words;
  const float *scale; /* device, one: N */
  size_t n;
  uint32_t levels;
  unsigned width;
  rng_key key;
} group_encode_args;

HD static inline uint32_t level_of(float x, float scale, float levels, uint32_t word) {
  const float ratio = fabsf(x) / scale * levels; /* in this order: no step overflows or is lost for tiny scales */
  if (!(ratio > 0)) return 0;
  if (ratio >= levels) return (uint32_t)levels;
  const uint32_t whole = (uint32_t)ratio;
  return whole + (rng_uniform(word) < ratio - (float)whole);
}

/* Group g draws the words of blocks 8 g to 8 g + 7. */
HD static inline void group_encode(const group_encode_args *p, size_t g) {
  const size_t first = g * LEVELS_GROUP, end = first + LEVELS_GROUP < p->n ? first + LEVELS_GROUP : p->n;
  const float scale = *p->scale, levels = (float)p->levels;
  uint32_t *to = p->words + g * p->width;
  uint64_t bits = 0;
  unsigned n_bits = 0;
  for (size_t i = first; i < end; i += 4) {
    const rng_words drawn = rng_draw(p->key, i / 4);
    for (unsigned j = 0; j < 4 && i + j < end; j++) {
      const uint32_t level = level_of(p->x[i + j], scale, levels, drawn.w[j]);
      const uint32_t code = level | (uint32_t)(p->x[i + j] < 0) << (p->width - 1);
      bits |= (uint64_t)code << n_bits;
      n_bits += p->width;
      if (n_bits < 32) continue;
      *to++ = (uint32_t)bits;
      bits >>= 32;
      n_bits -= 32;
    }
  }
  if (n_bits > 0) *to = (uint32_t)bits;
}

typedef struct group_decode_args {
  const uint32_t *words;
  const uint32_t *scale; /* device, one: the bits of the scale */
  uint32_t *fault;
  float *y;
  float a;
  size_t n;
  uint32_t levels;
  unsigned width;
} group_decode_args;

HD static inline void group_decode_add(const group_decode_args *p, size_t g) {
  const size_t first = g * LEVELS_GROUP, end = first + LEVELS_GROUP < p->n ? first + LEVELS_GROUP : p->n;
  const uint32_t mask = (1u << (p->width - 1)) - 1;
  const uint32_t *from = p->words + g * p->width;
  uint64_t bits = 0;
  unsigned n_bits = 0;
  float scale;
  memcpy(&scale, p->scale, sizeof scale);
  for (size_t i = first; i < end; i++) {
    if (n_bits < p->width) {
      bits |= (uint64_t)*from++ << n_bits;
      n_bits += 32;
    }
    const uint32_t level = (uint32_t)bits & mask;
    if (level > p->levels) kernel_fault(p->fault, FAULT_VALUE);
    const float value = scale * ((float)level / (float)p->levels);
    p->y[i] += p->a * (bits >> (p->width - 1) & 1 ? -value : value);
    bits >>= p->width;
    n_bits -= p->width;
  }
}

#endif
