#include "datasets/cifar_images.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "tests/data_files.h"

enum {
  CIFAR_FILES = 6,
  CIFAR_RECORD_BYTES = 1 + CIFAR_PIXELS,
  N_RECORDS = 3,
  CLASSES = 10,
  N_VALUES = CIFAR_CHANNELS * CIFAR_SIDE * CIFAR_SIDE
};

static const char *const names[CIFAR_FILES] = {"b1", "b2", "b3", "b4", "b5", "t"};
static uint8_t content[CIFAR_FILES][N_RECORDS * CIFAR_RECORD_BYTES];

/* The byte of a pixel, never 0, so that padding shows. */
static uint8_t pixel(int file, size_t record, size_t i) {
  return (uint8_t)(1 + (size_t)(file * 131) % 7 * 31 % 254 + (record * 57 + i * 37 + i / 32 * 11) % 200);
}

/* A tiny published set below folder/tiny: mean 0, deviation 1/255, so that values are the bytes. */
static cifar_images make_set(const char *folder) {
  cifar_images set = {.folder = "tiny",
                      .remedy = "get tiny",
                      .n_train_files = 5,
                      .n_records = N_RECORDS,
                      .n_test_records = N_RECORDS,
                      .n_labels = 1,
                      .n_classes = CLASSES};
  mkdir(path_in(folder, "tiny"), 0700);
  for (int c = 0; c < CIFAR_CHANNELS; c++) set.deviation[c] = 1.0f / 255;
  for (int f = 0; f < CIFAR_FILES; f++) {
    char name[64];
    for (size_t r = 0; r < N_RECORDS; r++) {
      uint8_t *record = content[f] + r * CIFAR_RECORD_BYTES;
      record[0] = (uint8_t)((size_t)f * N_RECORDS + r) % CLASSES;
      for (size_t i = 0; i < N_VALUES; i++) record[1 + i] = pixel(f, r, i);
    }
    set.files[f] = (published_file){names[f], XXH64(content[f], sizeof content[f], 0)};
    snprintf(name, sizeof name, "tiny/%s", names[f]);
    write_file(path_in(folder, name), content[f], sizeof content[f], false);
  }
  return set;
}

static data *opened(const cifar_images *set, const char *folder, bool augment) {
  data *d;
  cr_assert_eq(cifar_images_open(set, &(dataset_env){.folder = folder, .n_workers = 1}, augment, &d), STATUS_OK, "%s",
               status_detail());
  return d;
}

static void fetch_batch(const data *d, enum split split, int worker, uint64_t step, const uint32_t *ids, size_t n,
                        float *x, int32_t *labels) {
  const batch_request request = {
      .split = split, .ids = ids, .n = n, .worker = worker, .key = rng_stream(5, RNG_DATA, worker, step)};
  cr_assert_eq(d->fetch(d, &request, x, labels), STATUS_OK, "%s", status_detail());
}

Test(cifar_images, gives_records_by_number) {
  char folder[64];
  make_folder(folder);
  const cifar_images set = make_set(folder);
  data *d = opened(&set, folder, false);
  cr_assert(d->n_train == 15 && d->n_test == 3 && d->n_probe == 15 && d->n_classes == CLASSES);
  cr_assert(d->channels == 3 && d->height == 32 && d->width == 32 && d->labels_per_sample == 1 && !d->sequential);
  const uint32_t ids[] = {14, 0, 7, 2};
  static float x[4 * N_VALUES];
  int32_t labels[4];
  for (int test = 0; test < 2; test++) {
    fetch_batch(d, test ? SPLIT_TEST : SPLIT_TRAIN, 0, 1, test ? (uint32_t[]){1, 0, 2, 2} : ids, 4, x, labels);
    for (size_t j = 0; j < 4; j++) {
      const uint32_t id = test ? (uint32_t[]){1, 0, 2, 2}[j] : ids[j];
      const int file = test ? 5 : (int)(id / N_RECORDS);
      cr_assert_eq(labels[j], content[file][id % N_RECORDS * CIFAR_RECORD_BYTES]);
      for (size_t i = 0; i < N_VALUES; i++)
        cr_assert_float_eq(x[j * N_VALUES + i], pixel(file, id % N_RECORDS, i), 1e-3);
    }
  }
  cr_assert_eq(d->fetch(d, &(batch_request){.split = SPLIT_TEST, .ids = (uint32_t[]){3}, .n = 1}, x, labels),
               STATUS_BAD_INPUT);
  data_close(d);
  remove_folder(folder);
}

