/* What pipeline.c (which composes and lays out) and pipeline_wire.c (which encodes and decodes) share. */
#ifndef TERSE_ALGORITHMS_PIPELINE_INTERNAL_H
#define TERSE_ALGORITHMS_PIPELINE_INTERNAL_H

#include "algorithms/pipeline.h"

/* In scope layer, one for each part, ahead of all bodies. */
typedef struct part_head {
  uint32_t count, body_bytes;
} part_head;
STATIC_ASSERT(sizeof(part_head) == 8, "a part's head is 8 bytes on the wire");

/* A slice of the vector that is compressed by itself: the whole of it, or one layer. */
typedef struct part {
  size_t offset, n;    /* elements of the vector */
  size_t first, count; /* entries among all parts' entries */
} part;

struct pipeline {
  device *device;
  stream *stream;
  uint64_t seed;
  enum scope scope;
  enum index_coding indices;
  const compressor *selector, *coder; /* either may be NULL; after a selector the coder codes the values it picked */
  void *selector_state, *coder_state;
  uint16_t format;
  size_t n, n_parts, count, body_bytes;
  uint64_t padding_bits;
  double theory_bits;
  part *parts;
  sparse entries;   /* all parts' entries, indices counted within the part */
  uint32_t *counts; /* device, n_parts: the views' count words */
  void *scratch;
};

typedef struct extent {
  size_t value_bytes, index_bytes; /* whole words */
  uint64_t padding_bits;
} extent;

/* What `count` entries (or, without a selector, all values) of a part of n elements take. */
extent pipeline_extent(const pipeline *p, size_t n, size_t count);

/* What stands between the message's head and the first part's body. */
static inline size_t pipeline_framing_bytes(const pipeline *p) {
  return p->scope == SCOPE_LAYER ? p->n_parts * sizeof(part_head) : 0;
}

#endif
