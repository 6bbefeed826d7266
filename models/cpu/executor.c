#include "models/cpu/executor.h"

#include <stdlib.h>

#include "models/cpu/loops.h"
#include "models/cpu/onednn.h"

struct executor {
  program program;
  tensor *input;
};

/* What a layer's forward pass leaves for its backward pass. */
typedef struct compiled_layer {
  tensor *in, *out; /* ReLU works in place: out is in */
  parameter_tensors parameters;
  forward_state forward;
} compiled_layer;

typedef struct compiler {
  const graph *graph;
  program *program;
  size_t batch, offset; /* of the layer's parameters in the vector */
  compiled_layer layers[GRAPH_MAX_LAYERS];
} compiler;

static enum status append_loop(program *p, void (*loop)(const step *, run *), tensor *a, tensor *b, size_t rows,
                               size_t columns) {
  const step s = {.kind = STEP_LOOP, .loop = loop, .a = a, .b = b, .rows = rows, .columns = columns};
  return program_append(p, &s);
}

/* c (rows x columns) = op(a) op(b) */
static enum status append_gemm(program *p, char transpose_a, char transpose_b, size_t rows, size_t columns,
                               size_t inner, tensor *a, tensor *b, tensor *c) {
  const step s = {.kind = STEP_GEMM,
                  .a = a,
                  .b = b,
                  .c = c,
                  .rows = rows,
                  .columns = columns,
                  .inner = inner,
                  .transpose_a = transpose_a,
                  .transpose_b = transpose_b};
  return program_append(p, &s);
}

static size_t n_elements(const size_t shape[3]) { return shape[0] * shape[1] * shape[2]; }

/* A plain tensor of the batch in a layer's input or output shape. */
static enum status plain_activations(compiler *c, const size_t shape[3], tensor **out) {
  const size_t with_batch[4] = {c->batch, shape[0], shape[1], shape[2]};
  return onednn_plain(c->program, 4, with_batch, TENSOR_OWN, 0, out);
}

/* Views of a layer's weights and bias in the parameter and the gradient vector. */
static enum status view_parameters(compiler *c, const layer *l, parameter_tensors *t) {
  const bool conv = l->kind == LAYER_CONV;
  const size_t shape[4] = {l->n_biases, l->n_weights / l->n_biases / (conv ? l->kernel * l->kernel : 1),
                           conv ? l->kernel : 1, conv ? l->kernel : 1};
  const size_t weights = c->offset, biases = c->offset + l->n_weights;
  TRY_RETURN(onednn_plain(c->program, 4, shape, TENSOR_PARAMS, weights, &t->weights));
  TRY_RETURN(onednn_plain(c->program, 1, shape, TENSOR_PARAMS, biases, &t->bias));
  TRY_RETURN(onednn_plain(c->program, 4, shape, TENSOR_GRADIENT, weights, &t->weights_gradient));
  return onednn_plain(c->program, 1, shape, TENSOR_GRADIENT, biases, &t->bias_gradient);
}

/* y = x W' + b */
static enum status dense_forward(compiler *c, const layer *l, compiled_layer *k) {
  const size_t n_in = n_elements(l->in), n_out = n_elements(l->out);
  TRY_RETURN(onednn_to_plain(c->program, k->in, &k->in));
  TRY_RETURN(plain_activations(c, l->out, &k->out));
  TRY_RETURN(append_gemm(c->program, 'N', 'T', c->batch, n_out, n_in, k->in, k->parameters.weights, k->out));
  return append_loop(c->program, loop_add_bias, k->out, k->parameters.bias, c->batch, n_out);
}

/* dW = dy' x, db = sum of dy's rows, dx = dy W */
static enum status dense_backward(compiler *c, const layer *l, compiled_layer *k, tensor *out_gradient,
                                  tensor **in_gradient) {
  const size_t n_in = n_elements(l->in), n_out = n_elements(l->out);
  const parameter_tensors *t = &k->parameters;
  TRY_RETURN(onednn_to_plain(c->program, out_gradient, &out_gradient));
  TRY_RETURN(append_gemm(c->program, 'T', 'N', n_out, n_in, c->batch, out_gradient, k->in, t->weights_gradient));
  TRY_RETURN(append_loop(c->program, loop_bias_gradient, out_gradient, t->bias_gradient, c->batch, n_out));
  if (!in_gradient) return STATUS_OK;
  TRY_RETURN(plain_activations(c, l->in, in_gradient));
  return append_gemm(c->program, 'N', 'N', c->batch, n_in, n_out, out_gradient, t->weights, *in_gradient);
}

static enum status softmax_forward(compiler *c, const layer *l, compiled_layer *k) {
  TRY_RETURN(onednn_to_plain(c->program, k->in, &k->in));
  TRY_RETURN(plain_activations(c, l->in, &k->out)); /* holds the gradient */
  return append_loop(c->program, loop_softmax_loss, k->in, k->out, c->batch, n_elements(l->in));
}

