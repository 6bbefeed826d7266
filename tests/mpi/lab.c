#include "tests/mpi/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/compressor.h"
#include "core/args.h"
#include "tests/mpi/cases.h"
#include "tests/mpi/lab_data.h"

static void enter_nothing(void *clock, enum phase p) {
  (void)clock;
  (void)p;
}

/* Cuts "name key=value …" up. */
static const char *take_name(lab_module *m, const char *text) {
  snprintf(m->text, sizeof m->text, "%s", text);
  char *rest = m->text;
  m->spec.name = strsep(&rest, " ");
  for (char *pair; m->n_pairs < LAB_MAX_PAIRS && (pair = strsep(&rest, " ")); m->n_pairs++) {
    m->keys[m->n_pairs] = strsep(&pair, "=");
    m->values[m->n_pairs] = pair;
  }
  return m->spec.name;
}

/* `table`: the parameters of what was found under the name; NULL: nothing was. */
static enum status take_args(lab_module *m, const param *table) {
  if (!table) return FAIL(STATUS_BAD_INPUT, "there is no module '%s'", m->spec.name);
  return args_from_text(table, m->keys, m->values, m->n_pairs, &m->spec.args);
}

/* One stage of a pipeline. */
static enum status take_compressor(lab *l, const char *text, lab_module *out) {
  const compressor *found = compressor_find(l->device, take_name(out, text));
  return take_args(out, found ? found->params : NULL);
}

static enum status open_modules(lab *l, const dataset **d, const model **m) {
  const lab_options *o = &l->options;
  *d = lab_dataset(take_name(&l->dataset, o->dataset));
  TRY_RETURN(take_args(&l->dataset, *d ? (*d)->params : NULL));
  *m = model_find(take_name(&l->model, o->model));
  TRY_RETURN(take_args(&l->model, *m ? (*m)->params : NULL));
  l->algorithm = method_find(take_name(&l->method, o->method));
  TRY_RETURN(take_args(&l->method, l->algorithm ? l->algorithm->params : NULL));
  size_t n = 0;
  for (; n < 2 && o->compressors[n]; n++) {
    TRY_RETURN(take_compressor(l, o->compressors[n], &l->compressors[n]));
    l->stages[n] = l->compressors[n].spec;
  }
  if (n > 0) args_set_modules(&l->method.spec.args, "compressor", l->stages, n);
  if (!o->down) return STATUS_OK;
  TRY_RETURN(take_compressor(l, o->down, &l->down));
  args_set_modules(&l->method.spec.args, "down", &l->down.spec, 1);
  return STATUS_OK;
}

static int servers_of(const lab *l) {
  return l->algorithm->n_servers ? l->algorithm->n_servers(&l->method.spec.args) : 0;
}

static enum status open_net(lab *l, const model *m) {
  graph g;
  float *host = NULL;
  enum status status = STATUS_OK;
  graph_begin(&g, l->data->channels, l->data->height, l->data->width);
  TRY(m->build(&(model_env){.data = l->data}, &l->model.spec.args, &g));
  TRY(net_create(&g, l->device, l->stream, l->options.batch / l->options.accumulate, &l->net));
  const size_t n = net_layers(l->net)->n_params;
  TRY(device_floats(l->device, n, &l->initial));
  host = malloc(n * sizeof *host);
  if (!host) TRY(FAIL(STATUS_NO_MEMORY, "no memory for %zu parameters", n));
  net_init(l->net, l->options.seed, host);
  stream_copy(l->stream, l->initial, host, n * sizeof *host);
  TRY(stream_synchronize(l->stream));
exit:
  free(host);
  return status;
}

static enum status open_workers(lab *l) {
  const int n_local = comm_n_local(l->comm);
  const size_t n = net_layers(l->net)->n_params, n_state = net_n_state(l->net);
  const partition_rule rule = {.kind = PARTITION_IID};
  TRY_RETURN(
      partition_create(&rule, l->data, l->data->n_train, l->options.n_workers, l->options.seed, &l->partition));
  l->workers = calloc((size_t)n_local, sizeof *l->workers);
  if (!l->workers) return FAIL(STATUS_NO_MEMORY, "no memory for %d workers", n_local);
  for (int i = 0; i < n_local; i++) {
    worker *w = &l->workers[i];
    w->id = comm_first_worker(l->comm) + i;
    TRY_RETURN(sampler_create(l->partition, w->id, l->options.batch, l->options.seed, &w->sampler));
    TRY_RETURN(device_floats(l->device, n, &w->gradient));
    if (n_state > 0) TRY_RETURN(device_floats(l->device, n_state, &w->state));
    TRY_RETURN(device_alloc(l->device, sizeof *w->account, (void **)&w->account));
  }
  TRY_RETURN(device_floats(l->device, (size_t)n_local, &l->loss));
  TRY_RETURN(device_floats(l->device, n + 1, &l->part));
  return device_alloc(l->device, vec_scratch_bytes(2 * n), &l->scratch);
}

