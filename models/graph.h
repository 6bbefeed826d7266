/* The layer graph: what an architecture is, before any device. A chain of layers for now; shapes are inferred and
 * checked as layers are added, so that an architecture that does not fit its data fails with a sentence. */
#ifndef TERSE_MODELS_GRAPH_H
#define TERSE_MODELS_GRAPH_H

#include <stddef.h>

#include "core/status.h"

enum layer_kind {
  LAYER_CONV,  /* 2-D convolution with bias */
  LAYER_DENSE, /* y = W x + b */
  LAYER_RELU,
  LAYER_MAX_POOL,
  LAYER_SOFTMAX_LOSS,  /* mean cross-entropy of softmax; last */
  LAYER_QUADRATIC_LOSS /* f(w) = 1/2 sum_i spectrum_i w_i^2 - <mean sample, w>; the only layer */
};

typedef struct layer {
  enum layer_kind kind;
  char name[16];
  size_t in[3], out[3];       /* channels, height, width of one sample */
  size_t kernel, stride, pad; /* convolution and pooling */
  size_t n_weights, n_biases; /* parameters */
} layer;

enum { GRAPH_MAX_LAYERS = 256 };
typedef struct graph {
  size_t input[3];
  layer layers[GRAPH_MAX_LAYERS];
  size_t n_layers;
  double l2;             /* adds l2/2 |params|^2 to the loss */
  const float *spectrum; /* LAYER_QUADRATIC_LOSS: in[2] eigenvalues, owned by the data set */
} graph;

void graph_begin(graph *g, size_t channels, size_t height, size_t width);
enum status graph_conv(graph *g, const char *name, size_t out_channels, size_t kernel, size_t stride,
                       size_t pad) WARN_UNUSED;
enum status graph_dense(graph *g, const char *name, size_t n_out) WARN_UNUSED;
enum status graph_relu(graph *g) WARN_UNUSED;
enum status graph_max_pool(graph *g, size_t kernel, size_t stride) WARN_UNUSED;
enum status graph_softmax_loss(graph *g, size_t n_classes) WARN_UNUSED;
enum status graph_quadratic_loss(graph *g, const float *spectrum) WARN_UNUSED;
size_t graph_n_params(const graph *g);

#endif
