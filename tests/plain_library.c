#include "tests/plain_library.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/cuda/array.h"
#include "models/cuda/executor.h"

struct conv_plan {
  conv_shape shape;
  enum conv_kind kind;
  struct conv_plan *next;
};

struct lstm_plan {
  lstm_shape shape;
  struct lstm_plan *next;
};

struct library {
  stream *stream;
  conv_plan *convs;
  lstm_plan *lstms;
};

static enum status open_library(stream *s, const net_options *options, library **out) {
  (void)options;
  *out = (library *)calloc(1, sizeof **out);
  if (!*out) return FAIL(STATUS_NO_MEMORY, "no memory for a library");
  (*out)->stream = s;
  return STATUS_OK;
}

static void close_library(library *l) {
  if (!l) return;
  for (conv_plan *p = l->convs, *next; p; p = next) next = p->next, free(p);
  for (lstm_plan *p = l->lstms, *next; p; p = next) next = p->next, free(p);
  free(l);
}

static double *doubles(size_t n) {
  double *x = (double *)calloc(n, sizeof *x);
  if (!x) abort();
  return x;
}

static double *read_array(const void *data, bool is_half, size_t n) {
  const array a = {(void *)data, is_half};
  double *x = doubles(n);
  for (size_t i = 0; i < n; i++) x[i] = array_get(a, (uint32_t)i);
  return x;
}

static void write_array(void *data, bool is_half, const double *x, size_t n) {
  const array a = {data, is_half};
  for (size_t i = 0; i < n; i++) array_set(a, (uint32_t)i, (float)x[i]);
}

/* ---- convolution */

enum { WORKSPACE = 24 }; /* bytes that every call overwrites: a workspace that somebody else still needs shows */

static enum status make_conv(library *l, const conv_shape *shape, enum conv_kind kind, conv_plan **out,
                             size_t *n_workspace) {
  conv_plan *p = (conv_plan *)calloc(1, sizeof *p);
  if (!p) return FAIL(STATUS_NO_MEMORY, "no memory for a plan");
  *p = (conv_plan){.shape = *shape, .kind = kind, .next = l->convs};
  l->convs = *out = p;
  *n_workspace = kind == CONV_DATA ? 0 : WORKSPACE;
  return STATUS_OK;
}

typedef struct conv_work {
  conv_shape shape;
  enum conv_kind kind;
  void *x, *w, *y, *workspace;
} conv_work;

/* y += x w, x += y w or w += x y of one pixel of y and one place of the window, by channels. */
static void multiply_channels(const conv_shape *s, enum conv_kind kind, double *x, double *w, double *y) {
  const size_t n_in = s->in[0], n_out = s->out[0], row = s->kernel * s->kernel * n_in;
  for (size_t o = 0; o < n_out; o++) {
    double sum = 0;
    for (size_t i = 0; kind == CONV_FORWARD && i < n_in; i++) sum += x[i] * w[o * row + i];
    y[o] += sum;
    for (size_t i = 0; kind == CONV_DATA && i < n_in; i++) x[i] += y[o] * w[o * row + i];
    for (size_t i = 0; kind == CONV_WEIGHTS && i < n_in; i++) w[o * row + i] += y[o] * x[i];
  }
}

static void conv_loop(const void *arguments, size_t unused) {
  (void)unused;
  const conv_work *k = (const conv_work *)arguments;
  const conv_shape *s = &k->shape;
  const size_t n_x = s->batch * graph_count(s->in), n_y = s->batch * graph_count(s->out);
  const size_t n_w = s->out[0] * s->kernel * s->kernel * s->in[0];
  if (k->workspace) memset(k->workspace, 0x7f, WORKSPACE);
  double *x = k->kind == CONV_DATA ? doubles(n_x) : read_array(k->x, s->is_half, n_x);
  double *w = k->kind == CONV_WEIGHTS ? doubles(n_w) : read_array(k->w, s->is_half, n_w);
  double *y = k->kind == CONV_FORWARD ? doubles(n_y) : read_array(k->y, s->is_half, n_y);
  for (size_t at = 0; at < n_y / s->out[0]; at++)
    for (size_t place = 0; place < s->kernel * s->kernel; place++) {
      const size_t column = at % s->out[2], row = at / s->out[2] % s->out[1], sample = at / s->out[2] / s->out[1];
      const long from_row = (long)(row * s->stride + place / s->kernel) - (long)s->pad;
      const long from_column = (long)(column * s->stride + place % s->kernel) - (long)s->pad;
      if (from_row < 0 || from_column < 0 || from_row >= (long)s->in[1] || from_column >= (long)s->in[2]) continue;
      const size_t from = (sample * s->in[1] + (size_t)from_row) * s->in[2] + (size_t)from_column;
      multiply_channels(s, k->kind, x + from * s->in[0], w + place * s->in[0], y + at * s->out[0]);
    }
  if (k->kind == CONV_FORWARD) write_array(k->y, s->is_half, y, n_y);
  if (k->kind == CONV_DATA) write_array(k->x, s->is_half, x, n_x);
  if (k->kind == CONV_WEIGHTS) write_array(k->w, s->is_half, w, n_w);
  free(x), free(w), free(y);
}

