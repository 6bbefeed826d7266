/* Losses and what a pass ends with. A row's exponentials are fp32; sums, and the terms of its own label, where digits
 * would cancel, are fp64, as on the CPU. */
#include <math.h>

#include "core/kernel.h"
#include "models/cuda/array.h"
#include "models/cuda/kernels.h"

typedef struct {
  const control *control;
  const float *logits;
  const int32_t *labels; /* sample-major */
  float *gradient;
  outcome *rows;
  uint32_t n_samples, n_steps, columns;
  double smoothing;
} softmax_args;

HD static inline bool row_counts(const softmax_args *a, uint32_t row) {
  return row % a->n_samples < a->control->count;
}

HD static inline uint32_t row_label(const softmax_args *a, uint32_t row) {
  return (uint32_t)a->labels[row % a->n_samples * a->n_steps + row / a->n_samples];
}

/* What one row comes to, from its largest logit (the first of them at `best`), the sum of e^(z - largest) and the sum of
 * its logits. */
HD static inline outcome row_outcome(const softmax_args *a, uint32_t row, float largest, uint32_t best, double sum,
                                     double logits) {
  const uint32_t label = row_label(a, row);
  const double own = a->logits[(size_t)row * a->columns + label], s = a->smoothing;
  const outcome o = {log(sum) + largest - own + s * (own - logits / a->columns), best == label ? 1u : 0u};
  return o;
}

HD static inline float row_gradient(const softmax_args *a, uint32_t row, uint32_t column, float largest, double sum) {
  const double scale = 1 / ((double)a->control->total * a->n_steps), s = a->smoothing;
  const double share = expf(a->logits[(size_t)row * a->columns + column] - largest) / sum;
  const double target = (column == row_label(a, row) ? 1 - s : 0) + s / a->columns;
  return (float)((share - target) * scale);
}

#ifdef __CUDACC__

enum { SOFTMAX_THREADS = 256 };

/* a joined with what the thread `distance` further has; in shared memory, for all threads. */
typedef struct {
  float largest;
  uint32_t best;
} peak;

__device__ static inline peak higher(peak a, peak b) {
  return b.largest > a.largest || (b.largest == a.largest && b.best < a.best) ? b : a;
}

/* A block a row. */
static __global__ void softmax_rows(softmax_args a) {
  __shared__ peak peaks[SOFTMAX_THREADS];
  __shared__ double sums[2][SOFTMAX_THREADS];
  const uint32_t row = blockIdx.x, me = threadIdx.x;
  const float *logits = a.logits + (size_t)row * a.columns;
  float *gradient = a.gradient + (size_t)row * a.columns;
  if (!row_counts(&a, row)) {
    for (uint32_t i = me; i < a.columns; i += SOFTMAX_THREADS) gradient[i] = 0;
    if (me == 0) {
      a.rows[row].loss = 0;
      a.rows[row].n_right = 0;
    }
    return;
  }
  peak top = {logits[me < a.columns ? me : 0], me < a.columns ? me : 0};
  for (uint32_t i = me; i < a.columns; i += SOFTMAX_THREADS) {
    const peak other = {logits[i], i};
    top = higher(top, other);
  }
  peaks[me] = top;
  for (unsigned half = SOFTMAX_THREADS / 2; half > 0; half /= 2) {
    __syncthreads();
    if (me < half) peaks[me] = higher(peaks[me], peaks[me + half]);
  }
  __syncthreads();
  const float largest = peaks[0].largest;
  double sum = 0, all = 0;
  for (uint32_t i = me; i < a.columns; i += SOFTMAX_THREADS) {
    sum += expf(logits[i] - largest);
    all += logits[i];
  }
  sums[0][me] = sum;
  sums[1][me] = all;
  for (unsigned half = SOFTMAX_THREADS / 2; half > 0; half /= 2) {
    __syncthreads();
    if (me < half) {
      sums[0][me] += sums[0][me + half];
      sums[1][me] += sums[1][me + half];
    }
  }
  __syncthreads();
  sum = sums[0][0];
  for (uint32_t i = me; i < a.columns; i += SOFTMAX_THREADS) gradient[i] = row_gradient(&a, row, i, largest, sum);
  if (me == 0) a.rows[row] = row_outcome(&a, row, largest, peaks[0].best, sum, sums[1][0]);
}

