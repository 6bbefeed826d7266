#include "models/graph.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void graph_begin(graph *g, size_t channels, size_t height, size_t width) {
  memset(g, 0, sizeof *g);
  g->input[0] = channels;
  g->input[1] = height;
  g->input[2] = width;
}

static bool is_loss(enum layer_kind kind) { return kind == LAYER_SOFTMAX_LOSS || kind == LAYER_QUADRATIC_LOSS; }

const size_t *graph_shape(const graph *g, size_t value) { return value == 0 ? g->input : g->layers[value - 1].out; }

size_t graph_count(const size_t shape[3]) { return shape[0] * shape[1] * shape[2]; }

/* Appends a layer that reads the next value, with an output of its shape; the callers change what differs. */
static enum status append(graph *g, enum layer_kind kind, const char *name, layer **out) {
  if (g->n_layers == GRAPH_MAX_LAYERS)
    return FAIL(STATUS_BAD_INPUT, "layer %s: a model has at most %d layers", name, GRAPH_MAX_LAYERS);
  const layer *last = g->n_layers ? &g->layers[g->n_layers - 1] : NULL;
  if (last && is_loss(last->kind)) return FAIL(STATUS_BAD_INPUT, "layer %s comes after the loss", name);
  layer *l = &g->layers[g->n_layers++];
  *l = (layer){.kind = kind};
  snprintf(l->name, sizeof l->name, "%s", name);
  l->from = g->branch > 0 ? g->branch - 1 : g->n_layers - 1;
  l->steps = l->from > 0 ? g->layers[l->from - 1].steps : 1;
  memcpy(l->in, graph_shape(g, l->from), sizeof l->in);
  memcpy(l->out, l->in, sizeof l->out);
  g->branch = 0;
  *out = l;
  return STATUS_OK;
}

static void add_parameter(graph *g, layer *l, parameter p) {
  p.n = 1;
  for (size_t i = 0; i < p.n_dims; i++) p.n *= p.shape[i];
  p.offset = g->n_params;
  g->n_params += p.n;
  l->parameters[l->n_parameters++] = p;
}

/* Only layers of images take an image. */
static enum status refuse_sequence(const layer *l) {
  return l->steps == 1 ? STATUS_OK : FAIL(STATUS_BAD_INPUT, "layer %s takes images, not sequences", l->name);
}

/* Height and width after a window of `kernel` moves in steps of `stride`. */
static enum status slide_window(layer *l, size_t kernel, size_t stride, size_t pad) {
  l->kernel = kernel;
  l->stride = stride;
  l->pad = pad;
  TRY_RETURN(refuse_sequence(l));
  if (l->kernel < 1 || l->stride < 1)
    return FAIL(STATUS_BAD_INPUT, "layer %s: kernel and stride have to be at least 1", l->name);
  for (int i = 1; i < 3; i++) {
    if (l->in[i] + 2 * l->pad < l->kernel)
      return FAIL(STATUS_BAD_INPUT, "layer %s: a %zu x %zu window does not fit its %zu x %zu input; use larger images",
                  l->name, l->kernel, l->kernel, l->in[1], l->in[2]);
    l->out[i] = (l->in[i] + 2 * l->pad - l->kernel) / l->stride + 1;
  }
  return STATUS_OK;
}

static enum status append_conv(graph *g, const char *name, size_t out_channels, size_t kernel, size_t stride,
                               size_t pad, enum initial initial, layer **out) {
  TRY_RETURN(append(g, LAYER_CONV, name, out));
  layer *l = *out;
  if (out_channels < 1) return FAIL(STATUS_BAD_INPUT, "layer %s has no output channels", name);
  TRY_RETURN(slide_window(l, kernel, stride, pad));
  const double fan_in = (double)(l->in[0] * kernel * kernel);
  l->out[0] = out_channels;
  add_parameter(g, l,
                (parameter){.name = "weight",
                            .shape = {out_channels, l->in[0], kernel, kernel},
                            .n_dims = 4,
                            .initial = initial,
                            .scale = initial == INITIAL_NORMAL ? sqrt(2 / fan_in) : 1 / sqrt(fan_in)});
  return STATUS_OK;
}

/* A bias as spread as the layer's weights. */
static void add_bias(graph *g, layer *l, const char *name, size_t n) {
  add_parameter(
      g, l,
      (parameter){
          .name = name, .shape = {n}, .n_dims = 1, .initial = INITIAL_UNIFORM, .scale = l->parameters[0].scale});
}

