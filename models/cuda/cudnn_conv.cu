/* Convolutions through cuDNN's graph interface (cudnnBackend*): an operation is described, cuDNN's heuristics order the
 * engines that can do it, and the first that keeps our rules is taken. The rules: the same bits every time (unless
 * net_options.wavers), and no less precision than the math asked for. Nothing is timed, so that every rank and every
 * repetition chooses alike; what is chosen depends on the shape, the math, the GPU and cuDNN's version. */
#include <stdlib.h>
#include <string.h>

#include "models/cuda/libraries.h"

enum { MAX_ENGINES = 64, X = 1, W = 2, Y = 3 }; /* names of the tensors inside a plan */
static const int64_t MAX_WORKSPACE = (int64_t)1 << 30;

/* The descriptors of one operation, destroyed together; the plan lives on. */
struct conv_plan {
  cudnnBackendDescriptor_t plan;
  conv_plan *next;
};

typedef struct pool {
  cudnnBackendDescriptor_t made[16];
  int n;
} pool;

static enum status make(pool *p, cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *out) {
  TRY_RETURN(cudnn_check(cudnnBackendCreateDescriptor(type, out), "making a descriptor"));
  if (p) p->made[p->n++] = *out;
  return STATUS_OK;
}

static void destroy_all(pool *p) {
  while (p->n > 0) (void)cudnnBackendDestroyDescriptor(p->made[--p->n]);
}

static enum status set(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                       int64_t n, const void *values) {
  return cudnn_check(cudnnBackendSetAttribute(d, name, type, n, values), "describing a convolution");
}

static enum status finalize(cudnnBackendDescriptor_t d) {
  return cudnn_check(cudnnBackendFinalize(d), "describing a convolution");
}

/* ---- the operation */

/* `n` outer blocks of height x width x channels; dimensions in cuDNN's order, channels before height. */
static enum status make_tensor(pool *p, int64_t name, cudnnDataType_t type, size_t n, size_t channels, size_t height,
                               size_t width, cudnnBackendDescriptor_t *out) {
  const int64_t c = (int64_t)channels, h = (int64_t)height, w = (int64_t)width, alignment = 16;
  const int64_t dimensions[4] = {(int64_t)n, c, h, w}, strides[4] = {h * w * c, 1, w * c, c};
  TRY_RETURN(make(p, CUDNN_BACKEND_TENSOR_DESCRIPTOR, out));
  TRY_RETURN(set(*out, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type));
  TRY_RETURN(set(*out, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dimensions));
  TRY_RETURN(set(*out, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides));
  TRY_RETURN(set(*out, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &name));
  TRY_RETURN(set(*out, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment));
  return finalize(*out);
}

static enum status make_window(pool *p, const conv_shape *s, cudnnBackendDescriptor_t *out) {
  const int64_t n_dimensions = 2, ones[2] = {1, 1}, strides[2] = {(int64_t)s->stride, (int64_t)s->stride},
                pads[2] = {(int64_t)s->pad, (int64_t)s->pad};
  const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  TRY_RETURN(make(p, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, out));
  TRY_RETURN(set(*out, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &n_dimensions));
  TRY_RETURN(set(*out, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute));
  TRY_RETURN(set(*out, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode));
  TRY_RETURN(set(*out, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, ones));
  TRY_RETURN(set(*out, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, strides));
  TRY_RETURN(set(*out, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, pads));
  TRY_RETURN(set(*out, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, pads));
  return finalize(*out);
}

/* How each kind of operation names what it is made of. */
static const struct {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t window, x, w, y, alpha, beta;
} words[] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};

static enum status make_graph(library *l, pool *p, const conv_shape *s, enum conv_kind kind,
                              cudnnBackendDescriptor_t *out) {
  const cudnnDataType_t type = s->is_half ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
  const float one = 1, zero = 0;
  cudnnBackendDescriptor_t x, w, y, window, operation;
  TRY_RETURN(make_tensor(p, X, type, s->batch, s->in[0], s->in[1], s->in[2], &x));
  TRY_RETURN(make_tensor(p, W, type, s->out[0], s->in[0], s->kernel, s->kernel, &w));
  TRY_RETURN(make_tensor(p, Y, type, s->batch, s->out[0], s->out[1], s->out[2], &y));
  TRY_RETURN(make_window(p, s, &window));
  TRY_RETURN(make(p, words[kind].type, &operation));
  TRY_RETURN(set(operation, words[kind].window, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &window));
  TRY_RETURN(set(operation, words[kind].x, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &x));
  TRY_RETURN(set(operation, words[kind].w, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &w));
  TRY_RETURN(set(operation, words[kind].y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &y));
  TRY_RETURN(set(operation, words[kind].alpha, CUDNN_TYPE_FLOAT, 1, &one));
  TRY_RETURN(set(operation, words[kind].beta, CUDNN_TYPE_FLOAT, 1, &zero));
  TRY_RETURN(finalize(operation));
  TRY_RETURN(make(p, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, out));
  TRY_RETURN(set(*out, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &l->cudnn));
  TRY_RETURN(set(*out, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &operation));
  return finalize(*out);
}

/* ---- the choice */

/* Whether an engine's notes keep our rules. In TF32 and bf16 tensor cores are what was asked for. */
static bool is_admitted(const library *l, const cudnnBackendNumericalNote_t *notes, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    switch (notes[i]) {
      case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
        if (l->math == MATH_FP32) return false;
        break;
      case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
        if (!l->wavers) return false;
        break;
      case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
      case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
      case CUDNN_NUMERICAL_NOTE_FFT:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13:
        return false;
      default:
        break;
    }
  return true;
}

