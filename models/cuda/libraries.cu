/* cuDNN and cuBLAS as the GPU executor's library, and the executor over it. A handle of each, and a workspace, belong to
 * one stream: nothing is shared between steps that run side by side, and nothing is allocated once they are open. */
#include "models/cuda/libraries.h"

#include <stdio.h>
#include <stdlib.h>

#include "models/cuda/executor.h"

enum { CUBLAS_WORKSPACE = 32 << 20 }; /* bytes: what cuBLAS recommends for Hopper */

enum status cudnn_check(cudnnStatus_t code, const char *what) {
  if (code == CUDNN_STATUS_SUCCESS) return STATUS_OK;
  return FAIL(STATUS_LIBRARY, "cuDNN: %s: %s", what, cudnnGetErrorString(code));
}

enum status cublas_check(cublasStatus_t code, const char *what) {
  if (code == CUBLAS_STATUS_SUCCESS) return STATUS_OK;
  return FAIL(STATUS_LIBRARY, "cuBLAS: %s: %s", what, cublasGetStatusString(code));
}

enum status cuda_check(cudaError_t code, const char *what) {
  if (code == cudaSuccess) return STATUS_OK;
  (void)cudaGetLastError();
  return FAIL(code == cudaErrorMemoryAllocation ? STATUS_NO_MEMORY : STATUS_DEVICE, "CUDA: %s: %s", what,
              cudaGetErrorString(code));
}

void cuda_describe_libraries(char *out, size_t n);
void cuda_describe_libraries(char *out, size_t n) {
  int part[3] = {0};
  const libraryPropertyType kinds[3] = {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL};
  for (int i = 0; i < 3; i++) (void)cublasGetProperty(kinds[i], &part[i]);
  const size_t cudnn = cudnnGetVersion(); /* major 10000 + minor 100 + patch */
  snprintf(out, n, ", cuDNN %zu.%zu.%zu, cuBLAS %d.%d.%d", cudnn / 10000, cudnn / 100 % 100, cudnn % 100, part[0],
           part[1], part[2]);
}

static void close_library(library *l) {
  if (!l) return;
  (void)cudaStreamSynchronize(library_stream(l));
  cudnn_conv_release(l->convs);
  cudnn_lstm_release(l->lstms);
  if (l->no_dropout) (void)cudnnDestroyDropoutDescriptor(l->no_dropout);
  (void)cudaFree(l->dropout_states);
  if (l->cublas) (void)cublasDestroy(l->cublas);
  (void)cudaFree(l->cublas_workspace);
  if (l->cudnn) (void)cudnnDestroy(l->cudnn);
  free(l);
}

static enum status open_cublas(library *l) {
  TRY_RETURN(cublas_check(cublasCreate(&l->cublas), "starting"));
  TRY_RETURN(cublas_check(cublasSetStream(l->cublas, library_stream(l)), "choosing a stream"));
  TRY_RETURN(cuda_check(cudaMalloc(&l->cublas_workspace, CUBLAS_WORKSPACE), "allocating cuBLAS's workspace"));
  TRY_RETURN(cublas_check(cublasSetWorkspace(l->cublas, l->cublas_workspace, CUBLAS_WORKSPACE), "taking a workspace"));
  return cublas_check(cublasSetMathMode(l->cublas, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION),
                      "choosing its arithmetic");
}

static enum status open_library(stream *s, const net_options *options, library **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  library *l = (library *)calloc(1, sizeof *l);
  if (!l) return FAIL(STATUS_NO_MEMORY, "no memory for cuDNN");
  l->stream = s;
  l->math = options->math;
  l->wavers = options->wavers;
  TRY(cudnn_check(cudnnCreate(&l->cudnn), "starting"));
  TRY(cudnn_check(cudnnSetStream(l->cudnn, library_stream(l)), "choosing a stream"));
  TRY(open_cublas(l));
  *out = l;
exit:
  if (status != STATUS_OK) close_library(l);
  return status;
}

/* cuBLAS's matrices go column by column: it is asked for the transposed product, whose factors are ours as they lie. */
static void product(library *l, char op_a, char op_b, size_t rows, size_t columns, size_t inner, const void *a,
                    const void *b, float *c, bool is_half) {
  const float one = 1, zero = 0;
  const cudaDataType_t type = is_half ? CUDA_R_16BF : CUDA_R_32F;
  const cublasComputeType_t compute =
      l->math == MATH_TF32 && !is_half ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  if (l->stream->error != STATUS_OK) return;
  const cublasStatus_t code = cublasGemmEx(
      l->cublas, op_b == 'T' ? CUBLAS_OP_T : CUBLAS_OP_N, op_a == 'T' ? CUBLAS_OP_T : CUBLAS_OP_N, (int)columns,
      (int)rows, (int)inner, &one, b, type, (int)(op_b == 'T' ? inner : columns), a, type,
      (int)(op_a == 'T' ? rows : inner), &zero, c, CUDA_R_32F, (int)columns, compute, CUBLAS_GEMM_DEFAULT);
  stream_fail(l->stream, cublas_check(code, "multiplying matrices"));
}

static const library_ops cuda_library_ops = {
    .open = open_library,
    .close = close_library,
    .conv = cudnn_conv,
    .conv_run = cudnn_conv_run,
    .lstm = cudnn_lstm,
    .lstm_forward = cudnn_lstm_forward,
    .lstm_backward = cudnn_lstm_backward,
    .product = product,
};

extern "C" const executor_ops cuda_executor_ops;

static enum status create(const graph *g, const executor_env *env, executor **out) {
  return gpu_executor_create(g, env, &cuda_library_ops, &cuda_executor_ops, out);
}

const executor_ops cuda_executor_ops = GPU_EXECUTOR_OPS(create);
