#include "datasets/idx_images.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "tests/data_files.h"

enum { N_TRAIN = 30, N_TEST = 10, SIDE = 4, CLASSES = 5 };

static const char *const names[N_IDX_IMAGES_FILES] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                                      "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
static uint8_t content[N_IDX_IMAGES_FILES][1024];
static size_t sizes[N_IDX_IMAGES_FILES];

/* A set of tiny images in FOLDER/tiny, every other file compressed. */
static idx_images make_set(const char *folder) {
  idx_images set = {.folder = "tiny",
                    .remedy = "draw them yourself",
                    .n_train = N_TRAIN,
                    .n_test = N_TEST,
                    .height = SIDE,
                    .width = SIDE,
                    .n_classes = CLASSES,
                    .mean = 0.25f,
                    .deviation = 0.5f};
  mkdir(path_in(folder, "tiny"), 0700);
  for (int i = 0; i < N_IDX_IMAGES_FILES; i++) {
    const size_t shape[3] = {i < 2 ? N_TRAIN : N_TEST, SIDE, SIDE};
    char name[64];
    sizes[i] = make_idx(content[i], i % 2 ? 1 : 3, shape, i % 2 ? CLASSES : 256);
    set.checksums[i] = XXH64(content[i], sizes[i], 0);
    snprintf(name, sizeof name, "tiny/%s%s", names[i], i % 2 ? ".gz" : "");
    write_file(path_in(folder, name), content[i], sizes[i], i % 2);
  }
  return set;
}

Test(idx_images, hands_out_normalised_samples) {
  char folder[64];
  data *d;
  make_folder(folder);
  const idx_images set = make_set(folder);
  cr_assert_eq(idx_images_open(&set, &(dataset_env){.folder = folder, .n_workers = 1}, &d), STATUS_OK, "%s",
               status_detail());
  cr_assert(d->n_train == N_TRAIN && d->n_test == N_TEST && d->n_probe == N_TRAIN && d->n_classes == CLASSES);
  cr_assert(d->channels == 1 && d->height == SIDE && d->width == SIDE && !d->spectrum);
  cr_assert_str_eq(d->standing, "published");
  const uint32_t ids[] = {9, 0, 3, 9};
  float x[4 * SIDE * SIDE];
  int32_t labels[4];
  const enum split splits[] = {SPLIT_TRAIN, SPLIT_TEST, SPLIT_PROBE};
  for (int s = 0; s < 3; s++) {
    const batch_request request = {.split = splits[s], .ids = ids, .n = 4, .worker = -1};
    cr_assert_eq(d->fetch(d, &request, x, labels), STATUS_OK);
    for (int j = 0; j < 4; j++) {
      cr_assert_eq(labels[j], (int32_t)(ids[j] % CLASSES));
      for (int i = 0; i < SIDE * SIDE; i++) {
        const double pixel = (ids[j] * SIDE * SIDE + (unsigned)i) % 256;
        cr_assert(fabs(x[j * SIDE * SIDE + i] - (pixel / 255 - 0.25) / 0.5) < 1e-6);
      }
    }
  }
  const uint32_t beyond[] = {N_TEST};
  cr_assert_eq(d->fetch(d, &(batch_request){.split = SPLIT_TEST, .ids = beyond, .n = 1}, x, labels), STATUS_BAD_INPUT);
  data_close(d);
  remove_folder(folder);
}

/* Opens and expects a failure with a file, a reason and the remedy in the sentence. */
static void expect_failure(enum status right, const idx_images *set, const char *folder, const char *file,
                           const char *reason) {
  data *d;
  cr_assert_eq(idx_images_open(set, &(dataset_env){.folder = folder, .n_workers = 1}, &d), right, "%s", reason);
  cr_assert_null(d);
  cr_assert(strstr(status_detail(), file), "'%s' does not name %s", status_detail(), file);
  cr_assert(strstr(status_detail(), reason), "'%s' does not say '%s'", status_detail(), reason);
  cr_assert(strstr(status_detail(), set->remedy), "'%s' has no remedy", status_detail());
}

static void expect_bad(const idx_images *set, const char *folder, const char *file, const char *reason) {
  expect_failure(STATUS_BAD_DATA, set, folder, file, reason);
}

Test(idx_images, names_file_and_remedy) {
  char folder[64], name[64];
  make_folder(folder);
  const idx_images set = make_set(folder);
  for (int i = 0; i < N_IDX_IMAGES_FILES; i++) {
    const bool labels = i % 2;
    snprintf(name, sizeof name, "tiny/%s%s", names[i], labels ? ".gz" : "");
    content[i][sizes[i] - 2] ^= 1; /* still a legal pixel or label */
    write_file(path_in(folder, name), content[i], sizes[i], labels);
    expect_bad(&set, folder, names[i], "is corrupt");
    content[i][sizes[i] - 1] = 77;
    write_file(path_in(folder, name), content[i], sizes[i], labels);
    expect_bad(&set, folder, names[i], labels ? "label 77 of sample" : "is corrupt");
    write_file(path_in(folder, name), content[i], sizes[i] - 1, labels);
    expect_bad(&set, folder, names[i], "truncated");
    make_idx(content[i], labels ? 1 : 3, (size_t[]){4, SIDE, SIDE}, CLASSES);
    write_file(path_in(folder, name), content[i], (labels ? 8 : 16) + 4 * (labels ? 1 : SIDE * SIDE), labels);
    expect_bad(&set, folder, names[i], "has 4 samples");
    remove(path_in(folder, name));
    expect_bad(&set, folder, names[i], "is missing");
    make_set(folder);
  }
  idx_images wide = set;
  wide.width = SIDE + 1;
  expect_bad(&wide, folder, names[0], "images of 4 x 4 instead of 4 x 5");
  idx_images absent = set;
  absent.folder = "absent";
  expect_failure(STATUS_NO_DATA, &absent, folder, "absent", "is missing");
  remove_folder(folder);
}

/* A package's folder serves where TERSE_DATA is not set, or has no folder of that name. */
Test(idx_images, falls_back_to_the_package) {
  char folder[64], package[128];
  data *d;
  make_folder(folder);
  idx_images set = make_set(folder);
  snprintf(package, sizeof package, "%s/tiny", folder);
  set.package_folder = package;
  cr_assert_eq(idx_images_open(&set, &(dataset_env){.n_workers = 1}, &d), STATUS_OK, "%s", status_detail());
  const uint64_t checksum = d->checksum;
  data_close(d);
  cr_assert_eq(idx_images_open(&set, &(dataset_env){.folder = "/nowhere", .n_workers = 1}, &d), STATUS_OK);
  cr_assert_eq(d->checksum, checksum);
  data_close(d);
  remove_folder(folder);
}
