#include "core/kernel.h"
#include "models/cuda/array.h"
#include "models/cuda/column_sums.h"
#include "models/cuda/kernels.h"
#include "models/cuda/shortcut.h"
#include "models/dropout.h"

size_t partial_sum_bytes(size_t rows, size_t columns) { return 2 * sizeof(double) * column_sums_chunks(rows) * columns; }

/* ---- bias */

typedef struct {
  array x;
  const float *bias;
  uint32_t columns;
} bias_args;

HD static inline void add_bias_one(const bias_args *a, size_t i) {
  const uint32_t at = (uint32_t)i;
  array_set(a->x, at, array_get(a->x, at) + a->bias[at % a->columns]);
}
KERNEL(add_bias, bias_args, add_bias_one)

void run_add_bias(const step *s, const binding *b, stream *stream) {
  const bias_args a = {array_at(b, s->t[0]), floats_at(b, s->t[1]), (uint32_t)s->columns};
  add_bias(stream, s->rows * s->columns, a);
}

HD static inline void bias_terms(const bias_args *a, uint32_t row, uint32_t column, double *first, double *second) {
  (void)second;
  *first += array_get(a->x, row * a->columns + column);
}
COLUMN_SUMS(bias_sums, bias_args, bias_terms)

typedef struct {
  float *out;
} bias_total_args;

HD static inline void bias_total_one(const bias_total_args *a, uint32_t column, double sum, double unused) {
  (void)unused;
  a->out[column] = (float)sum;
}
COLUMN_TOTALS(bias_totals, bias_total_args, bias_total_one)

void run_bias_gradient(const step *s, const binding *b, stream *stream) {
  double *partial = (double *)tensor_at(b, s->t[2]);
  const bias_args a = {array_at(b, s->t[0]), NULL, (uint32_t)s->columns};
  const bias_total_args t = {floats_at(b, s->t[1])};
  bias_sums(stream, a, s->rows, s->columns, partial);
  bias_totals(stream, t, s->rows, s->columns, partial);
}

/* ---- element by element */

typedef struct {
  array a, b, c;
} three_args;

static three_args three(const step *s, const binding *b) {
  const three_args a = {array_at(b, s->t[0]), array_at(b, s->t[1]), array_at(b, s->t[2])};
  return a;
}

HD static inline void relu_one(const three_args *p, size_t i) {
  const float x = array_get(p->a, (uint32_t)i);
  array_set(p->b, (uint32_t)i, x < 0 ? 0 : x);
}
KERNEL(relu, three_args, relu_one)

HD static inline void relu_backward_one(const three_args *p, size_t i) {
  array_set(p->c, (uint32_t)i, array_get(p->a, (uint32_t)i) == 0 ? 0 : array_get(p->b, (uint32_t)i));
}
KERNEL(relu_backward, three_args, relu_backward_one)

HD static inline void sum_one(const three_args *p, size_t i) {
  array_set(p->c, (uint32_t)i, array_get(p->a, (uint32_t)i) + array_get(p->b, (uint32_t)i));
}
KERNEL(sum_of_two, three_args, sum_one)

void run_relu(const step *s, const binding *b, stream *stream) { relu(stream, s->rows, three(s, b)); }

void run_relu_backward(const step *s, const binding *b, stream *stream) {
  relu_backward(stream, s->rows, three(s, b));
}

void run_sum(const step *s, const binding *b, stream *stream) { sum_of_two(stream, s->rows, three(s, b)); }

/* ---- additions */

typedef struct {
  array a, y;
  shortcut other;
  bool relu;
} add_args;

HD static inline void add_one(const add_args *p, size_t i) {
  const float sum = array_get(p->a, (uint32_t)i) + shortcut_at(&p->other, (uint32_t)i);
  array_set(p->y, (uint32_t)i, p->relu && sum < 0 ? 0 : sum);
}
KERNEL(add_shortcut, add_args, add_one)

