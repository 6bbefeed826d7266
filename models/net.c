#include "models/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "models/cpu/executor.h"

/* All arithmetic runs in functions issued to the stream, so that it is ordered with the vector kernels and may touch
 * device memory. What they leave in the net (sums, labels, the batch) is host memory of ours: the host writes it only
 * after `consumed`, reads it only after the stream is synchronised. */
struct net {
  device *device;
  stream *stream;
  event *consumed; /* the last issued run has read its batch */
  executor *executor;
  size_t batch, n_inputs; /* floats of one sample */
  double l2;
  layer_table table;
  layer_slice *slices;
  double *spread; /* of each slice's initial parameters: uniform in +-spread; 0: all 1 */
  int32_t *labels;
  uint32_t *ids;
  float *part; /* one batch's share of a full gradient */
  double *sum; /* the full gradient so far */
  double loss_sum, penalty;
  size_t n_right;
};

/* ---- creation */

static void add_slice(net *n, size_t *count, const layer *l, const char *what, size_t size, double spread) {
  layer_slice *s = &n->slices[*count];
  n->spread[*count] = spread;
  snprintf(s->name, sizeof s->name, "%s.%s", l->name, what);
  s->offset = n->table.n_params;
  s->n = size;
  s->shape[0] = size;
  s->n_dims = 1;
  if (l->n_biases > 0 && size == l->n_weights) {
    const bool conv = l->kind == LAYER_CONV;
    s->shape[0] = l->n_biases;
    s->shape[1] = conv ? l->in[0] : l->in[0] * l->in[1] * l->in[2];
    s->shape[2] = s->shape[3] = conv ? l->kernel : 0;
    s->n_dims = conv ? 4 : 2;
  }
  n->table.n_params += size;
  ++*count;
}

static void fill_table(net *n, const graph *g) {
  size_t count = 0;
  for (size_t i = 0; i < g->n_layers; i++) {
    const layer *l = &g->layers[i];
    const double fan_in = l->n_biases > 0 ? (double)(l->n_weights / l->n_biases) : 0;
    const double spread = fan_in > 0 ? 1 / sqrt(fan_in) : 0;
    if (l->n_weights > 0) add_slice(n, &count, l, "weight", l->n_weights, spread);
    if (l->n_biases > 0) add_slice(n, &count, l, "bias", l->n_biases, spread);
  }
  n->table.slices = n->slices;
  n->table.n_slices = count;
}

enum status net_create(const graph *g, device *d, stream *s, size_t batch, net **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  if (d->kind == DEVICE_CUDA)
    return FAIL(STATUS_UNSUPPORTED, "models run on the CPU in this version, not on %s; use device: cpu",
                d->description);
  if (batch < 1) return FAIL(STATUS_BAD_INPUT, "a batch has at least one sample");
  const size_t n_params = graph_n_params(g);
  net *n = (net *)calloc(1, sizeof *n);
  if (!n) return FAIL(STATUS_NO_MEMORY, "no memory for a model");
  n->device = d;
  n->stream = s;
  n->batch = batch;
  n->n_inputs = g->input[0] * g->input[1] * g->input[2];
  n->l2 = g->l2;
  n->slices = (layer_slice *)calloc(2 * g->n_layers + 1, sizeof *n->slices);
  n->spread = (double *)calloc(2 * g->n_layers + 1, sizeof *n->spread);
  n->labels = (int32_t *)calloc(batch, sizeof *n->labels);
  n->ids = (uint32_t *)calloc(batch, sizeof *n->ids);
  n->part = (float *)calloc(n_params, sizeof *n->part);
  n->sum = (double *)calloc(n_params, sizeof *n->sum);
  if (!n->slices || !n->spread || !n->labels || !n->ids || !n->part || !n->sum)
    TRY(FAIL(STATUS_NO_MEMORY, "no memory for a model of %zu parameters", n_params));
  fill_table(n, g);
  TRY(event_open(d, &n->consumed));
  TRY(executor_create(g, batch, &n->executor));
  *out = n;

exit:
  if (status != STATUS_OK) net_destroy(n);
  return status;
}

