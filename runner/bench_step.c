#include "runner/bench_step.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/args.h"
#include "core/statistics.h"
#include "datasets/sampler.h"
#include "models/net.h"
#include "runner/bench_serve.h"
#include "runner/clock.h"

enum { WARM_UP_STEPS = 20 };

typedef struct subject {
  device *device;
  stream *stream;
  data *data;
  partition *partition;
  sampler *sampler;
  net *net;
  size_t batch, n_params;
  int n_steps; /* of a sample */
  float *params, *state, *gradient, *momentum, *loss;
  uint64_t step;
} subject;

/* Mean times of one step. */
typedef struct sample {
  double step_ns, library_ns;
} sample;

static enum status open_data(const bench_step_options *o, subject *s) {
  args a = {.n = 0};
  const dataset *d = dataset_find(o->dataset);
  if (!d) return FAIL(STATUS_BAD_INPUT, "there is no data set %s; `terse list` shows them", o->dataset);
  TRY_RETURN(args_from_text(d->params, NULL, NULL, 0, &a));
  const enum status status = d->open(&(dataset_env){.folder = o->data_folder, .n_workers = 1, .seed = 1}, &a, &s->data);
  args_free(&a);
  return status;
}

/* Fills *out from "key=value,key=value". */
static enum status read_parameters(const model *m, const char *with, args *out) {
  enum { MOST = 8 };
  enum status status = STATUS_OK;
  const char *keys[MOST], *values[MOST];
  size_t n = 0;
  char *text = strdup(with ? with : ""), *rest = text;
  if (!text) return FAIL(STATUS_NO_MEMORY, "no memory for the benchmark");
  for (char *pair; with && (pair = strsep(&rest, ",")); n++) {
    if (n == MOST || !strchr(pair, '='))
      TRY(FAIL(STATUS_BAD_INPUT, "--with takes key=value, at most %d of them: not '%s'", MOST, with));
    keys[n] = strsep(&pair, "=");
    values[n] = pair;
  }
  TRY(args_from_text(m->params, keys, values, n, out));
exit:
  free(text);
  return status;
}

static enum status build_net(const bench_step_options *o, subject *s) {
  enum status status = STATUS_OK;
  args a = {.n = 0};
  graph *g = NULL;
  const model *m = model_find(o->model);
  if (!m) TRY(FAIL(STATUS_BAD_INPUT, "there is no model %s; `terse list` shows them", o->model));
  g = malloc(sizeof *g);
  if (!g) TRY(FAIL(STATUS_NO_MEMORY, "no memory for the benchmark"));
  graph_begin(g, s->data->channels, s->data->height, s->data->width);
  TRY(read_parameters(m, o->with, &a));
  TRY(m->build(&(model_env){.data = s->data}, &a, g));
  TRY(net_create(g, s->device, s->stream, o->batch, &s->net));
exit:
  args_free(&a);
  free(g);
  return status;
}

static enum status open_subject(const bench_step_options *o, subject *s) {
  TRY_RETURN(open_data(o, s));
  TRY_RETURN(device_open(DEVICE_CPU, &s->device));
  TRY_RETURN(stream_open(s->device, &s->stream));
  TRY_RETURN(build_net(o, s));
  TRY_RETURN(
      partition_create(&(partition_rule){.kind = PARTITION_IID}, s->data, s->data->n_train, 1, 1, &s->partition));
  TRY_RETURN(sampler_create(s->partition, 0, o->batch, 1, &s->sampler));
  s->batch = o->batch;
  s->n_params = net_layers(s->net)->n_params;
  TRY_RETURN(device_floats(s->device, s->n_params, &s->params));
  if (net_n_state(s->net) > 0) TRY_RETURN(device_floats(s->device, net_n_state(s->net), &s->state));
  TRY_RETURN(device_floats(s->device, s->n_params, &s->gradient));
  TRY_RETURN(device_floats(s->device, s->n_params, &s->momentum));
  TRY_RETURN(device_floats(s->device, 1, &s->loss));
  net_init(s->net, 1, s->params); /* the CPU's device memory is the host's */
  return STATUS_OK;
}

