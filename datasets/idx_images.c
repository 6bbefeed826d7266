#include "datasets/idx_images.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "datasets/files.h"
#include "datasets/idx.h"

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
  resident resident; /* its `value` serves the host too */
} loaded;

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
  char path[DATA_PATH_BYTES + 64];
  const size_t n_dims = which == TRAIN_IMAGES || which == TEST_IMAGES ? 3 : 1;
  snprintf(path, sizeof path, "%s/%s", folder, file_names[which]);
  if (access(path, F_OK) != 0) snprintf(path, sizeof path, "%s/%s.gz", folder, file_names[which]);
  if (access(path, F_OK) != 0)
    return FAIL(STATUS_BAD_DATA, "%s/%s (or .gz) is missing; %s", folder, file_names[which], set->remedy);
  const enum status status = idx_read(path, n_dims, out);
  if (status == STATUS_BAD_DATA || status == STATUS_IO) {
    char cause[DATA_PATH_BYTES + 256];
    snprintf(cause, sizeof cause, "%s", status_detail());
    return FAIL(STATUS_BAD_DATA, "%s; %s", cause, set->remedy);
  }
  return status == STATUS_OK ? check_file(set, which, path, out) : status;
}

static enum status fetch(const data *d, const batch_request *request, float *x, int32_t *labels) {
  const loaded *l = (const loaded *)d->state;
  const bool test = request->split == SPLIT_TEST;
  const uint8_t *images = l->files[test ? TEST_IMAGES : TRAIN_IMAGES].elements;
  const uint8_t *classes = l->files[test ? TEST_LABELS : TRAIN_LABELS].elements;
  const size_t n_pixels = d->height * d->width;
  TRY_RETURN(data_check_ids(d, request));
  for (size_t j = 0; j < request->n; j++) {
    const size_t id = request->ids[j];
    const uint8_t *pixels = images + id * n_pixels;
    for (size_t i = 0; i < n_pixels; i++) x[j * n_pixels + i] = l->resident.value[0][pixels[i]];
    labels[j] = classes[id];
  }
  return STATUS_OK;
}

static void close_images(data *d) {
  loaded *l = (loaded *)d->state;
  for (int i = 0; i < N_IDX_IMAGES_FILES; i++) idx_release(&l->files[i]);
  free(l);
}

static resident_split describe_split(const idx_array *images, const idx_array *labels) {
  const size_t n = images->shape[0], n_pixels = images->shape[1] * images->shape[2];
  return (resident_split){.parts = {{images->elements, n * n_pixels}, {labels->elements, n}},
                          .n_parts = 2,
                          .stride = n_pixels,
                          .first_label = n * n_pixels,
                          .stride_label = 1};
}

static void describe_resident(loaded *l) {
  const float scale = 1.0f / (255.0f * l->set->deviation), shift = -l->set->mean / l->set->deviation;
  resident *r = &l->resident;
  *r = (resident){.train = describe_split(&l->files[TRAIN_IMAGES], &l->files[TRAIN_LABELS]),
                  .test = describe_split(&l->files[TEST_IMAGES], &l->files[TEST_LABELS])};
  for (int byte = 0; byte < 256; byte++) r->value[0][byte] = (float)byte * scale + shift;
}

enum status idx_images_open(const idx_images *set, const dataset_env *env, data **out) {
  char folder[DATA_PATH_BYTES];
  uint64_t checksums[N_IDX_IMAGES_FILES];
  *out = NULL;
  TRY_RETURN(data_folder_find(env, set->folder, set->package_folder, set->remedy, folder));
  loaded *l = (loaded *)calloc(1, sizeof *l);
  if (!l) return FAIL(STATUS_NO_MEMORY, "no memory to load %s", folder);
  l->set = set;
  l->base = (data){.n_train = set->n_train,
                   .n_test = set->n_test,
                   .n_probe = set->n_train < DATA_PROBE_SAMPLES ? set->n_train : DATA_PROBE_SAMPLES,
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
  describe_resident(l);
  l->base.resident = &l->resident;
  l->base.checksum = XXH64(checksums, sizeof checksums, 0);
  *out = &l->base;
  return STATUS_OK;
}
