#include "tests/reference_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/reference_lstm.h"

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
          const size_t bias = l->parameters[0].n + o;
          if (!dy) y[at] = l->n_parameters > 1 ? w[bias] : 0;
          if (dy && l->n_parameters > 1) dw[bias] += dy[at];
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
  const size_t n_in = count(l->in), n_out = count(l->out), bias = l->parameters[1].offset - l->parameters[0].offset;
  for (size_t n = 0; n < batch * l->steps; n++)
    for (size_t o = 0; o < n_out; o++) {
      double sum = w[bias + o];
      for (size_t i = 0; i < n_in; i++) {
        sum += w[o * n_in + i] * x[n * n_in + i];
        if (dy) dw[o * n_in + i] += dy[n * n_out + o] * x[n * n_in + i];
        if (dy) dx[n * n_in + i] += dy[n * n_out + o] * w[o * n_in + i];
      }
      if (!dy) y[n * n_out + o] = sum;
      if (dy) dw[bias + o] += dy[n * n_out + o];
    }
}

static void average(const layer *l, size_t batch, const double *x, double *y, const double *dy, double *dx) {
  const double area = (double)(l->kernel * l->kernel);
  for (size_t n = 0; n < batch; n++)
    for (size_t o = 0; o < l->out[0]; o++)
      for (size_t r = 0; r < l->out[1]; r++)
        for (size_t c = 0; c < l->out[2]; c++)
          for (size_t kr = 0; kr < l->kernel; kr++)
            for (size_t kc = 0; kc < l->kernel; kc++) {
              const long from = position(l->in, n, o, (long)(r * l->stride + kr), (long)(c * l->stride + kc));
              const long at = position(l->out, n, o, (long)r, (long)c);
              if (!dy) y[at] += x[from] / area;
              if (dy) dx[from] += dy[at] / area;
            }
}

/* Visits every term of y = x + shortcut(z) that z gives. */
static void shortcut(const layer *l, const size_t from[3], size_t batch, const double *z, double *y, const double *dy,
                     double *dz) {
  for (size_t n = 0; n < batch; n++)
    for (size_t o = 0; o < from[0]; o++)
      for (size_t r = 0; r < l->out[1]; r++)
        for (size_t c = 0; c < l->out[2]; c++) {
          const long at = position(l->out, n, o, (long)r, (long)c),
                     source = position(from, n, o, (long)(r * l->stride), (long)(c * l->stride));
          if (!dy) y[at] += z[source];
          if (dy) dz[source] += dy[at];
        }
}

/* Mean and biased variance of channel o. */
static void moments(const layer *l, size_t batch, const double *x, size_t o, double *mean, double *variance) {
  const size_t area = l->in[1] * l->in[2];
  *mean = *variance = 0;
  for (size_t n = 0; n < batch; n++)
    for (size_t i = 0; i < area; i++) *mean += x[(n * l->in[0] + o) * area + i] / (double)(batch * area);
  for (size_t n = 0; n < batch; n++)
    for (size_t i = 0; i < area; i++)
      *variance += pow(x[(n * l->in[0] + o) * area + i] - *mean, 2) / (double)(batch * area);
}

/* known: mean and variance of every channel to normalise by; NULL: the batch's. */
static void normalise(const layer *l, size_t batch, const double *x, const double *w, const double *known, double *y) {
  const size_t channels = l->in[0], area = l->in[1] * l->in[2];
  for (size_t o = 0; o < channels; o++) {
    double mean, variance;
    moments(l, batch, x, o, &mean, &variance);
    if (known) mean = known[2 * o], variance = known[2 * o + 1];
    for (size_t n = 0; n < batch; n++)
      for (size_t i = (n * channels + o) * area; i < (n * channels + o + 1) * area; i++) {
        y[i] = w[o] * (x[i] - mean) / sqrt(variance + 1e-5) + w[channels + o];
        if (l->relu && y[i] < 0) y[i] = 0;
      }
  }
}

