/* Compressors: one published operator a file, compiled for both devices.
 *
 * A compressor sees one vector of n floats (the whole model, a layer or a bucket: the pipeline decides) and writes the
 * body of one part of a message. Framing, index coding, scope and residual belong to pipeline.h.
 * Two families:
 *   a SELECTOR says which coordinates to send (select); the pipeline codes indices and values, or hands the values to
 *   a QUANTIZER;
 *   anything else encodes n values into wire_bound(n) bytes (encode) and adds them back scaled (decode_add). */
#ifndef TERSE_ALGORITHMS_COMPRESSOR_H
#define TERSE_ALGORITHMS_COMPRESSOR_H

#include <stddef.h>
#include <stdint.h>

#include "core/device.h"
#include "core/module.h"
#include "core/rng.h"
#include "core/vec.h"

#ifdef __cplusplus
extern "C" {
#endif

enum compressor_trait {
  UNBIASED = 1,       /* E C(x) = x and E|C(x) - x|^2 <= omega |x|^2, omega = factor(FACTOR_OMEGA) */
  CONTRACTIVE = 2,    /* E|C(x) - x|^2 <= (1 - delta) |x|^2, delta = factor(FACTOR_DELTA) */
  SELECTOR = 4,       /* implements count and select instead of encode and decode_add */
  QUANTIZER = 8,      /* may follow a selector in a pipeline */
  EXACT = 16,         /* C(x) = x: only the identity may say so */
  RANDOMIZED = 32,    /* draws from call->key */
  VARIABLE_SIZE = 64, /* a selector whose count the device decides: count() is the most, *out->count what it is */
};

enum factor_kind { FACTOR_OMEGA, FACTOR_DELTA };

/* How a paper counts the bits of an index into n elements: 32, or ceil(log2 n). */
enum index_convention { INDEX_32, INDEX_LOG2 };

/* The circumstances of one encode or decode. */
typedef struct call {
  stream *stream;
  uint64_t seed, round;
  int worker;    /* whose message it is: the same for encode and decode */
  uint32_t part; /* which part (layer, bucket) of the vector; another number for the quantizer behind a selector */
  void *scratch; /* device memory, vec_scratch_bytes(n_max) bytes */
} call;

/* The draws of one call; distinct for every (seed, round, worker, part). */
HD static inline rng_key call_key(const call *c) {
  return rng_stream(c->seed + 0x9e3779b97f4a7c15ull * c->part, RNG_COMPRESS, c->worker, c->round);
}

typedef struct compressor_env {
  device *device;
  size_t n_max; /* the longest vector it will see */
} compressor_env;

typedef struct compressor {
  const char *name, *paper; /* as in YAML; "authors, venue year: equation or algorithm" */
  const char *version;      /* changes when the same input gives other bytes: part of a cell's hash */
  const param *params;
  unsigned traits; /* enum compressor_trait; the conformance suite tests what is claimed */
  enum status (*create)(const compressor_env *env, const args *a, void **state);
  void (*destroy)(void *state);
  /* omega or delta it claims for vectors of n elements: the worst case. NaN: with these parameters it claims none (a
   * module lists UNBIASED and CONTRACTIVE where any parameters make it so). */
  double (*factor)(const void *state, enum factor_kind kind, size_t n);
  /* bits of one vector by the paper's own formula; VARIABLE_SIZE: of count(n) entries, and of fewer their share */
  double (*theory_bits)(const void *state, size_t n, enum index_convention convention);

  /* Not for selectors. Exact body size in bytes of n elements, and how many bits of it are padding. */
  size_t (*body_bytes)(const void *state, size_t n);
  unsigned (*padding_bits)(const void *state, size_t n);
  /* Writes body_bytes(n) bytes of device memory at `body` (4-byte aligned). */
  void (*encode)(void *state, const call *c, const float *x, size_t n, unsigned char *body);
  /* y += a C(x), body as written by encode for the same n; any bytes are survived (set *stream->fault where
   * impossible). */
  void (*decode_add)(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n);

  /* Selectors. How many entries select gives for n elements; and the entries, *out->count too: indices ascending,
   * values exact (times a scale where the operator has one, e.g. n/k). */
  size_t (*count)(const void *state, size_t n);
  void (*select)(void *state, const call *c, const float *x, size_t n, sparse *out);
} compressor;

extern const compressor *const compressor_registry[]; /* NULL-terminated; generated */
/* By YAML name, in the device's build of them (device->compressors) or the host's. NULL where there is none. */
const compressor *compressor_find(const device *d, const char *name);

#ifdef __cplusplus
}
#endif
#endif