static void run_plain_conv(library *l, conv_plan *plan, void *x, void *w, void *y, void *workspace) {
  const conv_work k = {plan->shape, plan->kind, x, w, y, workspace};
  l->stream->device->ops->launch(l->stream, conv_loop, &k, sizeof k, 1);
}

/* ---- products */

typedef struct product_work {
  char op_a, op_b;
  bool is_half;
  size_t rows, columns, inner;
  const void *a, *b;
  float *c;
} product_work;

static void multiply(const product_work *k) {
  double *a = read_array(k->a, k->is_half, k->rows * k->inner), *b = read_array(k->b, k->is_half, k->inner * k->columns);
  double *row = doubles(k->columns);
  for (size_t i = 0; i < k->rows; i++) {
    for (size_t j = 0; j < k->columns; j++) row[j] = 0;
    for (size_t m = 0; m < k->inner; m++) {
      const double factor = k->op_a == 'T' ? a[m * k->rows + i] : a[i * k->inner + m];
      for (size_t j = 0; j < k->columns; j++) row[j] += factor * b[k->op_b == 'T' ? j * k->inner + m : m * k->columns + j];
    }
    write_array(k->c + i * k->columns, false, row, k->columns);
  }
  free(a), free(b), free(row);
}

static void product_loop(const void *arguments, size_t unused) {
  (void)unused;
  multiply((const product_work *)arguments);
}

static void run_plain_product(library *l, char op_a, char op_b, size_t rows, size_t columns, size_t inner,
                              const void *a, const void *b, float *c, bool is_half) {
  const product_work k = {op_a, op_b, is_half, rows, columns, inner, a, b, c};
  l->stream->device->ops->launch(l->stream, product_loop, &k, sizeof k, 1);
}

/* ---- LSTM. The reserve holds, for each step, the gates after their functions (batch x 4 units), and c after it. */

static enum status make_lstm(library *l, const lstm_shape *shape, lstm_plan **out, size_t *n_workspace,
                             size_t *n_reserve) {
  lstm_plan *p = (lstm_plan *)calloc(1, sizeof *p);
  if (!p) return FAIL(STATUS_NO_MEMORY, "no memory for a plan");
  *p = (lstm_plan){.shape = *shape, .next = l->lstms};
  l->lstms = *out = p;
  *n_reserve = shape->steps * shape->batch * 5 * shape->n_units * sizeof(float);
  *n_workspace = WORKSPACE;
  return STATUS_OK;
}

typedef struct lstm_work {
  lstm_shape shape;
  lstm_arguments a;
} lstm_work;

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void lstm_forward_loop(const void *arguments, size_t unused) {
  (void)unused;
  const lstm_work *k = (const lstm_work *)arguments;
  const lstm_arguments *a = &k->a;
  const size_t n = k->shape.n_units, n_in = k->shape.n_in, batch = k->shape.batch;
  memset(a->workspace, 0x7f, WORKSPACE);
  for (size_t t = 0; t < k->shape.steps; t++)
    for (size_t j = 0; j < batch; j++) {
      const size_t at = t * batch + j;
      float *gates = (float *)a->reserve + at * 5 * n, *cell = gates + 4 * n;
      const float *x = a->x + at * n_in, *before = t > 0 ? a->y + (at - batch) * n : a->h0 + j * n;
      const float *cell_before = t > 0 ? cell - batch * 5 * n : a->c0 + j * n;
      for (size_t g = 0; g < 4 * n; g++) {
        double sum = (double)a->weights[2][g] + a->weights[3][g];
        for (size_t i = 0; i < n_in; i++) sum += (double)a->weights[0][g * n_in + i] * x[i];
        for (size_t i = 0; i < n; i++) sum += (double)a->weights[1][g * n + i] * before[i];
        gates[g] = (float)(g / n == 2 ? tanh(sum) : sigmoid(sum));
      }
      for (size_t i = 0; i < n; i++) {
        cell[i] = gates[n + i] * cell_before[i] + gates[i] * gates[2 * n + i];
        a->y[at * n + i] = (float)(gates[3 * n + i] * tanh(cell[i]));
        if (t + 1 < k->shape.steps) continue;
        a->h[j * n + i] = a->y[at * n + i];
        a->c[j * n + i] = cell[i];
      }
    }
}

