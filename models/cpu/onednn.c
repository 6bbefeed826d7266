#include "models/cpu/onednn.h"

#include <string.h>

#define LIBRARY(call)                                                                                             \
  do {                                                                                                            \
    const dnnl_status_t library_code = (call);                                                                    \
    if (library_code != dnnl_success) {                                                                           \
      status = FAIL(STATUS_LIBRARY, "oneDNN cannot build the model: %s gives code %d", #call, (int)library_code); \
      goto exit;                                                                                                  \
    }                                                                                                             \
  } while (0)

static const dnnl_memory_desc_t *layout_of(const tensor *t) {
  const dnnl_memory_desc_t *md = NULL;
  dnnl_memory_get_memory_desc(t->memory, &md);
  return md;
}

static dnnl_memory_t memory_of(const tensor *t) { return t ? t->memory : NULL; }

static const dnnl_memory_desc_t *layout_wanted(dnnl_primitive_desc_t pd, dnnl_query_t what) {
  return dnnl_primitive_desc_query_md(pd, what, 0);
}

static enum status create_tensor(program *p, const dnnl_memory_desc_t *md, enum tensor_source source, size_t offset,
                                 tensor **out) {
  enum status status = STATUS_OK;
  tensor *t = NULL;
  TRY(program_tensor(p, dnnl_memory_desc_get_size(md), source, offset, &t));
  LIBRARY(dnnl_memory_create(&t->memory, md, p->engine, DNNL_MEMORY_NONE));
  *out = t;
exit:
  return status;
}

enum status onednn_plain(program *p, int n_dims, const size_t *shape, enum tensor_source source, size_t offset,
                         tensor **out) {
  enum status status = STATUS_OK;
  static const dnnl_format_tag_t plain[] = {dnnl_a, dnnl_ab, dnnl_abc, dnnl_abcd};
  dnnl_memory_desc_t md;
  dnnl_dims_t dims = {0};
  for (int i = 0; i < n_dims; i++) dims[i] = (dnnl_dim_t)shape[i];
  LIBRARY(dnnl_memory_desc_init_by_tag(&md, n_dims, dims, dnnl_f32, plain[n_dims - 1]));
  TRY(create_tensor(p, &md, source, offset, out));
exit:
  return status;
}

enum status onednn_view(program *p, tensor *of, size_t offset, const size_t shape[4], tensor **out) {
  enum status status = STATUS_OK;
  dnnl_memory_desc_t md;
  dnnl_dims_t dims;
  for (int i = 0; i < 4; i++) dims[i] = (dnnl_dim_t)shape[i];
  TRY(program_view(p, of, offset, shape[0] * shape[1] * shape[2] * shape[3], out));
  LIBRARY(dnnl_memory_desc_init_by_tag(&md, 4, dims, dnnl_f32, dnnl_abcd));
  LIBRARY(dnnl_memory_create(&(*out)->memory, &md, p->engine, DNNL_MEMORY_NONE));
exit:
  return status;
}

static enum status append_reorder(program *p, tensor *from, tensor *to) {
  enum status status = STATUS_OK;
  dnnl_primitive_desc_t pd = NULL;
  step s = {.kind = STEP_PRIMITIVE, .args = {{DNNL_ARG_FROM, from->memory}, {DNNL_ARG_TO, to->memory}}, .n_args = 2};
  LIBRARY(dnnl_reorder_primitive_desc_create(&pd, layout_of(from), p->engine, layout_of(to), p->engine, NULL));
  LIBRARY(dnnl_primitive_create(&s.primitive, pd));
  TRY(program_append(p, &s));
exit:
  if (pd) dnnl_primitive_desc_destroy(pd);
  return status;
}

/* The tensor a primitive reads: `from` itself, or its copy in the layout the primitive wants. */
static enum status adapt(program *p, tensor *from, const dnnl_memory_desc_t *want, tensor **out) {
  *out = from;
  if (dnnl_memory_desc_equal(layout_of(from), want)) return STATUS_OK;
  TRY_RETURN(create_tensor(p, want, TENSOR_OWN, 0, out));
  return append_reorder(p, from, *out);
}

/* The tensor a primitive writes: `into` itself, or one that flush_output will copy to it. */
static enum status prepare_output(program *p, tensor *into, const dnnl_memory_desc_t *given, tensor **out) {
  *out = into;
  return dnnl_memory_desc_equal(layout_of(into), given) ? STATUS_OK : create_tensor(p, given, TENSOR_OWN, 0, out);
}

static enum status flush_output(program *p, tensor *from, tensor *into) {
  return from == into ? STATUS_OK : append_reorder(p, from, into);
}

enum status onednn_to_layout(program *p, tensor *from, const tensor *like, tensor **out) {
  return adapt(p, from, layout_of(like), out);
}

enum status onednn_like(program *p, const tensor *like, tensor **out) {
  return create_tensor(p, layout_of(like), TENSOR_OWN, 0, out);
}

enum status onednn_to_plain(program *p, tensor *from, tensor **out) {
  enum status status = STATUS_OK;
  dnnl_memory_desc_t plain;
  LIBRARY(dnnl_memory_desc_init_by_tag(&plain, 4, layout_of(from)->dims, dnnl_f32, dnnl_abcd));
  TRY(adapt(p, from, &plain, out));
exit:
  return status;
}

void onednn_forget(forward_state *f) {
  if (f->hint) dnnl_primitive_desc_destroy(f->hint);
  f->hint = NULL;
}

/* Creates the primitive and appends it with its arguments, without those whose memory is NULL. */
static enum status append_primitive(program *p, dnnl_primitive_desc_t pd, const dnnl_exec_arg_t *args, int n_args,
                                    unsigned modes) {
  enum status status = STATUS_OK;
  step s = {.kind = STEP_PRIMITIVE, .modes = modes};
  for (int i = 0; i < n_args; i++)
    if (args[i].memory) s.args[s.n_args++] = args[i];
  LIBRARY(dnnl_primitive_create(&s.primitive, pd));
  TRY(program_append(p, &s));
exit:
  return status;
}

/* The memory a forward primitive fills for its backward one, where it wants any. */
static enum status create_workspace(program *p, forward_state *f) {
  const dnnl_memory_desc_t *md = layout_wanted(f->hint, dnnl_query_workspace_md);
  return md && dnnl_memory_desc_get_size(md) > 0 ? create_tensor(p, md, TENSOR_OWN, 0, &f->workspace) : STATUS_OK;
}

/* A convolution's or pooling's geometry, and its tensors with the layout left open. */
typedef struct window {
  dnnl_dims_t stride, kernel, pad;
  dnnl_memory_desc_t in, weights, bias, out;
} window;

static enum status describe_window(const layer *l, size_t batch, window *w) {
  enum status status = STATUS_OK;
  dnnl_dims_t in = {(dnnl_dim_t)batch}, out = {(dnnl_dim_t)batch}, weights = {0}, bias = {0};
  memset(w, 0, sizeof *w);
  for (int i = 0; i < 3; i++) {
    in[i + 1] = (dnnl_dim_t)l->in[i];
    out[i + 1] = (dnnl_dim_t)l->out[i];
  }
  for (int i = 0; i < 2; i++) {
    w->stride[i] = (dnnl_dim_t)l->stride;
    w->kernel[i] = weights[i + 2] = (dnnl_dim_t)l->kernel;
    w->pad[i] = (dnnl_dim_t)l->pad;
  }
  weights[0] = bias[0] = out[1];
  weights[1] = in[1];
  LIBRARY(dnnl_memory_desc_init_by_tag(&w->in, 4, in, dnnl_f32, dnnl_format_tag_any));
  LIBRARY(dnnl_memory_desc_init_by_tag(&w->out, 4, out, dnnl_f32, dnnl_format_tag_any));
  LIBRARY(dnnl_memory_desc_init_by_tag(&w->weights, 4, weights, dnnl_f32, dnnl_format_tag_any));
  LIBRARY(dnnl_memory_desc_init_by_tag(&w->bias, 1, bias, dnnl_f32, dnnl_a));
exit:
  return status;
}

static size_t batch_of(const tensor *t) { return (size_t)layout_of(t)->dims[0]; }

/* Direct, not Winograd, whose rounding errors are larger. */
static const dnnl_alg_kind_t convolution = dnnl_convolution_direct;

enum status onednn_conv(program *p, const layer *l, const parameter_tensors *c, tensor *in, tensor **out,
                        forward_state *f) {
  enum status status = STATUS_OK;
  window w;
  dnnl_convolution_desc_t d;
  tensor *x, *weights;
  TRY(describe_window(l, batch_of(in), &w));
  LIBRARY(dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, convolution, &w.in, &w.weights,
                                             c->bias ? &w.bias : NULL, &w.out, w.stride, w.pad, w.pad));
  LIBRARY(dnnl_primitive_desc_create(&f->hint, &d, NULL, p->engine, NULL));
  TRY(adapt(p, in, layout_wanted(f->hint, dnnl_query_src_md), &x));
  TRY(adapt(p, c->weights, layout_wanted(f->hint, dnnl_query_weights_md), &weights));
  TRY(create_tensor(p, layout_wanted(f->hint, dnnl_query_dst_md), TENSOR_OWN, 0, out));
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, x->memory},
                                  {DNNL_ARG_WEIGHTS, weights->memory},
                                  {DNNL_ARG_BIAS, memory_of(c->bias)},
                                  {DNNL_ARG_DST, (*out)->memory}};
  TRY(append_primitive(p, f->hint, args, 4, 0));