static enum status quadratic_forward(compiler *c, const layer *l, compiled_layer *k) {
  step s = {.kind = STEP_LOOP,
            .loop = loop_quadratic_loss,
            .a = k->in,
            .rows = c->batch,
            .columns = l->n_weights,
            .spectrum = c->graph->spectrum};
  k->out = NULL;
  TRY_RETURN(onednn_plain(c->program, 1, &l->n_weights, TENSOR_PARAMS, c->offset, &s.b));
  TRY_RETURN(onednn_plain(c->program, 1, &l->n_weights, TENSOR_GRADIENT, c->offset, &s.c));
  return program_append(c->program, &s);
}

static enum status compile_forward(compiler *c, const layer *l, compiled_layer *k) {
  if (l->n_biases > 0) TRY_RETURN(view_parameters(c, l, &k->parameters));
  switch (l->kind) {
    case LAYER_CONV:
      return onednn_conv(c->program, l, &k->parameters, k->in, &k->out, &k->forward);
    case LAYER_DENSE:
      return dense_forward(c, l, k);
    case LAYER_RELU:
      k->out = k->in;
      return append_loop(c->program, loop_relu, k->in, NULL, 0, 0);
    case LAYER_MAX_POOL:
      return onednn_max_pool(c->program, l, k->in, &k->out, &k->forward);
    case LAYER_SOFTMAX_LOSS:
      return softmax_forward(c, l, k);
    case LAYER_QUADRATIC_LOSS:
      return quadratic_forward(c, l, k);
  }
  return FAIL(STATUS_UNSUPPORTED, "layer %s is of a kind the CPU does not know", l->name);
}

/* `gradient` is with respect to the layer's output; in_gradient NULL: nobody before it has parameters. */
static enum status compile_backward(compiler *c, const layer *l, compiled_layer *k, tensor *gradient,
                                    tensor **in_gradient) {
  switch (l->kind) {
    case LAYER_CONV:
      return onednn_conv_backward(c->program, l, &k->parameters, k->in, gradient, &k->forward, in_gradient);
    case LAYER_DENSE:
      return dense_backward(c, l, k, gradient, in_gradient);
    case LAYER_RELU:
      TRY_RETURN(onednn_to_layout(c->program, gradient, k->out, in_gradient));
      return append_loop(c->program, loop_relu_backward, k->out, *in_gradient, 0, 0);
    case LAYER_MAX_POOL:
      return onednn_max_pool_backward(c->program, l, k->in, k->out, gradient, &k->forward, in_gradient);
    case LAYER_SOFTMAX_LOSS:
    case LAYER_QUADRATIC_LOSS:
      break; /* their forward pass gives the gradient */
  }
  return FAIL(STATUS_UNSUPPORTED, "layer %s is of a kind the CPU cannot differentiate", l->name);
}

static enum status compile(compiler *c, tensor **input) {
  const graph *g = c->graph;
  size_t first = 0; /* the first layer with parameters: no gradient is needed before it */
  while (first < g->n_layers && g->layers[first].n_weights == 0) first++;
  TRY_RETURN(plain_activations(c, g->input, input));
  tensor *value = *input;
  for (size_t i = 0; i < g->n_layers; i++) {
    c->layers[i].in = value;
    TRY_RETURN(compile_forward(c, &g->layers[i], &c->layers[i]));
    c->offset += g->layers[i].n_weights + g->layers[i].n_biases;
    value = c->layers[i].out;
  }
  c->program->n_forward = c->program->n_steps;
  for (size_t i = g->n_layers - 1; i-- > first;) {
    tensor *gradient = value;
    TRY_RETURN(compile_backward(c, &g->layers[i], &c->layers[i], gradient, i > first ? &value : NULL));
  }
  return STATUS_OK;
}

enum status executor_create(const graph *g, size_t batch, executor **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  const size_t last = g->n_layers - 1;
  if (g->n_layers == 0 || (g->layers[last].kind != LAYER_SOFTMAX_LOSS && g->layers[last].kind != LAYER_QUADRATIC_LOSS))
    return FAIL(STATUS_BAD_INPUT, "a model has to end in a loss");
  executor *e = (executor *)calloc(1, sizeof *e);
  compiler *c = (compiler *)calloc(1, sizeof *c);
  if (!e || !c) TRY(FAIL(STATUS_NO_MEMORY, "no memory to compile a model"));
  TRY(program_open(&e->program));
  c->graph = g;
  c->program = &e->program;
  c->batch = batch;
  TRY(compile(c, &e->input));
  *out = e;

exit:
  for (size_t i = 0; c && i < g->n_layers; i++) onednn_forget(&c->layers[i].forward);
  free(c);
  if (status != STATUS_OK) executor_destroy(e);
  return status;
}

void executor_destroy(executor *e) {
  if (!e) return;
  program_close(&e->program);
  free(e);
}

float *executor_input(executor *e) { return (float *)e->input->data; }

enum status executor_run(executor *e, run *r) { return program_run(&e->program, r); }

enum status executor_run_library(executor *e) { return program_run_library(&e->program); }
