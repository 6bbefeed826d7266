/* What the GPU's executor takes from libraries: convolutions, matrix products and the LSTM. On CUDA they are cuDNN's and
 * cuBLAS's (libraries.cu); in tests, plain loops, so that everything else runs without a GPU.
 *
 * Images are (batch, height, width, channels), convolution weights (out, height, width, in), sequences time-major
 * (steps, batch, width). Calls are issued to the stream the library was opened on; failures stick to it. Plans belong
 * to the library and go with it. */
#ifndef TERSE_MODELS_CUDA_LIBRARY_H
#define TERSE_MODELS_CUDA_LIBRARY_H

#include "core/device.h"
#include "models/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct library library;
typedef struct conv_plan conv_plan;
typedef struct lstm_plan lstm_plan;

typedef struct conv_shape {
  size_t batch, in[3], out[3]; /* channels, height, width */
  size_t kernel, stride, pad;
  bool is_half; /* x, w and y are bf16, sums fp32; else all are fp32 */
} conv_shape;

enum conv_kind {
  CONV_FORWARD, /* y from x and w */
  CONV_DATA,    /* x, the gradient, from w and y */
  CONV_WEIGHTS, /* w, the gradient, from x and y */
};

/* An LSTM layer as models/graph.h has it, in fp32. */
typedef struct lstm_shape {
  size_t steps, batch, n_in, n_units;
} lstm_shape;

/* Pointers of one LSTM pass; all device memory. weights: W_ih, W_hh, b_ih, b_hh. */
typedef struct lstm_arguments {
  const float *x, *h0, *c0; /* h0, c0: (batch, units) */
  const float *weights[4];
  float *y, *h, *c; /* forward: every step's h; the last h and c */
  const float *dy;  /* backward: the gradient in y; that in h and c is zero */
  float *dx;
  float *weights_gradient[4];
  void *reserve;   /* what forward leaves for backward */
  void *workspace; /* of this call alone */
} lstm_arguments;

typedef struct library_ops {
  enum status (*open)(stream *s, const net_options *options, library **out);
  void (*close)(library *l); /* NULL is ignored */
  /* Chooses how a convolution is done, for good, and gives the bytes of workspace it takes. Choices do not depend on
   * timing, and none gives different bits when repeated, unless options->wavers. STATUS_UNSUPPORTED where there is no
   * such way. */
  enum status (*conv)(library *l, const conv_shape *shape, enum conv_kind kind, conv_plan **out, size_t *n_workspace);
  void (*conv_run)(library *l, conv_plan *plan, void *x, void *w, void *y, void *workspace);
  enum status (*lstm)(library *l, const lstm_shape *shape, lstm_plan **out, size_t *n_workspace, size_t *n_reserve);
  void (*lstm_forward)(library *l, lstm_plan *plan, const lstm_arguments *a);
  void (*lstm_backward)(library *l, lstm_plan *plan, const lstm_arguments *a);
  /* c (rows x columns, fp32) = op(a) op(b), row-major, 'T' or 'N' saying what op is; inner: the summed index.
   * is_half: a and b are bf16. */
  void (*product)(library *l, char op_a, char op_b, size_t rows, size_t columns, size_t inner, const void *a,
                  const void *b, float *c, bool is_half);
} library_ops;

#ifdef __cplusplus
}
#endif
#endif