exit:
  return status;
}

static enum status conv_backward_weights(program *p, const window *w, const parameter_tensors *c, tensor *in,
                                         tensor *out_gradient, const forward_state *f) {
  enum status status = STATUS_OK;
  dnnl_convolution_desc_t d;
  dnnl_primitive_desc_t pd = NULL;
  tensor *x, *dy, *dw;
  LIBRARY(dnnl_convolution_backward_weights_desc_init(&d, convolution, &w->in, &w->weights, c->bias ? &w->bias : NULL,
                                                      &w->out, w->stride, w->pad, w->pad));
  LIBRARY(dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, f->hint));
  TRY(adapt(p, in, layout_wanted(pd, dnnl_query_src_md), &x));
  TRY(adapt(p, out_gradient, layout_wanted(pd, dnnl_query_diff_dst_md), &dy));
  TRY(prepare_output(p, c->weights_gradient, layout_wanted(pd, dnnl_query_diff_weights_md), &dw));
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, x->memory},
                                  {DNNL_ARG_DIFF_DST, dy->memory},
                                  {DNNL_ARG_DIFF_WEIGHTS, dw->memory},
                                  {DNNL_ARG_DIFF_BIAS, memory_of(c->bias_gradient)}};
  TRY(append_primitive(p, pd, args, 4, 0));
  TRY(flush_output(p, dw, c->weights_gradient));
