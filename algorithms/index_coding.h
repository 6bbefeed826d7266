/* How ascending indices below n go over the wire: raw32 (4 bytes each) or packed (ceil(log2 n) bits each, little-endian
 * bit order in 32-bit words); and the few other operations on wire words that a pipeline needs. Compiled for both
 * devices. */
#ifndef TERSE_ALGORITHMS_INDEX_CODING_H
#define TERSE_ALGORITHMS_INDEX_CODING_H

#include <stddef.h>
#include <stdint.h>

#include "core/device.h"

#ifdef __cplusplus
extern "C" {
#endif

enum index_coding { INDEX_RAW32, INDEX_PACKED };

/* Bits one index below n takes: 32, or ceil(log2 n) (0 for n <= 1). */
unsigned index_width(enum index_coding coding, size_t n);
/* Bytes of `count` indices, whole 32-bit words. */
size_t index_bytes(enum index_coding coding, size_t n, size_t count);

enum { INDEX_MAX_WORDS = 4 };

/* All pointers are device memory, but for `values`, which is host memory and is copied when the call is issued. */
typedef struct index_ops {
  /* Writes `count` indices as 32-bit words at `words`. */
  void (*encode)(stream *s, enum index_coding coding, size_t n, const uint32_t *index, size_t count, uint32_t *words);
  /* Reads them back. An index >= n or not above the one before it sets the stream's fault; it is stored all the same,
   * so whoever uses it checks its range (vec_scatter_add and vec_gather do). */
  void (*decode)(stream *s, enum index_coding coding, size_t n, const uint32_t *words, size_t count, uint32_t *index);
  /* index[j] += offset, modulo 2^32 */
  void (*shift)(stream *s, uint32_t *index, size_t count, uint32_t offset);
  /* words[j] = values[j] for j < n <= INDEX_MAX_WORDS */
  void (*put)(stream *s, uint32_t *words, const uint32_t *values, size_t n);
  /* Sets FAULT_VALUE where words[j] is not values[j] for some j < n <= INDEX_MAX_WORDS. */
  void (*expect)(stream *s, const uint32_t *words, const uint32_t *values, size_t n);
} index_ops;

extern const index_ops index_table;
/* The device's own build of the operations. */
static inline const index_ops *indices_of(const device *d) { return d->indices ? d->indices : &index_table; }

#ifdef __cplusplus
}
#endif
#endif