static void normalise_backward(const layer *l, size_t batch, const double *x, const double *w, const double *y,
                               const double *dy, double *dx, double *dw) {
  const size_t channels = l->in[0], area = l->in[1] * l->in[2];
  for (size_t o = 0; o < channels; o++) {
    double mean, variance, sum = 0, product = 0;
    moments(l, batch, x, o, &mean, &variance);
    const double scale = 1 / sqrt(variance + 1e-5), total = (double)(batch * area);
    for (size_t n = 0; n < batch; n++)
      for (size_t i = (n * channels + o) * area; i < (n * channels + o + 1) * area; i++) {
        const double slope = l->relu && y[i] <= 0 ? 0 : dy[i];
        sum += slope;
        product += slope * (x[i] - mean) * scale;
      }
    dw[o] += product;
    dw[channels + o] += sum;
    for (size_t n = 0; n < batch; n++)
      for (size_t i = (n * channels + o) * area; i < (n * channels + o + 1) * area; i++) {
        const double slope = l->relu && y[i] <= 0 ? 0 : dy[i];
        dx[i] += w[o] * scale * (slope - sum / total - (x[i] - mean) * scale * product / total);
      }
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
              const long from = position(l->in, n, o, (long)(r * l->stride + kr) - (long)l->pad,
                                         (long)(c * l->stride + kc) - (long)l->pad);
              if (from >= 0 && (best < 0 || x[from] > x[best])) best = from;
            }
          const long at = position(l->out, n, o, (long)r, (long)c);
          if (!dy) y[at] = x[best];
          if (dy) dx[best] += dy[at];
        }
}

/* n rows of logits, one label each: the cross-entropy with 1 - s + s/n of its weight on the label, s/n on each other. */
static double softmax(size_t n_rows, size_t n, double s, const double *x, const int32_t *labels, double *dx) {
  double loss = 0;
  for (size_t j = 0; j < n_rows; j++) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp(x[j * n + i]);
    for (size_t i = 0; i < n; i++) {
      const double weight = (i == (size_t)labels[j] ? 1 - s : 0) + s / (double)n;
      if (dx) dx[j * n + i] = (exp(x[j * n + i]) / sum - weight) / (double)n_rows;
      loss += weight * (log(sum) - x[j * n + i]) / (double)n_rows;
    }
  }
  return loss;
}

/* y = x or dx += dy, element by element. key NULL: nothing is dropped. */
static void drop(const layer *l, size_t number, size_t n, const rng_key *key, const double *x, double *y,
                 const double *dy, double *dx) {
  for (size_t i = 0; i < n; i++) {
    const bool is_dropped = key && rng_uniform_at(*key, (uint64_t)number << 40 | i) < (float)l->rate;
    const double factor = !key ? 1 : is_dropped ? 0 : 1 / (1 - l->rate);
    if (!dy) y[i] = x[i] * factor;
    if (dy) dx[i] += dy[i] * factor;
  }
}

static void embed(const layer *l, size_t batch, const double *x, const double *w, double *y, const double *dy,
                  double *dw) {
  const size_t width = l->out[2];
  for (size_t j = 0; j < batch * l->steps; j++)
    for (size_t i = 0; i < width; i++) {
      if (!dy) y[j * width + i] = w[(size_t)x[j] * width + i];
      if (dy) dw[(size_t)x[j] * width + i] += dy[j * width + i];
    }
}

/* Where sample j begins: the state of a layer is h of the batch, then c. */
static const double *hidden_of(const layer *l, size_t batch, const double *state, size_t j) {
  (void)batch;
  return state ? state + j * l->out[2] : NULL;
}

static const double *cells_of(const layer *l, size_t batch, const double *state, size_t j) {
  return state ? state + (batch + j) * l->out[2] : NULL;
}

/* The state of layer i within that of the graph. */
static const double *state_of(const graph *g, size_t batch, const double *state, size_t i) {
  for (size_t k = 0; state && k < i; k++)
    if (g->layers[k].kind == LAYER_LSTM) state += 2 * batch * g->layers[k].out[2];
  return state;
}