exit:
  if (pd) dnnl_primitive_desc_destroy(pd);
  return status;
}

static enum status conv_backward_input(program *p, const window *w, const parameter_tensors *c, tensor *out_gradient,
                                       const forward_state *f, tensor **in_gradient) {
  enum status status = STATUS_OK;
  dnnl_convolution_desc_t d;
  dnnl_primitive_desc_t pd = NULL;
  tensor *dy, *weights;
  LIBRARY(dnnl_convolution_backward_data_desc_init(&d, convolution, &w->in, &w->weights, &w->out, w->stride, w->pad,
                                                   w->pad));
  LIBRARY(dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, f->hint));
  TRY(adapt(p, out_gradient, layout_wanted(pd, dnnl_query_diff_dst_md), &dy));
  TRY(adapt(p, c->weights, layout_wanted(pd, dnnl_query_weights_md), &weights));
  TRY(create_tensor(p, layout_wanted(pd, dnnl_query_diff_src_md), TENSOR_OWN, 0, in_gradient));
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_DIFF_DST, dy->memory},
                                  {DNNL_ARG_WEIGHTS, weights->memory},
                                  {DNNL_ARG_DIFF_SRC, (*in_gradient)->memory}};
  TRY(append_primitive(p, pd, args, 3, 0));
exit:
  if (pd) dnnl_primitive_desc_destroy(pd);
  return status;
}

enum status onednn_conv_backward(program *p, const layer *l, const parameter_tensors *c, tensor *in,
                                 tensor *out_gradient, const forward_state *f, tensor **in_gradient) {
  window w;
  TRY_RETURN(describe_window(l, batch_of(in), &w));
  TRY_RETURN(conv_backward_weights(p, &w, c, in, out_gradient, f));
  return in_gradient ? conv_backward_input(p, &w, c, out_gradient, f, in_gradient) : STATUS_OK;
}

