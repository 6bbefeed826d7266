/* The layers, as steps of a program. */
#include <string.h>

#include "models/cuda/compiler.h"

static tensor *bound(compiler *c, enum tensor_source source, const parameter *p) {
  return gpu_program_bound(c->program, source, p->offset, p->n);
}

static tensor *scratch(compiler *c, size_t n_bytes) {
  return n_bytes > 0 ? gpu_program_tensor(c->program, TENSOR_OWN, n_bytes) : NULL;
}

static bool wants_slope(const compiler *c, size_t value) { return value > c->first; }

/* The bias's gradient = the sum of dy's rows. */
static void bias_gradient(compiler *c, const parameter *p, tensor *dy, size_t n_rows) {
  step *s = add_step(c, run_bias_gradient, dy, bound(c, TENSOR_GRADIENT, p),
                     gpu_program_tensor(c->program, TENSOR_OWN, partial_sum_bytes(n_rows, p->n)));
  s->rows = n_rows;
  s->columns = p->n;
}

static void add_bias(compiler *c, const parameter *p, tensor *y, size_t n_rows) {
  step *s = add_step(c, run_add_bias, y, bound(c, TENSOR_PARAMS, p), NULL);
  s->rows = n_rows;
  s->columns = p->n;
}

/* ---- convolution */

static void call_conv(compiler *c, const layer *l, enum conv_kind kind, tensor *x, tensor *w, tensor *y) {
  conv_shape shape;
  conv_plan *plan = NULL;
  size_t n_workspace = 0;
  memset(&shape, 0, sizeof shape);
  shape.batch = c->batch;
  memcpy(shape.in, l->in, sizeof shape.in);
  memcpy(shape.out, l->out, sizeof shape.out);
  shape.kernel = l->kernel;
  shape.stride = l->stride;
  shape.pad = l->pad;
  shape.is_half = c->is_half;
  gpu_program_fail(c->program, c->ops->conv(c->library, &shape, kind, &plan, &n_workspace));
  step *s = add_step(c, run_conv, x, w, y);
  s->t[3] = scratch(c, n_workspace);
  s->conv = plan;
}

void compile_conv(compiler *c, const layer *l, layer_memo *m) {
  const size_t value = value_of_layer(c, l);
  m->x = as_type(c, c->values[l->from], c->is_half);
  c->values[value] = value_tensor(c, value, c->is_half);
  call_conv(c, l, CONV_FORWARD, m->x, m->weights, c->values[value]);
  if (l->n_parameters > 1) add_bias(c, &l->parameters[1], c->values[value], value_rows(c, value));
}

void compile_conv_backward(compiler *c, const layer *l, layer_memo *m, tensor *dy) {
  dy = as_type(c, dy, c->is_half);
  call_conv(c, l, CONV_WEIGHTS, m->x, m->weights_slope, dy);
  if (l->n_parameters > 1) bias_gradient(c, &l->parameters[1], dy, value_rows(c, value_of_layer(c, l)));
  if (!wants_slope(c, l->from)) return;
  tensor *dx = value_tensor(c, l->from, c->is_half);
  call_conv(c, l, CONV_DATA, dx, m->weights, dy);
  add_slope(c, l->from, as_type(c, dx, c->values[l->from]->is_half));
}

/* ---- dense: y = x W' + b, of every step of a sequence */

static void call_product(compiler *c, const char *op, size_t rows, size_t columns, size_t inner, tensor *a, tensor *b,
                         tensor *out) {
  step *s = add_step(c, run_product, a, b, out);
  memcpy(s->op, op, sizeof s->op);
  s->rows = rows;
  s->columns = columns;
  s->inner = inner;
}

static tensor *dense_weights(compiler *c, const layer *l, const layer_memo *m) {
  return m->weights ? m->weights : bound(c, TENSOR_PARAMS, &l->parameters[0]);
}

void compile_dense(compiler *c, const layer *l, layer_memo *m) {
  const size_t n_in = graph_count(l->in), n_out = graph_count(l->out), n_rows = c->batch * l->steps;
  tensor *y = gpu_program_tensor(c->program, TENSOR_OWN, n_rows * n_out * sizeof(float));
  m->x = as_plain(c, l->from, c->values[l->from], c->is_half);
  call_product(c, "NT", n_rows, n_out, n_in, m->x, dense_weights(c, l, m), y);
  add_bias(c, &l->parameters[1], y, n_rows);
  c->values[value_of_layer(c, l)] = y;
}

