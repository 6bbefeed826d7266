/* LSTM (S. Hochreiter and J. Schmidhuber, Neural Computation 9, 1997, with the forget gate of F. Gers, J. Schmidhuber
 * and F. Cummins, Neural Computation 12, 2000) on matrix products; oneDNN's own is a slow reference here.
 *
 * With x_t the input, all rows of B samples:
 *   [i f g o] = x_t W_ih' + h_(t-1) W_hh' + b_ih + b_hh, then sigmoid of i, f and o, tanh of g
 *   c_t = f c_(t-1) + i g,  h_t = o tanh(c_t)
 * `gates` holds the T blocks of B x 4H; `hidden` and `cells` T + 1 blocks of B x H, the first of which are h_0 and c_0:
 * the state carried from the batch before, where gradients stop (truncated back-propagation). */
#include <string.h>

#include "core/module.h"
#include "models/cpu/compiler.h"
#include "models/cpu/exponential.h"

/* a (hidden), b (cells): their first blocks of `columns` floats = the state c, or zeros. */
static void load_state(const step *s, run *r) {
  const size_t n_bytes = s->columns * sizeof(float);
  const float *state = (const float *)s->c->data;
  if (r->fresh) {
    memset(s->a->data, 0, n_bytes);
    memset(s->b->data, 0, n_bytes);
    return;
  }
  memcpy(s->a->data, state, n_bytes);
  memcpy(s->b->data, state + s->columns, n_bytes);
}

/* The state c = the last blocks a of hidden and b of cells. */
static void store_state(const step *s, run *r) {
  (void)r;
  const size_t n_bytes = s->columns * sizeof(float);
  float *state = (float *)s->c->data;
  memcpy(state, s->a->data, n_bytes);
  memcpy(state + s->columns, s->b->data, n_bytes);
}

/* Of one sample; apart, so that gcc sees that nothing overlaps. */
static void advance(size_t n, const float *RESTRICT i, const float *RESTRICT f, const float *RESTRICT g,
                    const float *RESTRICT o, const float *RESTRICT before, float *RESTRICT after,
                    float *RESTRICT hidden) {
  for (size_t k = 0; k < n; k++) {
    after[k] = f[k] * before[k] + i[k] * g[k];
    hidden[k] = o[k] * hyperbolic_tangent(after[k]);
  }
}

static void retreat(size_t n, float *RESTRICT i, float *RESTRICT f, float *RESTRICT g, float *RESTRICT o,
                    const float *RESTRICT before, const float *RESTRICT after, const float *RESTRICT dh,
                    float *RESTRICT dc) {
  for (size_t k = 0; k < n; k++) {
    const float y = hyperbolic_tangent(after[k]), d = dc[k] + dh[k] * o[k] * (1 - y * y);
    dc[k] = d * f[k];
    o[k] = dh[k] * y * o[k] * (1 - o[k]);
    f[k] = d * before[k] * f[k] * (1 - f[k]);
    const float input = i[k], cell = g[k];
    i[k] = d * cell * input * (1 - input);
    g[k] = d * input * (1 - cell * cell);
  }
}

/* One step of `rows` samples and `columns` units. a: the gates before their biases, then after their functions; b: both
 * biases; c: cells before and after; d: hidden after. */
static void cell_forward(const step *s, run *r) {
  (void)r;
  const size_t n = s->columns;
  const float *bias = (const float *)s->b->data;
  for (size_t j = 0; j < s->rows; j++) {
    float *gates = (float *)s->a->data + j * 4 * n, *hidden = (float *)s->d->data + j * n;
    const float *before = (const float *)s->c->data + j * n;
    float *after = (float *)s->c->data + (s->rows + j) * n;
    for (size_t k = 0; k < 4 * n; k++) gates[k] += bias[k] + bias[4 * n + k];
    for (size_t k = 0; k < 2 * n; k++) gates[k] = sigmoid(gates[k]);
    for (size_t k = 2 * n; k < 3 * n; k++) gates[k] = hyperbolic_tangent(gates[k]);
    for (size_t k = 3 * n; k < 4 * n; k++) gates[k] = sigmoid(gates[k]);
    advance(n, gates, gates + n, gates + 2 * n, gates + 3 * n, before, after, hidden);
  }
}

/* a: the gates, replaced by the loss's gradient in what goes into their functions; b: its gradient in h_t; c: cells
 * before and after; d: its gradient in c_t, replaced by that in c_(t-1). */
static void cell_backward(const step *s, run *r) {
  (void)r;
  const size_t n = s->columns;
  for (size_t j = 0; j < s->rows; j++) {
    float *gates = (float *)s->a->data + j * 4 * n, *dc = (float *)s->d->data + j * n;
    const float *dh = (const float *)s->b->data + j * n, *before = (const float *)s->c->data + j * n;
    retreat(n, gates, gates + n, gates + 2 * n, gates + 3 * n, before, before + s->rows * n, dh, dc);
  }
}

static void clear(const step *s, run *r) {
  (void)r;
  memset(s->a->data, 0, s->a->n_bytes);
}

