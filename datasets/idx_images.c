#include "datasets/idx_images.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "datasets/idx.h"

enum { MAX_PATH_BYTES = 1024, N_PROBE = 2048 };

static const char *const file_names[N_IDX_IMAGES_FILES] = {
    [TRAIN_IMAGES] = "train-images-idx3-ubyte",
    [TRAIN_LABELS] = "train-labels-idx1-ubyte",
    [TEST_IMAGES] = "t10k-images-idx3-ubyte",
    [TEST_LABELS] = "t10k-labels-idx1-ubyte",
};

/* The loaded set; `base.state` points back at it. */
typedef struct loaded {
  data base;
  const idx_images *set;
  idx_array files[N_IDX_IMAGES_FILES];
} loaded;

static enum status choose_folder(const idx_images *set, const dataset_env *env, char *out) {
  struct stat found;
  if (env->folder) {
    if (snprintf(out, MAX_PATH_BYTES, "%s/%s", env->folder, set->folder) >= MAX_PATH_BYTES)
      return FAIL(STATUS_BAD_INPUT, "TERSE_DATA is longer than %d bytes", MAX_PATH_BYTES);
    if (stat(out, &found) == 0 && S_ISDIR(found.st_mode)) return STATUS_OK;
  }
  if (set->package_folder && stat(set->package_folder, &found) == 0) {
    snprintf(out, MAX_PATH_BYTES, "%s", set->package_folder);
    return STATUS_OK;
  }
  if (env->folder) return FAIL(STATUS_BAD_DATA, "%s is missing; %s", out, set->remedy);
  return FAIL(STATUS_BAD_DATA, "%s is missing; %s", set->package_folder ? set->package_folder : set->folder,
              set->remedy);
}

/* Whether the file read as `which` has the shape, labels and content it must have. */
static enum status check_file(const idx_images *set, enum idx_images_file which, const char *path, const idx_array *a) {
  const bool images = which == TRAIN_IMAGES || which == TEST_IMAGES;
  const size_t n = which == TRAIN_IMAGES || which == TRAIN_LABELS ? set->n_train : set->n_test;
  if (a->shape[0] != n)
    return FAIL(STATUS_BAD_DATA, "%s has %zu samples instead of %zu; %s", path, a->shape[0], n, set->remedy);
  if (images && (a->shape[1] != set->height || a->shape[2] != set->width))
    return FAIL(STATUS_BAD_DATA, "%s has images of %zu x %zu instead of %zu x %zu; %s", path, a->shape[1], a->shape[2],
                set->height, set->width, set->remedy);
  for (size_t i = 0; !images && i < n; i++)
    if (a->elements[i] >= set->n_classes)
      return FAIL(STATUS_BAD_DATA, "%s: label %u of sample %zu is not below %zu; %s", path, a->elements[i], i,
                  set->n_classes, set->remedy);
  if (a->checksum != set->checksums[which])
    return FAIL(STATUS_BAD_DATA, "%s is corrupt: its content has xxHash64 %016llx, the published file %016llx; %s",
                path, (unsigned long long)a->checksum, (unsigned long long)set->checksums[which], set->remedy);
  return STATUS_OK;
}

static enum status load_file(const idx_images *set, const char *folder, enum idx_images_file which, idx_array *out) {
  char path[MAX_PATH_BYTES + 64];
  const size_t n_dims = which == TRAIN_IMAGES || which == TEST_IMAGES ? 3 : 1;
  snprintf(path, sizeof path, "%s/%s", folder, file_names[which]);
  if (access(path, F_OK) != 0) snprintf(path, sizeof path, "%s/%s.gz", folder, file_names[which]);
  if (access(path, F_OK) != 0)
    return FAIL(STATUS_BAD_DATA, "%s/%s (or .gz) is missing; %s", folder, file_names[which], set->remedy);
  const enum status status = idx_read(path, n_dims, out);
  if (status == STATUS_BAD_DATA || status == STATUS_IO) {
    char cause[MAX_PATH_BYTES + 256];
    snprintf(cause, sizeof cause, "%s", status_detail());
    return FAIL(STATUS_BAD_DATA, "%s; %s", cause, set->remedy);
  }
  return status == STATUS_OK ? check_file(set, which, path, out) : status;
}

static enum status fetch(const data *d, const batch_request *request, float *x, int32_t *labels) {
  const loaded *l = (const loaded *)d->state;
  const bool test = request->split == SPLIT_TEST;
  const size_t n_split = test ? d->n_test : request->split == SPLIT_PROBE ? d->n_probe : d->n_train;
  const uint8_t *images = l->files[test ? TEST_IMAGES : TRAIN_IMAGES].elements;
  const uint8_t *classes = l->files[test ? TEST_LABELS : TRAIN_LABELS].elements;
  const size_t n_pixels = d->height * d->width;
  const float scale = 1.0f / (255.0f * l->set->deviation), shift = -l->set->mean / l->set->deviation;
  for (size_t j = 0; j < request->n; j++) {
    const size_t id = request->ids[j];
    if (id >= n_split) return FAIL(STATUS_BAD_INPUT, "sample %zu asked of a split of %zu", id, n_split);
    const uint8_t *pixels = images + id * n_pixels;
    for (size_t i = 0; i < n_pixels; i++) x[j * n_pixels + i] = (float)pixels[i] * scale + shift;
    labels[j] = classes[id];
  }
  return STATUS_OK;
}

static void close_images(data *d) {
  loaded *l = (loaded *)d->state;
  for (int i = 0; i < N_IDX_IMAGES_FILES; i++) idx_release(&l->files[i]);
  free(l);
}

enum status idx_images_open(const idx_images *set, const dataset_env *env, data **out) {
  char folder[MAX_PATH_BYTES];
  uint64_t checksums[N_IDX_IMAGES_FILES];
  *out = NULL;
  TRY_RETURN(choose_folder(set, env, folder));
  loaded *l = (loaded *)calloc(1, sizeof *l);
  if (!l) return FAIL(STATUS_NO_MEMORY, "no memory to load %s", folder);
  l->set = set;
  l->base = (data){.n_train = set->n_train,
                   .n_test = set->n_test,
                   .n_probe = set->n_train < N_PROBE ? set->n_train : N_PROBE,
                   .channels = 1,
                   .height = set->height,
                   .width = set->width,
                   .n_classes = set->n_classes,
                   .labels_per_sample = 1,
                   .standing = "published",
                   .fetch = fetch,
                   .close = close_images,
                   .state = l};
  for (int i = 0; i < N_IDX_IMAGES_FILES; i++) {
    const enum status status = load_file(set, folder, (enum idx_images_file)i, &l->files[i]);
    if (status != STATUS_OK) {
      close_images(&l->base);
      return status;
    }
    checksums[i] = l->files[i].checksum;
  }
  l->base.checksum = XXH64(checksums, sizeof checksums, 0);
  *out = &l->base;
  return STATUS_OK;
}