static dnnl_alg_kind_t pooling_of(const layer *l) {
  return l->kind == LAYER_MAX_POOL ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
}

enum status onednn_pool(program *p, const layer *l, tensor *in, tensor **out, forward_state *f) {
  enum status status = STATUS_OK;
  window w;
  dnnl_pooling_desc_t d;
  TRY(describe_window(l, batch_of(in), &w));
  LIBRARY(dnnl_pooling_forward_desc_init(&d, dnnl_forward_training, pooling_of(l), layout_of(in), &w.out, w.stride,
                                         w.kernel, w.pad, w.pad));
  LIBRARY(dnnl_primitive_desc_create(&f->hint, &d, NULL, p->engine, NULL));
  TRY(create_tensor(p, layout_wanted(f->hint, dnnl_query_dst_md), TENSOR_OWN, 0, out));
  TRY(create_workspace(p, f));
  const dnnl_exec_arg_t args[] = {
      {DNNL_ARG_SRC, in->memory}, {DNNL_ARG_DST, (*out)->memory}, {DNNL_ARG_WORKSPACE, memory_of(f->workspace)}};
  TRY(append_primitive(p, f->hint, args, 3, 0));
exit:
  return status;
}

enum status onednn_pool_backward(program *p, const layer *l, const tensor *in, const tensor *out, tensor *out_gradient,
                                 const forward_state *f, tensor **in_gradient) {
  enum status status = STATUS_OK;
  window w;
  dnnl_pooling_desc_t d;
  dnnl_primitive_desc_t pd = NULL;
  tensor *dy;
  TRY(describe_window(l, batch_of(in), &w));
  LIBRARY(dnnl_pooling_backward_desc_init(&d, pooling_of(l), layout_of(in), layout_of(out), w.stride, w.kernel, w.pad,
                                          w.pad));
  LIBRARY(dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, f->hint));
  TRY(adapt(p, out_gradient, layout_of(out), &dy));
  TRY(create_tensor(p, layout_of(in), TENSOR_OWN, 0, in_gradient));
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_DIFF_DST, dy->memory},
                                  {DNNL_ARG_DIFF_SRC, (*in_gradient)->memory},
                                  {DNNL_ARG_WORKSPACE, memory_of(f->workspace)}};
  TRY(append_primitive(p, pd, args, 3, 0));
exit:
  if (pd) dnnl_primitive_desc_destroy(pd);
  return status;
}

static const float NORM_EPSILON = 1e-5f;

/* The evaluating runs' normalisation. */
static enum status norm_by_averages(program *p, const layer *l, const parameter_tensors *c, const tensor *in,
                                    const tensor *out, const forward_state *f) {
  enum status status = STATUS_OK;
  dnnl_batch_normalization_desc_t d;
  dnnl_primitive_desc_t pd = NULL;
  const unsigned flags = dnnl_use_scaleshift | dnnl_use_global_stats | (l->relu ? dnnl_fuse_norm_relu : 0u);
  LIBRARY(dnnl_batch_normalization_forward_desc_init(&d, dnnl_forward_inference, layout_of(in), NORM_EPSILON, flags));
  LIBRARY(dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, NULL));
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, in->memory},
                                  {DNNL_ARG_MEAN, f->mean->memory},
                                  {DNNL_ARG_VARIANCE, f->variance->memory},
                                  {DNNL_ARG_SCALE_SHIFT, c->weights->memory},
                                  {DNNL_ARG_DST, out->memory}};
  TRY(append_primitive(p, pd, args, 5, RUN_EVALUATE));
exit:
  if (pd) dnnl_primitive_desc_destroy(pd);
  return status;
}

