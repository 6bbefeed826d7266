#include "models/graph.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void graph_begin(graph *g, size_t channels, size_t height, size_t width) {
  memset(g, 0, sizeof *g);
  g->input[0] = channels;
  g->input[1] = height;
  g->input[2] = width;
}

static bool is_loss(enum layer_kind kind) { return kind == LAYER_SOFTMAX_LOSS || kind == LAYER_QUADRATIC_LOSS; }

/* Appends a layer whose output has the shape of its input; the callers change what differs. */
static enum status append(graph *g, enum layer_kind kind, const char *name, layer **out) {
  if (g->n_layers == GRAPH_MAX_LAYERS)
    return FAIL(STATUS_BAD_INPUT, "layer %s: a model has at most %d layers", name, GRAPH_MAX_LAYERS);
  const layer *last = g->n_layers ? &g->layers[g->n_layers - 1] : NULL;
  if (last && is_loss(last->kind)) return FAIL(STATUS_BAD_INPUT, "layer %s comes after the loss", name);
  layer *l = &g->layers[g->n_layers++];
  l->kind = kind;
  snprintf(l->name, sizeof l->name, "%s", name);
  memcpy(l->in, last ? last->out : g->input, sizeof l->in);
  memcpy(l->out, l->in, sizeof l->out);
  *out = l;
  return STATUS_OK;
}

/* Height and width after a window of `kernel` moves in steps of `stride`. */
static enum status slide_window(layer *l) {
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

enum status graph_conv(graph *g, const char *name, size_t out_channels, size_t kernel, size_t stride, size_t pad) {
  layer *l = NULL;
  TRY_RETURN(append(g, LAYER_CONV, name, &l));
  if (out_channels < 1) return FAIL(STATUS_BAD_INPUT, "layer %s has no output channels", name);
  l->kernel = kernel;
  l->stride = stride;
  l->pad = pad;
  TRY_RETURN(slide_window(l));
  l->out[0] = out_channels;
  l->n_weights = out_channels * l->in[0] * kernel * kernel;
  l->n_biases = out_channels;
  return STATUS_OK;
}

enum status graph_dense(graph *g, const char *name, size_t n_out) {
  layer *l = NULL;
  TRY_RETURN(append(g, LAYER_DENSE, name, &l));
  if (n_out < 1) return FAIL(STATUS_BAD_INPUT, "layer %s has no outputs", name);
  l->out[0] = l->out[1] = 1;
  l->out[2] = n_out;
  l->n_weights = n_out * l->in[0] * l->in[1] * l->in[2];
  l->n_biases = n_out;
  return STATUS_OK;
}

enum status graph_relu(graph *g) {
  layer *l = NULL;
  return append(g, LAYER_RELU, "relu", &l);
}

enum status graph_max_pool(graph *g, size_t kernel, size_t stride) {
  layer *l = NULL;
  TRY_RETURN(append(g, LAYER_MAX_POOL, "max_pool", &l));
  l->kernel = kernel;
  l->stride = stride;
  return slide_window(l);
}

enum status graph_softmax_loss(graph *g, size_t n_classes) {
  layer *l = NULL;
  TRY_RETURN(append(g, LAYER_SOFTMAX_LOSS, "loss", &l));
  if (n_classes < 2)
    return FAIL(STATUS_BAD_INPUT, "a softmax loss needs labels of at least 2 classes, not %zu", n_classes);
  if (l->in[0] * l->in[1] * l->in[2] != n_classes)
    return FAIL(STATUS_BAD_INPUT, "the softmax loss has %zu inputs for %zu classes", l->in[0] * l->in[1] * l->in[2],
                n_classes);
  l->out[0] = l->out[1] = l->out[2] = 1;
  return STATUS_OK;
}

enum status graph_quadratic_loss(graph *g, const float *spectrum) {
  layer *l = NULL;
  if (g->n_layers > 0) return FAIL(STATUS_BAD_INPUT, "the quadratic loss has to be the only layer");
  if (!spectrum || g->input[0] != 1 || g->input[1] != 1)
    return FAIL(STATUS_BAD_INPUT, "the quadratic loss needs the data set 'quadratic', which gives its eigenvalues");
  TRY_RETURN(append(g, LAYER_QUADRATIC_LOSS, "x", &l));
  l->n_weights = l->in[2];
  l->out[0] = l->out[1] = l->out[2] = 1;
  g->spectrum = spectrum;
  return STATUS_OK;
}

size_t graph_n_params(const graph *g) {
  size_t n = 0;
  for (size_t i = 0; i < g->n_layers; i++) n += g->layers[i].n_weights + g->layers[i].n_biases;
  return n;
}
