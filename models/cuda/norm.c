/* Batch norm (S. Ioffe and C. Szegedy, ICML 2015) over a matrix of N rows and C channels:
 *   m = mean x, v = mean (x - m)^2,  h = (x - m) / sqrt(v + epsilon),  y = relu(scale h + shift + shortcut)
 * and with dz = dy where y > 0:  dscale = sum dz h, dshift = sum dz,
 *   dx = scale / sqrt(v + epsilon) (dz - mean dz - h mean(dz h)).
 * Each pass over the data does all that can be done in it. Sums are fp64, so that x^2 may simply be summed. */
#include <math.h>

#include "core/kernel.h"
#include "models/cuda/array.h"
#include "models/cuda/column_sums.h"
#include "models/cuda/kernels.h"
#include "models/cuda/shortcut.h"

static const double EPSILON = 1e-5;

/* ---- statistics */

typedef struct {
  array x;
  uint32_t columns;
} moment_args;

HD static inline void moment_terms(const moment_args *a, uint32_t row, uint32_t column, double *first, double *second) {
  const double x = array_get(a->x, row * a->columns + column);
  *first += x;
  *second += x * x;
}
COLUMN_SUMS(moment_sums, moment_args, moment_terms)

typedef struct {
  const control *control;
  uint32_t columns, rows;
  double epsilon;
  float *statistics, *averages; /* mean, 1/deviation */
  double *collected;            /* sums of means and of mean squares */
  bool collects;
} statistics_args;

HD static inline void statistics_one(const statistics_args *a, uint32_t column, double sum, double squares) {
  const uint32_t n = a->columns;
  double mean = sum / a->rows, square = squares / a->rows, spread = square - mean * mean;
  a->statistics[column] = (float)mean;
  a->statistics[n + column] = (float)(1 / sqrt((spread > 0 ? spread : 0) + a->epsilon));
  if (!a->collects) return;
  const double before = (double)a->control->collected;
  a->collected[column] = (before > 0 ? a->collected[column] : 0) + mean;
  a->collected[n + column] = (before > 0 ? a->collected[n + column] : 0) + square;
  mean = a->collected[column] / (before + 1);
  spread = a->collected[n + column] / (before + 1) - mean * mean;
  a->averages[column] = (float)mean;
  a->averages[n + column] = (float)(1 / sqrt((spread > 0 ? spread : 0) + a->epsilon));
}
COLUMN_TOTALS(find_statistics, statistics_args, statistics_one)

void run_norm_statistics(const step *s, const binding *b, stream *stream) {
  double *partial = (double *)tensor_at(b, s->t[2]);
  const moment_args m = {array_at(b, s->t[0]), (uint32_t)s->columns};
  const statistics_args a = {b->control,
                             (uint32_t)s->columns,
                             (uint32_t)s->rows,
                             EPSILON,
                             floats_at(b, s->t[1]),
                             floats_at(b, s->t[4]),
                             (double *)tensor_at(b, s->t[3]),
                             b->mode == RUN_COLLECT};
  moment_sums(stream, m, s->rows, s->columns, partial);
  find_statistics(stream, a, s->rows, s->columns, partial);
}

/* ---- forward */

typedef struct {
  array x, y;
  const float *statistics, *parameters; /* mean, 1/deviation; scale, shift */
  uint32_t columns;
  bool adds, relu;
  shortcut other;
} norm_args;

HD static inline void norm_one(const norm_args *a, size_t i) {
  const uint32_t at = (uint32_t)i, column = at % a->columns, n = a->columns;
  const float h = (array_get(a->x, at) - a->statistics[column]) * a->statistics[n + column];
  float y = a->parameters[column] * h + a->parameters[n + column];
  if (a->adds) y += shortcut_at(&a->other, at);
  array_set(a->y, at, a->relu && y < 0 ? 0 : y);
}
KERNEL(norm, norm_args, norm_one)

void run_norm(const step *s, const binding *b, stream *stream) {
  const norm_args a = {array_at(b, s->t[0]),
                       array_at(b, s->t[1]),
                       floats_at(b, s->t[b->mode == RUN_EVALUATE ? 3 : 2]),
                       floats_at(b, s->t[4]),
                       (uint32_t)s->columns,
                       s->t[5] != NULL,
                       s->relu,
                       shortcut_of(s, array_at(b, s->t[5]))};
  norm(stream, s->rows * s->columns, a);
}

/* ---- backward */

typedef struct {
  array dy, y, x, dz; /* y, dz: data NULL where there is none */
  const float *statistics;
  uint32_t columns;
} slope_args;

HD static inline float behind_relu(array dy, array y, uint32_t at) {
  return y.data && array_get(y, at) == 0 ? 0 : array_get(dy, at);
}

HD static inline void slope_terms(const slope_args *a, uint32_t row, uint32_t column, double *first, double *second) {
  const uint32_t at = row * a->columns + column;
  const float dz = behind_relu(a->dy, a->y, at);
  const float h = (array_get(a->x, at) - a->statistics[column]) * a->statistics[a->columns + column];
  if (a->dz.data) array_set(a->dz, at, dz);
  *first += dz;
  *second += (double)dz * h;
}
COLUMN_SUMS(slope_sums, slope_args, slope_terms)

typedef struct {
  uint32_t columns, rows;
  float *gradient, *means; /* scale's, shift's; of dz h, of dz */
} slope_total_args;

HD static inline void slope_total_one(const slope_total_args *a, uint32_t column, double sum, double product) {
  const uint32_t n = a->columns;
  a->gradient[column] = (float)product;
  a->gradient[n + column] = (float)sum;
  a->means[column] = (float)(product / a->rows);
  a->means[n + column] = (float)(sum / a->rows);
}
COLUMN_TOTALS(slope_totals, slope_total_args, slope_total_one)

void run_norm_sums(const step *s, const binding *b, stream *stream) {
  double *partial = (double *)tensor_at(b, s->t[6]);
  const slope_args a = {array_at(b, s->t[0]), array_at(b, s->t[1]), array_at(b, s->t[2]), array_at(b, s->t[7]),
                        floats_at(b, s->t[3]), (uint32_t)s->columns};
  const slope_total_args t = {(uint32_t)s->columns, (uint32_t)s->rows, floats_at(b, s->t[4]), floats_at(b, s->t[5])};
  slope_sums(stream, a, s->rows, s->columns, partial);
  slope_totals(stream, t, s->rows, s->columns, partial);
}

typedef struct {
  array dy, y, x, dx;
  const float *statistics, *means, *parameters;
  uint32_t columns;
} norm_backward_args;

HD static inline void norm_backward_one(const norm_backward_args *a, size_t i) {
  const uint32_t at = (uint32_t)i, column = at % a->columns, n = a->columns;
  const float dz = behind_relu(a->dy, a->y, at), inverse = a->statistics[n + column];
  const float h = (array_get(a->x, at) - a->statistics[column]) * inverse;
  array_set(a->dx, at, a->parameters[column] * inverse * (dz - a->means[n + column] - h * a->means[column]));
}
KERNEL(norm_backward, norm_backward_args, norm_backward_one)

void run_norm_backward(const step *s, const binding *b, stream *stream) {
  const norm_backward_args a = {array_at(b, s->t[0]),  array_at(b, s->t[1]),  array_at(b, s->t[2]),
                                array_at(b, s->t[5]),  floats_at(b, s->t[3]), floats_at(b, s->t[4]),
                                floats_at(b, s->t[6]), (uint32_t)s->columns};
  norm_backward(stream, s->rows * s->columns, a);
}