void net_destroy(net *n) {
  if (!n) return;
  if (n->consumed) { /* work in flight uses the net's memory; its failure is the stream's to report */
    const enum status waited = event_wait(n->consumed);
    (void)waited;
  }
  event_close(n->consumed);
  executor_destroy(n->executor);
  free(n->slices);
  free(n->spread);
  free(n->labels);
  free(n->ids);
  free(n->part);
  free(n->sum);
  free(n);
}

const layer_table *net_layers(const net *n) { return &n->table; }

void net_init(const net *n, uint64_t seed, float *host_params) {
  const rng_key key = rng_stream(seed, RNG_INIT, -1, 0);
  for (size_t k = 0; k < n->table.n_slices; k++) {
    const size_t begin = n->slices[k].offset, end = begin + n->slices[k].n;
    const float spread = (float)n->spread[k];
    for (size_t i = begin; i < end; i++) host_params[i] = spread > 0 ? (2 * rng_uniform_at(key, i) - 1) * spread : 1;
  }
}

/* ---- work issued to the stream */

typedef struct job {
  net *net;
  const float *params;
  float *gradient, *loss;
  size_t count, total;
} job;

static void issue(net *n, kernel_loop work, const job *j) {
  n->device->ops->launch(n->stream, work, j, sizeof *j, 1);
  event_record(n->consumed, n->stream);
}

/* Runs the batch; false (and the stream's error) where that fails. */
static bool run_batch(const job *j, float *gradient, run *r) {
  net *n = j->net;
  *r = (run){.params = j->params, .gradient = gradient, .labels = n->labels, .count = j->count, .total = j->total};
  const enum status status = executor_run(n->executor, r);
  if (status != STATUS_OK && n->stream->error == STATUS_OK) n->stream->error = status;
  return status == STATUS_OK;
}

/* l2/2 |params|^2 */
static double penalty_of(const net *n, const float *params) {
  double sum = 0;
  for (size_t i = 0; n->l2 > 0 && i < n->table.n_params; i++) sum += (double)params[i] * params[i];
  return 0.5 * n->l2 * sum;
}

static void gradient_work(const void *arguments, size_t unused) {
  (void)unused;
  const job *j = (const job *)arguments;
  run r;
  if (!run_batch(j, j->gradient, &r)) return;
  *j->loss = (float)(r.loss_sum / (double)j->total + penalty_of(j->net, j->params));
  const float l2 = (float)j->net->l2;
  for (size_t i = 0; l2 > 0 && i < j->net->table.n_params; i++) j->gradient[i] += l2 * j->params[i];
}

static void evaluation_work(const void *arguments, size_t unused) {
  (void)unused;
  const job *j = (const job *)arguments;
  run r;
  if (!run_batch(j, NULL, &r)) return;
  j->net->loss_sum += r.loss_sum;
  j->net->n_right += r.n_right;
}

static void penalty_work(const void *arguments, size_t unused) {
  (void)unused;
  const job *j = (const job *)arguments;
  j->net->penalty = penalty_of(j->net, j->params);
}

/* Batches are added in fp64, so that the sum is as exact as its terms. */
static void part_work(const void *arguments, size_t unused) {
  (void)unused;
  const job *j = (const job *)arguments;
  net *n = j->net;
  run r;
  if (!run_batch(j, n->part, &r)) return;
  for (size_t i = 0; i < n->table.n_params; i++) n->sum[i] += n->part[i];
}

static void whole_work(const void *arguments, size_t unused) {
  (void)unused;
  const job *j = (const job *)arguments;
  const net *n = j->net;
  for (size_t i = 0; i < n->table.n_params; i++) j->gradient[i] = (float)(n->sum[i] + n->l2 * j->params[i]);
}

/* ---- the interface */

