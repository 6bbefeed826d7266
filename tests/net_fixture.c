#include "tests/net_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "core/args.h"
#include "core/rng.h"
#include "tests/plain_library.h"

/* Word i of a text. */
static uint32_t word(const data *d, enum split split, uint64_t i) {
  return (uint32_t)(rng_draw(rng_stream(split == SPLIT_TEST ? 4 : 3, RNG_TEST, -1, 0), i).w[0] % d->n_classes);
}

void random_sample(const data *d, enum split split, uint32_t id, float *x, int32_t *labels) {
  const size_t n = d->channels * d->height * d->width;
  const rng_key key = rng_stream(split == SPLIT_TEST ? 2 : 1, RNG_TEST, -1, id);
  for (size_t i = 0; d->sequential && i < n; i++) {
    x[i] = (float)word(d, split, id * n + i);
    labels[i] = (int32_t)word(d, split, id * n + i + 1);
  }
  for (size_t i = 0; !d->sequential && i < n; i++) x[i] = rng_normal_at(key, i);
  if (!d->sequential) *labels = (int32_t)(rng_draw(key, n).w[0] % d->n_classes);
}

static enum status fetch(const data *d, const batch_request *request, float *x, int32_t *labels) {
  const size_t n = d->channels * d->height * d->width, size = request->split == SPLIT_TEST ? d->n_test : d->n_train;
  for (size_t j = 0; j < request->n; j++) cr_assert_lt(request->ids[j], size);
  for (size_t j = 0; j < request->n; j++)
    random_sample(d, request->split, request->ids[j], x + j * n, labels + j * d->labels_per_sample);
  return STATUS_OK;
}

static void close_data(data *d) { free(d); }

data *random_data(size_t channels, size_t height, size_t width, size_t n_classes, size_t n_train, size_t n_test) {
  data *d = (data *)calloc(1, sizeof *d);
  cr_assert(d);
  *d = (data){.n_train = n_train,
              .n_test = n_test,
              .n_probe = n_train,
              .channels = channels,
              .height = height,
              .width = width,
              .n_classes = n_classes,
              .labels_per_sample = n_classes > 0,
              .standing = "synthetic",
              .fetch = fetch,
              .close = close_data};
  return d;
}

data *random_text(size_t steps, size_t vocabulary, size_t n_train, size_t n_test) {
  data *d = random_data(1, 1, steps, vocabulary, n_train, n_test);
  d->labels_per_sample = steps;
  d->sequential = true;
  return d;
}

enum status build_graph(const char *name, const data *d, const char *const *keys, const char *const *values, size_t n,
                        graph *g) {
  const model *m = model_find(name);
  args a;
  cr_assert(m && m->paper && m->version, "there is no model %s", name);
  cr_assert_eq(args_from_text(m->params, keys, values, n, &a), STATUS_OK, "%s", status_detail());
  graph_begin(g, d->channels, d->height, d->width);
  const enum status status = m->build(&(model_env){.data = d}, &a, g);
  args_free(&a);
  return status;
}

const char *const fixture_place_names[N_FIXTURE_PLACES] = {"CPU", "shadow", "shadow with the GPU's executor", "CUDA"};

int fixture_n_places(void) {
  const char *reason;
  return device_cuda_count(&reason) > 0 ? FIXTURE_CUDA + 1 : FIXTURE_CUDA;
}

void fixture_open(fixture *f, enum fixture_place place, const graph *g, size_t batch, uint64_t seed) {
  fixture_open_with(f, place, g, batch, seed, &(net_options){.math = MATH_FP32});
}

void fixture_open_with(fixture *f, enum fixture_place place, const graph *g, size_t batch, uint64_t seed,
                       const net_options *options) {
  const enum device_kind kind = place == FIXTURE_CPU ? DEVICE_CPU : place == FIXTURE_CUDA ? DEVICE_CUDA : DEVICE_SHADOW;
  cr_assert_eq(device_open(kind, &f->device), STATUS_OK, "%s", status_detail());
  if (place == FIXTURE_PLAIN) f->device->executor = &plain_executor_ops;
  cr_assert_eq(stream_open(f->device, &f->stream), STATUS_OK);
  cr_assert_eq(net_create_with(g, f->device, f->stream, batch, options, &f->net), STATUS_OK, "%s", status_detail());
  f->n_params = net_layers(f->net)->n_params;
  cr_assert_eq(device_floats(f->device, f->n_params, &f->params), STATUS_OK);
  f->n_state = net_n_state(f->net);
  f->state = NULL;
  if (f->n_state > 0) cr_assert_eq(device_floats(f->device, f->n_state, &f->state), STATUS_OK);
  cr_assert_eq(device_floats(f->device, f->n_params, &f->gradient), STATUS_OK);
  cr_assert_eq(device_floats(f->device, 1, &f->loss), STATUS_OK);
  f->host = (float *)malloc(f->n_params * sizeof *f->host);
  net_init(f->net, seed, f->host);
  stream_copy(f->stream, f->params, f->host, f->n_params * sizeof *f->host);
  cr_assert_eq(stream_synchronize(f->stream), STATUS_OK);
}

void fixture_close(fixture *f) {
  cr_assert_eq(stream_synchronize(f->stream), STATUS_OK);
  net_destroy(f->net);
  device_release(f->device, f->params);
  device_release(f->device, f->state);
  device_release(f->device, f->gradient);
  device_release(f->device, f->loss);
  free(f->host);
  stream_close(f->stream);
  device_close(f->device);
}

void fixture_gradient(fixture *f, const data *d, const batch_request *request, float *gradient, float *loss) {
  cr_assert_eq(net_gradient(f->net, d, request, f->params, f->state, f->gradient, f->loss), STATUS_OK, "%s",
               status_detail());
  stream_copy(f->stream, gradient, f->gradient, f->n_params * sizeof *gradient);
  stream_copy(f->stream, loss, f->loss, sizeof *loss);
  cr_assert_eq(stream_synchronize(f->stream), STATUS_OK, "%s", status_detail());
}

double relative_error(const float *is, const double *should_be, size_t n) {
  double error = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    error += (is[i] - should_be[i]) * (is[i] - should_be[i]);
    size += should_be[i] * should_be[i];
  }
  return sqrt(error / size);
}