void run_add(const step *s, const binding *b, stream *stream) {
  const add_args a = {array_at(b, s->t[0]), array_at(b, s->t[2]), shortcut_of(s, array_at(b, s->t[1])), s->relu};
  add_shortcut(stream, s->rows * s->out[0] * s->out[1] * s->out[2], a);
}

typedef struct {
  array dy, dx;
  shortcut other; /* its sizes */
} take_args;

HD static inline void take_one(const take_args *p, size_t i) {
  const shortcut *o = &p->other;
  const uint32_t at = (uint32_t)i, channel = at % o->in_channels, pixel = at / o->in_channels,
                 column = pixel % o->in_width, row = pixel / o->in_width % o->in_height,
                 sample = pixel / o->in_width / o->in_height;
  const bool is_read = row % o->stride == 0 && column % o->stride == 0 && row / o->stride < o->height &&
                       column / o->stride < o->width;
  const uint32_t from = ((sample * o->height + row / o->stride) * o->width + column / o->stride) * o->channels + channel;
  array_set(p->dx, at, is_read ? array_get(p->dy, from) : 0);
}
KERNEL(take_back, take_args, take_one)

void run_take(const step *s, const binding *b, stream *stream) {
  const take_args a = {array_at(b, s->t[0]), array_at(b, s->t[1]), shortcut_of(s, array_at(b, NULL))};
  take_back(stream, s->rows * s->in[0] * s->in[1] * s->in[2], a);
}

/* ---- dropout */

typedef struct {
  const control *control;
  array x, y;
  uint32_t columns, inner, n_samples;
  bool is_time_major;
  uint64_t layer;
  float rate;
} dropout_args;

HD static inline void dropout_one(const dropout_args *a, size_t i) {
  const control *c = a->control;
  const uint32_t at = (uint32_t)i, column = at % a->columns, row = at / a->columns;
  uint64_t place; /* sample-major: by step and column, or by channel and pixel */
  if (a->is_time_major)
    place = ((uint64_t)(row % a->n_samples) * a->inner + row / a->n_samples) * a->columns + column;
  else
    place = ((uint64_t)(row / a->inner) * a->columns + column) * a->inner + row % a->inner;
  const float x = array_get(a->x, at);
  array_set(a->y, at, c->drops ? x * dropout_factor(c->drop_key, a->layer, place, a->rate) : x);
}
KERNEL(dropout, dropout_args, dropout_one)

void run_dropout(const step *s, const binding *b, stream *stream) {
  const bool is_time_major = s->in[0] == 0;
  const dropout_args a = {b->control, array_at(b, s->t[0]), array_at(b, s->t[1]), (uint32_t)s->columns,
                          (uint32_t)s->inner, (uint32_t)(s->rows / s->inner), is_time_major, s->layer, s->rate};
  dropout(stream, s->rows * s->columns, a);
}

/* ---- types and layouts */

typedef struct {
  array from, to;
  uint32_t rows, columns; /* of the layout that is written; 1: the layout stays */
} convert_args;

/* Each sample is transposed: element i of `to` in rows x columns is element (column, row) of `from`. */
HD static inline void convert_one(const convert_args *a, size_t i) {
  const uint32_t at = (uint32_t)i, column = at % a->columns, row = at / a->columns % a->rows,
                 sample = at / a->columns / a->rows;
  array_set(a->to, at, array_get(a->from, (sample * a->columns + column) * a->rows + row));
}
KERNEL(convert, convert_args, convert_one)

void run_convert(const step *s, const binding *b, stream *stream) {
  const uint32_t channels = (uint32_t)s->in[0], area = (uint32_t)s->in[1];
  const convert_args a = {array_at(b, s->t[0]), array_at(b, s->t[1]), s->inner == 1 ? channels : area,
                          s->inner == 1 ? area : channels};
  convert(stream, s->rows * s->in[0] * s->in[1], a);
}
