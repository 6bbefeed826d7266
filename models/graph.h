/* The layer graph: what an architecture is, before any device. A chain of layers with branches: a layer reads the one
 * before it or a value named by graph_branch, an addition also a second one. Shapes are inferred and checked as layers
 * are added, so that an architecture that does not fit its data fails with a sentence. */
#ifndef TERSE_MODELS_GRAPH_H
#define TERSE_MODELS_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum layer_kind {
  LAYER_CONV,       /* 2-D convolution, with bias or without */
  LAYER_DENSE,      /* y = W x + b, of every step of a sequence */
  LAYER_BATCH_NORM, /* by channel, epsilon 1e-5 */
  LAYER_RELU,
  LAYER_MAX_POOL,
  LAYER_AVERAGE_POOL,
  LAYER_ADD,            /* what it reads + another value */
  LAYER_DROPOUT,        /* training runs: each element is 0 with probability `rate`, else times 1 / (1 - rate) */
  LAYER_EMBEDDING,      /* token numbers to vectors; first */
  LAYER_LSTM,           /* h and c are carried from batch to batch */
  LAYER_SOFTMAX_LOSS,   /* mean cross-entropy of softmax; last */
  LAYER_QUADRATIC_LOSS, /* f(w) = 1/2 sum_i spectrum_i w_i^2 - <mean sample, w>; the only layer */
};

/* One parameter tensor of a layer, and what it is at first. */
typedef struct parameter {
  const char *name; /* "weight" */
  size_t shape[4], n_dims, n;
  size_t offset; /* in the vector of all parameters */
  enum initial { INITIAL_UNIFORM, INITIAL_NORMAL, INITIAL_CONSTANT } initial;
  double scale; /* uniform in +-scale; normal of standard deviation scale; the constant */
} parameter;

typedef struct layer {
  enum layer_kind kind;
  char name[16];
  size_t in[3], out[3];       /* channels, height, width of one sample, or of one step of a sequence */
  size_t from;                /* the value it reads; see graph_last */
  size_t steps;               /* of a sequence; 1 for images */
  size_t kernel, stride, pad; /* convolution and pooling */
  bool relu;                  /* batch norm, addition: ReLU of the result */
  size_t other;               /* addition: the other value */
  double rate;                /* dropout */
  bool is_tied;               /* dense: its weight, parameters[0], is that of the embedding */
  parameter parameters[4];
  size_t n_parameters;
} layer;

enum { GRAPH_MAX_LAYERS = 512 };
typedef struct graph {
  size_t input[3];
  layer layers[GRAPH_MAX_LAYERS];
  size_t n_layers, n_params;
  size_t branch;         /* one more than the value the next layer reads; 0: it reads the last one */
  double l2;             /* adds l2/2 |params|^2 to the loss */
  double label_smoothing; /* s: (1 - s) CE(label) + s/K sum_k CE(k) is the softmax loss of gradients; not of evaluation */
  const float *spectrum; /* LAYER_QUADRATIC_LOSS: in[2] eigenvalues, owned by the data set */
} graph;

/* Unless said otherwise, initial weights and biases are uniform in +-1/sqrt(fan_in), PyTorch's default. */
void graph_begin(graph *g, size_t channels, size_t height, size_t width);
enum status graph_conv(graph *g, const char *name, size_t out_channels, size_t kernel, size_t stride,
                       size_t pad) WARN_UNUSED;
/* Without bias, for batch norm to follow; initial weights normal of variance 2/fan_in (He, Zhang, Ren and Sun, ICCV
 * 2015). */
enum status graph_conv_no_bias(graph *g, const char *name, size_t out_channels, size_t kernel, size_t stride,
                               size_t pad) WARN_UNUSED;
enum status graph_dense(graph *g, const char *name, size_t n_out) WARN_UNUSED;
/* Initially weight 1 and bias 0. */
enum status graph_batch_norm(graph *g, const char *name, bool relu) WARN_UNUSED;
enum status graph_relu(graph *g) WARN_UNUSED;
/* The largest of each window, which reaches `pad` over the edges, where there is nothing. */
enum status graph_max_pool(graph *g, size_t kernel, size_t stride, size_t pad) WARN_UNUSED;
enum status graph_average_pool(graph *g, size_t kernel, size_t stride) WARN_UNUSED;
/* The number of the value the next layer reads: 0 is the graph's input, i + 1 what layer i gives. */
size_t graph_last(const graph *g);
/* The next layer reads `value` and not the last one: a branch begins. */
enum status graph_branch(graph *g, size_t value) WARN_UNUSED;
/* 0 <= rate < 1; models/dropout.h says which elements. */
enum status graph_dropout(graph *g, double rate) WARN_UNUSED;
/* + value `other`. Where that is larger or has fewer channels, every stride-th of its rows and columns is taken and the
 * missing channels are zeros: shortcut A of He, Zhang, Ren and Sun, CVPR 2016. */
enum status graph_add(graph *g, size_t other, bool relu) WARN_UNUSED;
/* The input (1 x 1 x steps) holds token numbers below `vocabulary`. Initially uniform in +-0.1. */
enum status graph_embedding(graph *g, const char *name, size_t vocabulary, size_t width) WARN_UNUSED;
/* A dense layer to the vocabulary of the graph's embedding, whose table is its weight (O. Press and L. Wolf, "Using the
 * Output Embedding to Improve Language Models", EACL 2017), with a bias of its own. It reads vectors as wide as the
 * table's. */
enum status graph_dense_tied(graph *g, const char *name) WARN_UNUSED;
/* One layer of n_units; initial weights and biases uniform in +-1/sqrt(n_units). Gates in the order input, forget,
 * cell, output; two biases, as PyTorch and cuDNN have them. */
enum status graph_lstm(graph *g, const char *name, size_t n_units) WARN_UNUSED;
enum status graph_softmax_loss(graph *g, size_t n_classes) WARN_UNUSED;
enum status graph_quadratic_loss(graph *g, const float *spectrum) WARN_UNUSED;
size_t graph_n_params(const graph *g);
/* The shape of a value: see graph_last. */
const size_t *graph_shape(const graph *g, size_t value);
/* Elements of a shape. */
size_t graph_count(const size_t shape[3]);

#ifdef __cplusplus
}
#endif
#endif