enum status graph_conv(graph *g, const char *name, size_t out_channels, size_t kernel, size_t stride, size_t pad) {
  layer *l = NULL;
  TRY_RETURN(append_conv(g, name, out_channels, kernel, stride, pad, INITIAL_UNIFORM, &l));
  add_bias(g, l, "bias", out_channels);
  return STATUS_OK;
}

enum status graph_conv_no_bias(graph *g, const char *name, size_t out_channels, size_t kernel, size_t stride,
                               size_t pad) {
  layer *l = NULL;
  return append_conv(g, name, out_channels, kernel, stride, pad, INITIAL_NORMAL, &l);
}

static void add_matrix(graph *g, layer *l, const char *name, size_t rows, size_t columns, double spread) {
  add_parameter(
      g, l,
      (parameter){.name = name, .shape = {rows, columns}, .n_dims = 2, .initial = INITIAL_UNIFORM, .scale = spread});
}

enum status graph_dense(graph *g, const char *name, size_t n_out) {
  layer *l = NULL;
  TRY_RETURN(append(g, LAYER_DENSE, name, &l));
  if (n_out < 1) return FAIL(STATUS_BAD_INPUT, "layer %s has no outputs", name);
  const size_t n_in = graph_count(l->in);
  l->out[0] = l->out[1] = 1;
  l->out[2] = n_out;
  add_matrix(g, l, "weight", n_out, n_in, 1 / sqrt((double)n_in));
  add_bias(g, l, "bias", n_out);
  return STATUS_OK;
}

enum status graph_batch_norm(graph *g, const char *name, bool relu) {
  layer *l = NULL;
  TRY_RETURN(append(g, LAYER_BATCH_NORM, name, &l));
  TRY_RETURN(refuse_sequence(l));
  l->relu = relu;
  parameter p = {.name = "weight", .shape = {l->in[0]}, .n_dims = 1, .initial = INITIAL_CONSTANT, .scale = 1};
  add_parameter(g, l, p);
  p.name = "bias";
  p.scale = 0;
  add_parameter(g, l, p);
  return STATUS_OK;
}

enum status graph_relu(graph *g) {
  layer *l = NULL;
  return append(g, LAYER_RELU, "relu", &l);
}

enum status graph_max_pool(graph *g, size_t kernel, size_t stride, size_t pad) {
  layer *l = NULL;
  if (2 * pad > kernel)
    return FAIL(STATUS_BAD_INPUT, "a pooling window of %zu would lie in a padding of %zu alone", kernel, pad);
  TRY_RETURN(append(g, LAYER_MAX_POOL, "max_pool", &l));
  return slide_window(l, kernel, stride, pad);
}

enum status graph_average_pool(graph *g, size_t kernel, size_t stride) {
  layer *l = NULL;
  TRY_RETURN(append(g, LAYER_AVERAGE_POOL, "average_pool", &l));
  return slide_window(l, kernel, stride, 0);
}

size_t graph_last(const graph *g) { return g->n_layers; }

enum status graph_branch(graph *g, size_t value) {
  if (value > g->n_layers) return FAIL(STATUS_BAD_INPUT, "a branch begins at an earlier value; %zu is not one", value);
  g->branch = value + 1;
  return STATUS_OK;
}

enum status graph_dropout(graph *g, double rate) {
  layer *l = NULL;
  if (!(rate >= 0 && rate < 1)) return FAIL(STATUS_BAD_INPUT, "a dropout rate lies in [0, 1), and %g does not", rate);
  TRY_RETURN(append(g, LAYER_DROPOUT, "dropout", &l));
  l->rate = rate;
  return STATUS_OK;
}

/* Sets the stride at which the other value's rows and columns are taken. */
static enum status fit_shortcut(const graph *g, layer *l) {
  const size_t *from = graph_shape(g, l->other);
  l->kernel = 1;
  for (l->stride = 1; (from[1] - 1) / l->stride + 1 > l->in[1]; l->stride++) continue;
  if (from[0] > l->in[0] || (from[1] - 1) / l->stride + 1 != l->in[1] || (from[2] - 1) / l->stride + 1 != l->in[2])
    return FAIL(STATUS_BAD_INPUT, "a shortcut from %zu x %zu x %zu to %zu x %zu x %zu does not fit", from[0], from[1],
                from[2], l->in[0], l->in[1], l->in[2]);
  return STATUS_OK;
}

