/* How ascending indices below n go over the wire: raw32 (4 bytes each), packed (ceil(log2 n) bits each, little-endian
 * bit order in 32-bit words) or delta (Golomb-Rice codes of the gaps, gap_coding.c); and the few other operations on
 * wire words that a pipeline needs. Compiled for both devices. */
#ifndef TERSE_ALGORITHMS_INDEX_CODING_H
#define TERSE_ALGORITHMS_INDEX_CODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/device.h"
#include "core/vec.h"

#ifdef __cplusplus
extern "C" {
#endif

enum index_coding { INDEX_RAW32, INDEX_PACKED, INDEX_DELTA };

/* Bits one index below n takes: 32, or ceil(log2 n) (0 for n <= 1). Not for delta, which has no one width. */
unsigned index_width(enum index_coding coding, size_t n);
/* Bytes of `count` indices, whole 32-bit words; of delta as many as `count` or fewer indices can take at the most. */
size_t index_bytes(enum index_coding coding, size_t n, size_t count);

enum { INDEX_MAX_WORDS = 4 };

/* In messages whose sizes the device decides: where a part's body lies, in words from the first part's body on. Device
 * memory; written by `lay` and `find`, which take over `end` from one part to the next. */
typedef struct part_place {
  uint32_t value_words, index_words, values_at, indices_at;
  uint32_t padding_bits; /* of the indices */
  uint32_t end;          /* where the next part begins; 0 before the first */
} part_place;

/* What `lay` and `find` are told of a part. */
typedef struct part_layout {
  part_place *place; /* device */
  uint32_t *count;   /* device, one: the part's entries */
  uint32_t *head;    /* device: the part's {count, body_bytes}; NULL: it has none (`lay` only) */
  uint32_t most;     /* entries at the most */
  bool is_fixed;     /* the part has exactly `most` entries */
  bool is_coded;     /* values take coded_words with coded_padding bits unused, and not a word each */
  uint32_t coded_words, coded_padding;
  uint32_t most_index_words;
} part_layout;

/* All pointers are device memory, but for `values`, which is host memory and is copied when the call is issued, and the
 * structs that hold pointers. The first two are not for delta. */
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

  /* Where only the device knows how many entries there are or how many bits they take. */
  /* Writes *in->count indices in any coding; place->index_words and padding_bits say what it took. */
  void (*encode_counted)(stream *s, enum index_coding coding, size_t n, const sparse *in, uint32_t *words,
                         part_place *place);
  /* Reads *out->count of them from place->index_words words. Faults as `decode` does; what delta cannot read is cut off
   * and out->count with it, and words that are too many or not zero at the end set FAULT_VALUE. */
  void (*decode_counted)(stream *s, enum index_coding coding, size_t n, const uint32_t *words, const part_place *place,
                         sparse *out);
  /* Encoding: gives the part its place behind the ones before it, writes its head and adds it to the message's `head`.
   * Call it when place->index_words is there. */
  void (*lay)(stream *s, const part_layout *part, uint32_t *message_head);
  /* Decoding: finds the part's place from its head, in a message of total_words words; sets *count. A head that makes
   * no sense sets FAULT_VALUE and leaves a part without entries. */
  void (*find)(stream *s, const part_layout *part, uint32_t total_words);
  /* to[*to_at + j] = from[*from_at + j] for j < min(*n, most); to_at or from_at NULL: 0. */
  void (*move)(stream *s, const uint32_t *from, const uint32_t *from_at, uint32_t *to, const uint32_t *to_at,
               const uint32_t *n, size_t most);
  /* *to += *from */
  void (*add_count)(stream *s, const uint32_t *from, uint32_t *to);
} index_ops;

extern const index_ops index_table;
/* The device's own build of the operations. */
static inline const index_ops *indices_of(const device *d) { return d->indices ? d->indices : &index_table; }

#ifdef __cplusplus
}
#endif
#endif