static void lstm_backward_loop(const void *arguments, size_t unused) {
  (void)unused;
  const lstm_work *k = (const lstm_work *)arguments;
  const lstm_arguments *a = &k->a;
  const size_t n = k->shape.n_units, n_in = k->shape.n_in, batch = k->shape.batch;
  double *dh = doubles(batch * n), *dc = doubles(batch * n), *slope = doubles(4 * n);
  double *dw = doubles(4 * n * n_in), *du = doubles(4 * n * n), *db = doubles(4 * n), *dx = doubles(n_in);
  memset(a->workspace, 0x7f, WORKSPACE);
  for (size_t t = k->shape.steps; t-- > 0;)
    for (size_t j = 0; j < batch; j++) {
      const size_t at = t * batch + j;
      const float *gates = (const float *)a->reserve + at * 5 * n, *cell = gates + 4 * n;
      const float *x = a->x + at * n_in, *before = t > 0 ? a->y + (at - batch) * n : a->h0 + j * n;
      const float *cell_before = t > 0 ? cell - batch * 5 * n : a->c0 + j * n;
      for (size_t i = 0; i < n; i++) {
        const double in = gates[i], keep = gates[n + i], new = gates[2 * n + i], out = gates[3 * n + i];
        const double y = tanh(cell[i]), d = dh[j * n + i] + a->dy[at * n + i];
        const double c = dc[j * n + i] + d * out * (1 - y * y);
        slope[i] = c * new * in * (1 - in);
        slope[n + i] = c * cell_before[i] * keep * (1 - keep);
        slope[2 * n + i] = c * in * (1 - new * new);
        slope[3 * n + i] = d * y * out * (1 - out);
        dc[j * n + i] = c * keep;
        dh[j * n + i] = 0;
      }
      memset(dx, 0, n_in * sizeof *dx);
      for (size_t g = 0; g < 4 * n; g++) {
        db[g] += slope[g];
        for (size_t i = 0; i < n_in; i++) dw[g * n_in + i] += slope[g] * x[i];
        for (size_t i = 0; i < n_in; i++) dx[i] += slope[g] * a->weights[0][g * n_in + i];
        for (size_t i = 0; i < n; i++) du[g * n + i] += slope[g] * before[i];
        for (size_t i = 0; i < n; i++) dh[j * n + i] += slope[g] * a->weights[1][g * n + i];
      }
      write_array(a->dx + at * n_in, false, dx, n_in);
    }
  write_array(a->weights_gradient[0], false, dw, 4 * n * n_in);
  write_array(a->weights_gradient[1], false, du, 4 * n * n);
  write_array(a->weights_gradient[2], false, db, 4 * n);
  write_array(a->weights_gradient[3], false, db, 4 * n);
  free(dh), free(dc), free(slope), free(dw), free(du), free(db), free(dx);
}

static void run_lstm_work(library *l, const lstm_plan *plan, const lstm_arguments *a, kernel_loop loop) {
  const lstm_work k = {plan->shape, *a};
  l->stream->device->ops->launch(l->stream, loop, &k, sizeof k, 1);
}

static void run_plain_lstm(library *l, lstm_plan *plan, const lstm_arguments *a) {
  run_lstm_work(l, plan, a, lstm_forward_loop);
}

static void run_plain_lstm_backward(library *l, lstm_plan *plan, const lstm_arguments *a) {
  run_lstm_work(l, plan, a, lstm_backward_loop);
}

const library_ops plain_library_ops = {
    .open = open_library,
    .close = close_library,
    .conv = make_conv,
    .conv_run = run_plain_conv,
    .lstm = make_lstm,
    .lstm_forward = run_plain_lstm,
    .lstm_backward = run_plain_lstm_backward,
    .product = run_plain_product,
};

static enum status create(const graph *g, const executor_env *env, executor **out) {
  return gpu_executor_create(g, env, &plain_library_ops, &plain_executor_ops, out);
}

const executor_ops plain_executor_ops = GPU_EXECUTOR_OPS(create);
