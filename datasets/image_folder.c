/* A folder of JPEG images as ImageNet is laid out (O. Russakovsky et al., International Journal of Computer Vision 115,
 * 2015): NAME/train/CLASS/FILE.jpg and NAME/val/CLASS/FILE.jpg below a folder of TERSE_DATA. Classes are numbered in the
 * order of their folders' names, samples in that of class and file. Images are decoded as batches are made; what is kept
 * in memory are their names. The checksum is of names and sizes, contents are not read, so the set stays unverified. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "datasets/files.h"
#include "datasets/resample.h"

EXTERN_C const dataset dataset_image_folder;

static const param params[] = {
    {.name = "folder", .type = PARAM_TEXT, .fallback = "imagenet", .help = "its name below a folder of TERSE_DATA"},
    {.name = "size", .type = PARAM_INT, .fallback = "224", .min = 1, .max = 4096, .help = "height and width, in pixels"},
    {.name = "augment",
     .type = PARAM_CHOICE,
     .fallback = "crop-flip",
     .choices = "none|crop-flip",
     .help = "what a worker does to a training image: crop-flip takes a random part and mirrors half of them"},
    PARAM_END};

#define REMEDY "set TERSE_DATA to a folder that has it, with train/CLASS/FILE.jpg and val/CLASS/FILE.jpg"

/* Of the pixels of ImageNet's training set, scaled to [0, 1]. */
static const float mean[3] = {0.485f, 0.456f, 0.406f}, deviation[3] = {0.229f, 0.224f, 0.225f};
/* Evaluation takes the middle 224 pixels of an image whose shorter side has 256. */
static const double MIDDLE = 224.0 / 256;

/* Folders or files, sorted by name. */
typedef struct entry {
  char *name;
  uint64_t n_bytes;
} entry;

typedef struct names {
  entry *items;
  size_t n, capacity;
} names;

typedef struct part {
  names files;      /* paths */
  uint16_t *labels; /* of each */
} part;

typedef struct loaded {
  data base; /* base.state points back */
  size_t size;
  bool augment;
  names classes;
  part train, test;
} loaded;

/* ---- names */

static enum status add_name(names *to, const char *name, uint64_t n_bytes) {
  if (to->n == to->capacity) {
    const size_t capacity = to->capacity ? 2 * to->capacity : 64;
    entry *items = (entry *)realloc(to->items, capacity * sizeof *items);
    if (!items) return FAIL(STATUS_NO_MEMORY, "no memory for %zu names", capacity);
    to->items = items;
    to->capacity = capacity;
  }
  to->items[to->n] = (entry){.name = strdup(name), .n_bytes = n_bytes};
  if (!to->items[to->n].name) return FAIL(STATUS_NO_MEMORY, "no memory for a name");
  to->n++;
  return STATUS_OK;
}

static void release_names(names *from) {
  for (size_t i = 0; i < from->n; i++) free(from->items[i].name);
  free(from->items);
}

static int by_name(const void *a, const void *b) { return strcmp(((const entry *)a)->name, ((const entry *)b)->name); }