enum status lab_open(const lab_options *options, lab *out) {
  memset(out, 0, sizeof *out);
  out->options = *options;
  if (options->accumulate == 0) out->options.accumulate = 1;
  const dataset *d = NULL;
  const model *m = NULL;
  TRY_RETURN(device_open(options->device, &out->device));
  TRY_RETURN(stream_open(out->device, &out->stream));
  TRY_RETURN(open_modules(out, &d, &m));
  TRY_RETURN(comm_create(&(comm_options){.n_workers = options->n_workers,
                                         .n_servers = servers_of(out),
                                         .device = out->device,
                                         .stream = out->stream,
                                         .reduction = REDUCTION_ORDERED,
                                         .now_ns = case_now_ns,
                                         .deadline_s = 30,
                                         .check_traffic = true},
                         &out->comm));
  const dataset_env de = {.n_workers = options->n_workers, .seed = options->seed};
  TRY_RETURN(d->open(&de, &out->dataset.spec.args, &out->data));
  TRY_RETURN(open_net(out, m));
  TRY_RETURN(open_workers(out));
  const size_t steps_per_epoch = sampler_steps_per_epoch(out->workers[0].sampler);
  out->options.optimizer = optimizer_of_run(&options->optimizer, steps_per_epoch, LAB_STEPS, options->n_workers,
                                            net_layers(out->net));
  out->env = (method_env){
      .device = out->device,
      .stream = out->stream,
      .comm = out->comm,
      .workers = out->workers,
      .n_local = comm_n_local(out->comm),
      .n_workers = options->n_workers,
      .net = out->net,
      .loss = out->loss,
      .data = out->data,
      .batch = options->batch,
      .accumulate = out->options.accumulate,
      .part = out->part,
      .layers = net_layers(out->net),
      .n_params = net_layers(out->net)->n_params,
      .initial = out->initial,
      .optimizer = &out->options.optimizer,
      .steps_per_epoch = steps_per_epoch,
      .probe_every = options->probe_every,
      .seed = options->seed,
      .scratch = out->scratch,
      .enter = enter_nothing,
  };
  return method_create(out->algorithm, &out->env, &out->method.spec.args, &out->state);
}

void lab_close(lab *l) {
  if (l->algorithm) method_destroy(l->algorithm, l->state);
  for (int i = 0; l->workers && i < comm_n_local(l->comm); i++) {
    sampler_destroy(l->workers[i].sampler);
    device_release(l->device, l->workers[i].gradient);
    device_release(l->device, l->workers[i].state);
    device_release(l->device, l->workers[i].account);
  }
  free(l->workers);
  partition_destroy(l->partition);
  net_destroy(l->net);
  data_close(l->data);
  comm_destroy(l->comm);
  args_free(&l->dataset.spec.args);
  args_free(&l->model.spec.args);
  args_free(&l->method.spec.args);
  for (int i = 0; i < 2; i++) args_free(&l->compressors[i].spec.args);
  args_free(&l->down.spec.args);
  stream_close(l->stream);
  if (l->device) {
    device_release(l->device, l->initial);
    device_release(l->device, l->loss);
    device_release(l->device, l->part);
    device_release(l->device, l->scratch);
  }
  device_close(l->device);
}

enum status lab_run(lab *l, uint64_t first, uint64_t last) {
  for (uint64_t round = first; round < last; round++) {
    comm_begin_round(l->comm, round);
    TRY_RETURN(l->algorithm->round(l->state, round));
    TRY_RETURN(stream_check(l->stream));
  }
  return STATUS_OK;
}

/* Takes the archive over: it is gone whatever happens. */
static enum status pass(lab *l, archive *a, uint64_t *digest) {
  enum status status = l->algorithm->archive(l->state, a);
  if (status == STATUS_OK) status = method_archive_workers(&l->env, a);
  if (status != STATUS_OK) {
    archive_abandon(a);
    return status;
  }
  if (digest) *digest = archive_digest(a);
  return archive_end(a);
}

enum status lab_digest(lab *l, uint64_t *digest) {
  archive *a;
  TRY_RETURN(archive_digest_begin(comm_rank(l->comm), l->stream, &a));
  TRY_RETURN(pass(l, a, digest));
  return comm_control_u64(l->comm, CONTROL_SUM, digest, 1);
}

enum status lab_save(lab *l, const char *folder) {
  archive *a;
  TRY_RETURN(archive_save_begin(folder, comm_rank(l->comm), l->stream, &a));
  return pass(l, a, NULL);
}

enum status lab_load(lab *l, const char *folder) {
  archive *a;
  TRY_RETURN(archive_load_begin(folder, l->stream, &a));
  return pass(l, a, NULL);
}

enum status lab_iterate(lab *l, float *host) {
  enum status status = STATUS_OK;
  float *x = NULL;
  TRY(device_floats(l->device, l->env.n_params, &x));
  TRY(l->algorithm->iterate(l->state, -1, x));
  stream_copy(l->stream, host, x, l->env.n_params * sizeof *host);
  TRY(stream_synchronize(l->stream));
exit:
  device_release(l->device, x);
  return status;
}

enum status lab_whole_run(const lab_options *options, uint64_t n_rounds, uint64_t *digest, float *host) {
  enum status status = STATUS_OK;
  lab l;
  TRY(lab_open(options, &l));
  TRY(lab_run(&l, 0, n_rounds));
  TRY(lab_digest(&l, digest));
  if (host) TRY(lab_iterate(&l, host));
exit:
  lab_close(&l);
  return status;
}