/* Both biases' gradients b and c = the sum of a's rows. */
static void biases_gradient(const step *s, run *r) {
  (void)r;
  const float *dy = (const float *)s->a->data;
  float *sum = (float *)s->b->data;
  memset(sum, 0, s->columns * sizeof *sum);
  for (size_t j = 0; j < s->rows; j++)
    for (size_t i = 0; i < s->columns; i++) sum[i] += dy[j * s->columns + i];
  memcpy(s->c->data, sum, s->columns * sizeof *sum);
}

static enum status own(compiler *c, size_t n, tensor **out) {
  return program_tensor(c->program, n * sizeof(float), TENSOR_OWN, 0, out);
}

enum status lstm_forward(compiler *c, const layer *l, compiled_layer *k) {
  program *p = c->program;
  const size_t steps = l->steps, units = l->out[2], block = c->batch * units;
  tensor *biases, *state, *hidden, *cells;
  TRY_RETURN(own(c, steps * 4 * block, &k->gates));
  TRY_RETURN(own(c, (steps + 1) * block, &k->hidden));
  TRY_RETURN(own(c, (steps + 1) * block, &k->cells));
  TRY_RETURN(program_tensor(p, 8 * units * sizeof(float), TENSOR_PARAMS, l->parameters[2].offset, &biases));
  TRY_RETURN(program_tensor(p, 2 * block * sizeof(float), TENSOR_STATE, c->n_state, &state));
  c->n_state += 2 * block;
  TRY_RETURN(compile_loop(c, (step){.loop = load_state, .a = k->hidden, .b = k->cells, .c = state, .columns = block}));
  TRY_RETURN(compile_product(c, 'N', 'T', steps * c->batch, 4 * units, l->in[2], k->in, k->values[0], 0, k->gates));
  for (size_t t = 0; t < steps; t++) {
    tensor *gates, *after;
    TRY_RETURN(program_view(p, k->gates, 4 * t * block, 4 * block, &gates));
    TRY_RETURN(program_view(p, k->hidden, t * block, block, &hidden));
    TRY_RETURN(program_view(p, k->cells, t * block, 2 * block, &cells));
    TRY_RETURN(program_view(p, k->hidden, (t + 1) * block, block, &after));
    TRY_RETURN(compile_product(c, 'N', 'T', c->batch, 4 * units, units, hidden, k->values[1], 1, gates));
    TRY_RETURN(compile_loop(c, (step){.loop = cell_forward,
                                      .a = gates,
                                      .b = biases,
                                      .c = cells,
                                      .d = after,
                                      .rows = c->batch,
                                      .columns = units}));
  }
  TRY_RETURN(program_view(p, k->hidden, steps * block, block, &hidden));
  TRY_RETURN(program_view(p, k->cells, steps * block, block, &cells));
  TRY_RETURN(compile_loop(c, (step){.loop = store_state, .a = hidden, .b = cells, .c = state, .columns = block}));
  const size_t shape[4] = {steps * c->batch, 1, 1, units};
  return onednn_view(p, k->hidden, block, shape, &k->out);
}

enum status lstm_backward(compiler *c, const layer *l, compiled_layer *k, tensor *dy, tensor **dx) {
  program *p = c->program;
  const size_t steps = l->steps, units = l->out[2], block = c->batch * units, n_rows = steps * c->batch;
  tensor *dc, *before;
  TRY_RETURN(own(c, block, &dc));
  TRY_RETURN(compile_loop(c, (step){.loop = clear, .a = dc}));
  for (size_t t = steps; t-- > 0;) {
    tensor *gates, *cells, *dh, *dh_before;
    TRY_RETURN(program_view(p, k->gates, 4 * t * block, 4 * block, &gates));
    TRY_RETURN(program_view(p, k->cells, t * block, 2 * block, &cells));
    TRY_RETURN(program_view(p, dy, t * block, block, &dh));
    TRY_RETURN(compile_loop(
        c,
        (step){.loop = cell_backward, .a = gates, .b = dh, .c = cells, .d = dc, .rows = c->batch, .columns = units}));
    if (t == 0) break;
    TRY_RETURN(program_view(p, dy, (t - 1) * block, block, &dh_before));
    TRY_RETURN(compile_product(c, 'N', 'N', c->batch, units, 4 * units, gates, k->values[1], 1, dh_before));
  }
  TRY_RETURN(program_view(p, k->hidden, 0, steps * block, &before));
  TRY_RETURN(compile_product(c, 'T', 'N', 4 * units, l->in[2], n_rows, k->gates, k->in, 0, k->gradients[0]));
  TRY_RETURN(compile_product(c, 'T', 'N', 4 * units, units, n_rows, k->gates, before, 0, k->gradients[1]));
  TRY_RETURN(compile_loop(c, (step){.loop = biases_gradient,
                                    .a = k->gates,
                                    .b = k->gradients[2],
                                    .c = k->gradients[3],
                                    .rows = n_rows,
                                    .columns = 4 * units}));
  if (!dx) return STATUS_OK;
  TRY_RETURN(compile_activations(c, steps, l->in, dx));
  return compile_product(c, 'N', 'N', n_rows, l->in[2], 4 * units, k->gates, k->values[0], 0, *dx);
}
