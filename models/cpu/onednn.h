/* oneDNN's primitives, appended to a program. All that differs between oneDNN's v2 and v3 C interfaces is in onednn.c.
 *
 * Layouts are chosen by oneDNN for each primitive, and a reorder is put in wherever a tensor has another one: a fixed
 * layout can silently select a reference implementation a hundred times slower. Shapes are (batch, channels, height,
 * width), and (out, in, height, width) for weights. */
#ifndef TERSE_MODELS_CPU_ONEDNN_H
#define TERSE_MODELS_CPU_ONEDNN_H

#include "models/cpu/program.h"
#include "models/graph.h"

/* A tensor of 1 to 4 dimensions in the plain, row-major layout. */
enum status onednn_plain(program *p, int n_dims, const size_t *shape, enum tensor_source source, size_t offset,
                         tensor **out) WARN_UNUSED;
/* A view like program_view, of 4 dimensions in the plain layout. */
enum status onednn_view(program *p, tensor *of, size_t offset, const size_t shape[4], tensor **out) WARN_UNUSED;
/* `from` in the plain layout / in the layout of `like`: itself where it has it, else a tensor filled by a reorder. */
enum status onednn_to_plain(program *p, tensor *from, tensor **out) WARN_UNUSED;
enum status onednn_to_layout(program *p, tensor *from, const tensor *like, tensor **out) WARN_UNUSED;

/* A tensor of its own in the layout of `like`. */
enum status onednn_like(program *p, const tensor *like, tensor **out) WARN_UNUSED;

/* What a layer's forward step leaves for its backward step. Release with onednn_forget. */
typedef struct forward_state {
  dnnl_primitive_desc_t hint;
  tensor *workspace;
  tensor *mean, *variance; /* batch norm */
} forward_state;
void onednn_forget(forward_state *f);

typedef struct parameter_tensors {
  /* Plain, bound at each run. bias: NULL where there is none; batch norm: weights are both, (2, channels). */
  tensor *weights, *bias, *weights_gradient, *bias_gradient;
} parameter_tensors;

enum status onednn_conv(program *p, const layer *l, const parameter_tensors *c, tensor *in, tensor **out,
                        forward_state *f) WARN_UNUSED;
/* The gradients of weights and bias; and *in_gradient, unless in_gradient is NULL. */
enum status onednn_conv_backward(program *p, const layer *l, const parameter_tensors *c, tensor *in,
                                 tensor *out_gradient, const forward_state *f, tensor **in_gradient) WARN_UNUSED;
/* Max or average pooling, by the kind of the layer; of an addition: the taking of every stride-th row and column. */
enum status onednn_pool(program *p, const layer *l, tensor *in, tensor **out, forward_state *f) WARN_UNUSED;
enum status onednn_pool_backward(program *p, const layer *l, const tensor *in, const tensor *out, tensor *out_gradient,
                                 const forward_state *f, tensor **in_gradient) WARN_UNUSED;

/* Training runs normalise by the batch and leave its mean and biased variance in f; evaluating runs take f's. */
enum status onednn_batch_norm(program *p, const layer *l, const parameter_tensors *c, tensor *in, tensor **out,
                              forward_state *f) WARN_UNUSED;
enum status onednn_batch_norm_backward(program *p, const layer *l, const parameter_tensors *c, tensor *in,
                                       tensor *out_gradient, const forward_state *f, tensor **in_gradient) WARN_UNUSED;

/* Two tensors whose samples begin with the same channels in the same order: a and b themselves where their layouts
 * allow it, else copies. b has the fewer channels, or as many. */
enum status onednn_align_channels(program *p, tensor *a, tensor *b, tensor **a_out, tensor **b_out) WARN_UNUSED;

#endif
