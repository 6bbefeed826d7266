/* The registered data sets: the published files where they are installed, and the synthetic quadratic. */
#include "datasets/dataset.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/args.h"

static enum status open_set(const char *name, const dataset_env *env, size_t n, const char *const *keys,
                            const char *const *values, data **out) {
  const dataset *module = dataset_find(name);
  args a;
  cr_assert(module);
  cr_assert_eq(args_from_text(module->params, keys, values, n, &a), STATUS_OK, "%s", status_detail());
  const enum status status = module->open(env, &a, out);
  args_free(&a);
  return status;
}

Test(dataset, is_found_by_name) {
  cr_assert_str_eq(dataset_find("fashion-mnist")->name, "fashion-mnist");
  cr_assert_eq(dataset_find("fashion_mnist"), dataset_find("fashion-mnist"));
  cr_assert_null(dataset_find("fashion"));
  for (size_t i = 0; dataset_registry[i]; i++) {
    const dataset *d = dataset_registry[i];
    cr_assert(d->name && d->source && d->version && d->params && d->open);
    cr_assert_eq(dataset_find(d->name), d);
  }
  data_close(NULL);
}

/* Mean and deviation of the first n training samples, and how many there are of each class. */
static void describe(const data *d, uint32_t n, double *mean, double *deviation, size_t *classes) {
  const size_t pixels = d->height * d->width;
  float *x = (float *)malloc(pixels * sizeof *x);
  double sum = 0, squares = 0;
  for (uint32_t id = 0; id < n; id++) {
    int32_t label;
    cr_assert_eq(d->fetch(d, &(batch_request){.split = SPLIT_TRAIN, .ids = &id, .n = 1, .worker = 0}, x, &label),
                 STATUS_OK);
    classes[label]++;
    for (size_t i = 0; i < pixels; i++) sum += x[i], squares += (double)x[i] * x[i];
  }
  free(x);
  *mean = sum / (double)(n * pixels);
  *deviation = sqrt(squares / (double)(n * pixels) - *mean * *mean);
}

static void check_published(const char *name, const char *folder, const size_t first_classes[10]) {
  data *d;
  double mean, deviation;
  size_t classes[10] = {0};
  cr_assert_eq(open_set(name, &(dataset_env){.folder = folder, .n_workers = 4}, 0, NULL, NULL, &d), STATUS_OK, "%s",
               status_detail());
  cr_assert(d->n_train == 60000 && d->n_test == 10000 && d->n_probe == 2048 && d->n_classes == 10);
  cr_assert(d->channels == 1 && d->height == 28 && d->width == 28);
  cr_assert_eq(d->module, dataset_find(name));
  describe(d, 10000, &mean, &deviation, classes);
  cr_assert(fabs(mean) < 0.02 && fabs(deviation - 1) < 0.02, "%s: mean %g, deviation %g", name, mean, deviation);
  for (int i = 0; i < 10; i++)
    cr_assert_eq(classes[i], first_classes[i], "%s has %zu of class %d", name, classes[i], i);
  data_close(d);
}

/* Class counts of the first 10,000 training samples, counted with zcat and od. */
Test(dataset, fashion_mnist_is_the_published_one) {
  struct stat found;
  if (stat("/usr/share/datasets/fashion-mnist", &found) != 0) cr_skip("dataset-fashion-mnist is not installed");
  check_published("fashion-mnist", NULL, (size_t[10]){942, 1027, 1016, 1019, 974, 989, 1021, 1022, 990, 1000});
}

Test(dataset, mnist_is_the_published_one) {
  struct stat found;
  char folder[4096];
  const char *data_folder = getenv("TERSE_DATA");
  snprintf(folder, sizeof folder, "%s/mnist", data_folder ? data_folder : "");
  if (!data_folder || stat(folder, &found) != 0) cr_skip("TERSE_DATA has no mnist");
  check_published("mnist", data_folder, (size_t[10]){1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978});
}

enum { DIMENSION = 513, WORKERS = 5, SAMPLES = 3 };

static data *open_quadratic(const char *noise, const char *heterogeneity, int n_workers) {
  data *d;
  cr_assert_eq(open_set("quadratic", &(dataset_env){.n_workers = n_workers, .seed = 9}, 5,
                        (const char *const[]){"dimension", "L", "mu", "noise", "heterogeneity"},
                        (const char *const[]){"513", "10", "0.1", noise, heterogeneity}, &d),
               STATUS_OK, "%s", status_detail());
  return d;
}

static void fetch_quadratic(const data *d, enum split split, int worker, uint64_t step, float *z) {
  const uint32_t ids[SAMPLES] = {0};
  const batch_request request = {
      .split = split, .ids = ids, .n = SAMPLES, .worker = worker, .key = rng_stream(1, RNG_DATA, worker, step)};
  cr_assert_eq(d->fetch(d, &request, z, NULL), STATUS_OK, "%s", status_detail());
}