static void forward(const graph *g, const layer *l, size_t batch, double *const *values, const double *w,
                    const double *known, const double *state, const rng_key *key) {
  const size_t i = (size_t)(l - g->layers), n = batch * l->steps * count(l->in);
  const double *x = values[l->from];
  double *y = values[i + 1];
  if (l->kind == LAYER_DROPOUT) drop(l, i, n, key, x, y, NULL, NULL);
  if (l->kind == LAYER_CONV) convolve(l, batch, x, w, y, NULL, NULL, NULL);
  if (l->kind == LAYER_DENSE) multiply(l, batch, x, w, y, NULL, NULL, NULL);
  if (l->kind == LAYER_MAX_POOL) pool(l, batch, x, y, NULL, NULL);
  if (l->kind == LAYER_AVERAGE_POOL) average(l, batch, x, y, NULL, NULL);
  if (l->kind == LAYER_BATCH_NORM) normalise(l, batch, x, w, known, y);
  if (l->kind == LAYER_EMBEDDING) embed(l, batch, x, w, y, NULL, NULL);
  if (l->kind == LAYER_LSTM)
    for (size_t j = 0; j < batch; j++)
      reference_lstm(l, x + j * l->steps * l->in[2], w, hidden_of(l, batch, state, j), cells_of(l, batch, state, j),
                     y + j * l->steps * l->out[2], NULL, NULL, NULL);
  for (size_t k = 0; (l->kind == LAYER_RELU || l->kind == LAYER_ADD) && k < n; k++) y[k] = x[k];
  if (l->kind == LAYER_ADD) shortcut(l, graph_shape(g, l->other), batch, values[l->other], y, NULL, NULL);
  for (size_t k = 0; (l->kind == LAYER_RELU || (l->kind == LAYER_ADD && l->relu)) && k < n; k++)
    y[k] = y[k] > 0 ? y[k] : 0;
}

/* Adds to the slopes of what the layer read; destroys its output's. */
static void backward(const graph *g, const layer *l, size_t batch, double *const *values, const double *w,
                     double *const *slopes, const double *state, const rng_key *key, double *dw) {
  const size_t i = (size_t)(l - g->layers), n = batch * l->steps * count(l->in);
  const double *x = values[l->from], *y = values[i + 1];
  double *dx = slopes[l->from], *dy = slopes[i + 1];
  if (l->kind == LAYER_DROPOUT) drop(l, i, n, key, NULL, NULL, dy, dx);
  if (l->kind == LAYER_CONV) convolve(l, batch, x, w, NULL, dy, dx, dw);
  if (l->kind == LAYER_DENSE) multiply(l, batch, x, w, NULL, dy, dx, dw);
  if (l->kind == LAYER_MAX_POOL) pool(l, batch, x, NULL, dy, dx);
  if (l->kind == LAYER_AVERAGE_POOL) average(l, batch, x, NULL, dy, dx);
  if (l->kind == LAYER_BATCH_NORM) normalise_backward(l, batch, x, w, y, dy, dx, dw);
  if (l->kind == LAYER_EMBEDDING) embed(l, batch, x, w, NULL, dy, dw);
  if (l->kind == LAYER_LSTM)
    for (size_t j = 0; j < batch; j++) {
      const size_t in = j * l->steps * l->in[2], out = j * l->steps * l->out[2];
      reference_lstm(l, x + in, w, hidden_of(l, batch, state, j), cells_of(l, batch, state, j), values[i + 1] + out,
                     dy + out, dx + in, dw);
    }
  for (size_t k = 0; (l->kind == LAYER_RELU || (l->kind == LAYER_ADD && l->relu)) && k < n; k++)
    if (y[k] <= 0) dy[k] = 0;
  for (size_t k = 0; (l->kind == LAYER_RELU || l->kind == LAYER_ADD) && k < n; k++) dx[k] += dy[k];
  if (l->kind == LAYER_ADD) shortcut(l, graph_shape(g, l->other), batch, NULL, NULL, dy, slopes[l->other]);
}

static const double *parameters_of(const layer *l, const double *params) {
  return l->n_parameters > 0 ? params + l->parameters[0].offset : NULL;
}

static double penalty(const graph *g, const double *params) {
  double sum = 0;
  for (size_t i = 0; i < graph_n_params(g); i++) sum += 0.5 * g->l2 * params[i] * params[i];
  return sum;
}

