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

static const dnnl_memory_desc_t *layout_wanted(dnnl_primitive_desc_t pd, dnnl_query_t what) {
  return dnnl_primitive_desc_query_md(pd, what, 0);
}

static enum status create_tensor(program *p, const dnnl_memory_desc_t *md, enum tensor_source source, size_t offset,
                                 tensor **out) {
  enum status status = STATUS_OK;
  tensor *t = NULL;
  TRY(program_tensor(p, dnnl_memory_desc_get_size(md), source, offset, &t));
  LIBRARY(dnnl_memory_create(&t->memory, md, p->engine, source == TENSOR_OWN ? t->data : DNNL_MEMORY_NONE));
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

/* Creates the primitive and appends it with up to five arguments. */
static enum status append_primitive(program *p, dnnl_primitive_desc_t pd, const dnnl_exec_arg_t *args, int n_args) {
  enum status status = STATUS_OK;
  step s = {.kind = STEP_PRIMITIVE, .n_args = n_args};
  memcpy(s.args, args, (size_t)n_args * sizeof *args);
  LIBRARY(dnnl_primitive_create(&s.primitive, pd));
  TRY(program_append(p, &s));
exit:
  return status;
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
  LIBRARY(dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, convolution, &w.in, &w.weights, &w.bias, &w.out,
                                             w.stride, w.pad, w.pad));
  LIBRARY(dnnl_primitive_desc_create(&f->hint, &d, NULL, p->engine, NULL));
  TRY(adapt(p, in, layout_wanted(f->hint, dnnl_query_src_md), &x));
  TRY(adapt(p, c->weights, layout_wanted(f->hint, dnnl_query_weights_md), &weights));
  TRY(create_tensor(p, layout_wanted(f->hint, dnnl_query_dst_md), TENSOR_OWN, 0, out));
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, x->memory},
                                  {DNNL_ARG_WEIGHTS, weights->memory},
                                  {DNNL_ARG_BIAS, c->bias->memory},
                                  {DNNL_ARG_DST, (*out)->memory}};
  TRY(append_primitive(p, f->hint, args, 4));
exit:
  return status;
}

static enum status conv_backward_weights(program *p, const window *w, const parameter_tensors *c, tensor *in,
                                         tensor *out_gradient, const forward_state *f) {
  enum status status = STATUS_OK;
  dnnl_convolution_desc_t d;
  dnnl_primitive_desc_t pd = NULL;
  tensor *x, *dy, *dw;
  LIBRARY(dnnl_convolution_backward_weights_desc_init(&d, convolution, &w->in, &w->weights, &w->bias, &w->out,
                                                      w->stride, w->pad, w->pad));
  LIBRARY(dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, f->hint));
  TRY(adapt(p, in, layout_wanted(pd, dnnl_query_src_md), &x));
  TRY(adapt(p, out_gradient, layout_wanted(pd, dnnl_query_diff_dst_md), &dy));
  TRY(prepare_output(p, c->weights_gradient, layout_wanted(pd, dnnl_query_diff_weights_md), &dw));
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, x->memory},
                                  {DNNL_ARG_DIFF_DST, dy->memory},
                                  {DNNL_ARG_DIFF_WEIGHTS, dw->memory},
                                  {DNNL_ARG_DIFF_BIAS, c->bias_gradient->memory}};
  TRY(append_primitive(p, pd, args, 4));
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
  TRY(append_primitive(p, pd, args, 3));
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

enum status onednn_max_pool(program *p, const layer *l, tensor *in, tensor **out, forward_state *f) {
  enum status status = STATUS_OK;
  window w;
  dnnl_pooling_desc_t d;
  TRY(describe_window(l, batch_of(in), &w));
  LIBRARY(dnnl_pooling_forward_desc_init(&d, dnnl_forward_training, dnnl_pooling_max, layout_of(in), &w.out, w.stride,
                                         w.kernel, w.pad, w.pad));
  LIBRARY(dnnl_primitive_desc_create(&f->hint, &d, NULL, p->engine, NULL));
  TRY(create_tensor(p, layout_wanted(f->hint, dnnl_query_dst_md), TENSOR_OWN, 0, out));
  TRY(create_tensor(p, layout_wanted(f->hint, dnnl_query_workspace_md), TENSOR_OWN, 0, &f->workspace));
  const dnnl_exec_arg_t args[] = {
      {DNNL_ARG_SRC, in->memory}, {DNNL_ARG_DST, (*out)->memory}, {DNNL_ARG_WORKSPACE, f->workspace->memory}};
  TRY(append_primitive(p, f->hint, args, 3));
exit:
  return status;
}

enum status onednn_max_pool_backward(program *p, const layer *l, const tensor *in, const tensor *out,
                                     tensor *out_gradient, const forward_state *f, tensor **in_gradient) {
  enum status status = STATUS_OK;
  window w;
  dnnl_pooling_desc_t d;
  dnnl_primitive_desc_t pd = NULL;
  tensor *dy;
  TRY(describe_window(l, batch_of(in), &w));
  LIBRARY(dnnl_pooling_backward_desc_init(&d, dnnl_pooling_max, layout_of(in), layout_of(out), w.stride, w.kernel,
                                          w.pad, w.pad));
  LIBRARY(dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, f->hint));
  TRY(adapt(p, out_gradient, layout_of(out), &dy));
  TRY(create_tensor(p, layout_of(in), TENSOR_OWN, 0, in_gradient));
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_DIFF_DST, dy->memory},
                                  {DNNL_ARG_DIFF_SRC, (*in_gradient)->memory},
                                  {DNNL_ARG_WORKSPACE, f->workspace->memory}};
  TRY(append_primitive(p, pd, args, 3));
exit:
  if (pd) dnnl_primitive_desc_destroy(pd);
  return status;
}