void compile_dense_backward(compiler *c, const layer *l, layer_memo *m, tensor *dy) {
  const size_t n_in = graph_count(l->in), n_out = graph_count(l->out), n_rows = c->batch * l->steps;
  tensor *factor = as_type(c, dy, c->is_half);
  call_product(c, "TN", n_out, n_in, n_rows, factor, m->x, bound(c, TENSOR_GRADIENT, &l->parameters[0]));
  bias_gradient(c, &l->parameters[1], dy, n_rows);
  if (!wants_slope(c, l->from)) return;
  tensor *dx = gpu_program_tensor(c->program, TENSOR_OWN, n_rows * n_in * sizeof(float));
  call_product(c, "NN", n_rows, n_in, n_out, factor, dense_weights(c, l, m), dx);
  add_slope(c, l->from, from_plain(c, l->from, dx));
}

/* ---- batch norm, alone or with the addition that follows it */

/* The shapes of the fused addition's other value and of the sum. */
static void set_addition(const compiler *c, step *s, const layer *add) {
  memcpy(s->in, graph_shape(c->graph, add->other), sizeof s->in);
  memcpy(s->out, add->out, sizeof s->out);
  s->stride = add->stride;
}

void compile_norm(compiler *c, const layer *l, layer_memo *m) {
  const layer *add = m->is_fused ? l + 1 : NULL;
  const size_t rows = value_rows(c, l->from), n = l->in[0], value = value_of_layer(c, l) + m->is_fused;
  m->x = c->values[l->from];
  m->statistics = gpu_program_tensor(c->program, TENSOR_OWN, 2 * n * sizeof(float));
  tensor *collected = gpu_program_tensor(c->program, TENSOR_KEPT, 2 * n * sizeof(double));
  tensor *averages = gpu_program_tensor(c->program, TENSOR_KEPT, 2 * n * sizeof(float));
  step *s = add_step(c, run_norm_statistics, m->x, m->statistics,
                     gpu_program_tensor(c->program, TENSOR_OWN, partial_sum_bytes(rows, n)));
  s->modes = RUN_TRAIN | RUN_COLLECT;
  s->t[3] = collected;
  s->t[4] = averages;
  s->rows = rows;
  s->columns = n;
  c->values[value] = value_tensor(c, value, m->x->is_half);
  s = add_step(c, run_norm, m->x, c->values[value], m->statistics);
  s->t[3] = averages;
  s->t[4] = gpu_program_bound(c->program, TENSOR_PARAMS, l->parameters[0].offset, 2 * n);
  s->t[5] = add ? c->values[add->other] : NULL;
  s->rows = rows;
  s->columns = n;
  s->relu = add ? add->relu : l->relu;
  if (add) set_addition(c, s, add);
}

/* What an addition's gradient dz gives to its other value. */
static void shortcut_backward(compiler *c, const layer *add, tensor *dz) {
  if (!wants_slope(c, add->other)) return;
  tensor *part = dz;
  const size_t *other = graph_shape(c->graph, add->other);
  if (add->stride > 1 || other[0] < add->out[0]) {
    part = value_tensor(c, add->other, c->values[add->other]->is_half);
    step *s = add_step(c, run_take, dz, part, NULL);
    s->rows = c->batch;
    set_addition(c, s, add);
  }
  add_slope(c, add->other, as_type(c, part, c->values[add->other]->is_half));
}

void compile_norm_backward(compiler *c, const layer *l, layer_memo *m, tensor *dy) {
  const layer *add = m->is_fused ? l + 1 : NULL;
  const size_t rows = value_rows(c, l->from), n = l->in[0], value = value_of_layer(c, l) + m->is_fused;
  const bool relu = add ? add->relu : l->relu, keeps = add && relu && wants_slope(c, add->other);
  tensor *y = relu ? c->values[value] : NULL;
  tensor *means = gpu_program_tensor(c->program, TENSOR_OWN, 2 * n * sizeof(float));
  tensor *dz = keeps ? value_tensor(c, value, m->x->is_half) : NULL;
  step *s = add_step(c, run_norm_sums, dy, y, m->x);
  s->t[3] = m->statistics;
  s->t[4] = gpu_program_bound(c->program, TENSOR_GRADIENT, l->parameters[0].offset, 2 * n);
  s->t[5] = means;
  s->t[6] = gpu_program_tensor(c->program, TENSOR_OWN, partial_sum_bytes(rows, n));
  s->t[7] = dz;
  s->rows = rows;
  s->columns = n;
  if (add) shortcut_backward(c, add, dz ? dz : dy);
  if (!wants_slope(c, l->from)) return;
  tensor *dx = value_tensor(c, l->from, m->x->is_half);
  s = add_step(c, run_norm_backward, dz ? dz : dy, dz ? NULL : y, m->x);
  s->t[3] = m->statistics;
  s->t[4] = means;
  s->t[5] = dx;
  s->t[6] = gpu_program_bound(c->program, TENSOR_PARAMS, l->parameters[0].offset, 2 * n);
  s->rows = rows;
  s->columns = n;
  add_slope(c, l->from, dx);
}

