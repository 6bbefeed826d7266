#include "runner/bench_step.h"

#include <math.h>
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

/* A worker with its own model. */
typedef struct trainee {
  sampler *sampler;
  float *params, *state, *gradient, *momentum, *loss;
} trainee;

typedef struct subject {
  device *device;
  stream *stream;
  data *data;
  partition *partition;
  net *net;
  trainee *trainees;
  int n_trainees;
  size_t batch, n_params;
  int n_steps; /* of a sample */
  bool is_gpu;
  uint64_t step;
  double bytes_before; /* of memory, before there was a model */
} subject;

/* Mean times of one step. library_ns: 0 where it is not known. */
typedef struct sample {
  double step_ns, library_ns;
} sample;

/* A line of /proc/self/status in bytes; NaN where there is none. */
static double own_memory(const char *line) {
  char text[256];
  double kilobytes = NAN;
  FILE *f = fopen("/proc/self/status", "r");
  while (f && fgets(text, sizeof text, f))
    if (strncmp(text, line, strlen(line)) == 0) kilobytes = strtod(text + strlen(line), NULL);
  if (f) fclose(f);
  return 1024 * kilobytes;
}

/* How much more memory was resident at most than before there was a model. */
static double used_memory(const subject *s) { return own_memory("VmHWM:") - s->bytes_before; }

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

static enum status find_math(const char *name, enum math *out) {
  for (int m = 0; m < N_MATH; m++)
    if (strcmp(name, math_names[m]) == 0) {
      *out = (enum math)m;
      return STATUS_OK;
    }
  return FAIL(STATUS_BAD_INPUT, "there is no math %s; there are fp32, tf32 and bf16", name);
}

static enum status build_net(const bench_step_options *o, subject *s) {
  enum status status = STATUS_OK;
  args a = {.n = 0};
  graph *g = NULL;
  net_options options = {.side_by_side = o->n_workers};
  TRY(find_math(o->math, &options.math));
  const model *m = model_find(o->model);
  if (!m) TRY(FAIL(STATUS_BAD_INPUT, "there is no model %s; `terse list` shows them", o->model));
  g = malloc(sizeof *g);
  if (!g) TRY(FAIL(STATUS_NO_MEMORY, "no memory for the benchmark"));
  graph_begin(g, s->data->channels, s->data->height, s->data->width);
  TRY(read_parameters(m, o->with, &a));
  TRY(m->build(&(model_env){.data = s->data}, &a, g));
  TRY(net_create_with(g, s->device, s->stream, o->batch, &options, &s->net));
exit:
  args_free(&a);
  free(g);
  return status;
}

static enum status open_device(const bench_step_options *o, subject *s) {
  s->is_gpu = strcmp(o->device, "cuda") == 0;
  if (!s->is_gpu && strcmp(o->device, "cpu") != 0)
    return FAIL(STATUS_BAD_INPUT, "steps are timed on cpu and cuda, not on %s", o->device);
  TRY_RETURN(device_open(s->is_gpu ? DEVICE_CUDA : DEVICE_CPU, &s->device));
  return stream_open(s->device, &s->stream);
}

static enum status open_trainee(subject *s, int number, const float *initial) {
  trainee *t = &s->trainees[number];
  const size_t n = s->n_params;
  TRY_RETURN(sampler_create(s->partition, number, s->batch, 1, &t->sampler));
  TRY_RETURN(device_floats(s->device, n, &t->params));
  if (net_n_state(s->net) > 0) TRY_RETURN(device_floats(s->device, net_n_state(s->net), &t->state));
  TRY_RETURN(device_floats(s->device, n, &t->gradient));
  TRY_RETURN(device_floats(s->device, n, &t->momentum));
  TRY_RETURN(device_floats(s->device, 1, &t->loss));
  stream_copy(s->stream, t->params, initial, n * sizeof *initial);
  return stream_synchronize(s->stream);
}

