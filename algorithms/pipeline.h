/* A pipeline: the compressors of a method composed over the whole parameter vector. A selector, a quantizer, or a
 * selector that hands its values to a quantizer; applied to the vector as a whole (scope global), layer by layer, or to
 * buckets of a fixed number of elements (the last one may be smaller; one after the other, a few device calls each).
 *
 * Wire image: message_head; for scope layer, and for scope bucket where sizes vary, one part_head (8 bytes) a part;
 * then for each part the body: of a selector values (4 bytes each, or the quantizer's body over them), then indices
 * (index_coding.h). All in whole 32-bit words. The pipeline owns framing, index coding and residual.
 *
 * Sizes vary where the selector's count does (VARIABLE_SIZE) or indices are coded as gaps. The device decides them
 * then, and nothing waits for it: the message's head is valid once its event has happened. */
#ifndef TERSE_ALGORITHMS_PIPELINE_H
#define TERSE_ALGORITHMS_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "algorithms/compressor.h"
#include "algorithms/index_coding.h"
#include "core/message.h"
#include "models/model.h"

enum scope { SCOPE_GLOBAL, SCOPE_LAYER, SCOPE_BUCKET };

/* What methods with a compressor put in their parameter tables, and how it is read from them. */
/* clang-format off */
#define PIPELINE_PARAMS_IN(default_scope, default_compressor)                                                     \
  {.name = "compressor", .type = PARAM_PIPELINE, .fallback = default_compressor,                                  \
   .help = "compressors, a selector before a quantizer, e.g. [topk: {density: 0.01}]"},                           \
  {.name = "scope", .type = PARAM_CHOICE, .fallback = default_scope, .choices = "global|layer|bucket",            \
   .help = "what one selection or scale covers: the whole model, one layer, or one bucket"},                      \
  {.name = "bucket", .type = PARAM_INT, .fallback = "512", .min = 1, .max = 4294967295.0,                         \
   .help = "elements of a bucket, in scope bucket"},                                                              \
  {.name = "indices", .type = PARAM_CHOICE, .fallback = "raw32", .choices = "raw32|packed|delta",                 \
   .help = "how indices are coded: 32 bits, ceil(log2 n) bits, or a Golomb-Rice code of the gaps"}
#define PIPELINE_PARAMS(default_compressor) PIPELINE_PARAMS_IN("global", default_compressor)
/* clang-format on */

typedef struct pipeline_spec {
  const module_spec *stages;
  size_t n_stages;
  enum scope scope;
  size_t bucket; /* elements, in SCOPE_BUCKET */
  enum index_coding indices;
} pipeline_spec;
pipeline_spec pipeline_spec_from(const args *a);
/* The same with the compressors of another PARAM_PIPELINE parameter, where it names any. */
pipeline_spec pipeline_spec_named(const args *a, const char *name);

typedef struct pipeline pipeline;

/* Whether n stages compose, and what they are on a device (NULL: the host's build): *selector and *coder, each NULL
 * where there is none. STATUS_BAD_INPUT with the reason and the remedy. */
enum status pipeline_compose(const device *d, const module_spec *stages, size_t n, const compressor **selector,
                             const compressor **coder) WARN_UNUSED;

/* Checks that the stages compose (STATUS_BAD_INPUT with the reason) and creates their states. Everything encode and
 * decode need is allocated here. `layers` must outlive it. One pipeline serves all workers of a rank, in turn. */
enum status pipeline_create(const pipeline_spec *spec, device *d, stream *s, const layer_table *layers, uint64_t seed,
                            pipeline **out) WARN_UNUSED;
void pipeline_destroy(pipeline *p);

/* Whether the device decides sizes: then the host's copy of a message's head is valid only after its event. */
bool pipeline_is_variable(const pipeline *p);
/* Bytes of the largest wire image, head included. */
size_t pipeline_wire_bound(const pipeline *p);
/* Entries a message carries at the most: what a `sparse` for decode_sparse must hold. */
size_t pipeline_max_count(const pipeline *p);
/* All stages select: decode_sparse works. */
bool pipeline_is_sparse(const pipeline *p);
/* Worst-case omega or delta over the parts. */
double pipeline_factor(const pipeline *p, enum factor_kind kind);
unsigned pipeline_traits(const pipeline *p);

/* x (n_params floats, device) into `out`, which must hold pipeline_wire_bound bytes; records out->ready. */
enum status pipeline_encode(pipeline *p, uint64_t round, int worker, const float *x, message *out) WARN_UNUSED;
/* The same with error feedback: u = g + e; sends C(u); e = u - C(u), with C(u) exactly as the receiver decodes it.
 * e is updated in place; g is not changed. */
enum status pipeline_encode_feedback(pipeline *p, uint64_t round, int worker, const float *g, float *e,
                                     message *out) WARN_UNUSED;
/* y += a C(x) from worker's message. Checks the head: STATUS_BAD_MESSAGE names worker and field. */
enum status pipeline_decode_add(pipeline *p, uint64_t round, int worker, const message *in, float a,
                                float *y) WARN_UNUSED;
/* The message's entries over the whole vector. Only where pipeline_is_sparse. */
enum status pipeline_decode_sparse(pipeline *p, uint64_t round, int worker, const message *in, sparse *out) WARN_UNUSED;
/* Sends given entries (global scope, a selector alone): for methods that merge, such as gTop-k. */
enum status pipeline_encode_sparse(pipeline *p, const sparse *entries, size_t count, message *out) WARN_UNUSED;
/* What a selector picks from x without sending it. */
enum status pipeline_select(pipeline *p, uint64_t round, int worker, const float *x, sparse *out) WARN_UNUSED;

#endif
