/* Codes of a fixed number of bits, packed: value i has the bits [i w, (i + 1) w) of the image, bit b being bit b mod 32
 * of word b / 32, and what is left of the last word is zero. 32 values fill w words, so that groups of 32 are worked on
 * independently, as element functions for KERNEL (core/kernel.h). 1 <= w <= 32. */
#ifndef TERSE_ALGORITHMS_CODES_H
#define TERSE_ALGORITHMS_CODES_H

#include <stddef.h>
#include <stdint.h>

#include "algorithms/compressor.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CODES_GROUP = 32 };

static inline size_t codes_words(unsigned width, size_t n) { return (n * width + 31) / 32; }
static inline unsigned codes_padding(unsigned width, size_t n) {
  return (unsigned)(32 * codes_words(width, n) - n * width);
}
static inline size_t codes_groups(size_t n) { return (n + CODES_GROUP - 1) / CODES_GROUP; }

/* Where group g of n values ends. */
HD static inline size_t codes_group_end(size_t g, size_t n) {
  const size_t end = (g + 1) * CODES_GROUP;
  return end < n ? end : n;
}

typedef struct code_writer {
  uint32_t *to;
  uint64_t bits;
  unsigned n_bits; /* below 32 */
} code_writer;

HD static inline void code_put(code_writer *w, uint32_t code, unsigned width) {
  w->bits |= (uint64_t)code << w->n_bits;
  w->n_bits += width;
  if (w->n_bits < 32) return;
  *w->to++ = (uint32_t)w->bits;
  w->bits >>= 32;
  w->n_bits -= 32;
}

HD static inline void code_finish(const code_writer *w) {
  if (w->n_bits > 0) *w->to = (uint32_t)w->bits;
}

typedef struct code_reader {
  const uint32_t *from;
  uint64_t bits;
  unsigned n_bits;
} code_reader;

HD static inline uint32_t code_take(code_reader *r, unsigned width) {
  if (r->n_bits < width) {
    r->bits |= (uint64_t)*r->from++ << r->n_bits;
    r->n_bits += 32;
  }
  const uint32_t code = (uint32_t)(r->bits & (((uint64_t)1 << width) - 1));
  r->bits >>= width;
  r->n_bits -= width;
  return code;
}

/* The state of a compressor whose message is a code of `bits` bits a value and nothing else, and what of a compressor
 * follows from it. */
typedef struct code_width {
  unsigned bits;
} code_width;

static inline unsigned codes_bits(const void *state) { return ((const code_width *)state)->bits; }
/* From the parameter `bits`. */
enum status codes_create(const args *a, void **state) WARN_UNUSED;
void codes_destroy(void *state);
double codes_theory_bits(const void *state, size_t n, enum index_convention convention);
size_t codes_body_bytes(const void *state, size_t n);
unsigned codes_padding_bits(const void *state, size_t n);

#ifdef __cplusplus
}
#endif
#endif