static void softmax(stream *s, size_t n_rows, softmax_args a) {
  if (s->error != STATUS_OK) return;
  softmax_rows<<<(unsigned)n_rows, SOFTMAX_THREADS, 0, (cudaStream_t)s->native>>>(a);
  KERNEL_CHECK(s, "softmax");
}

static __global__ void total_grid(const outcome *rows, uint32_t n, outcome *to) {
  __shared__ outcome sums[SOFTMAX_THREADS];
  outcome mine = {0, 0};
  for (uint32_t i = threadIdx.x; i < n; i += SOFTMAX_THREADS) {
    mine.loss += rows[i].loss;
    mine.n_right += rows[i].n_right;
  }
  sums[threadIdx.x] = mine;
  for (unsigned half = SOFTMAX_THREADS / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) {
      sums[threadIdx.x].loss += sums[threadIdx.x + half].loss;
      sums[threadIdx.x].n_right += sums[threadIdx.x + half].n_right;
    }
  }
  if (threadIdx.x == 0) *to = sums[0];
}

static void total(stream *s, const outcome *rows, size_t n, outcome *to) {
  if (s->error != STATUS_OK) return;
  total_grid<<<1, SOFTMAX_THREADS, 0, (cudaStream_t)s->native>>>(rows, (uint32_t)n, to);
  KERNEL_CHECK(s, "total");
}

#else

static void softmax_row(const softmax_args *a, uint32_t row) {
  const float *logits = a->logits + (size_t)row * a->columns;
  float *gradient = a->gradient + (size_t)row * a->columns, largest = logits[0];
  uint32_t best = 0;
  double sum = 0, all = 0;
  for (uint32_t i = 1; i < a->columns; i++)
    if (logits[i] > largest) {
      largest = logits[i];
      best = i;
    }
  for (uint32_t i = 0; i < a->columns; i++) {
    sum += expf(logits[i] - largest);
    all += logits[i];
  }
  for (uint32_t i = 0; i < a->columns; i++) gradient[i] = row_gradient(a, row, i, largest, sum);
  a->rows[row] = row_outcome(a, row, largest, best, sum, all);
}

static void softmax_loop(const void *arguments, size_t n_rows) {
  const softmax_args *a = (const softmax_args *)arguments;
  for (uint32_t row = 0; row < n_rows; row++) {
    if (row_counts(a, row)) {
      softmax_row(a, row);
      continue;
    }
    memset(a->gradient + (size_t)row * a->columns, 0, a->columns * sizeof *a->gradient);
    memset(&a->rows[row], 0, sizeof a->rows[row]);
  }
}

static void softmax(stream *s, size_t n_rows, softmax_args a) {
  s->device->ops->launch(s, softmax_loop, &a, sizeof a, n_rows);
}

typedef struct {
  const outcome *rows;
  outcome *to;
} total_args;

static void total_loop(const void *arguments, size_t n) {
  const total_args *a = (const total_args *)arguments;
  outcome sum = {0, 0};
  for (size_t i = 0; i < n; i++) {
    sum.loss += a->rows[i].loss;
    sum.n_right += a->rows[i].n_right;
  }
  *a->to = sum;
}

static void total(stream *s, const outcome *rows, size_t n, outcome *to) {
  const total_args a = {rows, to};
  s->device->ops->launch(s, total_loop, &a, sizeof a, n);
}

#endif

void run_softmax_loss(const step *s, const binding *b, stream *stream) {
  outcome *rows = (outcome *)tensor_at(b, s->t[4]);
  const softmax_args a = {b->control,
                          floats_at(b, s->t[0]),
                          (const int32_t *)tensor_at(b, s->t[1]),
                          floats_at(b, s->t[2]),
                          rows,
                          (uint32_t)s->rows,
                          (uint32_t)s->inner,
                          (uint32_t)s->columns,
                          b->mode == RUN_TRAIN ? s->smoothing : 0};
  softmax(stream, s->rows * s->inner, a);
  total(stream, rows, s->rows * s->inner, (outcome *)tensor_at(b, s->t[3]));
}

/* ---- the quadratic */

typedef struct {
  const control *control;
  array samples;
  const float *x, *spectrum;
  float *gradient; /* NULL: not wanted */
  outcome *terms;
  uint32_t columns;
} quadratic_args;

