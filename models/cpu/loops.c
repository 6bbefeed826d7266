#include "models/cpu/loops.h"

#include <math.h>
#include <string.h>

#include "models/cpu/exponential.h"
#include "models/dropout.h"

void loop_relu(const step *s, run *r) {
  (void)r;
  const float *x = (const float *)s->a->data;
  float *y = (float *)s->b->data;
  const size_t n = s->a->n_bytes / sizeof *y;
  for (size_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

void loop_relu_backward(const step *s, run *r) {
  (void)r;
  const float *y = (const float *)s->a->data, *dy = (const float *)s->b->data;
  float *dx = (float *)s->c->data;
  const size_t n = s->a->n_bytes / sizeof *y;
  for (size_t i = 0; i < n; i++) dx[i] = y[i] == 0 ? 0 : dy[i];
}

void loop_add(const step *s, run *r) {
  (void)r;
  for (size_t j = 0; j < s->rows; j++) {
    const float *a = (const float *)s->a->data + j * s->columns, *b = (const float *)s->b->data + j * s->inner;
    float *c = (float *)s->c->data + j * s->columns;
    for (size_t i = 0; i < s->inner; i++) c[i] = a[i] + b[i];
    for (size_t i = s->inner; i < s->columns; i++) c[i] = a[i];
    for (size_t i = 0; s->relu && i < s->columns; i++) c[i] = c[i] < 0 ? 0 : c[i];
  }
}

void loop_dropout(const step *s, run *r) {
  const float *a = (const float *)s->a->data;
  float *c = (float *)s->c->data;
  for (size_t t = 0; t < s->inner; t++)
    for (size_t j = 0; j < s->rows; j++) {
      const size_t at = (t * s->rows + j) * s->columns, first = (j * s->inner + t) * s->columns;
      for (size_t i = 0; i < s->columns; i++)
        c[at + i] = a[at + i] * (r->drops ? dropout_factor(r->key, s->layer, first + i, s->rate) : 1.0f);
    }
}

void loop_take_channels(const step *s, run *r) {
  (void)r;
  const float *a = (const float *)s->a->data;
  float *b = (float *)s->b->data;
  for (size_t j = 0; j < s->rows; j++) memcpy(b + j * s->inner, a + j * s->columns, s->inner * sizeof *b);
}

void loop_collect_statistics(const step *s, run *r) {
  float *mean = (float *)s->a->data, *variance = (float *)s->b->data;
  double *means = (double *)s->c->data, *squares = means + s->columns;
  if (r->collected == 0) memset(means, 0, 2 * s->columns * sizeof *means);
  for (size_t i = 0; i < s->columns; i++) {
    const double n = (double)r->collected + 1;
    means[i] += mean[i];
    squares[i] += variance[i] + (double)mean[i] * mean[i];
    const double average = means[i] / n, spread = squares[i] / n - average * average;
    mean[i] = (float)average;
    variance[i] = (float)(spread > 0 ? spread : 0);
  }
}

void loop_embedding(const step *s, run *r) {
  (void)r;
  const float *tokens = (const float *)s->a->data, *table = (const float *)s->b->data;
  float *out = (float *)s->c->data;
  for (size_t t = 0; t < s->inner; t++)
    for (size_t j = 0; j < s->rows; j++) {
      const size_t token = (size_t)tokens[j * s->inner + t];
      memcpy(out + (t * s->rows + j) * s->columns, table + token * s->columns, s->columns * sizeof *out);
    }
}

void loop_embedding_backward(const step *s, run *r) {
  (void)r;
  const float *tokens = (const float *)s->a->data, *dy = (const float *)s->c->data;
  float *gradient = (float *)s->b->data;
  if (s->beta == 0) memset(gradient, 0, s->b->n_bytes);
  for (size_t t = 0; t < s->inner; t++)
    for (size_t j = 0; j < s->rows; j++) {
      float *row = gradient + (size_t)tokens[j * s->inner + t] * s->columns;
      for (size_t i = 0; i < s->columns; i++) row[i] += dy[(t * s->rows + j) * s->columns + i];
    }
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

static float largest(const float *x, size_t n) {
  enum { LANES = 16 };
  float lanes[LANES], max = x[0];
  for (size_t k = 0; k < LANES; k++) lanes[k] = x[0];
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t k = 0; k < LANES; k++) lanes[k] = x[i + k] > lanes[k] ? x[i + k] : lanes[k];
  for (size_t k = 0; k < LANES; k++) max = lanes[k] > max ? lanes[k] : max;
  for (; i < n; i++) max = x[i] > max ? x[i] : max;
  return max;
}

static double sum_of(const float *x, size_t n) {
  enum { LANES = 16 };
  double lanes[LANES] = {0}, sum = 0;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t k = 0; k < LANES; k++) lanes[k] += (double)x[i + k];
  for (size_t k = 0; k < LANES; k++) sum += lanes[k];
  for (; i < n; i++) sum += x[i];
  return sum;
}

/* Exponentials in fp32, sums and the label's own terms, where digits would cancel, in fp64. */
static double softmax_row(const float *logits, size_t n, size_t label, double scale, float *gradient, size_t *best) {
  const float max = largest(logits, n);
  *best = 0;
  for (size_t i = 0; i < n; i++) gradient[i] = exponential(logits[i] - max);
  const double sum = sum_of(gradient, n), own = (gradient[label] / sum - 1) * scale;
  const float factor = (float)(scale / sum);
  for (size_t i = 0; i < n; i++) gradient[i] *= factor;
  gradient[label] = (float)own;
  while (*best + 1 < n && logits[*best] != max) ++*best;
  return log(sum) + max - logits[label];
}

/* What smoothing s adds to a row's loss, s (z_label - mean z), its gradient being added too. */
static double smooth_row(const float *logits, size_t n, size_t label, double s, double scale, float *gradient) {
  const double share = s / (double)n;
  const float less = (float)(share * scale);
  for (size_t i = 0; i < n; i++) gradient[i] -= less;
  gradient[label] = (float)(gradient[label] + s * scale);
  return s * logits[label] - share * sum_of(logits, n);
}

void loop_softmax_loss(const step *s, run *r) {
  const size_t n = s->columns, n_rows = s->rows, n_steps = s->inner;
  const double scale = 1 / ((double)r->total * (double)n_steps), smoothing = r->mode == RUN_TRAIN ? s->smoothing : 0;
  r->loss_sum = 0;
  r->n_right = 0;
  for (size_t t = 0; t < n_steps; t++) {
    const float *logits = (const float *)s->a->data + t * n_rows * n;
    float *gradient = (float *)s->b->data + t * n_rows * n;
    for (size_t j = 0; j < r->count; j++) {
      const size_t label = (size_t)r->labels[j * n_steps + t];
      size_t best;
      r->loss_sum += softmax_row(logits + j * n, n, label, scale, gradient + j * n, &best);
      if (smoothing > 0) r->loss_sum += smooth_row(logits + j * n, n, label, smoothing, scale, gradient + j * n);
      r->n_right += best == label;
    }
    memset(gradient + r->count * n, 0, (n_rows - r->count) * n * sizeof *gradient);
  }
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
