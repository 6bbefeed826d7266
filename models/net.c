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
  size_t n_steps;         /* labels of one sample */
  bool has_norms;
  double l2;
  layer_table table;
  layer_slice *slices;
  parameter *initial; /* of each slice */
  int32_t *labels;
  uint32_t *ids;
  float *state; /* evaluation's own */
  float *part;  /* one batch's share of a full gradient */
  double *sum;  /* the full gradient so far */
  double loss_sum, penalty;
  size_t n_right;
};

/* ---- creation */

static void fill_table(net *n, const graph *g) {
  size_t count = 0;
  for (size_t i = 0; i < g->n_layers; i++) {
    const layer *l = &g->layers[i];
    for (size_t k = l->is_tied ? 1 : 0; k < l->n_parameters; k++, count++) {
      const parameter *p = &l->parameters[k];
      layer_slice *s = &n->slices[count];
      snprintf(s->name, sizeof s->name, "%s.%s", l->name, p->name);
      s->offset = p->offset;
      s->n = p->n;
      s->n_dims = p->n_dims;
      memcpy(s->shape, p->shape, sizeof s->shape);
      n->initial[count] = *p;
    }
    n->has_norms = n->has_norms || l->kind == LAYER_BATCH_NORM;
  }
  n->table = (layer_table){.slices = n->slices, .n_slices = count, .n_params = graph_n_params(g)};
}

const char *const math_names[N_MATH] = {[MATH_FP32] = "fp32", [MATH_TF32] = "tf32", [MATH_BF16] = "bf16"};

enum status net_create(const graph *g, device *d, stream *s, size_t batch, net **out) {
  return net_create_with(g, d, s, batch, &(net_options){.math = MATH_FP32}, out);
}

enum status net_create_with(const graph *g, device *d, stream *s, size_t batch, const net_options *options,
                            net **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  if (d->kind == DEVICE_CUDA)
    return FAIL(STATUS_UNSUPPORTED, "models run on the CPU in this version, not on %s; use device: cpu",
                d->description);
  if (options->math != MATH_FP32)
    return FAIL(STATUS_UNSUPPORTED, "the CPU computes in fp32: math: %s needs device: cuda; or write math: fp32",
                math_names[options->math]);
  if (batch < 1) return FAIL(STATUS_BAD_INPUT, "a batch has at least one sample");
  const size_t n_params = graph_n_params(g);
  net *n = (net *)calloc(1, sizeof *n);
  if (!n) return FAIL(STATUS_NO_MEMORY, "no memory for a model");
  n->device = d;
  n->stream = s;
  n->batch = batch;
  n->n_steps = g->n_layers ? g->layers[g->n_layers - 1].steps : 1;
  n->n_inputs = g->input[0] * g->input[1] * g->input[2];
  n->l2 = g->l2;
  n->slices = (layer_slice *)calloc(4 * g->n_layers + 1, sizeof *n->slices);
  n->initial = (parameter *)calloc(4 * g->n_layers + 1, sizeof *n->initial);
  n->labels = (int32_t *)calloc(batch * n->n_steps, sizeof *n->labels);
  n->ids = (uint32_t *)calloc(batch, sizeof *n->ids);
  n->part = (float *)calloc(n_params, sizeof *n->part);
  n->sum = (double *)calloc(n_params, sizeof *n->sum);
  if (!n->slices || !n->initial || !n->labels || !n->ids || !n->part || !n->sum)
    TRY(FAIL(STATUS_NO_MEMORY, "no memory for a model of %zu parameters", n_params));
  fill_table(n, g);
  TRY(event_open(d, &n->consumed));
  TRY(executor_create(g, batch, &n->executor));
  n->state = (float *)calloc(executor_n_state(n->executor) + 1, sizeof *n->state);
  if (!n->state) TRY(FAIL(STATUS_NO_MEMORY, "no memory for the state of a model"));
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
  free(n->initial);
  free(n->labels);
  free(n->ids);
  free(n->state);
  free(n->part);
  free(n->sum);
  free(n);
}

const layer_table *net_layers(const net *n) { return &n->table; }

