/* Vector kernels, on every device, with the same bits on each.
 *
 * All pointers are device memory unless said otherwise. Calls are issued to a stream and return at once
 * (core/device.h). Sums are fp64 over exact products of floats, in one defined shape: blocks of VEC_BLOCK elements; in
 * a block, VEC_LANES lanes starting at 0, lane l adding elements l, l + VEC_LANES, … in order, then lanes folded in
 * halves (l += l + 16, 8, 4, 2, 1); the blocks' sums are reduced by the same rule until one is left. Arithmetic is
 * compiled without contraction.
 *
 * Magnitudes are ordered by the bits of |x|: denormals above 0, NaN above infinity. Which NaN an operation gives is the
 * one thing devices need not agree on. */
#ifndef TERSE_CORE_VEC_H
#define TERSE_CORE_VEC_H

#include <stddef.h>
#include <stdint.h>

#include "core/device.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { VEC_BLOCK = 4096, VEC_LANES = 32 };

/* A sparse vector over n dense elements: indices ascending and distinct. Buffers are device memory owned by whoever
 * created it; *count <= capacity is device memory too, since selections by threshold decide it on the device. */
typedef struct sparse {
  uint32_t *index;
  float *value;
  uint32_t *count;
  size_t capacity;
} sparse;

enum reduction {
  REDUCE_SUM,       /* sum x_i */
  REDUCE_DOT,       /* sum x_i y_i */
  REDUCE_SQUARES,   /* sum x_i^2 */
  REDUCE_ABS,       /* sum |x_i| */
  REDUCE_DISTANCE,  /* sum (x_i - y_i)^2, the difference taken in fp64 */
  REDUCE_MAX_ABS,   /* max |x_i|; 0 for n = 0; NaN where any x_i is NaN */
  REDUCE_NONFINITE, /* how many x_i are NaN or infinite */
};

/* Running account of a worker's training loss, in device memory; see loss_add. */
typedef struct loss_account {
  double sum; /* of mean mini-batch losses */
  uint64_t n_steps;
  uint64_t first_bad_step; /* 1 + the index (n_steps before it) of the first non-finite loss; 0: none */
} loss_account;

/* One device's kernels. Call them through the vec_ functions below. */
typedef struct vec_ops {
  void (*fill)(stream *, float *x, float a, size_t n);
  void (*scale)(stream *, float *x, float a, size_t n);
  void (*axpy)(stream *, float a, const float *x, float *y, size_t n);
  void (*add)(stream *, const float *x, const float *y, float *out, size_t n);
  void (*sub)(stream *, const float *x, const float *y, float *out, size_t n);
  void (*reduce)(stream *, enum reduction, const float *x, const float *y, size_t n, double *out, void *scratch);
  void (*clip)(stream *, float *x, size_t n, const double *sum_of_squares, float limit);
  void (*momentum_step)(stream *, float *x, const float *g, float *m, size_t n, float lr, float momentum, float decay);
  void (*nesterov_step)(stream *, float *x, const float *g, float *m, size_t n, float lr, float momentum, float decay);
  void (*loss_add)(stream *, loss_account *account, const float *loss);
  void (*select_k)(stream *, const float *x, size_t n, size_t k, sparse *out, void *scratch);
  void (*compact)(stream *, const float *x, size_t n, float threshold, sparse *out, void *scratch);
  void (*gather)(stream *, const float *x, size_t n, sparse *out);
  void (*scatter_add)(stream *, float a, const sparse *in, float *y, size_t n);
  void (*scatter_fill)(stream *, const sparse *in, float a, float *y, size_t n);
  void (*sparse_merge)(stream *, const sparse *a, const sparse *b, sparse *out, void *scratch);
  void (*sparse_keep)(stream *, const sparse *in, size_t k, sparse *kept, void *scratch);
  void (*sparse_subtract)(stream *, const sparse *a, const sparse *b, sparse *out, void *scratch);
} vec_ops;

/* The kernels compiled by the C compiler (CPU and shadow) or, inside libterse_cuda.so, by nvcc. */
extern const vec_ops vec_table;

/* Bytes of scratch (device memory, 64-byte aligned) that any call over at most n elements needs; for sparse operations
 * n is the sum of the operands' capacities. */
size_t vec_scratch_bytes(size_t n);

