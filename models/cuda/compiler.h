/* From a layer graph to a program: see program.h. */
#ifndef TERSE_MODELS_CUDA_COMPILER_H
#define TERSE_MODELS_CUDA_COMPILER_H

#include "models/cuda/kernels.h"
#include "models/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a layer's forward pass leaves for its backward pass. */
typedef struct layer_memo {
  tensor *x;                       /* what its library call read: its input, or a copy in another type or layout */
  size_t copy;                     /* where the copy of its weights begins, in elements */
  tensor *weights, *weights_slope; /* copies */
  tensor *statistics, *places;     /* batch norm; max pooling */
  tensor *state, *reserve;         /* LSTM: h0 and c0 */
  lstm_plan *lstm;
  size_t n_workspace;
  bool is_fused; /* a norm with the addition that follows, or that addition */
} layer_memo;

typedef struct compiler {
  const graph *graph;
  program *program;
  const library_ops *ops;
  library *library;
  size_t batch;
  bool is_half;   /* convolutions and products are computed in bf16 */
  size_t first;   /* layer with parameters: no gradient is needed before it */
  size_t n_state; /* floats of state the layers so far carry */
  tensor *labels, *outcome;                            /* a pass's */
  tensor *params, *gradient;                           /* the whole vectors */
  tensor *copies, *copies_gradient, *entries;          /* of weights, see run_copy_weights */
  weights_entry *copied;                               /* the entries, on the host */
  size_t n_copied, n_convolutions; /* convolutions' entries come first */
  layer_memo memos[GRAPH_MAX_LAYERS];
  tensor *values[GRAPH_MAX_LAYERS + 1]; /* see graph_last */
  tensor *slopes[GRAPH_MAX_LAYERS + 1]; /* by value: its gradient as far as its readers are compiled; NULL: none */
} compiler;

/* Adds all steps; gpu_program_plan comes next. The graph may go afterwards; `copied` must live until gpu_program_plan,
 * and is the caller's to free. */
enum status compile_graph(compiler *c) WARN_UNUSED;

/* ---- pieces.c */

/* A value as a matrix: its rows (samples times pixels or steps) and channels. */
size_t value_rows(const compiler *c, size_t value);
/* A tensor for a value, or its gradient. */
tensor *value_tensor(compiler *c, size_t value, bool is_half);
/* A step with its first three tensors (NULL: none) and what library calls need; the rest is the caller's to fill. */
step *add_step(compiler *c, void (*run)(const step *, const binding *, stream *), tensor *a, tensor *b, tensor *d);
/* Adds `part` to the gradient of a value, which several layers may read. */
void add_slope(compiler *c, size_t value, tensor *part);
/* A value (or its gradient) as a plain matrix: samples of (channels, height, width), of the type; itself where it is. */
tensor *as_plain(compiler *c, size_t value, tensor *from, bool is_half);
/* Of a value's plain gradient, the gradient in the value's own layout and type. */
tensor *from_plain(compiler *c, size_t value, tensor *from);
/* The same layout in another type. */
tensor *as_type(compiler *c, tensor *from, bool is_half);

/* ---- layers.c */

/* Forward and backward steps of one layer. dy: the gradient in its output. */
void compile_conv(compiler *c, const layer *l, layer_memo *m);
void compile_conv_backward(compiler *c, const layer *l, layer_memo *m, tensor *dy);
void compile_dense(compiler *c, const layer *l, layer_memo *m);
void compile_dense_backward(compiler *c, const layer *l, layer_memo *m, tensor *dy);
void compile_norm(compiler *c, const layer *l, layer_memo *m);
void compile_norm_backward(compiler *c, const layer *l, layer_memo *m, tensor *dy);
void compile_lstm(compiler *c, const layer *l, layer_memo *m);
void compile_lstm_backward(compiler *c, const layer *l, layer_memo *m, tensor *dy);
void compile_others(compiler *c, const layer *l, layer_memo *m);
void compile_others_backward(compiler *c, const layer *l, layer_memo *m, tensor *dy);

/* The number of a layer's output value. */
static inline size_t value_of_layer(const compiler *c, const layer *l) { return (size_t)(l - c->graph->layers) + 1; }

#ifdef __cplusplus
}
#endif
#endif
