/* Batches, made on the device from a resident data set (datasets/resident.h) or from what the host fetched. */
#include "core/kernel.h"
#include "models/cuda/array.h"
#include "models/cuda/kernels.h"

typedef struct {
  const control *control;
  array x;
  int32_t *labels;
  uint32_t channels, height, width, n_labels;
} batch_args;

HD static inline float image_element(const batch_args *a, const control *c, uint32_t sample, uint32_t channel,
                                     uint32_t row, uint32_t column) {
  const unsigned char *pixels = c->bytes + c->first + (size_t)c->ids[sample] * c->stride;
  const float *value = c->values + 256 * channel;
  long place = (long)(row * a->width + column);
  if (c->padding > 0) {
    const image_view view = image_view_draw(c->view_key, sample, c->padding);
    place = image_view_place(view, (int)a->height, (int)a->width, (int)row, (int)column);
    if (place < 0) return value[0];
  }
  return value[pixels[(size_t)channel * a->height * a->width + (size_t)place]];
}

/* Element i of (sample, row, column, channel). */
HD static inline void load_one(const batch_args *a, size_t i) {
  const control *c = a->control;
  const uint32_t at = (uint32_t)i, channel = at % a->channels, pixel = at / a->channels, column = pixel % a->width,
                 row = pixel / a->width % a->height, sample = pixel / a->width / a->height;
  float x;
  if (!c->bytes)
    x = c->samples[((sample * a->channels + channel) * a->height + row) * a->width + column];
  else if (c->is_text)
    x = (float)((const uint32_t *)c->bytes)[(size_t)c->ids[sample] * a->width + column];
  else
    x = image_element(a, c, sample, channel, row, column);
  array_set(a->x, at, x);
}
KERNEL(load_inputs, batch_args, load_one)

HD static inline void label_one(const batch_args *a, size_t i) {
  const control *c = a->control;
  const size_t sample = i / a->n_labels, step = i % a->n_labels;
  if (!c->bytes)
    a->labels[i] = c->labels[i];
  else if (c->is_text)
    a->labels[i] = (int32_t)((const uint32_t *)c->bytes)[(size_t)c->ids[sample] * a->n_labels + step + 1];
  else
    a->labels[i] = c->bytes[c->first_label + (size_t)c->ids[sample] * c->stride_label];
}
KERNEL(load_labels, batch_args, label_one)

void run_load_inputs(const step *s, const binding *b, stream *stream) {
  const batch_args a = {b->control, array_at(b, s->t[0]), NULL, (uint32_t)s->in[0], (uint32_t)s->in[1],
                        (uint32_t)s->in[2], 0};
  load_inputs(stream, s->rows * s->in[0] * s->in[1] * s->in[2], a);
}

void run_load_labels(const step *s, const binding *b, stream *stream) {
  const batch_args a = {b->control, array_at(b, NULL), (int32_t *)tensor_at(b, s->t[0]), 0, 0, 0, (uint32_t)s->columns};
  load_labels(stream, s->rows * s->columns, a);
}
