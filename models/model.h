/* Models: an architecture builds a graph of layers (graph.h); a net executes the graph on a device.
 *
 * Parameters and gradients are one contiguous float vector each, in a canonical layout that does not depend on the
 * device (layers in order; weights before bias; convolution weights output-input-height-width, dense weights
 * output-input; batch norm's weight is its scale). */
#ifndef TERSE_MODELS_MODEL_H
#define TERSE_MODELS_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "core/device.h"
#include "core/module.h"
#include "core/vec.h"
#include "datasets/dataset.h"
#include "models/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct model_env {
  const data *data; /* shapes, classes and the quadratic's spectrum */
} model_env;

typedef struct model {
  const char *name, *paper;
  const char *version; /* part of a cell's hash */
  const param *params;
  /* Adds layers to an empty graph. STATUS_BAD_INPUT where the data set does not fit the model. */
  enum status (*build)(const model_env *env, const args *a, graph *g);
} model;

extern const model *const model_registry[]; /* NULL-terminated; generated */
const model *model_find(const char *name);

/* One parameter tensor inside the vector. */
typedef struct layer_slice {
  char name[32]; /* "conv1.weight" */
  size_t offset, n;
  size_t shape[4], n_dims;
} layer_slice;

typedef struct layer_table {
  const layer_slice *slices;
  size_t n_slices, n_params;
} layer_table;

typedef struct net net;

/* What products of matrices and convolutions are computed in; sums, parameters and all else stay fp32. */
enum math { MATH_FP32, MATH_TF32, MATH_BF16, N_MATH };
extern const char *const math_names[N_MATH]; /* as YAML has them */

typedef struct net_options {
  enum math math;
  bool wavers;      /* algorithms are admitted that do not give the same bits each time */
  int side_by_side; /* steps between net_fork and net_join: the local workers. 0: 1 */
} net_options;

/* Compiles the graph for a device and batches of exactly `batch` samples (evaluation cuts its sets into such batches,
 * the last one padded). The graph may be destroyed afterwards. STATUS_UNSUPPORTED where the device lacks the math. */
enum status net_create_with(const graph *g, device *d, stream *s, size_t batch, const net_options *options,
                            net **out) WARN_UNUSED;
/* The same in fp32. */
enum status net_create(const graph *g, device *d, stream *s, size_t batch, net **out) WARN_UNUSED;
void net_destroy(net *n);
const layer_table *net_layers(const net *n);

/* Net_gradient calls between the two may run side by side on devices that can (each with its own state, gradient and
 * loss); what they give is complete for whatever is issued after net_join. At most net_options.side_by_side at a time
 * gain from it. */
void net_fork(net *n);
void net_join(net *n);

/* Initial parameters (host memory, n_params floats) from the counter-based generator, as graph.h says. */
void net_init(const net *n, uint64_t seed, float *host_params);

/* Floats of a worker's own state, which is carried from step to step and never sent (the h and c of an LSTM). It starts
 * as zeros. */
size_t net_n_state(const net *n);

/* One training step's gradient: fetches `request` (n = batch), runs forward and backward.
 * gradient = d(mean loss)/d(params), overwritten; loss (device memory, one float) = mean loss, regulariser included.
 * state: the worker's (device memory), advanced by this batch; NULL where net_n_state is 0. */
enum status net_gradient(net *n, const data *d, const batch_request *request, const float *params, float *state,
                         float *gradient, float *loss) WARN_UNUSED;

typedef struct evaluation {
  double loss;     /* mean over the split's labels, regulariser included; a text's perplexity is e to it */
  double accuracy; /* fraction of labels right; NaN where there are no labels */
  size_t n;
} evaluation;
/* Loss and accuracy of `params` over a split. Batch norm takes its statistics from the probe set, computed anew, since
 * workers have none in common; carried state begins as zeros. Waits for the device. */
enum status net_evaluate(net *n, const data *d, enum split split, const float *params, evaluation *out) WARN_UNUSED;
/* loss = the mean loss over a split, regulariser included, gradient (device memory) = its exact gradient; waits for the
 * device. Batches of the net's size are normalised each by itself, and what is carried from batch to batch is not
 * differentiated. */
enum status net_full_gradient(net *n, const data *d, enum split split, const float *params, float *gradient,
                              double *loss) WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif
