#include "runner/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum status open_data(trial *t, const char *folder) {
  const cell *c = t->cell;
  const dataset_env env = {.folder = folder, .n_workers = c->workers, .seed = c->seed};
  TRY_RETURN(c->dataset->open(&env, &c->dataset_spec.args, &t->data));
  const size_t n = c->limit > 0 && c->limit < t->data->n_train ? c->limit : t->data->n_train;
  return partition_create(&c->partition, t->data, n, c->workers, c->seed, &t->partition);
}

static enum status build_net(trial *t) {
  const cell *c = t->cell;
  enum status status = STATUS_OK;
  const model_env env = {.data = t->data};
  graph *g = calloc(1, sizeof *g);
  if (!g) return FAIL(STATUS_NO_MEMORY, "no memory for the layer graph");
  graph_begin(g, t->data->channels, t->data->height, t->data->width);
  TRY(c->model->build(&env, &c->model_spec.args, g));
  g->label_smoothing = c->label_smoothing;
  const net_options options = {.math = c->math, .wavers = c->wavers, .side_by_side = comm_n_local(t->comm)};
  TRY(net_create_with(g, t->device, t->stream, c->batch / c->accumulate, &options, &t->net));
exit:
  free(g);
  return status;
}

/* The same initial parameters on every rank, drawn on the host. */
static enum status initialise(trial *t, size_t n) {
  enum status status = STATUS_OK;
  float *host = malloc(n * sizeof *host);
  if (!host) return FAIL(STATUS_NO_MEMORY, "no memory for %zu initial parameters", n);
  net_init(t->net, t->cell->seed, host);
  TRY(device_floats(t->device, n, &t->initial));
  stream_copy(t->stream, t->initial, host, n * sizeof *host);
  TRY(stream_synchronize(t->stream));
exit:
  free(host);
  return status;
}

static enum status create_workers(trial *t, size_t n_params) {
  const int n_local = comm_n_local(t->comm);
  const size_t n_state = net_n_state(t->net);
  t->workers = calloc((size_t)n_local, sizeof *t->workers);
  t->accounts = calloc((size_t)n_local, sizeof *t->accounts);
  if (!t->workers || !t->accounts) return FAIL(STATUS_NO_MEMORY, "no memory for %d workers", n_local);
  t->env.workers = t->workers;
  t->env.n_local = n_local;
  for (int i = 0; i < n_local; i++) {
    worker *w = &t->workers[i];
    w->id = comm_first_worker(t->comm) + i;
    TRY_RETURN(sampler_create(t->partition, w->id, t->cell->batch, t->cell->seed, &w->sampler));
    TRY_RETURN(device_floats(t->device, n_params, &w->gradient));
    if (n_state > 0) TRY_RETURN(device_floats(t->device, n_state, &w->state));
    TRY_RETURN(device_alloc(t->device, sizeof *w->account, (void **)&w->account));
  }
  t->env.steps_per_epoch = sampler_steps_per_epoch(t->workers[0].sampler);
  return STATUS_OK;
}

static enum status create_method(trial *t, bool *skipped) {
  const cell *c = t->cell;
  const char *reason = c->method->skip ? c->method->skip(&t->env, &c->method_spec.args) : NULL;
  if (reason) {
    *skipped = true;
    return FAIL(STATUS_UNSUPPORTED, "%s", reason);
  }
  TRY_RETURN(method_create(c->method, &t->env, &c->method_spec.args, &t->state));
  t->steps_per_round = c->method->steps_per_round ? c->method->steps_per_round(t->state) : 1;
  t->n_rounds = (uint64_t)ceil(t->optimizer.n_steps / (double)t->steps_per_round);
  return STATUS_OK;
}