HD static inline void quadratic_one(const quadratic_args *a, size_t i) {
  const double count = (double)a->control->count, x = a->x[i], hx = count * a->spectrum[i] * x;
  double z = 0;
  for (uint32_t j = 0; j < a->control->count; j++) z += array_get(a->samples, j * a->columns + (uint32_t)i);
  a->terms[i].loss = (0.5 * hx - z) * x;
  a->terms[i].n_right = 0;
  if (a->gradient) a->gradient[i] = (float)((hx - z) / (double)a->control->total);
}
KERNEL(quadratic, quadratic_args, quadratic_one)

void run_quadratic_loss(const step *s, const binding *b, stream *stream) {
  outcome *terms = (outcome *)tensor_at(b, s->t[5]);
  const quadratic_args a = {b->control,
                            array_at(b, s->t[0]),
                            floats_at(b, s->t[1]),
                            floats_at(b, s->t[2]),
                            b->gradient ? floats_at(b, s->t[4]) : NULL,
                            terms,
                            (uint32_t)s->columns};
  quadratic(stream, s->columns, a);
  total(stream, terms, s->columns, (outcome *)tensor_at(b, s->t[3]));
}

/* ---- what a pass ends with */

typedef struct {
  const control *control;
  const outcome *outcome;
  const double *squares;
  double n_labels, l2;
  float *loss;
} mean_args;

HD static inline void mean_one(const mean_args *a, size_t i) {
  (void)i;
  const double penalty = a->squares ? 0.5 * a->l2 * *a->squares : 0;
  *a->loss = (float)(a->outcome->loss / ((double)a->control->total * a->n_labels) + penalty);
}
KERNEL(mean_loss, mean_args, mean_one)

typedef struct {
  const float *params;
  float *gradient;
  double *sum;
  double l2;
} gradient_args;

HD static inline void decay_one(const gradient_args *a, size_t i) { a->gradient[i] += (float)a->l2 * a->params[i]; }
KERNEL(add_decay, gradient_args, decay_one)

void issue_finish_step(stream *s, const control *c, const outcome *o, size_t n_labels, double l2, const double *squares,
                       const float *params, size_t n_params, float *gradient, float *loss) {
  const mean_args mean = {c, o, squares, (double)n_labels, l2, loss};
  const gradient_args decay = {params, gradient, NULL, l2};
  mean_loss(s, 1, mean);
  if (l2 > 0) add_decay(s, n_params, decay);
}

typedef struct {
  const outcome *from;
  outcome *to;
} outcome_args;

HD static inline void add_outcome_one(const outcome_args *a, size_t i) {
  (void)i;
  a->to->loss += a->from->loss;
  a->to->n_right += a->from->n_right;
}
KERNEL(add_outcome, outcome_args, add_outcome_one)

HD static inline void clear_outcome_one(const outcome_args *a, size_t i) {
  (void)i;
  a->to->loss = 0;
  a->to->n_right = 0;
}
KERNEL(clear_outcome, outcome_args, clear_outcome_one)

HD static inline void add_part_one(const gradient_args *a, size_t i) { a->sum[i] += a->params[i]; }
KERNEL(add_part, gradient_args, add_part_one)

HD static inline void clear_sum_one(const gradient_args *a, size_t i) { a->sum[i] = 0; }
KERNEL(clear_sum, gradient_args, clear_sum_one)

HD static inline void whole_one(const gradient_args *a, size_t i) {
  a->gradient[i] = (float)(a->sum[i] + a->l2 * a->params[i]);
}
KERNEL(whole_gradient, gradient_args, whole_one)

void issue_add_outcome(stream *s, const outcome *o, outcome *sums) {
  const outcome_args a = {o, sums};
  add_outcome(s, 1, a);
}

void issue_add_part(stream *s, const float *part, size_t n, double *sum) {
  const gradient_args a = {part, NULL, sum, 0};
  add_part(s, n, a);
}

void issue_clear(stream *s, double *sum, size_t n, outcome *sums) {
  const gradient_args a = {NULL, NULL, sum, 0};
  const outcome_args o = {NULL, sums};
  clear_sum(s, n, a);
  clear_outcome(s, 1, o);
}

void issue_finish_gradient(stream *s, const double *sum, const float *params, size_t n, double l2, float *gradient) {
  const gradient_args a = {params, gradient, (double *)sum, l2};
  whole_gradient(s, n, a);
}