Test(dataset, quadratic_has_the_spectrum_and_noise_asked_for) {
  data *d = open_quadratic("0.5", "0", WORKERS);
  float z[SAMPLES * DIMENSION];
  cr_assert(d->n_train == 65536 && d->n_test == 1 && d->n_probe == 1 && d->n_classes == 0 && d->width == DIMENSION);
  for (int i = 0; i < DIMENSION; i++)
    cr_assert(fabs(log(d->spectrum[i]) - (log(0.1) + log(100) * i / (DIMENSION - 1))) < 1e-6);
  double sum = 0, squares = 0;
  enum { STEPS = 200 };
  for (uint64_t t = 0; t < STEPS; t++) {
    fetch_quadratic(d, SPLIT_TRAIN, 2, t, z);
    const rng_key key = rng_stream(1, RNG_DATA, 2, t);
    for (int i = 0; i < SAMPLES * DIMENSION; i++) {
      cr_assert_eq(z[i], 0.5f * rng_normal_at(key, (uint64_t)i));
      sum += z[i], squares += (double)z[i] * z[i];
    }
  }
  const double n = STEPS * SAMPLES * DIMENSION;
  cr_assert(fabs(sum / n) < 5 * 0.5 / sqrt(n), "mean %g", sum / n);
  cr_assert(fabs(squares / n - 0.25) < 5 * 0.25 * sqrt(2 / n), "variance %g", squares / n);
  for (int split = SPLIT_TEST; split <= SPLIT_PROBE; split++) {
    fetch_quadratic(d, (enum split)split, -1, 0, z);
    for (int i = 0; i < SAMPLES * DIMENSION; i++) cr_assert_eq(z[i], 0);
  }
  data_close(d);
}

Test(dataset, quadratic_offsets_cancel_and_have_the_size_asked_for) {
  data *d = open_quadratic("0", "2", WORKERS), *again = open_quadratic("0", "2", WORKERS);
  float z[WORKERS][SAMPLES * DIMENSION], other[SAMPLES * DIMENSION];
  double squares = 0;
  for (int w = 0; w < WORKERS; w++) {
    fetch_quadratic(d, SPLIT_TRAIN, w, 3, z[w]);
    fetch_quadratic(again, SPLIT_TRAIN, w, 8, other);
    cr_assert_eq(memcmp(z[w], other, sizeof other), 0, "the offsets change with the step or between loads");
  }
  for (int i = 0; i < SAMPLES * DIMENSION; i++) {
    double sum = 0;
    for (int w = 0; w < WORKERS; w++) sum += z[w][i], squares += (double)z[w][i] * z[w][i];
    cr_assert(fabs(sum) < 1e-5, "coordinate %d: the offsets sum to %g", i, sum);
  }
  /* E sum_w (u_w - mean u)^2 = (M - 1) of each coordinate. */
  const double variance = squares / (SAMPLES * DIMENSION * (WORKERS - 1));
  cr_assert(fabs(variance / 4 - 1) < 5 * sqrt(2.0 / (DIMENSION * (WORKERS - 1))), "variance %g", variance);
  fetch_quadratic(d, SPLIT_TRAIN, -1, 3, other);
  for (int i = 0; i < SAMPLES * DIMENSION; i++) cr_assert_eq(other[i], 0);
  data_close(d);
  data_close(again);

  data *alone = open_quadratic("0", "2", 1);
  fetch_quadratic(alone, SPLIT_TRAIN, 0, 0, other);
  for (int i = 0; i < SAMPLES * DIMENSION; i++) cr_assert_eq(other[i], 0);
  const uint32_t id = 0;
  cr_assert_eq(alone->fetch(alone, &(batch_request){.ids = &id, .n = 1, .worker = 1}, other, NULL), STATUS_BAD_INPUT);
  data_close(alone);
}

Test(dataset, quadratic_checks_its_parameters) {
  data *d;
  const char *const keys[] = {"dimension", "L", "mu"};
  cr_assert_eq(open_set("quadratic", &(dataset_env){.n_workers = 1}, 3, keys, (const char *const[]){"4", "1", "2"}, &d),
               STATUS_BAD_INPUT);
  cr_assert(strstr(status_detail(), "mu <= L"), "%s", status_detail());
  cr_assert_eq(open_set("quadratic", &(dataset_env){.n_workers = 1}, 3, keys, (const char *const[]){"1", "3", "2"}, &d),
               STATUS_OK);
  cr_assert_eq(d->spectrum[0], 3);
  const uint64_t checksum = d->checksum;
  data_close(d);
  cr_assert_eq(open_set("quadratic", &(dataset_env){.n_workers = 1}, 3, keys, (const char *const[]){"1", "3", "1"}, &d),
               STATUS_OK);
  cr_assert_neq(d->checksum, checksum);
  data_close(d);
}

