#include "models/cpu/compiled.h"

#include <stdlib.h>

#include "models/cpu/compiler.h"
#include "models/cpu/loops.h"

struct compiled {
  program program;
  tensor *input;
  size_t n_state;
};

/* ---- layers */

/* y = x W' + b, of every step of a sequence */
static enum status dense_forward(compiler *c, const layer *l, compiled_layer *k) {
  const size_t n_in = graph_count(l->in), n_out = graph_count(l->out), n_rows = c->batch * l->steps;
  TRY_RETURN(onednn_to_plain(c->program, k->in, &k->in));
  TRY_RETURN(compile_activations(c, l->steps, l->out, &k->out));
  TRY_RETURN(compile_product(c, 'N', 'T', n_rows, n_out, n_in, k->in, k->values[0], 0, k->out));
  const step bias = {.loop = loop_add_bias, .a = k->out, .b = k->values[1], .rows = n_rows, .columns = n_out};
  return compile_loop(c, bias);
}

/* dW = dy' x, db = sum of dy's rows, dx = dy W */
static enum status dense_backward(compiler *c, const layer *l, compiled_layer *k, tensor *dy, tensor **dx) {
  const size_t n_in = graph_count(l->in), n_out = graph_count(l->out), n_rows = c->batch * l->steps;
  TRY_RETURN(onednn_to_plain(c->program, dy, &dy));
  TRY_RETURN(compile_product(c, 'T', 'N', n_out, n_in, n_rows, dy, k->in, 0, k->gradients[0]));
  const step bias = {.loop = loop_bias_gradient, .a = dy, .b = k->gradients[1], .rows = n_rows, .columns = n_out};
  TRY_RETURN(compile_loop(c, bias));
  if (!dx) return STATUS_OK;
  TRY_RETURN(compile_activations(c, l->steps, l->in, dx));
  return compile_product(c, 'N', 'N', n_rows, n_in, n_out, dy, k->values[0], 0, *dx);
}

static enum status relu_forward(compiler *c, compiled_layer *k) {
  TRY_RETURN(onednn_like(c->program, k->in, &k->out));
  return compile_loop(c, (step){.loop = loop_relu, .a = k->in, .b = k->out});
}

static enum status relu_backward(compiler *c, const tensor *out, tensor *dy, tensor **dx) {
  TRY_RETURN(onednn_to_layout(c->program, dy, out, &dy));
  TRY_RETURN(onednn_like(c->program, out, dx));
  return compile_loop(c, (step){.loop = loop_relu_backward, .a = (tensor *)out, .b = dy, .c = *dx});
}

static enum status norm_forward(compiler *c, const layer *l, compiled_layer *k) {
  tensor *sums;
  const size_t n = l->in[0];
  TRY_RETURN(onednn_batch_norm(c->program, l, &k->parameters, k->in, &k->out, &k->forward));
  TRY_RETURN(program_tensor(c->program, 2 * n * sizeof(double), TENSOR_KEPT, 0, &sums));
  return compile_loop(c, (step){.modes = RUN_COLLECT,
                                .loop = loop_collect_statistics,
                                .a = k->forward.mean,
                                .b = k->forward.variance,
                                .c = sums,
                                .columns = n});
}

/* The shortcut of an addition as a pooling layer: from the other value's shape to the sum's rows and columns. */
static layer shortcut_of(const compiler *c, const layer *l) {
  layer shortcut = *l;
  const size_t *from = graph_shape(c->graph, l->other);
  for (int i = 0; i < 3; i++) shortcut.in[i] = from[i];
  shortcut.out[0] = from[0];
  return shortcut;
}

static tensor *value_of(const compiler *c, size_t value) { return value == 0 ? c->input : c->layers[value - 1].out; }

static enum status add_forward(compiler *c, const layer *l, compiled_layer *k) {
  tensor *other = value_of(c, l->other);
  const layer shortcut = shortcut_of(c, l);
  if (l->stride > 1) TRY_RETURN(onednn_pool(c->program, &shortcut, other, &other, &k->forward));
  k->taken = other;
  TRY_RETURN(onednn_align_channels(c->program, k->in, other, &k->in, &k->aligned));
  TRY_RETURN(onednn_like(c->program, k->in, &k->out));
  const size_t floats = c->batch * sizeof(float);
  return compile_loop(c, (step){.loop = loop_add,
                                .relu = l->relu,
                                .a = k->in,
                                .b = k->aligned,
                                .c = k->out,
                                .rows = c->batch,
                                .columns = k->out->n_bytes / floats,
                                .inner = k->aligned->n_bytes / floats});
}