static void close_subject(subject *s) {
  net_destroy(s->net);
  sampler_destroy(s->sampler);
  partition_destroy(s->partition);
  data_close(s->data);
  if (s->device) {
    device_release(s->device, s->params);
    device_release(s->device, s->state);
    device_release(s->device, s->gradient);
    device_release(s->device, s->momentum);
    device_release(s->device, s->loss);
  }
  stream_close(s->stream);
  device_close(s->device);
}

static enum status train_step(subject *s) {
  const batch_request request = {.split = SPLIT_TRAIN,
                                 .ids = sampler_batch(s->sampler, s->step),
                                 .n = s->batch,
                                 .worker = 0,
                                 .key = rng_stream(1, RNG_DATA, 0, s->step),
                                 .fresh = s->step % sampler_steps_per_epoch(s->sampler) == 0};
  s->step++;
  TRY_RETURN(net_gradient(s->net, s->data, &request, s->params, s->state, s->gradient, s->loss));
  vec_momentum_step(s->stream, s->params, s->gradient, s->momentum, s->n_params, 0.01f, 0.9f, 0);
  return STATUS_OK;
}

static enum status take_sample(subject *s, sample *out) {
  uint64_t library_ns = 0;
  const uint64_t begin = clock_cpu_ns();
  for (int i = 0; i < s->n_steps; i++) TRY_RETURN(train_step(s));
  TRY_RETURN(stream_synchronize(s->stream));
  out->step_ns = (double)(clock_cpu_ns() - begin) / s->n_steps;
  for (int i = 0; i < s->n_steps; i++) {
    uint64_t once_ns;
    TRY_RETURN(net_time_library_calls(s->net, clock_cpu_ns, &once_ns));
    library_ns += once_ns;
  }
  out->library_ns = (double)library_ns / s->n_steps;
  return STATUS_OK;
}

static enum status answer(void *context) {
  sample one;
  TRY_RETURN(take_sample((subject *)context, &one));
  printf("{\"step_ns\":%.0f,\"library_ns\":%.0f}\n", one.step_ns, one.library_ns);
  return STATUS_OK;
}

static enum status print_table(subject *s, const bench_step_options *o) {
  enum status status = STATUS_OK;
  double *step = malloc((size_t)o->n_samples * sizeof *step), *library = malloc((size_t)o->n_samples * sizeof *library);
  if (!step || !library) TRY(FAIL(STATUS_NO_MEMORY, "no memory for the benchmark"));
  for (int i = 0; i < o->n_samples; i++) {
    sample one;
    TRY(take_sample(s, &one));
    step[i] = one.step_ns / 1e6;
    library[i] = one.library_ns / 1e6;
  }
  const double step_ms = median(step, (size_t)o->n_samples), library_ms = median(library, (size_t)o->n_samples);
  printf("%s on %s, batch %zu: medians of %d samples of %d steps, CPU time\n", o->model, o->dataset, o->batch,
         o->n_samples, o->n_steps);
  printf("%-24s %8.3f ms\n%-24s %8.3f ms  (step / calls: %.3f)\n", "training step", step_ms, "its library calls alone",
         library_ms, library_ms > 0 ? step_ms / library_ms : 0);
exit:
  free(step);
  free(library);
  return status;
}

enum status bench_step(const bench_step_options *o) {
  enum status status = STATUS_OK;
  subject s = {.n_steps = o->n_steps};
  TRY(open_subject(o, &s));
  for (int i = 0; i < WARM_UP_STEPS; i++) TRY(train_step(&s));
  if (o->serve)
    TRY(bench_serve(answer, &s));
  else
    TRY(print_table(&s, o));
exit:
  close_subject(&s);
  return status;
}