/* The window (row, column, mirrored) of the padded image that `x` is, or -1. */
static int which_view(const float *x, int file, size_t record) {
  for (int v = 0; v < 9 * 9 * 2; v++) {
    const int row = v / 18 - 4, column = v / 2 % 9 - 4, mirrored = v % 2;
    bool equal = true;
    for (int i = 0; i < N_VALUES && equal; i++) {
      const int r = i / 32 % 32 + row, at = i % 32, c = (mirrored ? 31 - at : at) + column;
      const bool inside = r >= 0 && r < 32 && c >= 0 && c < 32;
      const float wanted = inside ? (float)pixel(file, record, (size_t)(i / 1024 * 1024 + r * 32 + c)) : 0;
      equal = x[i] > wanted - 0.01f && x[i] < wanted + 0.01f;
    }
    if (equal) return v;
  }
  return -1;
}

/* Every window of the padded image comes up, equally often, and depends on key and lane alone. */
Test(cifar_images, crops_and_flips_what_workers_train_on) {
  enum { STEPS = 600, LANES = 4, N_VIEWS = 162 };
  char folder[64];
  make_folder(folder);
  const cifar_images set = make_set(folder);
  data *d = opened(&set, folder, true), *plain = opened(&set, folder, false);
  cr_assert_eq(d->checksum, plain->checksum);
  static float x[LANES * N_VALUES], y[LANES * N_VALUES];
  int32_t labels[LANES];
  const uint32_t ids[LANES] = {4, 4, 9, 14};
  int counts[N_VIEWS] = {0}, n_mirrored = 0;
  for (uint64_t step = 0; step < STEPS; step++) {
    fetch_batch(d, SPLIT_TRAIN, 2, step, ids, LANES, x, labels);
    for (int j = 0; j < LANES; j++) {
      const int v = which_view(x + j * N_VALUES, (int)(ids[j] / N_RECORDS), ids[j] % N_RECORDS);
      cr_assert_geq(v, 0, "lane %d of step %d is no window of its image", j, (int)step);
      counts[v]++;
      n_mirrored += v % 2;
    }
  }
  const double mean = (double)STEPS * LANES / N_VIEWS;
  double chi_squared = 0;
  for (int v = 0; v < N_VIEWS; v++) chi_squared += (counts[v] - mean) * (counts[v] - mean) / mean;
  cr_assert(chi_squared < 161 + 5 * 18 && chi_squared > 161 - 5 * 18, "chi squared of 161 degrees: %g", chi_squared);
  cr_assert(abs(n_mirrored - STEPS * LANES / 2) < 5 * 25, "%d mirrored", n_mirrored);

  fetch_batch(d, SPLIT_TRAIN, 2, 7, ids, LANES, x, labels);
  fetch_batch(d, SPLIT_TRAIN, 2, 7, ids, LANES, y, labels);
  cr_assert_eq(memcmp(x, y, sizeof x), 0);
  fetch_batch(d, SPLIT_TRAIN, 1, 7, ids, LANES, y, labels);
  cr_assert_neq(memcmp(x, y, sizeof x), 0, "two workers see the same windows");
  /* Evaluation sees images as they are. */
  fetch_batch(d, SPLIT_TRAIN, -1, 7, ids, LANES, x, labels);
  fetch_batch(plain, SPLIT_TRAIN, 2, 7, ids, LANES, y, labels);
  cr_assert_eq(memcmp(x, y, sizeof x), 0);
  fetch_batch(d, SPLIT_PROBE, 2, 7, ids, LANES, x, labels);
  cr_assert_eq(memcmp(x, y, sizeof x), 0);
  data_close(d);
  data_close(plain);
  remove_folder(folder);
}

static void expect_failure(enum status right, const cifar_images *set, const char *folder, const char *file,
                           const char *reason) {
  data *d;
  cr_assert_eq(cifar_images_open(set, &(dataset_env){.folder = folder, .n_workers = 1}, false, &d), right, "%s",
               reason);
  cr_assert_null(d);
  cr_assert(strstr(status_detail(), file), "'%s' does not name %s", status_detail(), file);
  cr_assert(strstr(status_detail(), reason), "'%s' does not say '%s'", status_detail(), reason);
  cr_assert(strstr(status_detail(), set->remedy), "'%s' has no remedy", status_detail());
}

static void expect_bad(const cifar_images *set, const char *folder, const char *file, const char *reason) {
  expect_failure(STATUS_BAD_DATA, set, folder, file, reason);
}

Test(cifar_images, names_file_and_remedy) {
  char folder[64];
  make_folder(folder);
  const cifar_images set = make_set(folder);
  for (int f = 0; f < CIFAR_FILES; f++) {
    char name[64];
    snprintf(name, sizeof name, "tiny/%s", names[f]);
    content[f][5] ^= 1;
    write_file(path_in(folder, name), content[f], sizeof content[f], false);
    expect_bad(&set, folder, name, "is corrupt");
    content[f][CIFAR_RECORD_BYTES] = CLASSES;
    write_file(path_in(folder, name), content[f], sizeof content[f], false);
    expect_bad(&set, folder, name, "label 10 of image 1 is not below 10");
    write_file(path_in(folder, name), content[f], sizeof content[f] - 1, false);
    expect_bad(&set, folder, name, "has 9218 bytes instead of the 9219");
    write_file(path_in(folder, name), content[f], 0, false);
    expect_bad(&set, folder, name, "is empty");
    remove(path_in(folder, name));
    expect_bad(&set, folder, name, "is missing");
    mkdir(path_in(folder, name), 0700);
    expect_bad(&set, folder, name, "is not a file");
    rmdir(path_in(folder, name));
    make_set(folder);
  }
  remove_folder(folder);
  expect_failure(STATUS_NO_DATA, &set, folder, "tiny", "is missing");
}

