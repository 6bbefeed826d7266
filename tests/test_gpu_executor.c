/* The GPU's executor beyond single layers and models (test_layers.c, test_models.c, test_golden.c): batches made on the
 * device, steps side by side, recordings and bf16. Without a GPU on the shadow device. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "datasets/cifar_images.h"
#include "datasets/text.h"
#include "tests/data_files.h"
#include "tests/net_fixture.h"
#include "tests/reference_net.h"

TestSuite(gpu_executor, .timeout = 120);

enum { BATCH = 8 };

/* The same gradient to the bit from batches that the host fetched. */
static void check_resident(const data *d, const char *model, const char *key, const char *value) {
  data fetched = *d;
  fetched.resident = NULL;
  cr_assert(d->resident);
  graph *g = malloc(sizeof *g);
  cr_assert_eq(build_graph(model, d, &key, &value, key != NULL, g), STATUS_OK, "%s", status_detail());
  for (int place = FIXTURE_PLAIN; place < fixture_n_places(); place++) {
    fixture f;
    uint32_t ids[BATCH];
    fixture_open(&f, (enum fixture_place)place, g, BATCH, 1);
    float *ours = malloc(f.n_params * sizeof *ours), *theirs = malloc(f.n_params * sizeof *theirs), loss, other;
    for (int k = 0; k < 6; k++) {
      const enum split split = (enum split[]){SPLIT_TRAIN, SPLIT_TEST, SPLIT_PROBE}[k % 3];
      const size_t n = split == SPLIT_TRAIN ? d->n_train : split == SPLIT_TEST ? d->n_test : d->n_probe;
      for (uint32_t j = 0; j < BATCH; j++) ids[j] = (uint32_t)((n - 1) * (j + (size_t)k) / (BATCH + 5));
      const batch_request request = {.split = split, .ids = ids, .n = BATCH, .worker = k < 3 ? 2 : -1,
                                     .key = rng_stream(3, RNG_DATA, 2, (uint64_t)k), .fresh = true};
      fixture_gradient(&f, d, &request, ours, &loss);
      fixture_gradient(&f, &fetched, &request, theirs, &other);
      cr_assert(loss == other && memcmp(ours, theirs, f.n_params * sizeof *ours) == 0, "%s, split %d, %s", model, split,
                fixture_place_names[place]);
    }
    ids[3] = (uint32_t)d->n_test;
    const batch_request beyond = {.split = SPLIT_TEST, .ids = ids, .n = BATCH};
    cr_assert_eq(net_gradient(f.net, d, &beyond, f.params, f.state, f.gradient, f.loss), STATUS_BAD_INPUT);
    free(ours), free(theirs);
    fixture_close(&f);
  }
  free(g);
}

Test(gpu_executor, makes_batches_of_grey_images) {
  const dataset *module = dataset_find("fashion-mnist");
  const args none = {.n = 0};
  data *d;
  const enum status status = module->open(&(dataset_env){.n_workers = 1}, &none, &d);
  if (status == STATUS_NO_DATA && getenv("TERSE_ROOT")) cr_skip_test("a bundle has no data sets");
  cr_assert_eq(status, STATUS_OK, "%s", status_detail());
  check_resident(d, "softmax", NULL, NULL);
  data_close(d);
}

Test(gpu_executor, makes_batches_of_texts) {
  enum { WORDS = 900 };
  char text[WORDS * 4 + 1];
  data *d;
  for (uint64_t i = 0; i < WORDS; i++)
    snprintf(text + 4 * i, 5, "w%c%c ", 'a' + (char)(rng_draw(rng_stream(9, RNG_TEST, -1, 0), i).w[0] % 20), 'b');
  const text_options o = {.name = "words", .max_words = 100, .steps = 7};
  const text_part train = {text, sizeof text - 1}, test = {text + 1000, 2000};
  cr_assert_eq(text_open(&o, train, test, &d), STATUS_OK, "%s", status_detail());
  check_resident(d, "lstm", "units", "3");
  data_close(d);
}

