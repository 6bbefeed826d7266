/* What the parts of the CUDA library share: see library.h. Compiled by nvcc only. */
#ifndef TERSE_MODELS_CUDA_LIBRARIES_H
#define TERSE_MODELS_CUDA_LIBRARIES_H

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <cudnn.h>

#include "models/cuda/library.h"

struct library {
  stream *stream;
  enum math math;
  bool wavers; /* see net_options */
  cudnnHandle_t cudnn;
  cublasHandle_t cublas;
  void *cublas_workspace;
  cudnnDropoutDescriptor_t no_dropout;
  void *dropout_states;
  conv_plan *convs;
  lstm_plan *lstms;
};

/* STATUS_LIBRARY with the library's words. */
enum status cudnn_check(cudnnStatus_t code, const char *what);
enum status cublas_check(cublasStatus_t code, const char *what);
enum status cuda_check(cudaError_t code, const char *what);

static inline cudaStream_t library_stream(const library *l) { return (cudaStream_t)l->stream->native; }

/* cudnn_conv.cu */
enum status cudnn_conv(library *l, const conv_shape *shape, enum conv_kind kind, conv_plan **out, size_t *n_workspace);
void cudnn_conv_run(library *l, conv_plan *plan, void *x, void *w, void *y, void *workspace);
void cudnn_conv_release(conv_plan *plans);

/* cudnn_lstm.cu */
enum status cudnn_lstm(library *l, const lstm_shape *shape, lstm_plan **out, size_t *n_workspace, size_t *n_reserve);
void cudnn_lstm_forward(library *l, lstm_plan *plan, const lstm_arguments *a);
void cudnn_lstm_backward(library *l, lstm_plan *plan, const lstm_arguments *a);
void cudnn_lstm_release(lstm_plan *plans);

#endif
