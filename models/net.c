#include "models/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "models/executor.h"

struct net {
  device *device;
  stream *stream;
  executor *executor;
  size_t batch, n_inputs; /* floats of one sample */
  size_t n_steps;         /* labels of one sample */
  bool has_norms;
  layer_table table;
  layer_slice *slices;
  parameter *initial; /* of each slice */
  uint32_t *ids;
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

static enum status check_end(const graph *g) {
  const enum layer_kind last = g->n_layers > 0 ? g->layers[g->n_layers - 1].kind : LAYER_CONV;
  if (last == LAYER_SOFTMAX_LOSS || last == LAYER_QUADRATIC_LOSS) return STATUS_OK;
  return FAIL(STATUS_BAD_INPUT, "a model has to end in a loss");
}

enum status net_create_with(const graph *g, device *d, stream *s, size_t batch, const net_options *options,
                            net **out) {
  enum status status = STATUS_OK;
  *out = NULL;
  if (batch < 1) return FAIL(STATUS_BAD_INPUT, "a batch has at least one sample");
  TRY_RETURN(check_end(g));
  const executor_ops *ops = d->executor ? d->executor : &cpu_executor_ops;
  net *n = (net *)calloc(1, sizeof *n);
  if (!n) return FAIL(STATUS_NO_MEMORY, "no memory for a model");
  n->device = d;
  n->stream = s;
  n->batch = batch;
  n->n_steps = g->layers[g->n_layers - 1].steps;
  n->n_inputs = g->input[0] * g->input[1] * g->input[2];
  n->slices = (layer_slice *)calloc(4 * g->n_layers + 1, sizeof *n->slices);
  n->initial = (parameter *)calloc(4 * g->n_layers + 1, sizeof *n->initial);
  n->ids = (uint32_t *)calloc(batch, sizeof *n->ids);
  if (!n->slices || !n->initial || !n->ids) TRY(FAIL(STATUS_NO_MEMORY, "no memory for a model"));
  fill_table(n, g);
  TRY(ops->create(g, &(executor_env){.device = d, .stream = s, .batch = batch, .options = options}, &n->executor));
  *out = n;

exit:
  if (status != STATUS_OK) net_destroy(n);
  return status;
}

void net_destroy(net *n) {
  if (!n) return;
  if (n->executor) n->executor->ops->destroy(n->executor);
  free(n->slices);
  free(n->initial);
  free(n->ids);
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

/* ---- the interface */

static enum status load(net *n, const data *d, const batch_request *request) {
  if (d->channels * d->height * d->width != n->n_inputs)
    return FAIL(STATUS_BAD_INPUT, "the model takes samples of %zu numbers, the data set has %zu", n->n_inputs,
                d->channels * d->height * d->width);
  if (d->n_classes > 0 && d->labels_per_sample != n->n_steps)
    return FAIL(STATUS_BAD_INPUT, "the model gives %zu predictions for a sample, the data set has %zu labels",
                n->n_steps, d->labels_per_sample);
  return n->executor->ops->load(n->executor, d, request);
}

size_t net_n_state(const net *n) { return n->executor->ops->n_state(n->executor); }

enum status net_gradient(net *n, const data *d, const batch_request *request, const float *params, float *state,
                         float *gradient, float *loss) {
  if (request->n != n->batch)
    return FAIL(STATUS_BAD_INPUT, "a batch of %zu for a model made for %zu", request->n, n->batch);
  if (net_n_state(n) > 0 && !state) return FAIL(STATUS_BAD_INPUT, "the model carries state and was lent none");
  TRY_RETURN(load(n, d, request));
  const pass p = {.mode = RUN_TRAIN,
                  .params = params,
                  .state = state,
                  .fresh = request->fresh,
                  .drops = true,
                  .key = rng_repurpose(request->key, RNG_DROPOUT),
                  .count = n->batch,
                  .total = n->batch};
  n->executor->ops->step(n->executor, &p, gradient, loss);
  return n->stream->error;
}

void net_fork(net *n) { n->executor->ops->fork(n->executor); }

void net_join(net *n) { n->executor->ops->join(n->executor); }

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
                                  const float *params, void (*work)(executor *, const pass *)) {
  const size_t size = data_split_size(d, split);
  for (size_t b = 0; b < n_batches; b++) {
    const batch_request request = {.split = split,
                                   .ids = n->ids,
                                   .n = n->batch,
                                   .worker = -1,
                                   .key = rng_stream(0, RNG_DATA, -1, b),
                                   .fresh = b == 0};
    const size_t count = choose_batch(n, d, size, b, n->ids);
    TRY_RETURN(load(n, d, &request));
    const pass p = {
        .mode = mode, .collected = b, .params = params, .fresh = b == 0, .count = count, .total = size};
    work(n->executor, &p);
    TRY_RETURN(n->stream->error);
  }
  return STATUS_OK;
}

static enum status n_batches_of(const net *n, const data *d, enum split split, size_t *n_batches) {
  const size_t size = data_split_size(d, split);
  *n_batches = (size + n->batch - 1) / n->batch;
  return size > 0 ? STATUS_OK : FAIL(STATUS_BAD_INPUT, "there are no samples to evaluate on");
}

/* The statistics of batch norm over the probe set, by its full batches. Its loss is of no interest. */
static enum status collect_statistics(net *n, const data *d, const float *params) {
  const size_t full = d->n_probe / n->batch;
  return for_each_batch(n, d, SPLIT_PROBE, full > 0 ? full : 1, RUN_COLLECT, params, n->executor->ops->score);
}

enum status net_evaluate(net *n, const data *d, enum split split, const float *params, evaluation *out) {
  const executor_ops *ops = n->executor->ops;
  const size_t size = data_split_size(d, split), n_labels = size * n->n_steps;
  size_t n_batches;
  sums s;
  TRY_RETURN(n_batches_of(n, d, split, &n_batches));
  if (n->has_norms) TRY_RETURN(collect_statistics(n, d, params));
  ops->begin_sums(n->executor);
  TRY_RETURN(for_each_batch(n, d, split, n_batches, RUN_EVALUATE, params, ops->score));
  TRY_RETURN(ops->end_sums(n->executor, params, NULL, &s));
  out->loss = s.loss / (double)n_labels + s.penalty;
  out->accuracy = d->n_classes ? (double)s.n_right / (double)n_labels : NAN;
  out->n = size;
  return STATUS_OK;
}

enum status net_full_gradient(net *n, const data *d, enum split split, const float *params, float *gradient,
                              double *loss) {
  const executor_ops *ops = n->executor->ops;
  size_t n_batches;
  sums s;
  TRY_RETURN(n_batches_of(n, d, split, &n_batches));
  ops->begin_sums(n->executor);
  TRY_RETURN(for_each_batch(n, d, split, n_batches, RUN_TRAIN, params, ops->add_gradient));
  TRY_RETURN(ops->end_sums(n->executor, params, gradient, &s));
  *loss = s.loss / (double)(data_split_size(d, split) * n->n_steps) + s.penalty;
  return STATUS_OK;
}

enum status net_time_library_calls(net *n, uint64_t (*now_ns)(void), uint64_t *ns) {
  const executor_ops *ops = n->executor->ops;
  if (!ops->run_library) return FAIL(STATUS_UNSUPPORTED, "library calls are timed on the CPU only");
  TRY_RETURN(stream_synchronize(n->stream));
  const uint64_t begin = now_ns();
  TRY_RETURN(ops->run_library(n->executor));
  *ns = now_ns() - begin;
  return STATUS_OK;
}
