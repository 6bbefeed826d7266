/* The LSTM through cuDNN's RNN interface (v8): one layer a plan. cuDNN keeps weights in a space of its own, to which
 * ours are copied before each pass, and from which their gradients are copied after. Its gates come in our order (input,
 * forget, cell, output), and its matrices are ours. */
#include <stdlib.h>

#include "models/cuda/libraries.h"

enum { N_MATRICES = 8 }; /* of a gate from the input, 0 to 3, and from h, 4 to 7, each with a bias */

struct lstm_plan {
  lstm_shape shape;
  cudnnRNNDescriptor_t rnn;
  cudnnRNNDataDescriptor_t x, y;
  cudnnTensorDescriptor_t state; /* h or c */
  size_t n_weights, n_workspace, n_reserve; /* bytes */
  unsigned char *weights, *gradient;        /* device; cuDNN's order */
  size_t matrix[N_MATRICES], bias[N_MATRICES]; /* where each begins there */
  lstm_plan *next;
};

static enum status describe_data(const lstm_shape *s, size_t width, cudnnRNNDataDescriptor_t *out) {
  int *lengths = (int *)malloc(s->batch * sizeof *lengths);
  if (!lengths) return FAIL(STATUS_NO_MEMORY, "no memory for an LSTM");
  for (size_t j = 0; j < s->batch; j++) lengths[j] = (int)s->steps;
  enum status status = cudnn_check(cudnnCreateRNNDataDescriptor(out), "describing a sequence");
  if (status == STATUS_OK)
    status = cudnn_check(cudnnSetRNNDataDescriptor(*out, CUDNN_DATA_FLOAT, CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED,
                                                   (int)s->steps, (int)s->batch, (int)width, lengths, NULL),
                         "describing a sequence");
  free(lengths);
  return status;
}

/* Dropout between layers is ours: cuDNN wants a descriptor that says none. */
static enum status describe_no_dropout(library *l) {
  size_t n = 0;
  if (l->no_dropout) return STATUS_OK;
  TRY_RETURN(cudnn_check(cudnnCreateDropoutDescriptor(&l->no_dropout), "describing no dropout"));
  TRY_RETURN(cudnn_check(cudnnDropoutGetStatesSize(l->cudnn, &n), "describing no dropout"));
  TRY_RETURN(cuda_check(cudaMalloc(&l->dropout_states, n), "allocating for an LSTM"));
  return cudnn_check(cudnnSetDropoutDescriptor(l->no_dropout, l->cudnn, 0, l->dropout_states, n, 0),
                     "describing no dropout");
}

static enum status describe(library *l, lstm_plan *p) {
  const lstm_shape *s = &p->shape;
  const int state[3] = {1, (int)s->batch, (int)s->n_units}, strides[3] = {state[1] * state[2], state[2], 1};
  const int32_t units = (int32_t)s->n_units;
  TRY_RETURN(describe_no_dropout(l));
  TRY_RETURN(describe_data(s, s->n_in, &p->x));
  TRY_RETURN(describe_data(s, s->n_units, &p->y));
  TRY_RETURN(cudnn_check(cudnnCreateTensorDescriptor(&p->state), "describing an LSTM"));
  TRY_RETURN(cudnn_check(cudnnSetTensorNdDescriptor(p->state, CUDNN_DATA_FLOAT, 3, state, strides), "describing an LSTM"));
  TRY_RETURN(cudnn_check(cudnnCreateRNNDescriptor(&p->rnn), "describing an LSTM"));
  return cudnn_check(cudnnSetRNNDescriptor_v8(p->rnn, CUDNN_RNN_ALGO_STANDARD, CUDNN_LSTM, CUDNN_RNN_DOUBLE_BIAS,
                                              CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT, CUDNN_DATA_FLOAT,
                                              CUDNN_DATA_FLOAT,
                                              l->math == MATH_FP32 ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH,
                                              (int32_t)s->n_in, units, units, 1, l->no_dropout,
                                              CUDNN_RNN_PADDED_IO_DISABLED),
                     "describing an LSTM");
}

static enum status find_weights(library *l, lstm_plan *p, cudnnTensorDescriptor_t matrix, cudnnTensorDescriptor_t bias) {
  for (int k = 0; k < N_MATRICES; k++) {
    void *at_matrix = NULL, *at_bias = NULL;
    TRY_RETURN(cudnn_check(cudnnGetRNNWeightParams(l->cudnn, p->rnn, 0, p->n_weights, p->weights, k, matrix, &at_matrix,
                                                   bias, &at_bias),
                           "finding an LSTM's weights"));
    if (!at_matrix || !at_bias) return FAIL(STATUS_LIBRARY, "cuDNN: an LSTM without its matrix or bias %d", k);
    p->matrix[k] = (size_t)((unsigned char *)at_matrix - p->weights);
    p->bias[k] = (size_t)((unsigned char *)at_bias - p->weights);
  }
  return STATUS_OK;
}

static enum status allocate(library *l, lstm_plan *p) {
  cudnnTensorDescriptor_t matrix = NULL, bias = NULL;
  void *memory = NULL;
  TRY_RETURN(cudnn_check(cudnnGetRNNWeightSpaceSize(l->cudnn, p->rnn, &p->n_weights), "sizing an LSTM"));
  TRY_RETURN(cudnn_check(
      cudnnGetRNNTempSpaceSizes(l->cudnn, p->rnn, CUDNN_FWD_MODE_TRAINING, p->x, &p->n_workspace, &p->n_reserve),
      "sizing an LSTM"));
  TRY_RETURN(cuda_check(cudaMalloc(&memory, p->n_weights), "allocating for an LSTM"));
  p->weights = (unsigned char *)memory;
  TRY_RETURN(cuda_check(cudaMalloc(&memory, p->n_weights), "allocating for an LSTM"));
  p->gradient = (unsigned char *)memory;
  enum status status = cudnn_check(cudnnCreateTensorDescriptor(&matrix), "finding an LSTM's weights");
  if (status == STATUS_OK) status = cudnn_check(cudnnCreateTensorDescriptor(&bias), "finding an LSTM's weights");
  if (status == STATUS_OK) status = find_weights(l, p, matrix, bias);
  if (matrix) (void)cudnnDestroyTensorDescriptor(matrix);
  if (bias) (void)cudnnDestroyTensorDescriptor(bias);
  return status;
}

