/* Whole models against PyTorch in fp64 (tests/golden, made by tests/golden/make.py): the loss within 1e-5, every
 * tensor's gradient norm and 64 projections of the gradient within max(1e-4, 3 x the error of PyTorch's own fp32).
 * Parameters and samples are drawn by both programs, so that these goldens hold net_init to its contract too. */
#include <criterion/criterion.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "tests/net_fixture.h"

enum { SIGNS = 64, MAX_TENSORS = 200, MAX_BATCH = 16 };

typedef struct tensor {
  char name[64];
  size_t n;
  double norm, error; /* of the gradient in fp64; PyTorch's fp32, relative to it */
} tensor;

typedef struct golden {
  char model[32], parameters[64];
  size_t shape[3], n_classes, batch, lane; /* lane: of a text, how many samples apart the batch's are; 0: images */
  uint64_t seed;
  double loss, projection[SIGNS];
  size_t n_tensors;
  tensor tensors[MAX_TENSORS], whole;
} golden;

static bool read_tensor(FILE *f, tensor *t) {
  return fscanf(f, "%63s %zu %lf %lf", t->name, &t->n, &t->norm, &t->error) == 4;
}

static void read_golden(const char *path, golden *g) {
  FILE *f = fopen(path, "r");
  cr_assert(f, "%s is not there", path);
  cr_assert_eq(fscanf(f, "%*[^\n] model %31s %63s", g->model, g->parameters), 2, "%s: model", path);
  cr_assert_eq(fscanf(f, " shape %zu %zu %zu classes %zu batch %zu lane %zu", &g->shape[0], &g->shape[1], &g->shape[2],
                      &g->n_classes, &g->batch, &g->lane),
               6, "%s: shape", path);
  cr_assert_eq(fscanf(f, " seed %lu loss %lf tensors %zu", &g->seed, &g->loss, &g->n_tensors), 3, "%s: seed", path);
  cr_assert(g->batch <= MAX_BATCH && g->n_tensors <= MAX_TENSORS);
  for (size_t i = 0; i < g->n_tensors; i++) cr_assert(read_tensor(f, &g->tensors[i]), "%s: tensor %zu", path, i);
  cr_assert(read_tensor(f, &g->whole) && strcmp(g->whole.name, "whole") == 0, "%s: whole", path);
  for (int j = 0; j < SIGNS; j++) cr_assert_eq(fscanf(f, "%lf", &g->projection[j]), 1, "%s: projection %d", path, j);
  fclose(f);
}

/* The net's loss and gradient on the golden's batch; of a text on its second one, with what the first one left. */
static size_t compute(golden *g, enum fixture_place place, const layer_slice **slices, float **gradient, float *loss,
                      fixture *f) {
  const char *keys[4], *values[4];
  char *rest = g->parameters;
  size_t n = 0;
  for (char *pair; g->parameters[0] != '-' && n < 4 && (pair = strsep(&rest, ",")); n++) {
    keys[n] = strsep(&pair, "=");
    values[n] = pair;
  }
  const size_t n_samples = g->lane > 0 ? g->lane * g->batch : g->batch;
  data *d = g->lane > 0 ? random_text(g->shape[2], g->n_classes, n_samples, n_samples)
                        : random_data(g->shape[0], g->shape[1], g->shape[2], g->n_classes, n_samples, n_samples);
  graph *layers = malloc(sizeof *layers);
  cr_assert_eq(build_graph(g->model, d, keys, values, n, layers), STATUS_OK, "%s", status_detail());
  fixture_open(f, place, layers, g->batch, g->seed);
  *gradient = malloc(f->n_params * sizeof **gradient);
  for (uint32_t t = 0; t < (g->lane > 0 ? 2 : 1); t++) {
    uint32_t ids[MAX_BATCH];
    for (uint32_t j = 0; j < g->batch; j++) ids[j] = g->lane > 0 ? j * (uint32_t)g->lane + t : j;
    const batch_request request = {.split = SPLIT_TRAIN, .ids = ids, .n = g->batch, .worker = 0, .fresh = t == 0};
    fixture_gradient(f, d, &request, *gradient, loss);
  }
  data_close(d);
  free(layers);
  *slices = net_layers(f->net)->slices;
  return net_layers(f->net)->n_slices;
}