static enum status open_subject(const bench_step_options *o, subject *s) {
  enum status status = STATUS_OK;
  float *initial = NULL;
  const partition_rule rule = {.kind = PARTITION_IID};
  TRY(open_device(o, s));
  TRY(open_data(o, s));
  s->bytes_before = own_memory("VmRSS:");
  s->batch = o->batch;
  TRY(build_net(o, s));
  s->n_params = net_layers(s->net)->n_params;
  TRY(partition_create(&rule, s->data, s->data->n_train, o->n_workers, 1, &s->partition));
  s->trainees = calloc((size_t)o->n_workers, sizeof *s->trainees);
  initial = malloc(s->n_params * sizeof *initial);
  if (!s->trainees || !initial) TRY(FAIL(STATUS_NO_MEMORY, "no memory for the benchmark"));
  net_init(s->net, 1, initial);
  for (; s->n_trainees < o->n_workers; s->n_trainees++) TRY(open_trainee(s, s->n_trainees, initial));
exit:
  free(initial);
  return status;
}

static void close_subject(subject *s) {
  net_destroy(s->net);
  for (int i = 0; i < s->n_trainees; i++) {
    trainee *t = &s->trainees[i];
    sampler_destroy(t->sampler);
    device_release(s->device, t->params);
    device_release(s->device, t->state);
    device_release(s->device, t->gradient);
    device_release(s->device, t->momentum);
    device_release(s->device, t->loss);
  }
  free(s->trainees);
  if (s->partition) partition_destroy(s->partition);
  data_close(s->data);
  stream_close(s->stream);
  device_close(s->device);
}

static enum status add_gradient(subject *s, int number) {
  trainee *t = &s->trainees[number];
  const batch_request request = {.split = SPLIT_TRAIN,
                                 .ids = sampler_batch(t->sampler, s->step),
                                 .n = s->batch,
                                 .worker = number,
                                 .key = rng_stream(1, RNG_DATA, number, s->step),
                                 .fresh = s->step % sampler_steps_per_epoch(t->sampler) == 0};
  return net_gradient(s->net, s->data, &request, t->params, t->state, t->gradient, t->loss);
}

static enum status train_step(subject *s) {
  enum status status = STATUS_OK;
  net_fork(s->net);
  for (int i = 0; i < s->n_trainees && status == STATUS_OK; i++) status = add_gradient(s, i);
  net_join(s->net);
  for (int i = 0; i < s->n_trainees; i++) {
    trainee *t = &s->trainees[i];
    vec_momentum_step(s->stream, t->params, t->gradient, t->momentum, s->n_params, 0.01f, 0.9f, 0);
  }
  s->step++;
  return status;
}

static enum status time_library(subject *s, sample *out) {
  uint64_t sum_ns = 0, once_ns;
  for (int i = 0; i < s->n_steps; i++) {
    TRY_RETURN(net_time_library_calls(s->net, clock_cpu_ns, &once_ns));
    sum_ns += once_ns;
  }
  out->library_ns = (double)sum_ns / s->n_steps * s->n_trainees;
  return STATUS_OK;
}

static enum status take_sample(subject *s, sample *out) {
  uint64_t (*now_ns)(void) = s->is_gpu ? clock_now_ns : clock_cpu_ns;
  const uint64_t begin = now_ns();
  for (int i = 0; i < s->n_steps; i++) TRY_RETURN(train_step(s));
  TRY_RETURN(stream_synchronize(s->stream));
  out->step_ns = (double)(now_ns() - begin) / s->n_steps;
  out->library_ns = 0;
  return s->is_gpu ? STATUS_OK : time_library(s, out);
}

static enum status answer(void *context) {
  sample one;
  const subject *s = (const subject *)context;
  TRY_RETURN(take_sample((subject *)context, &one));
  printf("{\"step_ns\":%.0f,\"library_ns\":%.0f,\"host_bytes\":%.0f}\n", one.step_ns, one.library_ns, used_memory(s));
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
  printf("%s on %s, batch %zu, %d worker%s, %s in %s: medians of %d samples of %d steps, %s time\n", o->model, o->dataset,
         o->batch, o->n_workers, o->n_workers > 1 ? "s" : "", o->device, o->math, o->n_samples, o->n_steps,
         s->is_gpu ? "wall" : "CPU");
  printf("%-24s %8.3f ms\n", "training step", step_ms);
  if (!s->is_gpu)
    printf("%-24s %8.3f ms  (step / calls: %.3f)\n%-24s %8.1f MB\n", "its library calls alone", library_ms,
           library_ms > 0 ? step_ms / library_ms : 0, "memory at most", used_memory(s) / 1e6);
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
