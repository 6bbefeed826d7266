/* What the files behind core/vec.h share. */
#ifndef TERSE_CORE_VEC_INTERNAL_H
#define TERSE_CORE_VEC_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/kernel.h"
#include "core/vec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* reduce.c */
void reduce_issue(stream *s, enum reduction what, const float *x, const float *y, size_t n, double *out, void *scratch);
/* select.c */
void select_k_issue(stream *s, const float *x, size_t n, size_t k, sparse *out, void *scratch);
void compact_issue(stream *s, const float *x, size_t n, float threshold, sparse *out, void *scratch);
void sparse_keep_issue(stream *s, const sparse *in, size_t k, sparse *kept, void *scratch);
/* sparse.c */
void gather_issue(stream *s, const float *x, size_t n, sparse *out);
void scatter_add_issue(stream *s, float a, const sparse *in, float *y, size_t n);
void scatter_fill_issue(stream *s, const sparse *in, float a, float *y, size_t n);
void sparse_merge_issue(stream *s, const sparse *a, const sparse *b, sparse *out, void *scratch);
void sparse_subtract_issue(stream *s, const sparse *a, const sparse *b, sparse *out, void *scratch);

/* The bits of |x|: ordered as magnitudes are, NaN above infinity. */
HD static inline uint32_t magnitude_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits & 0x7fffffffu;
}
enum { INFINITY_BITS = 0x7f800000 };

/* Entries of a sparse vector; a broken count never leads beyond the buffers. */
HD static inline size_t sparse_length(const uint32_t *count, size_t capacity) {
  return *count < capacity ? *count : capacity;
}

HD static inline size_t vec_blocks(size_t n) { return (n + VEC_BLOCK - 1) / VEC_BLOCK; }

/* Radix selection's histograms, at the start of the scratch. */
enum { DIGIT_BINS = 2048, DIGIT_TABLES = 4 };

#ifdef __cplusplus
}
#endif
#endif
