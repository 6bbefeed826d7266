/* The other value of an addition: every stride-th row and column of it, missing channels being zeros (models/graph.h). */
#ifndef TERSE_MODELS_CUDA_SHORTCUT_H
#define TERSE_MODELS_CUDA_SHORTCUT_H

#include "models/cuda/array.h"

typedef struct shortcut {
  array from; /* (batch, in_height, in_width, in_channels) */
  uint32_t in_channels, in_height, in_width;
  uint32_t channels, height, width, stride; /* of the sum */
} shortcut;

static inline shortcut shortcut_of(const step *s, array from) {
  const shortcut o = {from,
                      (uint32_t)s->in[0],
                      (uint32_t)s->in[1],
                      (uint32_t)s->in[2],
                      (uint32_t)s->out[0],
                      (uint32_t)s->out[1],
                      (uint32_t)s->out[2],
                      (uint32_t)s->stride};
  return o;
}

/* What it adds to element i of the sum. */
HD static inline float shortcut_at(const shortcut *o, uint32_t i) {
  if (o->stride == 1 && o->in_channels == o->channels) return array_get(o->from, i);
  const uint32_t channel = i % o->channels, pixel = i / o->channels, column = pixel % o->width,
                 row = pixel / o->width % o->height, sample = pixel / o->width / o->height;
  if (channel >= o->in_channels) return 0;
  return array_get(o->from, ((sample * o->in_height + row * o->stride) * o->in_width + column * o->stride) *
                                    o->in_channels +
                                channel);
}

#endif
