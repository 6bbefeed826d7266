#include "models/cpu/loops.h"

#include <math.h>
#include <string.h>

void loop_relu(const step *s, run *r) {
  (void)r;
  float *y = (float *)s->a->data;
  const size_t n = s->a->n_bytes / sizeof *y;
  for (size_t i = 0; i < n; i++) y[i] = y[i] < 0 ? 0 : y[i];
}

void loop_relu_backward(const step *s, run *r) {
  (void)r;
  const float *y = (const float *)s->a->data;
  float *gradient = (float *)s->b->data;
  const size_t n = s->a->n_bytes / sizeof *y;
  for (size_t i = 0; i < n; i++) gradient[i] = y[i] == 0 ? 0 : gradient[i];
}

void loop_add_bias(const step *s, run *r) {
  (void)r;
  float *y = (float *)s->a->data;
  const float *bias = (const float *)s->b->data;
  for (size_t j = 0; j < s->rows; j++)
    for (size_t i = 0; i < s->columns; i++) y[j * s->columns + i] += bias[i];
}

void loop_bias_gradient(const step *s, run *r) {
  (void)r;
  const float *y = (const float *)s->a->data;
  float *sum = (float *)s->b->data;
  memset(sum, 0, s->columns * sizeof *sum);
  for (size_t j = 0; j < s->rows; j++)
    for (size_t i = 0; i < s->columns; i++) sum[i] += y[j * s->columns + i];
}

/* In fp64 throughout: a row has as few elements as there are classes. */
static double softmax_row(const float *logits, size_t n, size_t label, double scale, float *gradient, size_t *best) {
  double sum = 0;
  *best = 0;
  for (size_t i = 1; i < n; i++)
    if (logits[i] > logits[*best]) *best = i;
  for (size_t i = 0; i < n; i++) sum += exp((double)logits[i] - logits[*best]);
  for (size_t i = 0; i < n; i++) {
    const double p = exp((double)logits[i] - logits[*best]) / sum;
    gradient[i] = (float)((i == label ? p - 1 : p) * scale);
  }
  return log(sum) + logits[*best] - logits[label];
}

void loop_softmax_loss(const step *s, run *r) {
  const float *logits = (const float *)s->a->data;
  float *gradient = (float *)s->b->data;
  const size_t n = s->columns;
  r->loss_sum = 0;
  r->n_right = 0;
  for (size_t j = 0; j < r->count; j++) {
    const size_t label = (size_t)r->labels[j];
    size_t best;
    r->loss_sum += softmax_row(logits + j * n, n, label, 1 / (double)r->total, gradient + j * n, &best);
    r->n_right += best == label;
  }
  memset(gradient + r->count * n, 0, (s->rows - r->count) * n * sizeof *gradient);
}

void loop_quadratic_loss(const step *s, run *r) {
  enum { BLOCK = 256 };
  const float *samples = (const float *)s->a->data, *x = (const float *)s->b->data, *h = s->spectrum;
  float *gradient = (float *)s->c->data;
  const double count = (double)r->count, total = (double)r->total;
  double loss = 0, z[BLOCK];
  for (size_t begin = 0; begin < s->columns; begin += BLOCK) {
    const size_t n = s->columns - begin < BLOCK ? s->columns - begin : BLOCK;
    memset(z, 0, sizeof z);
    for (size_t j = 0; j < r->count; j++)
      for (size_t i = 0; i < n; i++) z[i] += samples[j * s->columns + begin + i];
    for (size_t i = 0; i < n; i++) {
      const double xi = x[begin + i], hx = count * h[begin + i] * xi;
      loss += (0.5 * hx - z[i]) * xi;
      if (r->gradient) gradient[begin + i] = (float)((hx - z[i]) / total);
    }
  }
  r->loss_sum = loss;
  r->n_right = 0;
}