/* ---- LSTM */

/* What both passes of a layer are about. */
static void set_lstm(compiler *c, step *s, const layer *l, const layer_memo *m) {
  const size_t n_parameters = l->parameters[3].offset + l->parameters[3].n - l->parameters[0].offset;
  s->t[4] = gpu_program_bound(c->program, TENSOR_PARAMS, l->parameters[0].offset, n_parameters);
  s->t[5] = m->reserve;
  s->t[6] = scratch(c, m->n_workspace);
  s->rows = c->batch * l->out[2];
  s->in[0] = l->in[2];
  s->in[1] = l->out[2];
  s->lstm = m->lstm;
}

void compile_lstm(compiler *c, const layer *l, layer_memo *m) {
  const size_t value = value_of_layer(c, l), n_state = 2 * c->batch * l->out[2];
  const lstm_shape shape = {l->steps, c->batch, l->in[2], l->out[2]};
  size_t n_reserve = 0;
  gpu_program_fail(c->program, c->ops->lstm(c->library, &shape, &m->lstm, &m->n_workspace, &n_reserve));
  tensor *state = gpu_program_bound(c->program, TENSOR_STATE, c->n_state, n_state);
  c->n_state += n_state;
  m->x = c->values[l->from];
  m->state = gpu_program_tensor(c->program, TENSOR_OWN, n_state * sizeof(float));
  m->reserve = scratch(c, n_reserve);
  add_step(c, run_begin_state, m->state, state, NULL)->rows = n_state;
  c->values[value] = value_tensor(c, value, false);
  step *s = add_step(c, run_lstm, m->x, c->values[value], m->state);
  s->t[3] = state;
  set_lstm(c, s, l, m);
}

void compile_lstm_backward(compiler *c, const layer *l, layer_memo *m, tensor *dy) {
  tensor *dx = value_tensor(c, l->from, false);
  step *s = add_step(c, run_lstm_backward, m->x, c->values[value_of_layer(c, l)], m->state);
  s->t[3] = dy;
  s->t[7] = dx;
  set_lstm(c, s, l, m);
  if (wants_slope(c, l->from)) add_slope(c, l->from, dx);
}

/* ---- layers of our own kernels alone */

static size_t n_elements(const compiler *c, const layer *l) {
  return value_rows(c, value_of_layer(c, l)) * l->out[0];
}

/* 1 where another layer has put its own part of the table's gradient there before. */
static float is_tied_to(const compiler *c, const layer *l) {
  bool is_tied = false;
  for (const layer *other = l + 1; other < c->graph->layers + c->graph->n_layers; other++) is_tied |= other->is_tied;
  return is_tied ? 1.0f : 0.0f;
}

static void set_embedding(const compiler *c, step *s, const layer *l) {
  s->rows = c->batch;
  s->inner = l->steps;
  s->columns = l->out[2];
}

static void add_pool(compiler *c, const layer *l, void (*run)(const step *, const binding *, stream *), tensor *a,
                     tensor *b, tensor *d) {
  step *s = add_step(c, run, a, b, d);
  s->rows = c->batch;
  memcpy(s->in, l->in, sizeof s->in);
  memcpy(s->out, l->out, sizeof s->out);
  s->kernel = l->kernel;
  s->stride = l->stride;
  s->pad = l->pad;
}

static void add_dropout(compiler *c, const layer *l, tensor *from, tensor *to) {
  step *s = add_step(c, run_dropout, from, to, NULL);
  const bool is_time_major = l->steps > 1;
  s->inner = is_time_major ? l->steps : l->in[1] * l->in[2];
  s->rows = c->batch * s->inner;
  s->columns = is_time_major ? graph_count(l->in) : l->in[0];
  s->in[0] = !is_time_major;
  s->layer = (size_t)(l - c->graph->layers);
  s->rate = (float)l->rate;
}

static void compile_add(compiler *c, const layer *l, tensor *x, tensor *y) {
  step *s = add_step(c, run_add, x, c->values[l->other], y);
  s->rows = c->batch * l->steps;
  s->relu = l->relu;
  set_addition(c, s, l);
}