/* x = a */
static inline void vec_fill(stream *s, float *x, float a, size_t n) { s->device->vec->fill(s, x, a, n); }
/* x = a x */
static inline void vec_scale(stream *s, float *x, float a, size_t n) { s->device->vec->scale(s, x, a, n); }
/* to = from; the ranges do not overlap */
static inline void vec_copy(stream *s, float *to, const float *from, size_t n) {
  stream_copy(s, to, from, n * sizeof *to);
}
/* y += a x, product and sum each rounded to fp32 */
static inline void vec_axpy(stream *s, float a, const float *x, float *y, size_t n) {
  s->device->vec->axpy(s, a, x, y, n);
}
/* out = x + y; out may be x or y */
static inline void vec_add(stream *s, const float *x, const float *y, float *out, size_t n) {
  s->device->vec->add(s, x, y, out, n);
}
/* out = x - y; out may be x or y */
static inline void vec_sub(stream *s, const float *x, const float *y, float *out, size_t n) {
  s->device->vec->sub(s, x, y, out, n);
}
/* *out (device memory) = the reduction of x (and y where it takes two; else NULL) in the defined shape */
static inline void vec_reduce(stream *s, enum reduction what, const float *x, const float *y, size_t n, double *out,
                              void *scratch) {
  s->device->vec->reduce(s, what, x, y, n, out, scratch);
}
/* x *= min(1, limit / sqrt(*sum_of_squares)): clips x to norm `limit`; *sum_of_squares is device memory. A sum that is
 * not finite leaves x alone, so that divergence is seen and not hidden. */
static inline void vec_clip(stream *s, float *x, size_t n, const double *sum_of_squares, float limit) {
  s->device->vec->clip(s, x, n, sum_of_squares, limit);
}
/* d = g + decay x;  m = momentum m + d;  x -= lr m.  m NULL: momentum must be 0 and x -= lr d. (PyTorch's SGD.) */
static inline void vec_momentum_step(stream *s, float *x, const float *g, float *m, size_t n, float lr, float momentum,
                                     float decay) {
  s->device->vec->momentum_step(s, x, g, m, n, lr, momentum, decay);
}
/* d = g + decay x;  m = momentum m + d;  x -= lr (d + momentum m).  m is not NULL. (PyTorch's SGD with nesterov.) */
static inline void vec_nesterov_step(stream *s, float *x, const float *g, float *m, size_t n, float lr, float momentum,
                                     float decay) {
  s->device->vec->nesterov_step(s, x, g, m, n, lr, momentum, decay);
}
/* account->sum += *loss; one more step; marks the first loss that is NaN or infinite */
static inline void vec_loss_add(stream *s, loss_account *account, const float *loss) {
  s->device->vec->loss_add(s, account, loss);
}
/* out = the min(k, n) elements of largest |x|, ties to the lower index, indices ascending: exact. NaN counts as larger
 * than infinity, so a diverging coordinate is sent, not hidden. out->capacity >= min(k, n). */
static inline void vec_select_k(stream *s, const float *x, size_t n, size_t k, sparse *out, void *scratch) {
  s->device->vec->select_k(s, x, n, k, out, scratch);
}
/* out = the elements with |x_i| > threshold (or NaN), indices ascending; what does not fit out->capacity is left out,
 * highest indices first. threshold = 0 compacts the non-zeros. */
static inline void vec_compact(stream *s, const float *x, size_t n, float threshold, sparse *out, void *scratch) {
  s->device->vec->compact(s, x, n, threshold, out, scratch);
}
/* out->value[j] = x[out->index[j]] for j < *out->count. An index >= n sets FAULT_INDEX_RANGE and is skipped, here and
 * in the next two. */
static inline void vec_gather(stream *s, const float *x, size_t n, sparse *out) {
  s->device->vec->gather(s, x, n, out);
}
/* y[index] += a value; indices must be distinct */
static inline void vec_scatter_add(stream *s, float a, const sparse *in, float *y, size_t n) {
  s->device->vec->scatter_add(s, a, in, y, n);
}
/* y[index] = a for every index of `in` */
static inline void vec_scatter_fill(stream *s, const sparse *in, float a, float *y, size_t n) {
  s->device->vec->scatter_fill(s, in, a, y, n);
}
/* out = a + b: the union of the indices, equal indices added as a_value + b_value. out->capacity >= both capacities
 * together; out shares no memory with a or b. scratch: vec_scratch_bytes(a->capacity + b->capacity). */
static inline void vec_sparse_merge(stream *s, const sparse *a, const sparse *b, sparse *out, void *scratch) {
  s->device->vec->sparse_merge(s, a, b, out, scratch);
}
/* kept = the min(k, *in->count) entries of largest |value|, ties to the lower index. kept->capacity >= min(k,
 * capacity); kept shares no memory with in. */
static inline void vec_sparse_keep(stream *s, const sparse *in, size_t k, sparse *kept, void *scratch) {
  s->device->vec->sparse_keep(s, in, k, kept, scratch);
}
/* out = the entries of a whose index is not in b. out->capacity >= a->capacity; out shares no memory with a or b. */
static inline void vec_sparse_subtract(stream *s, const sparse *a, const sparse *b, sparse *out, void *scratch) {
  s->device->vec->sparse_subtract(s, a, b, out, scratch);
}

/* Device buffers for `capacity` entries, *count = 0. Release with sparse_release (NULL members are ignored). */
enum status sparse_alloc(device *d, size_t capacity, sparse *out) WARN_UNUSED;
void sparse_release(device *d, sparse *s);

#ifdef __cplusplus
}
#endif
#endif
