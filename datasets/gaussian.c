/* Gaussian classes: sample i of class c = i mod C is x = mu_c + n with n standard normal in `dimension` coordinates.
 * The means are mu_c = separation / sqrt(2 dimension) u_c with u_c standard normal, so that the squared distance of two
 * of them has the mean separation^2; Bayes' rule errs between two classes at distance s with probability Phi(-s/2).
 * Means and samples come from fixed keys: like the files of a real data set they do not depend on a run's seed.
 * SPLIT_PROBE is the whole training set: the objective that is minimised, exactly. */
#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#include "datasets/dataset.h"

EXTERN_C const dataset dataset_gaussian;

static const param params[] = {
    {.name = "classes", .type = PARAM_INT, .fallback = "10", .min = 2, .max = 65536, .help = "number of classes"},
    {.name = "dimension", .type = PARAM_INT, .fallback = "32", .min = 1, .max = 1048576, .help = "coordinates"},
    {.name = "separation",
     .type = PARAM_REAL,
     .fallback = "4",
     .max = 1e6,
     .help = "typical distance of two classes' means, in standard deviations of a class"},
    {.name = "samples",
     .type = PARAM_INT,
     .fallback = "10000",
     .min = 1,
     .max = 4294967295.0,
     .help = "size of the training set; the test set has a fifth of it, at least one"},
    PARAM_END};

/* The streams lie at times no step reaches; the quadratic's offsets have UINT32_MAX. */
enum stream { STREAM_MEANS = 1, STREAM_TRAIN = 2, STREAM_TEST = 3 };

typedef struct gaussian {
  data base;    /* base.state points back */
  float *means; /* n_classes x width */
} gaussian;

/* x[dimension] = the standard normal vector number `row` of a stream. */
static void draw_vector(enum stream which, size_t row, size_t dimension, float *x) {
  const rng_key key = rng_stream(0, RNG_DATA, -1, UINT32_MAX - (uint64_t)which);
  const size_t n_draws = (dimension + 3) / 4;
  for (size_t k = 0; k < n_draws; k++) {
    const rng_words words = rng_draw(key, row * n_draws + k);
    for (size_t i = 4 * k; i < 4 * k + 4 && i < dimension; i++) x[i] = rng_normal(words.w[i % 4]);
  }
}

static enum status fetch(const data *d, const batch_request *request, float *x, int32_t *labels) {
  const gaussian *g = (const gaussian *)d->state;
  const bool test = request->split == SPLIT_TEST;
  TRY_RETURN(data_check_ids(d, request));
  for (size_t j = 0; j < request->n; j++, x += d->width) {
    const size_t id = request->ids[j], class = id % d->n_classes;
    draw_vector(test ? STREAM_TEST : STREAM_TRAIN, id, d->width, x);
    for (size_t i = 0; i < d->width; i++) x[i] += g->means[class * d->width + i];
    labels[j] = (int32_t) class;
  }
  return STATUS_OK;
}

static void close_gaussian(data *d) {
  gaussian *g = (gaussian *)d->state;
  free(g->means);
  free(g);
}

static enum status open_gaussian(const dataset_env *env, const args *a, data **out) {
  (void)env;
  const size_t n_train = (size_t)args_int(a, "samples"), dimension = (size_t)args_int(a, "dimension");
  const size_t n_classes = (size_t)args_int(a, "classes");
  const float scale = (float)(args_real(a, "separation") / sqrt(2.0 * (double)dimension));
  *out = NULL;
  gaussian *g = (gaussian *)calloc(1, sizeof *g);
  if (!g) return FAIL(STATUS_NO_MEMORY, "no memory for Gaussian classes");
  g->means = (float *)malloc(n_classes * dimension * sizeof *g->means);
  if (!g->means) {
    free(g);
    return FAIL(STATUS_NO_MEMORY, "no memory for %zu means of %zu coordinates", n_classes, dimension);
  }
  for (size_t c = 0; c < n_classes; c++) draw_vector(STREAM_MEANS, c, dimension, g->means + c * dimension);
  for (size_t i = 0; i < n_classes * dimension; i++) g->means[i] *= scale;
  g->base = (data){.module = &dataset_gaussian,
                   .n_train = n_train,
                   .n_test = n_train / 5 > 0 ? n_train / 5 : 1,
                   .n_probe = n_train,
                   .channels = 1,
                   .height = 1,
                   .width = dimension,
                   .n_classes = n_classes,
                   .labels_per_sample = 1,
                   .checksum = XXH64(g->means, n_classes * dimension * sizeof *g->means, n_train),
                   .standing = "synthetic",
                   .fetch = fetch,
                   .close = close_gaussian,
                   .state = g};
  *out = &g->base;
  return STATUS_OK;
}

MODULE(dataset, gaussian) = {
    .name = "gaussian",
    .source = "synthetic: Gaussian classes with given separation",
    .version = "2",
    .params = params,
    .open = open_gaussian,
};
