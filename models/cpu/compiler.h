/* What compiling a graph into a program keeps at hand, and the pieces its layers are made of. */
#ifndef TERSE_MODELS_CPU_COMPILER_H
#define TERSE_MODELS_CPU_COMPILER_H

#include "models/cpu/onednn.h"
#include "models/cpu/program.h"
#include "models/graph.h"

/* What a layer's forward pass leaves for its backward pass. Sequences are plain and time-major: (steps, batch, width).
 */
typedef struct compiled_layer {
  tensor *in, *out;
  tensor *values[4], *gradients[4]; /* of its parameters */
  parameter_tensors parameters;     /* the same, as onednn.h takes them */
  forward_state forward;
  tensor *taken, *aligned;        /* addition: the other value's rows and columns, and in a layout to add */
  tensor *gates, *hidden, *cells; /* LSTM, see lstm.c */
} compiled_layer;

typedef struct compiler {
  const graph *graph;
  program *program;
  size_t batch;
  size_t first;   /* layer with parameters: no gradient is needed before it */
  size_t n_state; /* floats of state the layers so far carry */
  compiled_layer layers[GRAPH_MAX_LAYERS];
  tensor *input;
  tensor *slopes[GRAPH_MAX_LAYERS + 1]; /* by value: its gradient as far as its readers are compiled; NULL: none */
} compiler;

/* Appends a copy of s as a loop. */
enum status compile_loop(compiler *c, step s) WARN_UNUSED;
/* out (rows x columns) = beta out + op(a) op(b), 'T' or 'N' saying what op is */
enum status compile_product(compiler *c, char op_a, char op_b, size_t rows, size_t columns, size_t inner, tensor *a,
                            tensor *b, float beta, tensor *out) WARN_UNUSED;
/* A plain tensor of `steps` times the batch in a shape. */
enum status compile_activations(compiler *c, size_t steps, const size_t shape[3], tensor **out) WARN_UNUSED;
/* Views of a layer's parameters in the parameter and the gradient vector. */
enum status compile_parameters(compiler *c, const layer *l, compiled_layer *k) WARN_UNUSED;

/* LSTM (lstm.c). */
enum status lstm_forward(compiler *c, const layer *l, compiled_layer *k) WARN_UNUSED;
enum status lstm_backward(compiler *c, const layer *l, compiled_layer *k, tensor *dy, tensor **dx) WARN_UNUSED;

#endif