static float initial_value(const parameter *p, rng_key key, size_t i) {
  if (p->initial == INITIAL_CONSTANT) return (float)p->scale;
  const float x = p->initial == INITIAL_NORMAL ? rng_normal_at(key, i) : 2 * rng_uniform_at(key, i) - 1;
  return x * (float)p->scale;
}

void net_init(const net *n, uint64_t seed, float *host_params) {
  const rng_key key = rng_stream(seed, RNG_INIT, -1, 0);
  for (size_t k = 0; k < n->table.n_slices; k++) {
    const parameter *p = &n->initial[k];
    for (size_t i = p->offset; i < p->offset + p->n; i++) host_params[i] = initial_value(p, key, i);
  }
}

/* ---- work issued to the stream */

typedef struct job {
  net *net;
  enum run_mode mode;
  size_t batch_index;
  const float *params;
  float *state;
  bool fresh, drops;
  rng_key key; /* where it drops */
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
  *r = (run){.mode = j->mode,
             .collected = j->batch_index,
             .state = j->state,
             .fresh = j->fresh,
             .drops = j->drops,
             .key = j->key,
             .params = j->params,
             .gradient = gradient,
             .labels = n->labels,
             .count = j->count,
             .total = j->total};
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
  *j->loss = (float)(r.loss_sum / (double)(j->total * j->net->n_steps) + penalty_of(j->net, j->params));
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
  n->loss_sum += r.loss_sum;
  for (size_t i = 0; i < n->table.n_params; i++) n->sum[i] += n->part[i];
}

static void whole_work(const void *arguments, size_t unused) {
  (void)unused;
  const job *j = (const job *)arguments;
  net *n = j->net;
  for (size_t i = 0; i < n->table.n_params; i++) j->gradient[i] = (float)(n->sum[i] + n->l2 * j->params[i]);
  n->penalty = penalty_of(n, j->params);
}

/* ---- the interface */

static enum status fetch(net *n, const data *d, const batch_request *request) {
  if (d->channels * d->height * d->width != n->n_inputs)
    return FAIL(STATUS_BAD_INPUT, "the model takes samples of %zu numbers, the data set has %zu", n->n_inputs,
                d->channels * d->height * d->width);
  if (d->n_classes > 0 && d->labels_per_sample != n->n_steps)
    return FAIL(STATUS_BAD_INPUT, "the model gives %zu predictions for a sample, the data set has %zu labels",
                n->n_steps, d->labels_per_sample);
  TRY_RETURN(event_wait(n->consumed));
  return d->fetch(d, request, executor_input(n->executor), n->labels);
}

size_t net_n_state(const net *n) { return executor_n_state(n->executor); }

enum status net_gradient(net *n, const data *d, const batch_request *request, const float *params, float *state,
                         float *gradient, float *loss) {
  if (request->n != n->batch)
    return FAIL(STATUS_BAD_INPUT, "a batch of %zu for a model made for %zu", request->n, n->batch);
  if (net_n_state(n) > 0 && !state) return FAIL(STATUS_BAD_INPUT, "the model carries state and was lent none");
  TRY_RETURN(fetch(n, d, request));
  const job j = {.net = n,
                 .mode = RUN_TRAIN,
                 .params = params,
                 .state = state,
                 .fresh = request->fresh,
                 .drops = true,
                 .key = rng_repurpose(request->key, RNG_DROPOUT),
                 .gradient = gradient,
                 .loss = loss,
                 .count = n->batch,
                 .total = n->batch};
  issue(n, gradient_work, &j);
  return n->stream->error;
}

static size_t split_size(const data *d, enum split split) {
  return split == SPLIT_TRAIN ? d->n_train : split == SPLIT_TEST ? d->n_test : d->n_probe;
}

/* Sample numbers of batch b of a split, and how many of them count: consecutive samples, or, of a text, lane j's next
 * one, the lanes being contiguous parts of equal length (the last shorter). The rest repeats a sample. */
static size_t choose_batch(const net *n, const data *d, size_t size, size_t b, uint32_t *ids) {
  const size_t lane = (size + n->batch - 1) / n->batch, stride = d->sequential ? lane : 1;
  const size_t begin = d->sequential ? b : b * n->batch;
  size_t count = 0;
  for (size_t j = 0; j < n->batch; j++) {
    const size_t id = begin + j * stride;
    count += id < size;
    ids[j] = (uint32_t)(id < size ? id : begin);
  }
  return count;
}