static double norm_of(const float *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
  return sqrt(sum);
}

static double tolerance_of(const tensor *t) { return fmax(1e-4, 3 * t->error); }

/* The root mean square of how far the projections are off, relative to the gradient: an estimate of the gradient's own
 * relative error, good to about 9 %. */
static double projected_error(const golden *g, const float *gradient) {
  const rng_key key = rng_stream(2, RNG_TEST, -1, 0);
  double sums[SIGNS] = {0}, squares = 0;
  for (size_t i = 0; i < g->whole.n; i++) {
    const rng_words drawn = rng_draw(key, i);
    for (int j = 0; j < SIGNS; j++) sums[j] += drawn.w[j / 32] >> j % 32 & 1 ? -gradient[i] : gradient[i];
  }
  for (int j = 0; j < SIGNS; j++) squares += pow(sums[j] - g->projection[j], 2);
  return sqrt(squares / SIGNS) / g->whole.norm;
}

static void check_golden(const char *path, enum fixture_place place, golden *g) {
  const char *where = fixture_place_names[place];
  const layer_slice *slices;
  float *gradient, loss;
  fixture f;
  cr_assert_eq(compute(g, place, &slices, &gradient, &loss, &f), g->n_tensors, "%s", path);
  cr_assert_eq(f.n_params, g->whole.n, "%s: %zu parameters", path, f.n_params);
  cr_expect(fabs(loss - g->loss) <= 1e-5 * g->loss, "%s on %s: loss %.9g, not %.9g", path, where, loss, g->loss);
  for (size_t i = 0; i < g->n_tensors; i++) {
    const tensor *t = &g->tensors[i];
    cr_assert_eq(slices[i].n, t->n, "%s: %s has %zu elements", path, t->name, slices[i].n);
    const double error = fabs(norm_of(gradient + slices[i].offset, t->n) / t->norm - 1);
    cr_expect(error <= tolerance_of(t), "%s on %s: |gradient| of %s is off by %.2g", path, where, t->name, error);
  }
  const double error = projected_error(g, gradient);
  cr_expect(error <= tolerance_of(&g->whole), "%s on %s: the gradient is off by about %.2g", path, where, error);

  /* What norms do not see, the projections do: two neighbours in each other's place. */
  size_t largest = 0;
  for (size_t i = 0; i + 1 < g->whole.n; i++)
    if (fabsf(gradient[i] - gradient[i + 1]) > fabsf(gradient[largest] - gradient[largest + 1])) largest = i;
  const float other = gradient[largest];
  gradient[largest] = gradient[largest + 1];
  gradient[largest + 1] = other;
  cr_expect(projected_error(g, gradient) > tolerance_of(&g->whole), "%s: the projections are blind", path);
  free(gradient);
  fixture_close(&f);
}

/* Plain loops take too long for more parameters than `most`. */
static void check_goldens(enum fixture_place place, size_t most) {
  const char *root = getenv("TERSE_ROOT"); /* in a bundle the sources are elsewhere */
  char pattern[4096];
  glob_t found;
  snprintf(pattern, sizeof pattern, "%s/tests/golden/*.txt", root ? root : TERSE_SOURCE);
  cr_assert_eq(glob(pattern, 0, NULL, &found), 0, "no goldens in %s", pattern);
  cr_assert_geq(found.gl_pathc, 16);
  golden *g = malloc(sizeof *g);
  for (size_t k = 0; k < found.gl_pathc; k++) {
    read_golden(found.gl_pathv[k], g);
    if (g->whole.n <= most) check_golden(found.gl_pathv[k], place, g);
  }
  free(g);
  globfree(&found);
}

Test(golden, loss_and_gradient_are_pytorchs_in_fp64, .timeout = 400) { check_goldens(FIXTURE_CPU, SIZE_MAX); }

Test(golden, so_they_are_on_the_gpus_executor, .timeout = 400) { check_goldens(FIXTURE_PLAIN, 3000000); }

Test(golden, so_they_are_on_cuda, .timeout = 400) {
  const char *reason = "";
  if (device_cuda_count(&reason) == 0) cr_skip_test("%s", reason);
  check_goldens(FIXTURE_CUDA, SIZE_MAX);
}
