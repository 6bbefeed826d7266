#include "datasets/cifar_images.h"

#include <stdlib.h>
#include <xxhash.h>

enum { SIDE = CIFAR_SIDE, PIXELS = CIFAR_SIDE * CIFAR_SIDE, PADDING = 4 };

typedef struct loaded {
  data base; /* base.state points back */
  const cifar_images *set;
  mapped_file files[CIFAR_MAX_FILES];
  bool augment;
  resident resident; /* its `value` serves the host too */
} loaded;

static size_t record_bytes(const cifar_images *set) { return set->n_labels + CIFAR_PIXELS; }

static void put_whole(const loaded *l, const uint8_t *pixels, float *x) {
  for (int c = 0; c < CIFAR_CHANNELS; c++)
    for (int i = 0; i < PIXELS; i++) x[c * PIXELS + i] = l->resident.value[c][pixels[c * PIXELS + i]];
}

static void put_view(const loaded *l, const uint8_t *pixels, image_view v, float *x) {
  for (int c = 0; c < CIFAR_CHANNELS; c++)
    for (int row = 0; row < SIDE; row++)
      for (int column = 0; column < SIDE; column++) {
        const long place = image_view_place(v, SIDE, SIDE, row, column);
        x[(c * SIDE + row) * SIDE + column] = l->resident.value[c][place < 0 ? 0 : pixels[c * PIXELS + place]];
      }
}

static enum status fetch(const data *d, const batch_request *request, float *x, int32_t *labels) {
  const loaded *l = (const loaded *)d->state;
  const bool test = request->split == SPLIT_TEST;
  const bool augment = l->augment && batch_trains(request);
  const size_t n_records = l->set->n_records;
  TRY_RETURN(data_check_ids(d, request));
  for (size_t j = 0; j < request->n; j++, x += CIFAR_CHANNELS * PIXELS) {
    const size_t id = request->ids[j];
    const mapped_file *file = &l->files[test ? l->set->n_train_files : id / n_records];
    const uint8_t *record = file->bytes + (test ? id : id % n_records) * record_bytes(l->set);
    const uint8_t *pixels = record + l->set->n_labels;
    labels[j] = record[l->set->label];
    if (augment)
      put_view(l, pixels, image_view_draw(request->key, j, PADDING), x);
    else
      put_whole(l, pixels, x);
  }
  return STATUS_OK;
}

static void close_images(data *d) {
  loaded *l = (loaded *)d->state;
  for (int i = 0; i < CIFAR_MAX_FILES; i++) file_unmap(&l->files[i]);
  free(l);
}

static enum status load_file(const cifar_images *set, const char *folder, size_t number, mapped_file *out) {
  const published_file *file = &set->files[number];
  const size_t n = number < set->n_train_files ? set->n_records : set->n_test_records, stride = record_bytes(set);
  TRY_RETURN(file_map(folder, file->name, set->remedy, out));
  if (out->n != n * stride)
    return FAIL(STATUS_BAD_DATA, "%s/%s has %zu bytes instead of the %zu of %zu images; %s", folder, file->name, out->n,
                n * stride, n, set->remedy);
  for (size_t i = 0; i < n; i++)
    if (out->bytes[i * stride + set->label] >= set->n_classes)
      return FAIL(STATUS_BAD_DATA, "%s/%s: label %u of image %zu is not below %zu; %s", folder, file->name,
                  out->bytes[i * stride + set->label], i, set->n_classes, set->remedy);
  return file->checksum ? file_check(out, folder, file, set->remedy) : STATUS_OK;
}

/* The files as they are: records follow one another across their borders. */
static void describe_resident(loaded *l) {
  resident *r = &l->resident;
  const cifar_images *set = l->set;
  const size_t stride = record_bytes(set);
  r->padding = l->augment ? PADDING : 0;
  for (int c = 0; c < CIFAR_CHANNELS; c++)
    for (int byte = 0; byte < 256; byte++)
      r->value[c][byte] = ((float)byte / 255.0f - set->mean[c]) / set->deviation[c];
  for (size_t i = 0; i <= set->n_train_files; i++) {
    resident_split *split = i < set->n_train_files ? &r->train : &r->test;
    split->parts[split->n_parts].bytes = l->files[i].bytes;
    split->parts[split->n_parts++].n = l->files[i].n;
    split->first = set->n_labels;
    split->first_label = set->label;
    split->stride = split->stride_label = stride;
  }
}

enum status cifar_images_open(const cifar_images *set, const dataset_env *env, bool augment, data **out) {
  char folder[DATA_PATH_BYTES];
  uint64_t checksums[CIFAR_MAX_FILES];
  enum status status = STATUS_OK;
  *out = NULL;
  TRY_RETURN(data_folder_find(env, set->folder, NULL, set->remedy, folder));
  loaded *l = (loaded *)calloc(1, sizeof *l);
  if (!l) return FAIL(STATUS_NO_MEMORY, "no memory to load %s", folder);
  const size_t n_train = set->n_train_files * set->n_records;
  l->set = set;
  l->augment = augment;
  l->base = (data){.n_train = n_train,
                   .n_test = set->n_test_records,
                   .n_probe = n_train < DATA_PROBE_SAMPLES ? n_train : DATA_PROBE_SAMPLES,
                   .channels = CIFAR_CHANNELS,
                   .height = SIDE,
                   .width = SIDE,
                   .n_classes = set->n_classes,
                   .labels_per_sample = 1,
                   .standing = "published",
                   .fetch = fetch,
                   .close = close_images,
                   .state = l};
  for (size_t i = 0; i <= set->n_train_files; i++) {
    TRY(load_file(set, folder, i, &l->files[i]));
    checksums[i] = set->files[i].checksum;
    if (checksums[i]) continue;
    checksums[i] = XXH64(l->files[i].bytes, l->files[i].n, 0);
    l->base.standing = "unverified";
  }
  describe_resident(l);
  l->base.resident = &l->resident;
  l->base.checksum = XXH64(checksums, (set->n_train_files + 1) * sizeof *checksums, 0);
  *out = &l->base;
  return STATUS_OK;
exit:
  close_images(&l->base);
  return status;
}