enum status onednn_batch_norm(program *p, const layer *l, const parameter_tensors *c, tensor *in, tensor **out,
                              forward_state *f) {
  enum status status = STATUS_OK;
  dnnl_batch_normalization_desc_t d;
  const unsigned flags = dnnl_use_scaleshift | (l->relu ? dnnl_fuse_norm_relu : 0u);
  LIBRARY(dnnl_batch_normalization_forward_desc_init(&d, dnnl_forward_training, layout_of(in), NORM_EPSILON, flags));
  LIBRARY(dnnl_primitive_desc_create(&f->hint, &d, NULL, p->engine, NULL));
  TRY(create_tensor(p, layout_of(in), TENSOR_OWN, 0, out));
  TRY(create_workspace(p, f));
  TRY(onednn_plain(p, 1, &l->in[0], TENSOR_KEPT, 0, &f->mean));
  TRY(onednn_plain(p, 1, &l->in[0], TENSOR_KEPT, 0, &f->variance));
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, in->memory},
                                  {DNNL_ARG_MEAN, f->mean->memory},
                                  {DNNL_ARG_VARIANCE, f->variance->memory},
                                  {DNNL_ARG_SCALE_SHIFT, c->weights->memory},
                                  {DNNL_ARG_DST, (*out)->memory},
                                  {DNNL_ARG_WORKSPACE, memory_of(f->workspace)}};
  TRY(append_primitive(p, f->hint, args, 6, RUN_TRAIN | RUN_COLLECT));
  TRY(norm_by_averages(p, l, c, in, *out, f));
exit:
  return status;
}

enum status onednn_batch_norm_backward(program *p, const layer *l, const parameter_tensors *c, tensor *in,
                                       tensor *out_gradient, const forward_state *f, tensor **in_gradient) {
  enum status status = STATUS_OK;
  dnnl_batch_normalization_desc_t d;
  dnnl_primitive_desc_t pd = NULL;
  tensor *dy, *dx = NULL;
  const unsigned flags = dnnl_use_scaleshift | (l->relu ? dnnl_fuse_norm_relu : 0u);
  LIBRARY(dnnl_batch_normalization_backward_desc_init(&d, dnnl_backward, layout_of(in), layout_of(in), NORM_EPSILON,
                                                      flags));
  LIBRARY(dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, f->hint));
  TRY(adapt(p, out_gradient, layout_of(in), &dy));
  TRY(create_tensor(p, layout_of(in), TENSOR_OWN, 0, &dx));
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, in->memory},
                                  {DNNL_ARG_MEAN, f->mean->memory},
                                  {DNNL_ARG_VARIANCE, f->variance->memory},
                                  {DNNL_ARG_DIFF_DST, dy->memory},
                                  {DNNL_ARG_SCALE_SHIFT, c->weights->memory},
                                  {DNNL_ARG_WORKSPACE, memory_of(f->workspace)},
                                  {DNNL_ARG_DIFF_SRC, dx->memory},
                                  {DNNL_ARG_DIFF_SCALE_SHIFT, c->weights_gradient->memory}};
  TRY(append_primitive(p, pd, args, 8, 0));
  if (in_gradient) *in_gradient = dx;
exit:
  if (pd) dnnl_primitive_desc_destroy(pd);
  return status;
}

/* Whether a layout is samples, then blocks of `block` channels, then rows, columns and the channel in the block, with
 * no padding. */
static bool is_in_blocks(const dnnl_memory_desc_t *md, dnnl_format_tag_t tag, dnnl_dim_t block) {
  dnnl_memory_desc_t blocked;
  return md->dims[1] % block == 0 &&
         dnnl_memory_desc_init_by_tag(&blocked, 4, md->dims, dnnl_f32, tag) == dnnl_success &&
         dnnl_memory_desc_equal(md, &blocked);
}

enum status onednn_align_channels(program *p, tensor *a, tensor *b, tensor **a_out, tensor **b_out) {
  static const struct {
    dnnl_format_tag_t tag;
    dnnl_dim_t block;
  } layouts[] = {{dnnl_nChw16c, 16}, {dnnl_nChw8c, 8}};
  *a_out = a;
  if (layout_of(a)->dims[1] == layout_of(b)->dims[1]) return adapt(p, b, layout_of(a), b_out);
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
    dnnl_memory_desc_t want;
    if (!is_in_blocks(layout_of(a), layouts[i].tag, layouts[i].block)) continue;
    if (dnnl_memory_desc_init_by_tag(&want, 4, layout_of(b)->dims, dnnl_f32, layouts[i].tag) == dnnl_success &&
        is_in_blocks(&want, layouts[i].tag, layouts[i].block))
      return adapt(p, b, &want, b_out);
  }
  TRY_RETURN(onednn_to_plain(p, a, a_out));
  return onednn_to_plain(p, b, b_out);
}