/* Colour images in two files, cropped and flipped where workers train. */
Test(gpu_executor, makes_batches_of_augmented_images) {
  enum { N = 20, BYTES = 2 + CIFAR_PIXELS };
  static uint8_t content[N * BYTES];
  char folder[64];
  cifar_images set = {.folder = "tiny", .remedy = "", .n_train_files = 2, .n_records = N, .n_test_records = N,
                      .n_labels = 2, .label = 1, .n_classes = 100, .mean = {0.4f, 0.5f, 0.6f},
                      .deviation = {0.2f, 0.25f, 0.3f}};
  make_folder(folder);
  mkdir(path_in(folder, "tiny"), 0700);
  for (int file = 0; file < 3; file++) {
    char name[32];
    for (size_t i = 0; i < sizeof content; i++)
      content[i] = (uint8_t)(rng_draw(rng_stream(9, RNG_TEST, -1, (uint64_t)file), i).w[0] % (i % BYTES < 2 ? 100 : 256));
    snprintf(name, sizeof name, "tiny/%d", file);
    set.files[file].name = (const char *[]){"0", "1", "2"}[file];
    write_file(path_in(folder, name), content, sizeof content, false);
  }
  for (int augment = 0; augment < 2; augment++) {
    data *d;
    cr_assert_eq(cifar_images_open(&set, &(dataset_env){.folder = folder}, augment, &d), STATUS_OK, "%s", status_detail());
    check_resident(d, "softmax", NULL, NULL);
    check_resident(d, "resnet20", NULL, NULL);
    data_close(d);
  }
  remove_folder(folder);
}

/* Five workers' gradients between fork and join are those of one after the other, round after round; whoever comes
 * after join sees them, and more workers than lanes share. */
Test(gpu_executor, steps_side_by_side_are_steps) {
  enum { WORKERS = 5 };
  graph *g = malloc(sizeof *g);
  data *d = random_data(3, 32, 32, 10, 64, 16);
  cr_assert_eq(build_graph("lenet5", d, NULL, NULL, 0, g), STATUS_OK);
  for (int place = FIXTURE_PLAIN; place < fixture_n_places(); place++)
    for (int lanes = 1; lanes < 8; lanes += 3) {
      fixture f;
      float *gradients[WORKERS], *losses, *sum;
      fixture_open_with(&f, (enum fixture_place)place, g, BATCH, 4, &(net_options){.side_by_side = lanes});
      const size_t n = f.n_params;
      float *should_be = malloc(n * sizeof *should_be), *is = malloc(n * sizeof *is), loss[WORKERS], alone;
      cr_assert_eq(device_floats(f.device, WORKERS, &losses), STATUS_OK);
      cr_assert_eq(device_floats(f.device, n, &sum), STATUS_OK);
      for (int w = 0; w < WORKERS; w++) cr_assert_eq(device_floats(f.device, n, &gradients[w]), STATUS_OK);
      for (uint32_t round = 0; round < 4; round++) {
        uint32_t ids[WORKERS][BATCH];
        batch_request requests[WORKERS];
        net_fork(f.net);
        for (int w = 0; w < WORKERS; w++) {
          for (uint32_t j = 0; j < BATCH; j++) ids[w][j] = (uint32_t)(7 * w + 3 * (int)j + 11 * (int)round) % 64;
          requests[w] = (batch_request){.split = SPLIT_TRAIN, .ids = ids[w], .n = BATCH, .worker = w};
          cr_assert_eq(net_gradient(f.net, d, &requests[w], f.params, NULL, gradients[w], losses + w), STATUS_OK);
        }
        net_join(f.net);
        vec_fill(f.stream, sum, 0, n);
        for (int w = 0; w < WORKERS; w++) vec_add(f.stream, sum, gradients[w], sum, n);
        stream_copy(f.stream, loss, losses, sizeof loss);
        cr_assert_eq(stream_synchronize(f.stream), STATUS_OK);
        for (int w = 0; w < WORKERS; w++) {
          fixture_gradient(&f, d, &requests[w], should_be, &alone);
          stream_copy(f.stream, is, gradients[w], n * sizeof *is);
          cr_assert_eq(stream_synchronize(f.stream), STATUS_OK);
          cr_assert(alone == loss[w] && memcmp(is, should_be, n * sizeof *is) == 0, "worker %d of %d lanes, round %u", w,
                    lanes, round);
        }
        vec_axpy(f.stream, -0.1f, sum, f.params, n);
      }
      for (int w = 0; w < WORKERS; w++) device_release(f.device, gradients[w]);
      device_release(f.device, losses);
      device_release(f.device, sum);
      free(should_be), free(is);
      fixture_close(&f);
    }
  data_close(d);
  free(g);
}