/* Adds `part` to the gradient of a value, which several layers may read. */
static enum status join(compiler *c, tensor **gradient, tensor *part) {
  if (!*gradient) {
    *gradient = part;
    return STATUS_OK;
  }
  tensor *sum;
  TRY_RETURN(onednn_to_layout(c->program, part, *gradient, &part));
  TRY_RETURN(onednn_like(c->program, *gradient, &sum));
  const size_t n = sum->n_bytes / sizeof(float);
  const step add = {.loop = loop_add, .a = *gradient, .b = part, .c = sum, .rows = 1, .columns = n, .inner = n};
  *gradient = sum;
  return compile_loop(c, add);
}

/* c = a, or a's elements of training runs that are not dropped; the same of gradients. */
static enum status dropout(compiler *c, const layer *l, tensor *a, tensor **out) {
  TRY_RETURN(onednn_to_plain(c->program, a, &a));
  TRY_RETURN(compile_activations(c, l->steps, l->in, out));
  return compile_loop(c, (step){.loop = loop_dropout,
                                .a = a,
                                .c = *out,
                                .rows = c->batch,
                                .columns = graph_count(l->in),
                                .inner = l->steps,
                                .rate = (float)l->rate,
                                .layer = (size_t)(l - c->graph->layers)});
}

static enum status add_backward(compiler *c, const layer *l, compiled_layer *k, tensor *dy, tensor **dx) {
  if (l->relu)
    TRY_RETURN(relu_backward(c, k->out, dy, &dy));
  else
    TRY_RETURN(onednn_to_layout(c->program, dy, k->out, &dy));
  if (dx) *dx = dy;
  if (l->other <= c->first) return STATUS_OK;
  tensor *part = dy;
  if (k->aligned->n_bytes < k->out->n_bytes) {
    const size_t floats = c->batch * sizeof(float);
    TRY_RETURN(onednn_like(c->program, k->aligned, &part));
    TRY_RETURN(compile_loop(c, (step){.loop = loop_take_channels,
                                      .a = dy,
                                      .b = part,
                                      .rows = c->batch,
                                      .columns = dy->n_bytes / floats,
                                      .inner = part->n_bytes / floats}));
  }
  const layer shortcut = shortcut_of(c, l);
  if (l->stride > 1)
    TRY_RETURN(onednn_pool_backward(c->program, &shortcut, value_of(c, l->other), k->taken, part, &k->forward, &part));
  return join(c, &c->slopes[l->other], part);
}

static enum status embedding_forward(compiler *c, const layer *l, compiled_layer *k) {
  TRY_RETURN(compile_activations(c, l->steps, l->out, &k->out));
  return compile_loop(c, (step){.loop = loop_embedding,
                                .a = k->in,
                                .b = k->values[0],
                                .c = k->out,
                                .rows = c->batch,
                                .columns = l->out[2],
                                .inner = l->steps});
}

/* 1 where another layer has put its own part of the table's gradient there before. */
static float is_tied_to(const compiler *c, const layer *l) {
  bool is_tied = false;
  for (const layer *other = l + 1; other < c->graph->layers + c->graph->n_layers; other++) is_tied |= other->is_tied;
  return is_tied ? 1 : 0;
}

static enum status embedding_backward(compiler *c, const layer *l, compiled_layer *k, tensor *dy) {
  return compile_loop(c, (step){.loop = loop_embedding_backward,
                                .a = k->in,
                                .b = k->gradients[0],
                                .c = dy,
                                .beta = is_tied_to(c, l),
                                .rows = c->batch,
                                .columns = l->out[2],
                                .inner = l->steps});
}

static enum status softmax_forward(compiler *c, const layer *l, compiled_layer *k) {
  TRY_RETURN(onednn_to_plain(c->program, k->in, &k->in));
  TRY_RETURN(compile_activations(c, l->steps, l->in, &k->out)); /* holds the gradient */
  return compile_loop(c, (step){.loop = loop_softmax_loss,
                                .a = k->in,
                                .b = k->out,
                                .rows = c->batch,
                                .columns = graph_count(l->in),
                                .inner = l->steps,
                                .smoothing = c->graph->label_smoothing});
}

static enum status quadratic_forward(compiler *c, compiled_layer *k) {
  k->out = NULL;
  return compile_loop(c, (step){.loop = loop_quadratic_loss,
                                .a = k->in,
                                .b = k->values[0],
                                .c = k->gradients[0],
                                .rows = c->batch,
                                .columns = c->graph->n_params,
                                .spectrum = c->graph->spectrum});
}

/* ---- the whole */

