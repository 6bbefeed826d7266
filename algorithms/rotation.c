/* A random rotation that spreads a vector's large coordinates: random signs, then a Walsh-Hadamard transform in blocks
 * (Ailon and Chazelle, STOC 2006). Each of its passes makes (a + b)/sqrt 2 and (a - b)/sqrt 2 of elements h apart. */
#include "algorithms/modulo.h"
#include "core/kernel.h"

enum { SIGNS = 128 }; /* of one draw */

typedef struct {
  float *x;
  size_t n;
  rng_key key;
} sign_args;

static HD inline void sign_group(const sign_args *p, size_t g) {
  const rng_words drawn = rng_draw(p->key, g);
  const size_t first = g * SIGNS, end = first + SIGNS < p->n ? first + SIGNS : p->n;
  for (size_t i = first; i < end; i++)
    if (drawn.w[(i - first) / 32] >> (i - first) % 32 & 1) p->x[i] = -p->x[i];
}
KERNEL(sign_groups, sign_args, sign_group)

typedef struct {
  float *x;
  unsigned log2_h;
} butterfly_args;

static HD inline void butterfly_one(const butterfly_args *p, size_t e) {
  const size_t h = (size_t)1 << p->log2_h, i = (e >> p->log2_h) << (p->log2_h + 1) | (e & (h - 1));
  const float a = p->x[i] * 0.70710678f, b = p->x[i + h] * 0.70710678f;
  p->x[i] = a + b;
  p->x[i + h] = a - b;
}
KERNEL(butterflies, butterfly_args, butterfly_one)

void rotate_issue(stream *s, rng_key signs, float *x, size_t n, unsigned log2_block, bool back) {
  const sign_args flip = {x, n, signs};
  if (!back) sign_groups(s, (n + SIGNS - 1) / SIGNS, flip);
  for (unsigned log2_h = 0; log2_h < log2_block; log2_h++) {
    /* A pass takes the aligned groups of 2 h elements: those are whole blocks, or lie in one, whatever is left of n. */
    const butterfly_args given = {x, log2_h};
    butterflies(s, n >> (log2_h + 1) << log2_h, given);
  }
  if (back) sign_groups(s, (n + SIGNS - 1) / SIGNS, flip);
}
