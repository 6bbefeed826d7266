/* Copies of the parameters that libraries read: convolution weights (out, in, height, width) as (out, height, width, in),
 * in bf16 where that is computed in, and aligned; and their gradients back. One launch for all of a model's. */
#include "core/kernel.h"
#include "models/cuda/array.h"
#include "models/cuda/kernels.h"

typedef struct {
  array copies;
  const float *params;
  float *gradient;
  const weights_entry *entries;
  uint32_t n_entries;
} weights_args;

enum { NOWHERE = -1 };

/* Where element i of the copies lies in the vector; NOWHERE: it fills up what aligns the next copy. */
HD static inline int64_t place_of(const weights_args *a, uint32_t i) {
  uint32_t low = 0, high = a->n_entries;
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    if (a->entries[middle].to <= i)
      low = middle;
    else
      high = middle;
  }
  const weights_entry e = a->entries[low];
  const uint32_t inside = i - (uint32_t)e.to, in = inside % e.in, at = inside / e.in % e.area,
                 out = inside / e.in / e.area;
  if (out >= e.out) return NOWHERE;
  return (int64_t)(e.offset + ((uint64_t)out * e.in + in) * e.area + at);
}

HD static inline void copy_one(const weights_args *a, size_t i) {
  const int64_t place = place_of(a, (uint32_t)i);
  if (place != NOWHERE) array_set(a->copies, (uint32_t)i, a->params[place]);
}
KERNEL(copy_weights, weights_args, copy_one)

HD static inline void give_back_one(const weights_args *a, size_t i) {
  const int64_t place = place_of(a, (uint32_t)i);
  if (place != NOWHERE) a->gradient[place] = array_get(a->copies, (uint32_t)i);
}
KERNEL(copy_gradients, weights_args, give_back_one)

void run_copy_weights(const step *s, const binding *b, stream *stream) {
  const weights_args a = {array_at(b, s->t[0]), floats_at(b, s->t[1]), NULL,
                          (const weights_entry *)tensor_at(b, s->t[2]), (uint32_t)s->columns};
  copy_weights(stream, s->rows, a);
}

void run_copy_gradients(const step *s, const binding *b, stream *stream) {
  const weights_args a = {array_at(b, s->t[0]), NULL, floats_at(b, s->t[1]),
                          (const weights_entry *)tensor_at(b, s->t[2]), (uint32_t)s->columns};
  copy_gradients(stream, s->rows, a);
}