static bool keeps_rules(const library *l, cudnnBackendDescriptor_t configuration) {
  cudnnBackendDescriptor_t engine = NULL;
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  int64_t n = 0;
  if (cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine) != CUDNN_STATUS_SUCCESS) return false;
  const bool is_told = cudnnBackendGetAttribute(configuration, CUDNN_ATTR_ENGINECFG_ENGINE,
                                                CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine) == CUDNN_STATUS_SUCCESS &&
                       cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                                CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &n, notes) == CUDNN_STATUS_SUCCESS;
  (void)cudnnBackendDestroyDescriptor(engine);
  return is_told && is_admitted(l, notes, n);
}

/* The plan of a configuration, or NULL where cuDNN cannot run it here or it wants too much memory. */
static cudnnBackendDescriptor_t plan_of(library *l, cudnnBackendDescriptor_t configuration, int64_t *n_workspace) {
  cudnnBackendDescriptor_t plan = NULL;
  int64_t n = 0;
  if (cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan) != CUDNN_STATUS_SUCCESS) return NULL;
  if (cudnnBackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &l->cudnn) ==
          CUDNN_STATUS_SUCCESS &&
      cudnnBackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                               &configuration) == CUDNN_STATUS_SUCCESS &&
      cudnnBackendFinalize(plan) == CUDNN_STATUS_SUCCESS &&
      cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &n, n_workspace) ==
          CUDNN_STATUS_SUCCESS &&
      *n_workspace <= MAX_WORKSPACE)
    return plan;
  (void)cudnnBackendDestroyDescriptor(plan);
  return NULL;
}

/* The first engine of a heuristic's list that will do; *out is NULL where none will. */
static enum status choose(library *l, cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode,
                          cudnnBackendDescriptor_t *out, int64_t *n_workspace) {
  enum status status = STATUS_OK;
  pool p = {{NULL}, 0};
  cudnnBackendDescriptor_t heuristic, found[MAX_ENGINES];
  int64_t n = 0, n_made = 0;
  *out = NULL;
  TRY(make(&p, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, &heuristic));
  TRY(set(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph));
  TRY(set(heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode));
  TRY(finalize(heuristic));
  for (; n_made < MAX_ENGINES; n_made++) TRY(make(NULL, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &found[n_made]));
  TRY(cudnn_check(cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                           MAX_ENGINES, &n, found),
                  "listing the engines of a convolution"));
  for (int64_t i = 0; i < n && i < MAX_ENGINES && !*out; i++)
    if (keeps_rules(l, found[i])) *out = plan_of(l, found[i], n_workspace);
exit:
  while (n_made > 0) (void)cudnnBackendDestroyDescriptor(found[--n_made]);
  destroy_all(&p);
  return status;
}

enum status cudnn_conv(library *l, const conv_shape *shape, enum conv_kind kind, conv_plan **out, size_t *n_workspace) {
  static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK};
  enum status status = STATUS_OK;
  pool p = {{NULL}, 0};
  cudnnBackendDescriptor_t graph;
  int64_t n = 0;
  *out = NULL;
  conv_plan *plan = (conv_plan *)calloc(1, sizeof *plan);
  if (!plan) return FAIL(STATUS_NO_MEMORY, "no memory for a convolution");
  plan->next = l->convs;
  l->convs = plan;
  TRY(make_graph(l, &p, shape, kind, &graph));
  for (size_t i = 0; i < sizeof modes / sizeof *modes && !plan->plan; i++)
    TRY(choose(l, graph, modes[i], &plan->plan, &n));
  if (!plan->plan)
    TRY(FAIL(STATUS_UNSUPPORTED,
             "cuDNN %zu has no%s way in %s to do a convolution of %zu to %zu channels of %zu x %zu by %zu x "
             "%zu, stride %zu, in batches of %zu",
             cudnnGetVersion(), l->wavers ? "" : " deterministic", math_names[l->math], shape->in[0], shape->out[0],
             shape->in[1], shape->in[2], shape->kernel, shape->kernel, shape->stride, shape->batch));
  *out = plan;
  *n_workspace = (size_t)n;
exit:
  destroy_all(&p);
  return status;
}

/* ---- running */

static enum status run_plan(library *l, const conv_plan *plan, void *const *pointers, void *workspace) {
  static const int64_t names[3] = {X, W, Y};
  enum status status = STATUS_OK;
  pool p = {{NULL}, 0};
  cudnnBackendDescriptor_t pack;
  TRY(make(&p, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack));
  TRY(set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, names));
  TRY(set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers));
  TRY(set(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace));
  TRY(finalize(pack));
  TRY(cudnn_check(cudnnBackendExecute(l->cudnn, plan->plan, pack), "running a convolution"));
exit:
  destroy_all(&p);
  return status;
}

void cudnn_conv_run(library *l, conv_plan *plan, void *x, void *w, void *y, void *workspace) {
  void *const pointers[3] = {x, w, y};
  if (l->stream->error == STATUS_OK) stream_fail(l->stream, run_plan(l, plan, pointers, workspace));
}

void cudnn_conv_release(conv_plan *plans) {
  for (conv_plan *p = plans, *next; p; p = next) {
    next = p->next;
    if (p->plan) (void)cudnnBackendDestroyDescriptor(p->plan);
    free(p);
  }
}