static bool is_jpeg(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

/* Adds the folders, or with `prefix` the JPEG files as prefix/NAME, of a folder, sorted. */
static enum status list_folder(const char *folder, const char *prefix, names *out) {
  const size_t begin = out->n;
  enum status status = STATUS_OK;
  DIR *d = opendir(folder);
  if (!d) return FAIL(STATUS_BAD_DATA, "cannot read the folder %s: %s; " REMEDY, folder, strerror(errno));
  for (const struct dirent *e; (e = readdir(d)) && status == STATUS_OK;) {
    char path[2 * DATA_PATH_BYTES];
    struct stat found;
    snprintf(path, sizeof path, "%s/%s", prefix ? prefix : folder, e->d_name);
    if (e->d_name[0] == '.' || stat(path, &found) != 0) continue;
    if (prefix ? is_jpeg(e->d_name) && S_ISREG(found.st_mode) : S_ISDIR(found.st_mode))
      status = add_name(out, prefix ? path : e->d_name, (uint64_t)found.st_size);
  }
  closedir(d);
  if (out->n > begin) qsort(out->items + begin, out->n - begin, sizeof *out->items, by_name);
  return status;
}

/* ---- loading */

static enum status label_files(part *p, const size_t *ends, size_t n_classes) {
  p->labels = (uint16_t *)malloc((p->files.n + 1) * sizeof *p->labels);
  if (!p->labels) return FAIL(STATUS_NO_MEMORY, "no memory for %zu labels", p->files.n);
  for (size_t c = 0, i = 0; c < n_classes; c++)
    for (; i < ends[c]; i++) p->labels[i] = (uint16_t)c;
  return STATUS_OK;
}

static enum status load_part(const char *folder, const char *name, const names *classes, part *out) {
  char path[DATA_PATH_BYTES + 300];
  enum status status = STATUS_OK;
  size_t *ends = (size_t *)calloc(classes->n + 1, sizeof *ends);
  if (!ends) return FAIL(STATUS_NO_MEMORY, "no memory for %zu classes", classes->n);
  for (size_t c = 0; c < classes->n; c++) {
    snprintf(path, sizeof path, "%s/%s/%s", folder, name, classes->items[c].name);
    TRY(list_folder(path, path, &out->files));
    ends[c] = out->files.n;
  }
  if (out->files.n == 0) TRY(FAIL(STATUS_BAD_DATA, "there is no JPEG file in %s/%s; " REMEDY, folder, name));
  TRY(label_files(out, ends, classes->n));
exit:
  free(ends);
  return status;
}

/* A class of only one part would be a label nobody can learn, or a misspelt folder. */
static enum status check_classes(const char *folder, const names *classes, const names *others) {
  for (size_t i = 0; i < classes->n || i < others->n; i++) {
    const int order = i >= classes->n ? 1 : i >= others->n ? -1 : strcmp(classes->items[i].name, others->items[i].name);
    if (order == 0) continue;
    return FAIL(STATUS_BAD_DATA, "%s: class %s is in %s and not in %s", folder,
                order < 0 ? classes->items[i].name : others->items[i].name, order < 0 ? "train" : "val",
                order < 0 ? "val" : "train");
  }
  if (classes->n == 0) return FAIL(STATUS_BAD_DATA, "%s/train has no folders of classes; " REMEDY, folder);
  if (classes->n > UINT16_MAX) return FAIL(STATUS_BAD_DATA, "%s has %zu classes; at most 65,535", folder, classes->n);
  return STATUS_OK;
}

/* Of the files' names below `folder`, and their sizes. */
static void hash_part(XXH64_state_t *state, const char *folder, const part *p) {
  for (size_t i = 0; i < p->files.n; i++) {
    const entry *e = &p->files.items[i];
    const char *name = e->name + strlen(folder);
    XXH64_update(state, name, strlen(name) + 1);
    XXH64_update(state, &e->n_bytes, sizeof e->n_bytes);
  }
}

static enum status load(loaded *l, const char *folder) {
  char path[DATA_PATH_BYTES + 16];
  names others = {.n = 0};
  enum status status = STATUS_OK;
  XXH64_state_t *state = XXH64_createState();
  if (!state) return FAIL(STATUS_NO_MEMORY, "no memory to load %s", folder);
  snprintf(path, sizeof path, "%s/train", folder);
  TRY(list_folder(path, NULL, &l->classes));
  snprintf(path, sizeof path, "%s/val", folder);
  TRY(list_folder(path, NULL, &others));
  TRY(check_classes(folder, &l->classes, &others));
  TRY(load_part(folder, "train", &l->classes, &l->train));
  TRY(load_part(folder, "val", &l->classes, &l->test));
  XXH64_reset(state, 0);
  hash_part(state, folder, &l->train);
  hash_part(state, folder, &l->test);
  l->base.checksum = XXH64_digest(state);
exit:
  release_names(&others);
  XXH64_freeState(state);
  return status;
}

/* ---- batches */

static enum status put_image(const loaded *l, const char *path, bool draws, rng_key key, size_t lane, float *x) {
  rgb_image image;
  const size_t n = l->size * l->size;
  TRY_RETURN(jpeg_read(path, &image));
  const region taken = draws ? region_draw(image.height, image.width, rng_repurpose(key, RNG_AUGMENT), lane)
                              : region_middle(image.height, image.width, MIDDLE);
  const enum status status = image_resample(&image, taken, l->size, x);
  rgb_image_release(&image);
  for (size_t c = 0; c < 3 && status == STATUS_OK; c++)
    for (size_t i = 0; i < n; i++) x[c * n + i] = (x[c * n + i] / 255 - mean[c]) / deviation[c];
  return status;
}

static enum status fetch(const data *d, const batch_request *request, float *x, int32_t *labels) {
  const loaded *l = (const loaded *)d->state;
  const part *p = request->split == SPLIT_TEST ? &l->test : &l->train;
  const bool draws = l->augment && batch_trains(request);
  TRY_RETURN(data_check_ids(d, request));
  for (size_t j = 0; j < request->n; j++) {
    const size_t id = request->ids[j];
    TRY_RETURN(put_image(l, p->files.items[id].name, draws, request->key, j, x + j * 3 * l->size * l->size));
    labels[j] = p->labels[id];
  }
  return STATUS_OK;
}

static void close_folder(data *d) {
  loaded *l = (loaded *)d->state;
  release_names(&l->classes);
  release_names(&l->train.files);
  release_names(&l->test.files);
  free(l->train.labels);
  free(l->test.labels);
  free(l);
}

static enum status open_folder(const dataset_env *env, const args *a, data **out) {
  char folder[DATA_PATH_BYTES];
  enum status status = STATUS_OK;
  *out = NULL;
  TRY_RETURN(data_folder_find(env, args_text(a, "folder"), NULL, REMEDY, folder));
  loaded *l = (loaded *)calloc(1, sizeof *l);
  if (!l) return FAIL(STATUS_NO_MEMORY, "no memory to load %s", folder);
  l->base.state = l;
  l->size = (size_t)args_int(a, "size");
  l->augment = strcmp(args_text(a, "augment"), "crop-flip") == 0;
  TRY(load(l, folder));
  const size_t n_train = l->train.files.n;
  l->base = (data){.module = &dataset_image_folder,
                   .n_train = n_train,
                   .n_test = l->test.files.n,
                   .n_probe = n_train < DATA_PROBE_SAMPLES ? n_train : DATA_PROBE_SAMPLES,
                   .channels = 3,
                   .height = l->size,
                   .width = l->size,
                   .n_classes = l->classes.n,
                   .labels_per_sample = 1,
                   .checksum = l->base.checksum,
                   .standing = "unverified",
                   .fetch = fetch,
                   .close = close_folder,
                   .state = l};
  *out = &l->base;
exit:
  if (status != STATUS_OK) close_folder(&l->base);
  return status;
}

MODULE(dataset, image_folder) = {
    .name = "image-folder",
    .source = "a folder of JPEG images laid out as ImageNet (Russakovsky et al., IJCV 2015)",
    .version = "1",
    .params = params,
    .open = open_folder,
};
