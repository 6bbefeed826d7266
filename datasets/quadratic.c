/* A quadratic with known constants, for convergence rates: worker w minimises
 *
 *   f_w(x) = 1/2 sum_i h_i x_i^2 - <b_w, x>,   x of `dimension` coordinates,
 *
 * from gradients H x - z whose sample vector z = b_w + noise * n has independent standard normals n: `noise` is the
 * standard deviation of one sample's gradient in each coordinate; a mini-batch of n samples has noise / sqrt(n).
 * The eigenvalues h_i lie evenly on a logarithmic scale from mu to L. The workers' offsets
 * b_w = heterogeneity * (u_w - mean of u), u_w standard normal vectors of a fixed key, sum to zero, so that the mean
 * objective 1/2 x'Hx has its minimum 0 at x = 0 for every M. That objective, free of noise, is SPLIT_TEST and
 * SPLIT_PROBE: one sample with z = 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "datasets/dataset.h"

EXTERN_C const dataset dataset_quadratic;

static const param params[] = {
    {.name = "dimension", .type = PARAM_INT, .fallback = "1000", .min = 1, .max = 16777216, .help = "coordinates"},
    {.name = "L", .type = PARAM_REAL, .fallback = "1", .max = 1e6, .above_min = true, .help = "largest eigenvalue"},
    {.name = "mu",
     .type = PARAM_REAL,
     .fallback = "0.01",
     .max = 1e6,
     .above_min = true,
     .help = "smallest eigenvalue"},
    {.name = "noise",
     .type = PARAM_REAL,
     .fallback = "1",
     .max = 1e6,
     .help = "standard deviation of one sample's gradient in each coordinate"},
    {.name = "heterogeneity",
     .type = PARAM_REAL,
     .fallback = "0",
     .max = 1e6,
     .help = "standard deviation between the workers' gradients in each coordinate"},
    {.name = "samples",
     .type = PARAM_INT,
     .fallback = "65536",
     .min = 1,
     .max = 4294967295.0,
     .help = "nominal size of the training set: what an epoch is"},
    PARAM_END};

typedef struct quadratic {
  data base; /* first; base.state points back */
  float *spectrum;
  float *offsets; /* n_workers x dimension, or NULL where there is no heterogeneity */
  int n_workers;
  float noise;
} quadratic;

/* The offsets' stream lies at a time no step reaches. */
static rng_key offset_key(int worker) { return rng_stream(0, RNG_DATA, worker, UINT32_MAX); }

static void draw_offsets(quadratic *q, double heterogeneity) {
  const size_t dimension = q->base.width;
  for (size_t i = 0; i < dimension; i++) {
    double mean = 0;
    for (int w = 0; w < q->n_workers; w++) mean += rng_normal_at(offset_key(w), i) / (double)q->n_workers;
    for (int w = 0; w < q->n_workers; w++)
      q->offsets[(size_t)w * dimension + i] = (float)(heterogeneity * (rng_normal_at(offset_key(w), i) - mean));
  }
}

static enum status fetch(const data *d, const batch_request *request, float *x, int32_t *labels) {
  (void)labels;
  const quadratic *q = (const quadratic *)d->state;
  const size_t dimension = d->width, n = request->n * dimension;
  if (request->worker >= q->n_workers)
    return FAIL(STATUS_BAD_INPUT, "worker %d asks for data made for %d workers", request->worker, q->n_workers);
  if (request->split != SPLIT_TRAIN) {
    memset(x, 0, n * sizeof *x);
    return STATUS_OK;
  }
  for (size_t i = 0; i < n; i += 4) { /* the words of one draw; equal to rng_normal_at(key, i) */
    const rng_words words = rng_draw(request->key, i / 4);
    for (size_t k = 0; k < 4 && i + k < n; k++) x[i + k] = q->noise * rng_normal(words.w[k]);
  }
  if (!q->offsets || request->worker < 0) return STATUS_OK;
  const float *offset = q->offsets + (size_t)request->worker * dimension;
  for (size_t j = 0; j < request->n; j++)
    for (size_t i = 0; i < dimension; i++) x[j * dimension + i] += offset[i];
  return STATUS_OK;
}

static void close_quadratic(data *d) {
  quadratic *q = (quadratic *)d->state;
  free(q->spectrum);
  free(q->offsets);
  free(q);
}

static enum status open_quadratic(const dataset_env *env, const args *a, data **out) {
  const size_t dimension = (size_t)args_int(a, "dimension");
  const double largest = args_real(a, "L"), smallest = args_real(a, "mu");
  const double heterogeneity = args_real(a, "heterogeneity");
  *out = NULL;
  if (smallest > largest) return FAIL(STATUS_BAD_INPUT, "mu = %g is above L = %g; give mu <= L", smallest, largest);
  quadratic *q = (quadratic *)calloc(1, sizeof *q);
  if (!q) return FAIL(STATUS_NO_MEMORY, "no memory for the quadratic");
  q->n_workers = env->n_workers;
  q->noise = (float)args_real(a, "noise");
  q->spectrum = (float *)malloc(dimension * sizeof *q->spectrum);
  if (heterogeneity > 0) q->offsets = (float *)malloc(dimension * (size_t)q->n_workers * sizeof *q->offsets);
  q->base = (data){.module = &dataset_quadratic,
                   .n_train = (size_t)args_int(a, "samples"),
                   .n_test = 1,
                   .n_probe = 1,
                   .channels = 1,
                   .height = 1,
                   .width = dimension,
                   .standing = "synthetic",
                   .spectrum = q->spectrum,
                   .fetch = fetch,
                   .close = close_quadratic,
                   .state = q};
  if (!q->spectrum || (heterogeneity > 0 && !q->offsets)) {
    close_quadratic(&q->base);
    return FAIL(STATUS_NO_MEMORY, "no memory for a quadratic of %zu coordinates and %d workers", dimension,
                env->n_workers);
  }
  for (size_t i = 0; i < dimension; i++) {
    const double position = dimension > 1 ? (double)i / (double)(dimension - 1) : 1;
    q->spectrum[i] = (float)(smallest * pow(largest / smallest, position));
  }
  if (q->offsets) draw_offsets(q, heterogeneity);
  const double content[] = {(double)dimension, largest, smallest, q->noise, heterogeneity, (double)q->n_workers};
  q->base.checksum = XXH64(content, sizeof content, 0);
  *out = &q->base;
  return STATUS_OK;
}

MODULE(dataset, quadratic) = {
    .name = "quadratic",
    .source = "synthetic: a quadratic with given eigenvalues, noise and heterogeneity",
    .version = "1",
    .params = params,
    .open = open_quadratic,
};
