/* The published files, where TERSE_DATA or the folder that `make data` fills has them. What is expected was counted
 * with other programs. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/args.h"
#include "datasets/dataset.h"

/* Opens a set with one parameter (key NULL: none); skips the test where its files are missing. */
static data *open_published(const char *name, const char *key, const char *value) {
  const dataset *module = dataset_find(name);
  const char *given = getenv("TERSE_DATA");
  char folders[8192];
  data *d;
  args a;
  snprintf(folders, sizeof folders, "%s:%s/data", given && *given ? given : "/nowhere", TERSE_SOURCE);
  cr_assert_eq(args_from_text(module->params, &key, &value, key != NULL, &a), STATUS_OK, "%s", status_detail());
  const enum status status = module->open(&(dataset_env){.folder = folders, .n_workers = 4, .seed = 1}, &a, &d);
  args_free(&a);
  if (status == STATUS_NO_DATA) cr_skip("%s has no files", name);
  cr_assert_eq(status, STATUS_OK, "%s", status_detail());
  cr_assert_eq(d->module, module);
  cr_assert_str_eq(d->standing, "published");
  return d;
}

static void fetch_one(const data *d, enum split split, uint32_t id, float *x, int32_t *labels) {
  const batch_request request = {.split = split, .ids = &id, .n = 1, .worker = -1};
  cr_assert_eq(d->fetch(d, &request, x, labels), STATUS_OK, "%s", status_detail());
}

/* Samples of each class in a split. */
static void count_labels(const data *d, enum split split, size_t n, size_t *counts) {
  float *x = (float *)malloc(d->channels * d->height * d->width * sizeof *x);
  for (uint32_t id = 0; id < n; id++) {
    int32_t label;
    fetch_one(d, split, id, x, &label);
    counts[label]++;
  }
  free(x);
}

Test(published, cifar10) {
  data *d = open_published("cifar10", NULL, NULL);
  const size_t first[10] = {209, 198, 208, 198, 214, 188, 210, 205, 208, 210};
  size_t classes[10] = {0}, tests[10] = {0};
  cr_assert(d->n_train == 50000 && d->n_test == 10000 && d->n_probe == 2048 && d->n_classes == 10);
  count_labels(d, SPLIT_PROBE, 2048, classes);
  count_labels(d, SPLIT_TEST, 10000, tests);
  for (int c = 0; c < 10; c++) cr_assert(classes[c] == first[c] && tests[c] == 1000);
  double sum[3] = {0}, squares[3] = {0};
  static float x[3 * 1024];
  enum { N = 5000 };
  for (uint32_t id = 0; id < N; id++) {
    int32_t label;
    fetch_one(d, SPLIT_TRAIN, id * 10, x, &label);
    for (int i = 0; i < 3 * 1024; i++) sum[i / 1024] += x[i], squares[i / 1024] += (double)x[i] * x[i];
  }
  for (int c = 0; c < 3; c++) {
    const double mean = sum[c] / (1024.0 * N), deviation = sqrt(squares[c] / (1024.0 * N) - mean * mean);
    cr_assert(fabs(mean) < 0.03 && fabs(deviation - 1) < 0.02, "channel %d: mean %g, deviation %g", c, mean, deviation);
  }
  data_close(d);
}

Test(published, libsvm) {
  data *d = open_published("libsvm", "file", "a9a");
  size_t train[2] = {0}, test[2] = {0}, web[2] = {0};
  cr_assert(d->n_train == 32561 && d->n_test == 16281 && d->width == 123 && d->n_classes == 2);
  count_labels(d, SPLIT_TRAIN, d->n_train, train);
  count_labels(d, SPLIT_TEST, d->n_test, test);
  cr_assert(train[1] == 7841 && test[1] == 3846);
  data_close(d);
  d = open_published("libsvm", "file", "w8a");
  cr_assert(d->n_train == 49749 && d->n_test == 49749 && d->width == 300);
  count_labels(d, SPLIT_TRAIN, d->n_train, web);
  cr_assert_eq(web[1], 1479);
  data_close(d);
}

/* How often words number 0 to n - 1 come up in the training samples. */
static void count_words(const data *d, size_t n, size_t *counts) {
  float x[35];
  int32_t labels[35];
  cr_assert_eq(d->width, 35);
  for (uint32_t id = 0; id < d->n_train; id++) {
    fetch_one(d, SPLIT_TRAIN, id, x, labels);
    for (int i = 0; i < 35; i++) {
      if (x[i] < (float)n) counts[(size_t)x[i]]++;
      cr_assert(labels[i] >= 0 && (size_t)labels[i] < d->n_classes && (i == 34 || x[i + 1] == (float)labels[i]));
    }
  }
}

Test(published, ptb) {
  data *d = open_published("ptb", NULL, NULL);
  float x[35];
  int32_t labels[35];
  size_t counts[3] = {0};
  cr_assert(d->n_train == 26559 && d->n_test == 2107 && d->n_classes == 10000 && d->sequential);
  fetch_one(d, SPLIT_TRAIN, 0, x, labels);
  const float first[] = {9970, 9971, 9972, 9974, 9975, 9976}; /* aer banknote berlitz calloway centrust cluett */
  cr_assert_eq(memcmp(x, first, sizeof first), 0);
  count_words(d, 3, counts); /* the, <unk>, <eos>; the last 24 words fill no sample */
  cr_assert(counts[0] <= 50770 && counts[0] > 50760 && counts[1] <= 45020 && counts[1] > 45010);
  cr_assert(counts[2] <= 42068 && counts[2] > 42060);
  const uint64_t checksum = d->checksum;
  data_close(d);
  d = open_published("ptb", "evaluate", "test");
  cr_assert(d->n_test == 2355 && d->checksum != checksum);
  data_close(d);
}

Test(published, king_james) {
  data *d = open_published("king-james", NULL, NULL);
  float x[35];
  int32_t labels[35];
  size_t counts[5] = {0};
  cr_assert(d->n_train == 24233 && d->n_test == 2751 && d->n_classes == 2000 && d->sequential);
  fetch_one(d, SPLIT_TRAIN, 0, x, labels);
  const float first[] = {298, 1, 714, 34,  1312, 1,
                         182, 2, 1,   115, 5,    4}; /* In the beginning God created the heaven … */
  cr_assert_eq(memcmp(x, first, sizeof first), 0);
  count_words(d, 5, counts); /* , the and of <eos>; the last 14 words fill no sample */
  const size_t known[5] = {63606, 55349, 34952, 30787, 28002};
  for (int i = 0; i < 5; i++) cr_assert(counts[i] <= known[i] && counts[i] + 10 > known[i]);
  data_close(d);
}
