#include "tests/mpi/lab_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "datasets/text.h"

static const param params[] = {PARAM_END};

/* Lines of five words out of 16, each word drawn with the one before it, so that there is something to carry. */
static enum status open_text(const dataset_env *env, const args *a, data **out) {
  enum { LINES = 450, WORDS = 5, LINE_BYTES = 3 * WORDS };
  (void)env, (void)a;
  char text[LINES * LINE_BYTES + 1];
  for (unsigned i = 0, word = 0; i < LINES * WORDS; i++) {
    word = (3 * word + rng_draw(rng_stream(1, RNG_TEST, -1, 0), i).w[0] % 4) % 16;
    snprintf(text + 3 * i, 4, "w%c%c", 'a' + (char)word, i % WORDS == WORDS - 1 ? '\n' : ' ');
  }
  const text_options o = {.name = "tiny-text", .max_words = 32, .steps = 4};
  const text_part whole = {text, sizeof text - 1}, test = {text, 40 * LINE_BYTES};
  TRY_RETURN(text_open(&o, whole, test, out));
  (*out)->standing = "synthetic";
  return STATUS_OK;
}

static const dataset tiny_text = {
    .name = "tiny-text", .source = "drawn", .version = "1", .params = params, .open = open_text};

/* Sample i's class is i mod 4, its mean the sign of a fixed normal image of the class. */
static enum status fetch_images(const data *d, const batch_request *request, float *x, int32_t *labels) {
  const size_t n = d->channels * d->height * d->width;
  for (size_t j = 0; j < request->n; j++) {
    const uint32_t id = request->ids[j], class = id % (uint32_t)d->n_classes;
    const rng_key sample = rng_stream(request->split, RNG_TEST, 0, id), mean = rng_stream(0, RNG_TEST, 1, class);
    for (size_t i = 0; i < n; i++)
      x[j * n + i] = rng_normal_at(sample, i) + (rng_normal_at(mean, i) > 0 ? 0.5f : -0.5f);
    labels[j] = (int32_t) class;
  }
  return STATUS_OK;
}

static void close_images(data *d) { free(d); }

static enum status open_images(const dataset_env *env, const args *a, data **out) {
  (void)env, (void)a;
  data *d = *out = calloc(1, sizeof *d);
  if (!d) return FAIL(STATUS_NO_MEMORY, "no memory for the images");
  *d = (data){.n_train = 400,
              .n_test = 40,
              .n_probe = 40,
              .channels = 3,
              .height = 8,
              .width = 8,
              .n_classes = 4,
              .labels_per_sample = 1,
              .standing = "synthetic",
              .fetch = fetch_images,
              .close = close_images};
  return STATUS_OK;
}

static const dataset tiny_images = {
    .name = "tiny-images", .source = "drawn", .version = "1", .params = params, .open = open_images};

const dataset *lab_dataset(const char *name) {
  if (strcmp(name, tiny_text.name) == 0) return &tiny_text;
  return strcmp(name, tiny_images.name) == 0 ? &tiny_images : dataset_find(name);
}
