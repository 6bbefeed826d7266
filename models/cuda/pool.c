#include <math.h>

#include "core/kernel.h"
#include "models/cuda/array.h"
#include "models/cuda/kernels.h"

typedef struct {
  array from, to;
  uint16_t *places;
  uint32_t channels, in_height, in_width, height, width, kernel, stride;
  int32_t pad;
} pool_args;

static pool_args pool_of(const step *s, array from, array to, void *places) {
  const pool_args a = {from,
                       to,
                       (uint16_t *)places,
                       (uint32_t)s->in[0],
                       (uint32_t)s->in[1],
                       (uint32_t)s->in[2],
                       (uint32_t)s->out[1],
                       (uint32_t)s->out[2],
                       (uint32_t)s->kernel,
                       (uint32_t)s->stride,
                       (int32_t)s->pad};
  return a;
}

/* Element number of an image (height x width), and back. */
typedef struct {
  uint32_t sample, row, column, channel;
} pixel;

HD static inline pixel pixel_of(uint32_t i, uint32_t height, uint32_t width, uint32_t channels) {
  const uint32_t at = i / channels;
  const pixel p = {at / width / height, at / width % height, at % width, i % channels};
  return p;
}

/* The first of several equal ones, and a NaN before all: as libraries choose. */
HD static inline void max_one(const pool_args *a, size_t i) {
  const pixel p = pixel_of((uint32_t)i, a->height, a->width, a->channels);
  float best = -INFINITY;
  uint32_t place = 0;
  bool found = false;
  for (uint32_t k = 0; k < a->kernel * a->kernel; k++) {
    const int32_t row = (int32_t)(p.row * a->stride + k / a->kernel) - a->pad,
                  column = (int32_t)(p.column * a->stride + k % a->kernel) - a->pad;
    if (row < 0 || column < 0 || row >= (int32_t)a->in_height || column >= (int32_t)a->in_width) continue;
    const float x = array_get(
        a->from, ((p.sample * a->in_height + (uint32_t)row) * a->in_width + (uint32_t)column) * a->channels + p.channel);
    if (found && !(x > best) && !(x != x && best == best)) continue;
    best = x;
    place = k;
    found = true;
  }
  array_set(a->to, (uint32_t)i, best);
  a->places[i] = (uint16_t)place;
}
KERNEL(max_pool, pool_args, max_one)

/* The windows (row, column) that hold row r, column c of the input begin at the lowest and end before the highest. */
typedef struct {
  uint32_t begin, end;
} range;

HD static inline range windows_over(uint32_t at, int32_t pad, uint32_t kernel, uint32_t stride, uint32_t n) {
  const uint32_t reach = at + (uint32_t)pad, last = reach / stride + 1;
  const range r = {reach + 1 > kernel ? (reach + 1 - kernel + stride - 1) / stride : 0, last < n ? last : n};
  return r;
}

/* For each element of the input, the windows that chose it: no two elements write one place. */
HD static inline void max_backward_one(const pool_args *a, size_t i) {
  const pixel p = pixel_of((uint32_t)i, a->in_height, a->in_width, a->channels);
  const range rows = windows_over(p.row, a->pad, a->kernel, a->stride, a->height),
              columns = windows_over(p.column, a->pad, a->kernel, a->stride, a->width);
  float sum = 0;
  for (uint32_t row = rows.begin; row < rows.end; row++)
    for (uint32_t column = columns.begin; column < columns.end; column++) {
      const uint32_t from = ((p.sample * a->height + row) * a->width + column) * a->channels + p.channel;
      const uint32_t place = (p.row + (uint32_t)a->pad - row * a->stride) * a->kernel + p.column + (uint32_t)a->pad -
                             column * a->stride;
      if (a->places[from] == place) sum += array_get(a->from, from);
    }
  array_set(a->to, (uint32_t)i, sum);
}
KERNEL(max_pool_backward, pool_args, max_backward_one)

HD static inline void average_one(const pool_args *a, size_t i) {
  const pixel p = pixel_of((uint32_t)i, a->height, a->width, a->channels);
  float sum = 0;
  for (uint32_t k = 0; k < a->kernel * a->kernel; k++) {
    const uint32_t row = p.row * a->stride + k / a->kernel, column = p.column * a->stride + k % a->kernel;
    sum += array_get(a->from, ((p.sample * a->in_height + row) * a->in_width + column) * a->channels + p.channel);
  }
  array_set(a->to, (uint32_t)i, sum / (float)(a->kernel * a->kernel));
}
KERNEL(average_pool, pool_args, average_one)

HD static inline void average_backward_one(const pool_args *a, size_t i) {
  const pixel p = pixel_of((uint32_t)i, a->in_height, a->in_width, a->channels);
  const range rows = windows_over(p.row, 0, a->kernel, a->stride, a->height),
              columns = windows_over(p.column, 0, a->kernel, a->stride, a->width);
  float sum = 0;
  for (uint32_t row = rows.begin; row < rows.end; row++)
    for (uint32_t column = columns.begin; column < columns.end; column++)
      sum += array_get(a->from, ((p.sample * a->height + row) * a->width + column) * a->channels + p.channel);
  array_set(a->to, (uint32_t)i, sum / (float)(a->kernel * a->kernel));
}
KERNEL(average_pool_backward, pool_args, average_backward_one)

static size_t n_inputs(const step *s) { return s->rows * s->in[0] * s->in[1] * s->in[2]; }

static size_t n_outputs(const step *s) { return s->rows * s->out[0] * s->out[1] * s->out[2]; }

void run_max_pool(const step *s, const binding *b, stream *stream) {
  max_pool(stream, n_outputs(s), pool_of(s, array_at(b, s->t[0]), array_at(b, s->t[1]), tensor_at(b, s->t[2])));
}

void run_max_pool_backward(const step *s, const binding *b, stream *stream) {
  max_pool_backward(stream, n_inputs(s),
                    pool_of(s, array_at(b, s->t[0]), array_at(b, s->t[2]), tensor_at(b, s->t[1])));
}

void run_average_pool(const step *s, const binding *b, stream *stream) {
  average_pool(stream, n_outputs(s), pool_of(s, array_at(b, s->t[0]), array_at(b, s->t[1]), NULL));
}

void run_average_pool_backward(const step *s, const binding *b, stream *stream) {
  average_pool_backward(stream, n_inputs(s), pool_of(s, array_at(b, s->t[0]), array_at(b, s->t[1]), NULL));
}
