#include "tests/reference_lstm.h"

#include <math.h>
#include <stdlib.h>

static double logistic(double x) { return 1 / (1 + exp(-x)); }

/* Row `row` of the four gates' products, biases included. */
static double gate(const layer *l, const double *x, const double *h, const double *w, size_t row) {
  const size_t n_in = l->in[2], n = l->out[2];
  const double *w_hh = w + 4 * n * n_in, *biases = w_hh + 4 * n * n;
  double sum = biases[row] + biases[4 * n + row];
  for (size_t k = 0; k < n_in; k++) sum += w[row * n_in + k] * x[k];
  for (size_t k = 0; h && k < n; k++) sum += w_hh[row * n + k] * h[k];
  return sum;
}

/* Carries the slope of one product back to what it was made of. */
static void gate_backward(const layer *l, const double *x, const double *h, const double *w, size_t row, double slope,
                          double *dx, double *dh, double *dw) {
  const size_t n_in = l->in[2], n = l->out[2], hh = 4 * n * n_in, biases = hh + 4 * n * n;
  dw[biases + row] += slope;
  dw[biases + 4 * n + row] += slope;
  for (size_t k = 0; k < n_in; k++) {
    dw[row * n_in + k] += slope * x[k];
    dx[k] += slope * w[row * n_in + k];
  }
  for (size_t k = 0; h && k < n; k++) {
    dw[hh + row * n + k] += slope * h[k];
    dh[k] += slope * w[hh + row * n + k];
  }
}

void reference_lstm(const layer *l, const double *x, const double *w, const double *h0, const double *c0, double *y,
                    const double *dy, double *dx, double *dw) {
  const size_t n_in = l->in[2], n = l->out[2], steps = l->steps;
  double *gates = (double *)calloc(steps * 4 * n, sizeof *gates), *c = (double *)calloc(steps * n, sizeof *c);
  double *dh = (double *)calloc((steps + 1) * n, sizeof *dh), *dc = (double *)calloc(n, sizeof *dc);
  for (size_t t = 0; t < steps; t++)
    for (size_t k = 0; k < n; k++) {
      double *at = gates + t * 4 * n;
      for (size_t q = 0; q < 4; q++) {
        const double sum = gate(l, x + t * n_in, t ? y + (t - 1) * n : h0, w, q * n + k);
        at[q * n + k] = q == 2 ? tanh(sum) : logistic(sum);
      }
      c[t * n + k] = at[k] * at[2 * n + k] + at[n + k] * (t ? c[(t - 1) * n + k] : c0 ? c0[k] : 0);
      y[t * n + k] = at[3 * n + k] * tanh(c[t * n + k]);
    }
  for (size_t t = steps; dy && t-- > 0;)
    for (size_t k = 0; k < n; k++) {
      const double *at = gates + t * 4 * n, i = at[k], f = at[n + k], g = at[2 * n + k], o = at[3 * n + k];
      const double slope = dy[t * n + k] + dh[(t + 1) * n + k], tanh_c = tanh(c[t * n + k]);
      const double into_c = dc[k] + slope * o * (1 - tanh_c * tanh_c);
      const double into[4] = {into_c * g * i * (1 - i),
                              into_c *
                                  (t    ? c[(t - 1) * n + k]
                                   : c0 ? c0[k]
                                        : 0) *
                                  f * (1 - f),
                              into_c * i * (1 - g * g), slope * tanh_c * o * (1 - o)};
      for (size_t q = 0; q < 4; q++)
        gate_backward(l, x + t * n_in, t ? y + (t - 1) * n : h0, w, q * n + k, into[q], dx + t * n_in, dh + t * n, dw);
      dc[k] = into_c * f;
    }
  free(gates);
  free(c);
  free(dh);
  free(dc);
}