/* Two classes at a known distance: the nearest mean errs with probability Phi(-distance / 2). */
Test(dataset, gaussian_classes_have_the_separation_asked_for) {
  enum { N = 20000, DIM = 7 };
  data *d;
  static float x[N][DIM];
  double means[2][DIM] = {{0}}, distance = 0, spread = 0;
  const char *const keys[] = {"classes", "dimension", "separation", "samples"};
  const char *const values[] = {"2", "7", "2", "20000"};
  cr_assert_eq(open_set("gaussian", &(dataset_env){.n_workers = 1, .seed = 4}, 4, keys, values, &d), STATUS_OK);
  cr_assert(d->n_train == N && d->n_test == N / 5 && d->n_probe == N && d->n_classes == 2 && d->width == DIM);
  for (uint32_t id = 0; id < N; id++) {
    int32_t label;
    cr_assert_eq(d->fetch(d, &(batch_request){.split = SPLIT_TRAIN, .ids = &id, .n = 1}, x[id], &label), STATUS_OK);
    cr_assert_eq(label, (int32_t)(id % 2));
    for (int i = 0; i < DIM; i++) means[label][i] += x[id][i] / (N / 2);
  }
  for (int i = 0; i < DIM; i++) distance += pow(means[0][i] - means[1][i], 2);
  for (uint32_t id = 0; id < N; id++)
    for (int i = 0; i < DIM; i++) spread += pow(x[id][i] - means[id % 2][i], 2) / (N * DIM);
  distance = sqrt(distance);
  cr_assert(distance > 0.5 && distance < 4, "the means are %g apart", distance);
  cr_assert(fabs(spread - 1) < 5 * sqrt(2.0 / (N * DIM)), "variance %g", spread);
  size_t n_wrong = 0;
  for (uint32_t id = 0; id < d->n_test; id++) {
    float y[DIM];
    int32_t label;
    double nearer = 0;
    cr_assert_eq(d->fetch(d, &(batch_request){.split = SPLIT_TEST, .ids = &id, .n = 1}, y, &label), STATUS_OK);
    for (int i = 0; i < DIM; i++) nearer += pow(y[i] - means[0][i], 2) - pow(y[i] - means[1][i], 2);
    n_wrong += (nearer > 0) != (label == 1);
  }
  const double error = 0.5 * erfc(distance / 2 / sqrt(2)), n = (double)d->n_test;
  cr_assert(fabs((double)n_wrong / n - error) < 5 * sqrt(error / n), "error %g instead of %g", (double)n_wrong / n,
            error);
  cr_assert_neq(memcmp(x[0], x[2], sizeof x[0]), 0);
  data_close(d);
}

/* The data are those of any seed and number of workers; separation is the distance of means in the mean. */
Test(dataset, gaussian_is_one_data_set_for_all_seeds) {
  data *a, *b;
  const char *const keys[] = {"classes", "separation"}, *const values[] = {"200", "3"};
  float x[2][32];
  int32_t labels[2];
  cr_assert_eq(open_set("gaussian", &(dataset_env){.n_workers = 1, .seed = 4}, 2, keys, values, &a), STATUS_OK);
  cr_assert_eq(open_set("gaussian", &(dataset_env){.n_workers = 9, .seed = 5}, 2, keys, values, &b), STATUS_OK);
  cr_assert_eq(a->checksum, b->checksum);
  for (uint32_t id = 0; id < 50; id++) {
    const batch_request request = {.split = SPLIT_TRAIN, .ids = &id, .n = 1, .worker = 0};
    cr_assert(a->fetch(a, &request, x[0], labels) == STATUS_OK && b->fetch(b, &request, x[1], labels + 1) == STATUS_OK);
    cr_assert(labels[0] == labels[1] && memcmp(x[0], x[1], sizeof x[0]) == 0);
  }
  /* |x|^2 = |mu|^2 + |n|^2 + 2 <mu, n> has the mean separation^2 / 2 + dimension. */
  double squares = 0;
  for (uint32_t id = 0; id < 10000; id++) {
    cr_assert_eq(a->fetch(a, &(batch_request){.split = SPLIT_TRAIN, .ids = &id, .n = 1}, x[0], labels), STATUS_OK);
    for (int i = 0; i < 32; i++) squares += (double)x[0][i] * x[0][i] / 10000;
  }
  cr_assert(fabs(squares - 36.5) < 5 * 4.5 * sqrt(2.0 / (32 * 200)) + 5 * sqrt(82.0 / 10000), "%g", squares);
  data_close(a);
  data_close(b);
}