/* values[i]: value i, of its size; see graph_last. known: of every norm layer, or NULL. */
static void open_values(const graph *g, size_t batch, double **values) {
  for (size_t i = 0; i < g->n_layers; i++)
    values[i] =
        (double *)calloc(batch * (i > 0 ? g->layers[i - 1].steps : 1) * count(graph_shape(g, i)), sizeof **values);
}

static void close_values(const graph *g, double **values) {
  for (size_t i = 0; i < g->n_layers; i++) free(values[i]);
}

double reference_loss(const graph *g, size_t batch, const double *x, const int32_t *labels, const double *params,
                      const double *state, const rng_key *key, double *gradient) {
  const size_t last = g->n_layers - 1, n_params = graph_n_params(g);
  const layer *loss = &g->layers[last];
  double *values[GRAPH_MAX_LAYERS], *slopes[GRAPH_MAX_LAYERS];
  open_values(g, batch, values);
  open_values(g, batch, slopes);
  memcpy(values[0], x, batch * count(g->input) * sizeof *x);
  for (size_t i = 0; i < last; i++)
    forward(g, &g->layers[i], batch, values, parameters_of(&g->layers[i], params), NULL, state_of(g, batch, state, i),
            key);
  const double mean = softmax(batch * loss->steps, count(loss->in), g->label_smoothing, values[loss->from], labels,
                              slopes[loss->from]);
  if (gradient) memset(gradient, 0, n_params * sizeof *gradient);
  for (size_t i = last; gradient && i-- > 0;) {
    const layer *l = &g->layers[i];
    double *dw = l->n_parameters > 0 ? gradient + l->parameters[0].offset : NULL;
    backward(g, l, batch, values, parameters_of(l, params), slopes, state_of(g, batch, state, i), key, dw);
  }
  for (size_t i = 0; gradient && i < n_params; i++) gradient[i] += g->l2 * params[i];
  close_values(g, values);
  close_values(g, slopes);
  return mean + penalty(g, params);
}

/* Adds a batch's statistics to each norm layer's. */
static void collect(const graph *g, size_t batch, size_t n_batches, double *const *values, double *const *known) {
  for (size_t i = 0; i < g->n_layers; i++)
    for (size_t o = 0; g->layers[i].kind == LAYER_BATCH_NORM && o < g->layers[i].in[0]; o++) {
      double mean, variance;
      moments(&g->layers[i], batch, values[g->layers[i].from], o, &mean, &variance);
      known[i][2 * o] += mean / (double)n_batches;
      known[i][2 * o + 1] += (variance + mean * mean) / (double)n_batches;
    }
}

double reference_evaluation(const graph *g, size_t batch, size_t n_batches, const double *probe, size_t n,
                            const double *x, const int32_t *labels, const double *params) {
  const size_t last = g->n_layers - 1, n_inputs = count(g->input);
  double *values[GRAPH_MAX_LAYERS] = {NULL}, *known[GRAPH_MAX_LAYERS];
  for (size_t i = 0; i < g->n_layers; i++) known[i] = (double *)calloc(2 * g->layers[i].in[0], sizeof **known);
  for (size_t b = 0; b < n_batches; b++) {
    open_values(g, batch, values);
    memcpy(values[0], probe + b * batch * n_inputs, batch * n_inputs * sizeof *x);
    for (size_t i = 0; i < last; i++)
      forward(g, &g->layers[i], batch, values, parameters_of(&g->layers[i], params), NULL, NULL, NULL);
    collect(g, batch, n_batches, values, known);
    close_values(g, values);
  }
  for (size_t i = 0; i < g->n_layers; i++)
    for (size_t o = 0; o < g->layers[i].in[0]; o++) known[i][2 * o + 1] -= known[i][2 * o] * known[i][2 * o];
  open_values(g, n, values);
  memcpy(values[0], x, n * n_inputs * sizeof *x);
  for (size_t i = 0; i < last; i++)
    forward(g, &g->layers[i], n, values, parameters_of(&g->layers[i], params), known[i], NULL, NULL);
  const double loss = softmax(n * g->layers[last].steps, count(g->layers[last].in), 0, values[last], labels, NULL);
  close_values(g, values);
  close_values(g, known);
  return loss + penalty(g, params);
}