static enum status compile_forward(compiler *c, const layer *l, compiled_layer *k) {
  TRY_RETURN(compile_parameters(c, l, k));
  switch (l->kind) {
    case LAYER_CONV:
      return onednn_conv(c->program, l, &k->parameters, k->in, &k->out, &k->forward);
    case LAYER_DENSE:
      return dense_forward(c, l, k);
    case LAYER_BATCH_NORM:
      return norm_forward(c, l, k);
    case LAYER_RELU:
      return relu_forward(c, k);
    case LAYER_MAX_POOL:
    case LAYER_AVERAGE_POOL:
      return onednn_pool(c->program, l, k->in, &k->out, &k->forward);
    case LAYER_ADD:
      return add_forward(c, l, k);
    case LAYER_DROPOUT:
      return dropout(c, l, k->in, &k->out);
    case LAYER_EMBEDDING:
      return embedding_forward(c, l, k);
    case LAYER_LSTM:
      return lstm_forward(c, l, k);
    case LAYER_SOFTMAX_LOSS:
      return softmax_forward(c, l, k);
    case LAYER_QUADRATIC_LOSS:
      return quadratic_forward(c, k);
  }
  return FAIL(STATUS_UNSUPPORTED, "layer %s is of a kind the CPU does not know", l->name);
}

/* dy: with respect to the layer's output; dx NULL: nobody before it has parameters. */
static enum status compile_backward(compiler *c, const layer *l, compiled_layer *k, tensor *dy, tensor **dx) {
  switch (l->kind) {
    case LAYER_CONV:
      return onednn_conv_backward(c->program, l, &k->parameters, k->in, dy, &k->forward, dx);
    case LAYER_DENSE:
      return dense_backward(c, l, k, dy, dx);
    case LAYER_BATCH_NORM:
      return onednn_batch_norm_backward(c->program, l, &k->parameters, k->in, dy, &k->forward, dx);
    case LAYER_RELU:
      return relu_backward(c, k->out, dy, dx);
    case LAYER_MAX_POOL:
    case LAYER_AVERAGE_POOL:
      return onednn_pool_backward(c->program, l, k->in, k->out, dy, &k->forward, dx);
    case LAYER_ADD:
      return add_backward(c, l, k, dy, dx);
    case LAYER_DROPOUT:
      return dx ? dropout(c, l, dy, dx) : STATUS_OK;
    case LAYER_EMBEDDING:
      return embedding_backward(c, l, k, dy);
    case LAYER_LSTM:
      return lstm_backward(c, l, k, dy, dx);
    case LAYER_SOFTMAX_LOSS:
    case LAYER_QUADRATIC_LOSS:
      break; /* their forward pass gives the gradient */
  }
  return FAIL(STATUS_UNSUPPORTED, "layer %s is of a kind the CPU cannot differentiate", l->name);
}

static enum status compile(compiler *c, tensor **input) {
  const graph *g = c->graph;
  while (c->first < g->n_layers && g->layers[c->first].n_parameters == 0) c->first++;
  TRY_RETURN(compile_activations(c, 1, g->input, input));
  c->input = *input;
  for (size_t i = 0; i < g->n_layers; i++) {
    c->layers[i].in = value_of(c, g->layers[i].from);
    TRY_RETURN(compile_forward(c, &g->layers[i], &c->layers[i]));
  }
  c->program->n_forward = c->program->n_steps;
  c->slopes[g->layers[g->n_layers - 1].from] = c->layers[g->n_layers - 1].out; /* what a loss gives */
  for (size_t i = g->n_layers - 1; i-- > c->first;) {
    const layer *l = &g->layers[i];
    tensor *dx = NULL;
    if (!c->slopes[i + 1]) continue; /* nobody reads it */
    TRY_RETURN(compile_backward(c, l, &c->layers[i], c->slopes[i + 1], l->from > c->first ? &dx : NULL));
    if (dx) TRY_RETURN(join(c, &c->slopes[l->from], dx));
  }
  return STATUS_OK;
}

enum status compiled_create(const graph *g, size_t batch, compiled **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  compiled *e = (compiled *)calloc(1, sizeof *e);
  compiler *c = (compiler *)calloc(1, sizeof *c);
  if (!e || !c) TRY(FAIL(STATUS_NO_MEMORY, "no memory to compile a model"));
  TRY(program_open(&e->program));
  c->graph = g;
  c->program = &e->program;
  c->batch = batch;
  TRY(compile(c, &e->input));
  TRY(program_plan(&e->program, e->input));
  e->n_state = c->n_state;
  *out = e;

exit:
  for (size_t i = 0; c && i < g->n_layers; i++) onednn_forget(&c->layers[i].forward);
  free(c);
  if (status != STATUS_OK) compiled_destroy(e);
  return status;
}

void compiled_destroy(compiled *e) {
  if (!e) return;
  program_close(&e->program);
  free(e);
}

float *compiled_input(compiled *e) { return (float *)e->input->data; }

size_t compiled_n_state(const compiled *e) { return e->n_state; }

enum status compiled_run(compiled *e, run *r) { return program_run(&e->program, r); }

enum status compiled_run_library(compiled *e) { return program_run_library(&e->program); }
