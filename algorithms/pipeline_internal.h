/* What pipeline.c (which composes and lays out), pipeline_wire.c (which encodes and decodes) and pipeline_variable.c
 * (which does where the device decides sizes) share. */
#ifndef TERSE_ALGORITHMS_PIPELINE_INTERNAL_H
#define TERSE_ALGORITHMS_PIPELINE_INTERNAL_H

#include "algorithms/pipeline.h"

/* Where the parts are framed, one for each, ahead of all bodies. */
typedef struct part_head {
  uint32_t count, body_bytes;
} part_head;
STATIC_ASSERT(sizeof(part_head) == 8, "a part's head is 8 bytes on the wire");

/* A slice of the vector that is compressed by itself: the whole of it, a layer or a bucket. */
typedef struct part {
  size_t offset, n;    /* elements of the vector */
  size_t first, count; /* entries among all parts' entries */
} part;

struct pipeline {
  device *device;
  stream *stream;
  uint64_t seed;
  enum scope scope;
  size_t bucket;
  enum index_coding indices;
  bool is_variable;                   /* the device decides sizes */
  bool is_counting;                   /* the device decides counts: the selector is VARIABLE_SIZE */
  bool is_framed;                     /* there are part_heads */
  const compressor *selector, *coder; /* either may be NULL; after a selector the coder codes the values it picked */
  void *selector_state, *coder_state;
  uint16_t format;
  /* Of the whole message; where sizes vary the most they can be. */
  size_t n, n_parts, count, body_bytes;
  uint64_t padding_bits;
  double theory_bits, theory_bits_per_entry;
  part *parts;
  sparse entries;   /* all parts' entries, indices counted within the part */
  uint32_t *counts; /* device, n_parts: the views' count words */
  void *scratch;
  /* Where sizes vary: one part's values and indices on their way, and where it goes. Device. */
  uint32_t *value_stage, *index_stage;
  part_place *place;
};

typedef struct extent {
  size_t value_bytes, index_bytes; /* whole words */
  uint64_t padding_bits;
} extent;

/* What `count` entries (or, without a selector, all values) of a part of n elements take. */
extent pipeline_extent(const pipeline *p, size_t n, size_t count);

/* What stands between the message's head and the first part's body. */
static inline size_t pipeline_framing_bytes(const pipeline *p) {
  return p->is_framed ? p->n_parts * sizeof(part_head) : 0;
}

static inline call pipeline_call(const pipeline *p, uint64_t round, int worker, size_t part_number) {
  return (call){.stream = p->stream,
                .seed = p->seed,
                .round = round,
                .worker = worker,
                .part = (uint32_t)part_number,
                .scratch = p->scratch};
}

/* A quantizer's draws must not depend on those by which the coordinates were picked. */
static inline call pipeline_coder_call(const pipeline *p, const call *c) {
  call own = *c;
  if (p->selector) own.part += (uint32_t)p->n_parts;
  return own;
}

/* Part i's own stretch of `all`. */
static inline sparse pipeline_view(const pipeline *p, size_t i, const sparse *all) {
  const part *t = &p->parts[i];
  return (sparse){
      .index = all->index + t->first, .value = all->value + t->first, .count = p->counts + i, .capacity = t->count};
}

/* Writes the values of a part: as they are, or as the coder codes them, in value_bytes bytes. */
void pipeline_put_values(pipeline *p, const call *c, const float *value, size_t count, size_t value_bytes,
                         unsigned char *body);
/* Reads `count` values from the coder's body. */
void pipeline_get_values(pipeline *p, const call *c, const unsigned char *body, float *value, size_t count);
/* Checks what every head says alike: format and n. */
enum status pipeline_check_kind(const pipeline *p, int worker, const message_head *h) WARN_UNUSED;

/* pipeline_variable.c: what pipeline.h's functions do where sizes vary. With `e`, e -= C(x), where x may be e. */
enum status variable_encode(pipeline *p, uint64_t round, int worker, const float *x, float *e,
                            message *out) WARN_UNUSED;
enum status variable_encode_sparse(pipeline *p, const sparse *entries, size_t count, message *out) WARN_UNUSED;
enum status variable_decode_add(pipeline *p, uint64_t round, int worker, const message *in, float a,
                                float *y) WARN_UNUSED;
enum status variable_decode_sparse(pipeline *p, uint64_t round, int worker, const message *in, sparse *out) WARN_UNUSED;
/* Where counts vary. */
enum status variable_select(pipeline *p, uint64_t round, int worker, const float *x, sparse *out) WARN_UNUSED;

#endif