enum status graph_add(graph *g, size_t other, bool relu) {
  layer *l = NULL;
  const size_t last = graph_last(g);
  TRY_RETURN(append(g, LAYER_ADD, "add", &l));
  if (other > last || other == l->from)
    return FAIL(STATUS_BAD_INPUT, "an addition takes another, earlier value; %zu is not one", other);
  TRY_RETURN(refuse_sequence(l));
  l->other = other;
  l->relu = relu;
  return fit_shortcut(g, l);
}

enum status graph_embedding(graph *g, const char *name, size_t vocabulary, size_t width) {
  layer *l = NULL;
  if (g->n_layers > 0 || g->input[0] != 1 || g->input[1] != 1)
    return FAIL(STATUS_BAD_INPUT, "layer %s has to come first and takes a text", name);
  TRY_RETURN(append(g, LAYER_EMBEDDING, name, &l));
  if (vocabulary < 1 || width < 1) return FAIL(STATUS_BAD_INPUT, "layer %s needs a vocabulary and a width", name);
  l->steps = l->in[2];
  l->in[2] = 1;
  l->out[2] = width;
  add_matrix(g, l, "weight", vocabulary, width, 0.1);
  return STATUS_OK;
}

enum status graph_dense_tied(graph *g, const char *name) {
  layer *l = NULL;
  const layer *table = &g->layers[0];
  if (g->n_layers == 0 || table->kind != LAYER_EMBEDDING)
    return FAIL(STATUS_BAD_INPUT, "layer %s is tied to an embedding, and there is none", name);
  TRY_RETURN(append(g, LAYER_DENSE, name, &l));
  const parameter weight = table->parameters[0];
  if (graph_count(l->in) != weight.shape[1])
    return FAIL(STATUS_BAD_INPUT, "layer %s reads vectors of %zu, and the embedding it is tied to is %zu wide", name,
                graph_count(l->in), weight.shape[1]);
  l->out[0] = l->out[1] = 1;
  l->out[2] = weight.shape[0];
  l->is_tied = true;
  l->parameters[l->n_parameters++] = weight;
  add_parameter(g, l,
                (parameter){.name = "bias",
                            .shape = {l->out[2]},
                            .n_dims = 1,
                            .initial = INITIAL_UNIFORM,
                            .scale = 1 / sqrt((double)weight.shape[1])});
  return STATUS_OK;
}

enum status graph_lstm(graph *g, const char *name, size_t n_units) {
  layer *l = NULL;
  TRY_RETURN(append(g, LAYER_LSTM, name, &l));
  if (n_units < 1 || l->in[0] != 1 || l->in[1] != 1)
    return FAIL(STATUS_BAD_INPUT, "layer %s needs units and an input of vectors", name);
  l->out[2] = n_units;
  const double spread = 1 / sqrt((double)n_units);
  add_matrix(g, l, "weight_ih", 4 * n_units, l->in[2], spread);
  add_matrix(g, l, "weight_hh", 4 * n_units, n_units, spread);
  add_bias(g, l, "bias_ih", 4 * n_units);
  add_bias(g, l, "bias_hh", 4 * n_units);
  return STATUS_OK;
}

enum status graph_softmax_loss(graph *g, size_t n_classes) {
  layer *l = NULL;
  TRY_RETURN(append(g, LAYER_SOFTMAX_LOSS, "loss", &l));
  if (n_classes < 2)
    return FAIL(STATUS_BAD_INPUT, "a softmax loss needs labels of at least 2 classes, not %zu", n_classes);
  if (graph_count(l->in) != n_classes)
    return FAIL(STATUS_BAD_INPUT, "the softmax loss has %zu inputs for %zu classes", graph_count(l->in), n_classes);
  l->out[0] = l->out[1] = l->out[2] = 1;
  return STATUS_OK;
}

enum status graph_quadratic_loss(graph *g, const float *spectrum) {
  layer *l = NULL;
  if (g->n_layers > 0) return FAIL(STATUS_BAD_INPUT, "the quadratic loss has to be the only layer");
  if (!spectrum || g->input[0] != 1 || g->input[1] != 1)
    return FAIL(STATUS_BAD_INPUT, "the quadratic loss needs the data set 'quadratic', which gives its eigenvalues");
  TRY_RETURN(append(g, LAYER_QUADRATIC_LOSS, "x", &l));
  l->out[0] = l->out[1] = l->out[2] = 1;
  add_parameter(
      g, l, (parameter){.name = "weight", .shape = {l->in[2]}, .n_dims = 1, .initial = INITIAL_CONSTANT, .scale = 1});
  g->spectrum = spectrum;
  return STATUS_OK;
}

size_t graph_n_params(const graph *g) { return g->n_params; }