/* More different pointers than recordings are kept. */
Test(gpu_executor, recordings_are_replaced) {
  enum { PLACES = 100 };
  graph *g = malloc(sizeof *g);
  data *d = random_data(1, 1, 10, 4, 64, 16);
  cr_assert_eq(build_graph("softmax", d, NULL, NULL, 0, g), STATUS_OK);
  for (int place = FIXTURE_PLAIN; place < fixture_n_places(); place++) {
    fixture f;
    float *many, first[64], is[64], loss;
    const uint32_t ids[BATCH] = {5, 6, 7, 8};
    const batch_request request = {.split = SPLIT_TRAIN, .ids = ids, .n = BATCH};
    fixture_open(&f, (enum fixture_place)place, g, BATCH, 4);
    cr_assert_eq(device_floats(f.device, PLACES * f.n_params, &many), STATUS_OK);
    fixture_gradient(&f, d, &request, first, &loss);
    for (int k = 0; k < 3 * PLACES; k++) {
      float *gradient = many + (size_t)(k % PLACES) * f.n_params;
      cr_assert_eq(net_gradient(f.net, d, &request, f.params, NULL, gradient, f.loss), STATUS_OK);
      stream_copy(f.stream, is, gradient, f.n_params * sizeof *is);
      vec_fill(f.stream, gradient, 9, f.n_params);
      cr_assert_eq(stream_synchronize(f.stream), STATUS_OK);
      cr_assert_eq(memcmp(is, first, f.n_params * sizeof *is), 0, "call %d", k);
    }
    device_release(f.device, many);
    fixture_close(&f);
  }
  data_close(d);
  free(g);
}

/* Products of bf16 with fp32 sums: the loss and the size of the gradient within 1e-2. Its direction is as near as ReLUs
 * allow, which rounding switches: they are few in a batch so small. */
Test(gpu_executor, bf16_is_near) {
  static const char *const names[] = {"softmax", "mlp", "lenet5", "resnet20", "lstm"};
  for (size_t m = 0; m < sizeof names / sizeof *names; m++) {
    const bool is_text = strcmp(names[m], "lstm") == 0;
    data *d = is_text ? random_text(5, 17, 64, 16) : random_data(3, 32, 32, 10, 64, 16);
    graph *g = malloc(sizeof *g);
    cr_assert_eq(build_graph(names[m], d, NULL, NULL, 0, g), STATUS_OK);
    const uint32_t ids[BATCH] = {0, 1, 2, 3, 4, 5, 6, 7};
    const batch_request request = {.split = SPLIT_TRAIN, .ids = ids, .n = BATCH, .fresh = true};
    for (int place = FIXTURE_PLAIN; place < fixture_n_places(); place++) {
      fixture exact, f;
      float loss, should_be;
      fixture_open(&exact, FIXTURE_CPU, g, BATCH, 4);
      fixture_open_with(&f, (enum fixture_place)place, g, BATCH, 4, &(net_options){.math = MATH_BF16});
      float *a = malloc(f.n_params * sizeof *a), *b = malloc(f.n_params * sizeof *b);
      double dot = 0, aa = 0, bb = 0;
      fixture_gradient(&exact, d, &request, a, &should_be);
      fixture_gradient(&f, d, &request, b, &loss);
      for (size_t i = 0; i < f.n_params; i++) {
        dot += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
      }
      cr_expect(fabs(loss - should_be) <= 1e-2 * should_be, "%s: loss %g, not %g", names[m], loss, should_be);
      cr_expect(dot / sqrt(aa * bb) > 0.99 && fabs(sqrt(bb / aa) - 1) < 1e-2, "%s: cosine %g, norm %g of it", names[m],
                dot / sqrt(aa * bb), sqrt(bb / aa));
      cr_expect(is_text || loss != should_be, "%s: nothing is rounded", names[m]);
      free(a), free(b);
      fixture_close(&f);
      fixture_close(&exact);
    }
    free(g);
    data_close(d);
  }
}