/* The gradient in the value a loss reads is known after its forward pass. */
static void compile_loss(compiler *c, const layer *l) {
  const size_t n = graph_count(l->in), n_rows = c->batch * l->steps;
  step *s;
  if (l->kind == LAYER_QUADRATIC_LOSS) {
    tensor *spectrum = gpu_program_tensor(c->program, TENSOR_KEPT, n * sizeof(float));
    spectrum->contents = c->graph->spectrum;
    s = add_step(c, run_quadratic_loss, c->values[l->from], c->params, spectrum);
    s->t[4] = c->gradient;
    s->t[5] = gpu_program_tensor(c->program, TENSOR_OWN, n * sizeof(outcome));
  } else {
    tensor *slope = gpu_program_tensor(c->program, TENSOR_OWN, n_rows * n * sizeof(float));
    s = add_step(c, run_softmax_loss, as_plain(c, l->from, c->values[l->from], false), c->labels, slope);
    s->t[4] = gpu_program_tensor(c->program, TENSOR_OWN, n_rows * sizeof(outcome));
    c->slopes[l->from] = slope;
  }
  s->t[3] = c->outcome;
  s->rows = c->batch;
  s->inner = l->steps;
  s->columns = n;
  s->smoothing = c->graph->label_smoothing;
}

void compile_others(compiler *c, const layer *l, layer_memo *m) {
  const size_t value = value_of_layer(c, l);
  tensor *x = c->values[l->from];
  if (l->kind == LAYER_SOFTMAX_LOSS || l->kind == LAYER_QUADRATIC_LOSS) {
    compile_loss(c, l);
    return;
  }
  tensor *y = value_tensor(c, value, x->is_half);
  c->values[value] = y;
  switch (l->kind) {
    case LAYER_RELU:
      add_step(c, run_relu, x, y, NULL)->rows = n_elements(c, l);
      break;
    case LAYER_MAX_POOL:
      m->places = gpu_program_tensor(c->program, TENSOR_OWN, n_elements(c, l) * sizeof(uint16_t));
      add_pool(c, l, run_max_pool, x, y, m->places);
      break;
    case LAYER_AVERAGE_POOL:
      add_pool(c, l, run_average_pool, x, y, NULL);
      break;
    case LAYER_ADD:
      compile_add(c, l, x, y);
      break;
    case LAYER_DROPOUT:
      add_dropout(c, l, x, y);
      break;
    case LAYER_EMBEDDING:
      set_embedding(c, add_step(c, run_embedding, x, bound(c, TENSOR_PARAMS, &l->parameters[0]), y), l);
      break;
    default:
      gpu_program_fail(c->program,
                       FAIL(STATUS_UNSUPPORTED, "layer %s is of a kind CUDA does not know", l->name));
  }
}

static void add_backward(compiler *c, const layer *l, tensor *dy) {
  tensor *dz = dy;
  if (l->relu) {
    dz = value_tensor(c, value_of_layer(c, l), dy->is_half);
    add_step(c, run_relu_backward, c->values[value_of_layer(c, l)], dy, dz)->rows = n_elements(c, l);
  }
  if (wants_slope(c, l->from)) add_slope(c, l->from, dz);
  shortcut_backward(c, l, dz);
}

void compile_others_backward(compiler *c, const layer *l, layer_memo *m, tensor *dy) {
  if (l->kind == LAYER_ADD) {
    add_backward(c, l, dy);
    return;
  }
  if (l->kind == LAYER_EMBEDDING) {
    step *s = add_step(c, run_embedding_backward, c->values[l->from], dy, bound(c, TENSOR_GRADIENT, &l->parameters[0]));
    set_embedding(c, s, l);
    s->t[3] = gpu_program_tensor(c->program, TENSOR_OWN, c->batch * l->steps * 2 * sizeof(uint32_t));
    s->kernel = l->parameters[0].shape[0];
    s->beta = is_tied_to(c, l);
    return;
  }
  if (!wants_slope(c, l->from)) return;
  tensor *dx = value_tensor(c, l->from, c->values[l->from]->is_half);
  switch (l->kind) {
    case LAYER_RELU:
      add_step(c, run_relu_backward, c->values[value_of_layer(c, l)], dy, dx)->rows = n_elements(c, l);
      break;
    case LAYER_MAX_POOL:
      add_pool(c, l, run_max_pool_backward, dy, m->places, dx);
      break;
    case LAYER_AVERAGE_POOL:
      add_pool(c, l, run_average_pool_backward, dy, dx, NULL);
      break;
    default:
      add_dropout(c, l, dy, dx);
  }
  add_slope(c, l->from, dx);
}