static enum status fetch(net *n, const data *d, const batch_request *request) {
  if (d->channels * d->height * d->width != n->n_inputs)
    return FAIL(STATUS_BAD_INPUT, "the model takes samples of %zu numbers, the data set has %zu", n->n_inputs,
                d->channels * d->height * d->width);
  TRY_RETURN(event_wait(n->consumed));
  return d->fetch(d, request, executor_input(n->executor), n->labels);
}

size_t net_n_state(const net *n) {
  (void)n; /* no layer carries state yet */
  return 0;
}

enum status net_gradient(net *n, const data *d, const batch_request *request, const float *params, float *state,
                         float *gradient, float *loss) {
  (void)state;
  if (request->n != n->batch)
    return FAIL(STATUS_BAD_INPUT, "a batch of %zu for a model made for %zu", request->n, n->batch);
  TRY_RETURN(fetch(n, d, request));
  const job j = {.net = n, .params = params, .gradient = gradient, .loss = loss, .count = n->batch, .total = n->batch};
  issue(n, gradient_work, &j);
  return n->stream->error;
}

static size_t split_size(const data *d, enum split split) {
  return split == SPLIT_TRAIN ? d->n_train : split == SPLIT_TEST ? d->n_test : d->n_probe;
}

/* Issues `work` for every batch of a split; the last batch repeats a sample where it is not full. */
static enum status for_each_batch(net *n, const data *d, enum split split, const float *params, kernel_loop work) {
  const size_t size = split_size(d, split);
  if (size == 0) return FAIL(STATUS_BAD_INPUT, "there are no samples to evaluate on");
  for (size_t begin = 0; begin < size; begin += n->batch) {
    const size_t count = size - begin < n->batch ? size - begin : n->batch;
    for (size_t i = 0; i < n->batch; i++) n->ids[i] = (uint32_t)(begin + (i < count ? i : 0));
    const batch_request request = {.split = split,
                                   .ids = n->ids,
                                   .n = n->batch,
                                   .worker = -1,
                                   .key = rng_stream(0, RNG_DATA, -1, begin / n->batch)};
    TRY_RETURN(fetch(n, d, &request));
    const job j = {.net = n, .params = params, .count = count, .total = size};
    issue(n, work, &j);
    TRY_RETURN(n->stream->error);
  }
  return STATUS_OK;
}

enum status net_evaluate(net *n, const data *d, enum split split, const float *params, evaluation *out) {
  const size_t size = split_size(d, split);
  TRY_RETURN(event_wait(n->consumed));
  n->loss_sum = 0;
  n->n_right = 0;
  TRY_RETURN(for_each_batch(n, d, split, params, evaluation_work));
  const job j = {.net = n, .params = params};
  issue(n, penalty_work, &j);
  TRY_RETURN(stream_synchronize(n->stream));
  out->loss = n->loss_sum / (double)size + n->penalty;
  out->accuracy = d->n_classes ? (double)n->n_right / (double)size : NAN;
  out->n = size;
  return STATUS_OK;
}

enum status net_full_gradient(net *n, const data *d, enum split split, const float *params, float *gradient) {
  TRY_RETURN(event_wait(n->consumed));
  memset(n->sum, 0, n->table.n_params * sizeof *n->sum);
  TRY_RETURN(for_each_batch(n, d, split, params, part_work));
  const job j = {.net = n, .params = params, .gradient = gradient};
  issue(n, whole_work, &j);
  return stream_synchronize(n->stream);
}

enum status net_time_library_calls(net *n, uint64_t (*now_ns)(void), uint64_t *ns) {
  if (n->device->kind != DEVICE_CPU) return FAIL(STATUS_UNSUPPORTED, "library calls are timed on the CPU only");
  TRY_RETURN(stream_synchronize(n->stream));
  const uint64_t begin = now_ns();
  TRY_RETURN(executor_run_library(n->executor));
  *ns = now_ns() - begin;
  return STATUS_OK;
}
