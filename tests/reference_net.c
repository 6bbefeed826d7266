#include "tests/reference_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t count(const size_t shape[3]) { return shape[0] * shape[1] * shape[2]; }

/* Position of (sample, channel, row, column), or -1 outside the image. */
static long position(const size_t shape[3], size_t sample, size_t channel, long row, long column) {
  if (row < 0 || column < 0 || row >= (long)shape[1] || column >= (long)shape[2]) return -1;
  return (long)(((sample * shape[0] + channel) * shape[1] + (size_t)row) * shape[2] + (size_t)column);
}

/* Visits every product of a convolution: forward (dy NULL) y += w x, else dw += dy x and dx += dy w. */
static void convolve(const layer *l, size_t batch, const double *x, const double *w, double *y, const double *dy,
                     double *dx, double *dw) {
  for (size_t n = 0; n < batch; n++)
    for (size_t o = 0; o < l->out[0]; o++)
      for (size_t r = 0; r < l->out[1]; r++)
        for (size_t c = 0; c < l->out[2]; c++) {
          const long at = position(l->out, n, o, (long)r, (long)c);
          const double *bias = w + l->n_weights;
          if (!dy) y[at] = bias[o];
          if (dy) dw[l->n_weights + o] += dy[at];
          for (size_t i = 0; i < l->in[0]; i++)
            for (size_t kr = 0; kr < l->kernel; kr++)
              for (size_t kc = 0; kc < l->kernel; kc++) {
                const long from = position(l->in, n, i, (long)(r * l->stride + kr) - (long)l->pad,
                                           (long)(c * l->stride + kc) - (long)l->pad);
                const size_t weight = ((o * l->in[0] + i) * l->kernel + kr) * l->kernel + kc;
                if (from < 0) continue;
                if (!dy) y[at] += w[weight] * x[from];
                if (dy) dw[weight] += dy[at] * x[from];
                if (dy) dx[from] += dy[at] * w[weight];
              }
        }
}

static void multiply(const layer *l, size_t batch, const double *x, const double *w, double *y, const double *dy,
                     double *dx, double *dw) {
  const size_t n_in = count(l->in), n_out = count(l->out);
  for (size_t n = 0; n < batch; n++)
    for (size_t o = 0; o < n_out; o++) {
      double sum = w[l->n_weights + o];
      for (size_t i = 0; i < n_in; i++) {
        sum += w[o * n_in + i] * x[n * n_in + i];
        if (dy) dw[o * n_in + i] += dy[n * n_out + o] * x[n * n_in + i];
        if (dy) dx[n * n_in + i] += dy[n * n_out + o] * w[o * n_in + i];
      }
      if (!dy) y[n * n_out + o] = sum;
      if (dy) dw[l->n_weights + o] += dy[n * n_out + o];
    }
}

/* The first of equal maxima wins. */
static void pool(const layer *l, size_t batch, const double *x, double *y, const double *dy, double *dx) {
  for (size_t n = 0; n < batch; n++)
    for (size_t o = 0; o < l->out[0]; o++)
      for (size_t r = 0; r < l->out[1]; r++)
        for (size_t c = 0; c < l->out[2]; c++) {
          long best = -1;
          for (size_t kr = 0; kr < l->kernel; kr++)
            for (size_t kc = 0; kc < l->kernel; kc++) {
              const long from = position(l->in, n, o, (long)(r * l->stride + kr), (long)(c * l->stride + kc));
              if (best < 0 || x[from] > x[best]) best = from;
            }
          const long at = position(l->out, n, o, (long)r, (long)c);
          if (!dy) y[at] = x[best];
          if (dy) dx[best] += dy[at];
        }
}

static double softmax(size_t batch, size_t n, const double *x, const int32_t *labels, double *dx) {
  double loss = 0;
  for (size_t j = 0; j < batch; j++) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp(x[j * n + i]);
    for (size_t i = 0; dx && i < n; i++)
      dx[j * n + i] = (exp(x[j * n + i]) / sum - (i == (size_t)labels[j] ? 1 : 0)) / (double)batch;
    loss += (log(sum) - x[j * n + (size_t)labels[j]]) / (double)batch;
  }
  return loss;
}

static void forward(const layer *l, size_t batch, const double *x, const double *w, double *y) {
  const size_t n = batch * count(l->in);
  if (l->kind == LAYER_CONV) convolve(l, batch, x, w, y, NULL, NULL, NULL);
  if (l->kind == LAYER_DENSE) multiply(l, batch, x, w, y, NULL, NULL, NULL);
  if (l->kind == LAYER_MAX_POOL) pool(l, batch, x, y, NULL, NULL);
  for (size_t i = 0; l->kind == LAYER_RELU && i < n; i++) y[i] = x[i] > 0 ? x[i] : 0;
}

static void backward(const layer *l, size_t batch, const double *x, const double *w, const double *dy, double *dx,
                     double *dw) {
  const size_t n = batch * count(l->in);
  if (l->kind == LAYER_CONV) convolve(l, batch, x, w, NULL, dy, dx, dw);
  if (l->kind == LAYER_DENSE) multiply(l, batch, x, w, NULL, dy, dx, dw);
  if (l->kind == LAYER_MAX_POOL) pool(l, batch, x, NULL, dy, dx);
  for (size_t i = 0; l->kind == LAYER_RELU && i < n; i++) dx[i] = x[i] > 0 ? dy[i] : 0;
}

double reference_loss(const graph *g, size_t batch, const double *x, const int32_t *labels, const double *params,
                      double *gradient) {
  const size_t last = g->n_layers - 1, n_params = graph_n_params(g);
  double *values[GRAPH_MAX_LAYERS], *slopes[GRAPH_MAX_LAYERS], loss = 0;
  size_t offset = 0;
  for (size_t i = 0; i <= last; i++) { /* values[i], slopes[i]: the input of layer i and the loss's gradient in it */
    values[i] = (double *)calloc(batch * count(g->layers[i].in), sizeof **values);
    slopes[i] = (double *)calloc(batch * count(g->layers[i].in), sizeof **slopes);
  }
  memcpy(values[0], x, batch * count(g->input) * sizeof *x);
  for (size_t i = 0; i < last; i++) {
    forward(&g->layers[i], batch, values[i], params + offset, values[i + 1]);
    offset += g->layers[i].n_weights + g->layers[i].n_biases;
  }
  loss = softmax(batch, count(g->layers[last].in), values[last], labels, slopes[last]);
  if (gradient) memset(gradient, 0, n_params * sizeof *gradient);
  for (size_t i = last; gradient && i-- > 0;) {
    offset -= g->layers[i].n_weights + g->layers[i].n_biases;
    backward(&g->layers[i], batch, values[i], params + offset, slopes[i + 1], slopes[i], gradient + offset);
  }
  for (size_t i = 0; i < n_params; i++) {
    loss += 0.5 * g->l2 * params[i] * params[i];
    if (gradient) gradient[i] += g->l2 * params[i];
  }
  for (size_t i = 0; i <= last; i++) {
    free(values[i]);
    free(slopes[i]);
  }
  return loss;
}