enum status trial_create(const cell *c, const char *data_folder, trial *t, bool *skipped) {
  memset(t, 0, sizeof *t);
  t->cell = c;
  *skipped = false;
  int number = 0;
  if (c->device == DEVICE_CUDA) TRY_RETURN(comm_rank_on_host(&number));
  TRY_RETURN(device_open_for(c->device, number, &t->device));
  TRY_RETURN(stream_open(t->device, &t->stream));
  const comm_options options = {.n_workers = c->workers,
                                .n_servers = c->method->n_servers ? c->method->n_servers(&c->method_spec.args) : 0,
                                .device = t->device,
                                .stream = t->stream,
                                .reduction = c->reduction,
                                .now_ns = clock_now_ns,
                                .deadline_s = 600,
                                .check_traffic = c->reduction == REDUCTION_ORDERED};
  TRY_RETURN(comm_create(&options, &t->comm));
  TRY_RETURN(open_data(t, data_folder));
  TRY_RETURN(build_net(t));
  const layer_table *layers = net_layers(t->net);
  const size_t n = layers->n_params;
  TRY_RETURN(initialise(t, n));
  TRY_RETURN(device_floats(t->device, n, &t->mean));
  TRY_RETURN(device_floats(t->device, n, &t->gradient));
  TRY_RETURN(device_alloc(t->device, sizeof *t->norm, (void **)&t->norm));
  TRY_RETURN(device_floats(t->device, (size_t)comm_n_local(t->comm), &t->env.loss));
  if (c->accumulate > 1) TRY_RETURN(device_floats(t->device, n + 1, &t->env.part));
  TRY_RETURN(device_alloc(t->device, vec_scratch_bytes(2 * n), &t->scratch));
  TRY_RETURN(create_workers(t, n));
  t->env.device = t->device;
  t->env.stream = t->stream;
  t->env.comm = t->comm;
  t->env.n_workers = c->workers;
  t->env.net = t->net;
  t->env.data = t->data;
  t->env.batch = c->batch;
  t->env.accumulate = c->accumulate;
  t->env.layers = layers;
  t->env.n_params = n;
  t->env.initial = t->initial;
  const size_t per_epoch = t->env.steps_per_epoch;
  const double steps = c->steps > 0 ? (double)c->steps : round(c->epochs * (double)per_epoch);
  t->optimizer = optimizer_of_run(&c->optimizer, per_epoch, steps, c->workers, layers);
  t->env.optimizer = &t->optimizer;
  t->env.probe_every = c->probe_every;
  t->env.seed = c->seed;
  t->env.scratch = t->scratch;
  t->env.enter = stopwatch_enter;
  t->env.clock = &t->watch;
  return create_method(t, skipped);
}

void trial_destroy(trial *t) {
  method_destroy(t->cell->method, t->state);
  for (int i = 0; t->workers && i < t->env.n_local; i++) {
    sampler_destroy(t->workers[i].sampler);
    device_release(t->device, t->workers[i].gradient);
    device_release(t->device, t->workers[i].state);
    device_release(t->device, t->workers[i].account);
  }
  free(t->workers);
  free(t->accounts);
  if (t->device) {
    device_release(t->device, t->scratch);
    device_release(t->device, t->env.loss);
    device_release(t->device, t->env.part);
    device_release(t->device, t->norm);
    device_release(t->device, t->gradient);
    device_release(t->device, t->mean);
    device_release(t->device, t->initial);
  }
  if (t->net) net_destroy(t->net);
  if (t->partition) partition_destroy(t->partition);
  data_close(t->data);
  comm_destroy(t->comm);
  stream_close(t->stream);
  if (t->device) device_close(t->device);
  memset(t, 0, sizeof *t);
}

enum status trial_read_accounts(trial *t) {
  for (int i = 0; i < t->env.n_local; i++)
    stream_copy(t->stream, &t->accounts[i], t->workers[i].account, sizeof t->accounts[i]);
  return stream_synchronize(t->stream);
}

double trial_epoch(const trial *t, uint64_t round) {
  return (double)(round * t->steps_per_round) / (double)t->env.steps_per_epoch;
}

enum status trial_digest(trial *t, uint64_t *digest) {
  archive *a = NULL;
  TRY_RETURN(archive_digest_begin(comm_rank(t->comm), t->stream, &a));
  enum status status = STATUS_OK;
  TRY(t->cell->method->archive(t->state, a));
  TRY(method_archive_workers(&t->env, a));
  *digest = archive_digest(a);
  TRY(comm_control_u64(t->comm, CONTROL_SUM, digest, 1));
exit:
  archive_abandon(a);
  return status;
}