enum status cudnn_lstm(library *l, const lstm_shape *shape, lstm_plan **out, size_t *n_workspace, size_t *n_reserve) {
  *out = NULL;
  lstm_plan *p = (lstm_plan *)calloc(1, sizeof *p);
  if (!p) return FAIL(STATUS_NO_MEMORY, "no memory for an LSTM");
  p->shape = *shape;
  p->next = l->lstms;
  l->lstms = p;
  TRY_RETURN(describe(l, p));
  TRY_RETURN(allocate(l, p));
  *out = p;
  *n_workspace = p->n_workspace;
  *n_reserve = p->n_reserve;
  return STATUS_OK;
}

void cudnn_lstm_release(lstm_plan *plans) {
  for (lstm_plan *p = plans, *next; p; p = next) {
    next = p->next;
    if (p->rnn) (void)cudnnDestroyRNNDescriptor(p->rnn);
    if (p->x) (void)cudnnDestroyRNNDataDescriptor(p->x);
    if (p->y) (void)cudnnDestroyRNNDataDescriptor(p->y);
    if (p->state) (void)cudnnDestroyTensorDescriptor(p->state);
    (void)cudaFree(p->weights);
    (void)cudaFree(p->gradient);
    free(p);
  }
}

/* ---- running */

static enum status copy(library *l, void *to, const void *from, size_t n_floats) {
  return cuda_check(cudaMemcpyAsync(to, from, n_floats * sizeof(float), cudaMemcpyDeviceToDevice, library_stream(l)),
                    "copying an LSTM's weights");
}

/* Gate g's part of our W_ih, W_hh, b_ih, b_hh: matrices and biases of four gates, one after the other. */
static enum status copy_in(library *l, const lstm_plan *p, const float *const *ours) {
  const size_t units = p->shape.n_units;
  for (int k = 0; k < N_MATRICES; k++) {
    const size_t gate = (size_t)k % 4, n = units * (k < 4 ? p->shape.n_in : units);
    TRY_RETURN(copy(l, p->weights + p->matrix[k], ours[k / 4] + gate * n, n));
    TRY_RETURN(copy(l, p->weights + p->bias[k], ours[2 + k / 4] + gate * units, units));
  }
  return STATUS_OK;
}

static enum status copy_out(library *l, const lstm_plan *p, float *const *ours) {
  const size_t units = p->shape.n_units;
  for (int k = 0; k < N_MATRICES; k++) {
    const size_t gate = (size_t)k % 4, n = units * (k < 4 ? p->shape.n_in : units);
    TRY_RETURN(copy(l, ours[k / 4] + gate * n, p->gradient + p->matrix[k], n));
    TRY_RETURN(copy(l, ours[2 + k / 4] + gate * units, p->gradient + p->bias[k], units));
  }
  return STATUS_OK;
}

static enum status forward(library *l, lstm_plan *p, const lstm_arguments *a) {
  TRY_RETURN(copy_in(l, p, a->weights));
  return cudnn_check(cudnnRNNForward(l->cudnn, p->rnn, CUDNN_FWD_MODE_TRAINING, NULL, p->x, a->x, p->y, a->y, p->state,
                                     a->h0, a->h, p->state, a->c0, a->c, p->n_weights, p->weights, p->n_workspace,
                                     a->workspace, p->n_reserve, a->reserve),
                     "running an LSTM");
}

/* The weights are still those of the forward pass: the copy is of this plan alone. */
static enum status backward(library *l, lstm_plan *p, const lstm_arguments *a) {
  TRY_RETURN(cudnn_check(
      cudnnRNNBackwardData_v8(l->cudnn, p->rnn, NULL, p->y, a->y, a->dy, p->x, a->dx, p->state, a->h0, NULL, NULL,
                              p->state, a->c0, NULL, NULL, p->n_weights, p->weights, p->n_workspace, a->workspace,
                              p->n_reserve, a->reserve),
      "differentiating an LSTM"));
  TRY_RETURN(cuda_check(cudaMemsetAsync(p->gradient, 0, p->n_weights, library_stream(l)), "clearing a gradient"));
  TRY_RETURN(cudnn_check(
      cudnnRNNBackwardWeights_v8(l->cudnn, p->rnn, CUDNN_WGRAD_MODE_ADD, NULL, p->x, a->x, p->state, a->h0, p->y, a->y,
                                 p->n_weights, p->gradient, p->n_workspace, a->workspace, p->n_reserve, a->reserve),
      "differentiating an LSTM"));
  return copy_out(l, p, a->weights_gradient);
}

void cudnn_lstm_forward(library *l, lstm_plan *plan, const lstm_arguments *a) {
  if (l->stream->error == STATUS_OK) stream_fail(l->stream, forward(l, plan, a));
}

void cudnn_lstm_backward(library *l, lstm_plan *plan, const lstm_arguments *a) {
  if (l->stream->error == STATUS_OK) stream_fail(l->stream, backward(l, plan, a));
}