/* Issues `work` for n_batches of a split, from its beginning. */
static enum status for_each_batch(net *n, const data *d, enum split split, size_t n_batches, enum run_mode mode,
                                  const float *params, kernel_loop work) {
  const size_t size = split_size(d, split);
  for (size_t b = 0; b < n_batches; b++) {
    const batch_request request = {.split = split,
                                   .ids = n->ids,
                                   .n = n->batch,
                                   .worker = -1,
                                   .key = rng_stream(0, RNG_DATA, -1, b),
                                   .fresh = b == 0};
    const size_t count = choose_batch(n, d, size, b, n->ids);
    TRY_RETURN(fetch(n, d, &request));
    const job j = {.net = n,
                   .mode = mode,
                   .batch_index = b,
                   .params = params,
                   .state = n->state,
                   .fresh = b == 0,
                   .count = count,
                   .total = size};
    issue(n, work, &j);
    TRY_RETURN(n->stream->error);
  }
  return STATUS_OK;
}

static enum status n_batches_of(const net *n, const data *d, enum split split, size_t *n_batches) {
  const size_t size = split_size(d, split);
  *n_batches = (size + n->batch - 1) / n->batch;
  return size > 0 ? STATUS_OK : FAIL(STATUS_BAD_INPUT, "there are no samples to evaluate on");
}

/* The statistics of batch norm over the probe set, by its full batches. Its loss is of no interest. */
static enum status collect_statistics(net *n, const data *d, const float *params) {
  const size_t full = d->n_probe / n->batch;
  return for_each_batch(n, d, SPLIT_PROBE, full > 0 ? full : 1, RUN_COLLECT, params, evaluation_work);
}

enum status net_evaluate(net *n, const data *d, enum split split, const float *params, evaluation *out) {
  const size_t size = split_size(d, split), n_labels = size * n->n_steps;
  size_t n_batches;
  TRY_RETURN(n_batches_of(n, d, split, &n_batches));
  if (n->has_norms) TRY_RETURN(collect_statistics(n, d, params));
  TRY_RETURN(event_wait(n->consumed));
  n->loss_sum = 0;
  n->n_right = 0;
  TRY_RETURN(for_each_batch(n, d, split, n_batches, RUN_EVALUATE, params, evaluation_work));
  const job j = {.net = n, .params = params};
  issue(n, penalty_work, &j);
  TRY_RETURN(stream_synchronize(n->stream));
  out->loss = n->loss_sum / (double)n_labels + n->penalty;
  out->accuracy = d->n_classes ? (double)n->n_right / (double)n_labels : NAN;
  out->n = size;
  return STATUS_OK;
}

enum status net_full_gradient(net *n, const data *d, enum split split, const float *params, float *gradient,
                              double *loss) {
  size_t n_batches;
  TRY_RETURN(n_batches_of(n, d, split, &n_batches));
  TRY_RETURN(event_wait(n->consumed));
  memset(n->sum, 0, n->table.n_params * sizeof *n->sum);
  n->loss_sum = 0;
  TRY_RETURN(for_each_batch(n, d, split, n_batches, RUN_TRAIN, params, part_work));
  const job j = {.net = n, .params = params, .gradient = gradient};
  issue(n, whole_work, &j);
  TRY_RETURN(stream_synchronize(n->stream));
  *loss = n->loss_sum / (double)(split_size(d, split) * n->n_steps) + n->penalty;
  return STATUS_OK;
}

enum status net_time_library_calls(net *n, uint64_t (*now_ns)(void), uint64_t *ns) {
  if (n->device->kind != DEVICE_CPU) return FAIL(STATUS_UNSUPPORTED, "library calls are timed on the CPU only");
  TRY_RETURN(stream_synchronize(n->stream));
  const uint64_t begin = now_ns();
  TRY_RETURN(executor_run_library(n->executor));
  *ns = now_ns() - begin;
  return STATUS_OK;
}