/* The folders of TERSE_DATA are searched in their order. */
Test(cifar_images, searches_several_folders) {
  char first[64], second[64], both[256];
  make_folder(first);
  make_folder(second);
  const cifar_images set = make_set(second);
  snprintf(both, sizeof both, "%s:/nowhere:%s", first, second);
  data_close(opened(&set, both, false));
  snprintf(both, sizeof both, "%s:", second);
  data_close(opened(&set, both, false));
  mkdir(path_in(first, "tiny"), 0700);
  snprintf(both, sizeof both, "%s:%s", first, second);
  expect_bad(&set, both, "b1", "is missing"); /* the first folder that has the set is the one that counts */
  remove_folder(first);
  remove_folder(second);
}

/* One training file, two labels a record, and a content nobody has published a checksum of. */
Test(cifar_images, takes_a_label_of_several) {
  enum { N_TRAIN = 5, N_TEST = 2, BYTES = 2 + CIFAR_PIXELS };
  char folder[64];
  static uint8_t bytes[N_TRAIN * BYTES];
  static float x[N_VALUES];
  make_folder(folder);
  mkdir(path_in(folder, "two"), 0700);
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 37 % 251);
  for (size_t r = 0; r < N_TRAIN; r++) bytes[r * BYTES] = (uint8_t)r, bytes[r * BYTES + 1] = (uint8_t)(70 + r);
  write_file(path_in(folder, "two/train.bin"), bytes, N_TRAIN * BYTES, false);
  write_file(path_in(folder, "two/test.bin"), bytes + BYTES, N_TEST * BYTES, false);
  uint64_t checksums[2];
  for (size_t label = 0; label < 2; label++) {
    const cifar_images set = {.folder = "two",
                              .remedy = "get two",
                              .files = {{"train.bin", 0}, {"test.bin", 0}},
                              .n_train_files = 1,
                              .n_records = N_TRAIN,
                              .n_test_records = N_TEST,
                              .n_labels = 2,
                              .label = label,
                              .n_classes = 100,
                              .deviation = {1.0f / 255, 1.0f / 255, 1.0f / 255}};
    data *d = opened(&set, folder, false);
    cr_assert(d->n_train == N_TRAIN && d->n_test == N_TEST && d->n_probe == N_TRAIN);
    cr_assert_str_eq(d->standing, "unverified");
    for (uint32_t id = 0; id < N_TRAIN + N_TEST; id++) {
      const bool test = id >= N_TRAIN;
      const uint32_t number = test ? id - N_TRAIN : id, record = test ? number + 1 : number;
      int32_t given;
      fetch_batch(d, test ? SPLIT_TEST : SPLIT_TRAIN, 0, 1, &number, 1, x, &given);
      cr_assert_eq(given, bytes[record * BYTES + label]);
      for (size_t i = 0; i < N_VALUES; i++) cr_assert_float_eq(x[i], bytes[record * BYTES + 2 + i], 1e-3);
    }
    checksums[label] = d->checksum;
    data_close(d);
    const cifar_images few = {.folder = "two",
                              .remedy = "get two",
                              .files = {{"train.bin", 0}, {"test.bin", 0}},
                              .n_train_files = 1,
                              .n_records = N_TRAIN,
                              .n_test_records = N_TEST,
                              .n_labels = 2,
                              .label = label,
                              .n_classes = 4};
    expect_bad(&few, folder, "train.bin", "is not below 4");
  }
  cr_assert_eq(checksums[0], checksums[1]);
  bytes[4000] ^= 1;
  write_file(path_in(folder, "two/train.bin"), bytes, N_TRAIN * BYTES, false);
  const cifar_images set = {.folder = "two",
                            .remedy = "get two",
                            .files = {{"train.bin", 0}, {"test.bin", 0}},
                            .n_train_files = 1,
                            .n_records = N_TRAIN,
                            .n_test_records = N_TEST,
                            .n_labels = 2,
                            .n_classes = 100,
                            .deviation = {1, 1, 1}};
  data *d = opened(&set, folder, false);
  cr_assert_neq(d->checksum, checksums[0], "other content, the same checksum");
  data_close(d);
  remove_folder(folder);
}
