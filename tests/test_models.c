/* Whole models through models/model.h: parameter counts, loss and gradient against the fp64 reference, both CPU
 * devices. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/args.h"
#include "models/net.h"
#include "tests/net_fixture.h"
#include "tests/reference_net.h"

enum { BATCH = 8 };

static enum status build_model(const char *name, const data *d, const char *l2, graph *g) {
  return build_graph(name, d, (const char *const[]){"l2"}, &l2, l2 ? 1 : 0, g);
}

/* The quadratic data set: h of 50 eigenvalues from 0.5 to 2. */
static data *open_quadratic(void) {
  const dataset *module = dataset_find("quadratic");
  args a;
  data *d;
  cr_assert_eq(args_from_text(module->params, (const char *const[]){"dimension", "L", "mu", "heterogeneity"},
                              (const char *const[]){"50", "2", "0.5", "0.7"}, 4, &a),
               STATUS_OK);
  cr_assert_eq(module->open(&(dataset_env){.n_workers = 2, .seed = 1}, &a, &d), STATUS_OK);
  args_free(&a);
  return d;
}

Test(models, have_the_published_shapes) {
  graph *g = (graph *)malloc(sizeof *g);
  data *grey = random_data(1, 28, 28, 10, 8, 8), *colour = random_data(3, 32, 32, 10, 8, 8), *flat = open_quadratic();
  cr_assert_eq(build_model("lenet5", grey, NULL, g), STATUS_OK);
  cr_assert_eq(graph_n_params(g), 61706);
  cr_assert_eq(build_model("lenet5", colour, NULL, g), STATUS_OK);
  cr_assert_eq(graph_n_params(g), 62006);
  cr_assert_eq(build_model("softmax", grey, NULL, g), STATUS_OK);
  cr_assert_eq(graph_n_params(g), 7850);
  cr_assert_eq(build_model("mlp", grey, NULL, g), STATUS_OK);
  cr_assert_eq(graph_n_params(g), 199210);
  cr_assert_eq(build_model("resnet20", colour, NULL, g), STATUS_OK);
  cr_assert_eq(graph_n_params(g), 269722);
  cr_assert_eq(build_model("quadratic", flat, NULL, g), STATUS_OK);
  cr_assert_eq(graph_n_params(g), 50);
  cr_assert_eq(build_model("quadratic", grey, NULL, g), STATUS_BAD_INPUT);
  cr_assert_eq(build_model("softmax", flat, NULL, g), STATUS_BAD_INPUT);
  cr_assert_eq(build_model("lenet5", flat, NULL, g), STATUS_BAD_INPUT);
  cr_assert_eq(build_model("mlp", flat, NULL, g), STATUS_BAD_INPUT);
  cr_assert_eq(build_model("resnet20", flat, NULL, g), STATUS_BAD_INPUT);
  cr_assert_eq(build_model("lstm", grey, NULL, g), STATUS_BAD_INPUT);
  cr_assert_null(model_find("lenet"));
  data_close(grey);
  data_close(colour);
  data_close(flat);
  free(g);
}

/* Parameters of published shapes; 0 classes: a text of 10,000 words. */
static const struct {
  const char *name, *keys[4], *values[4];
  size_t channels, size, n_classes, n_params, n_tensors;
} published[] = {
    {"resnet", {"depth"}, {"20"}, 3, 32, 10, 269722, 59},
    {"resnet", {"depth"}, {"32"}, 3, 32, 10, 464154, 95},
    {"resnet", {"depth"}, {"44"}, 3, 32, 10, 658586, 131},
    {"resnet", {"depth"}, {"56"}, 3, 32, 10, 853018, 167},
    {"resnet", {"depth"}, {"110"}, 3, 32, 10, 1727962, 329},
    {"resnet", {"depth"}, {"18"}, 3, 32, 10, 11173962, 62},
    {"resnet", {"depth", "stem"}, {"18", "large"}, 3, 224, 1000, 11689512, 62},
    {"resnet", {"depth", "stem"}, {"34", "large"}, 3, 224, 1000, 21797672, 110},
    {"resnet", {"depth", "stem"}, {"50", "large"}, 3, 224, 1000, 25557032, 161},
    {"vgg", {"depth"}, {"16"}, 3, 32, 10, 14728266, 54},
    {"vgg", {"depth", "head"}, {"11", "large"}, 3, 224, 1000, 132868840, 38},
    {"vgg", {"depth", "head"}, {"13", "large"}, 3, 224, 1000, 133053736, 46},
    {"vgg", {"depth", "head"}, {"16", "large"}, 3, 224, 1000, 138365992, 58},
    {"vgg", {"depth", "head"}, {"19", "large"}, 3, 224, 1000, 143678248, 70},
    {"alexnet", {NULL}, {NULL}, 3, 224, 1000, 61100840, 16},
    {"lstm", {"units"}, {"200"}, 1, 35, 0, 4653200, 11},
    {"lstm", {"units", "dropout"}, {"1500", "0.65"}, 1, 35, 0, 66034000, 11},
    {"lstm", {"units", "tied"}, {"1500", "true"}, 1, 35, 0, 66034000 - 1500 * 10000, 10},
};

Test(models, of_the_zoo_have_the_published_numbers_of_parameters) {
  graph *g = (graph *)malloc(sizeof *g);
  for (size_t k = 0; k < sizeof published / sizeof *published; k++) {
    size_t n = 0, n_tensors = 0;
    while (n < 4 && published[k].keys[n]) n++;
    const size_t size = published[k].size;
    data *d = published[k].n_classes ? random_data(published[k].channels, size, size, published[k].n_classes, 8, 8)
                                     : random_text(size, 10000, 8, 8);
    cr_assert_eq(build_graph(published[k].name, d, published[k].keys, published[k].values, n, g), STATUS_OK, "%s",
                 status_detail());
    for (size_t i = 0; i < g->n_layers; i++) n_tensors += g->layers[i].n_parameters - g->layers[i].is_tied;
    cr_expect_eq(graph_n_params(g), published[k].n_params, "%s %s: %zu", published[k].name, published[k].values[0],
                 graph_n_params(g));
    cr_expect_eq(n_tensors, published[k].n_tensors, "%s %s: %zu tensors", published[k].name, published[k].values[0],
                 n_tensors);
    data_close(d);
  }
  free(g);
}

Test(models, layer_table_is_the_canonical_layout) {
  const struct {
    const char *name;
    size_t shape[4], n_dims;
  } expected[] = {{"conv1.weight", {6, 1, 5, 5}, 4},  {"conv1.bias", {6}, 1},
                  {"conv2.weight", {16, 6, 5, 5}, 4}, {"conv2.bias", {16}, 1},
                  {"fc1.weight", {120, 400}, 2},      {"fc1.bias", {120}, 1},
                  {"fc2.weight", {84, 120}, 2},       {"fc2.bias", {84}, 1},
                  {"fc3.weight", {10, 84}, 2},        {"fc3.bias", {10}, 1}};
  graph *g = (graph *)malloc(sizeof *g);
  data *d = random_data(1, 28, 28, 10, 8, 8);
  fixture f;
  cr_assert_eq(build_model("lenet5", d, NULL, g), STATUS_OK);
  fixture_open(&f, FIXTURE_CPU, g, 1, 3);
  const layer_table *t = net_layers(f.net);
  size_t offset = 0;
  cr_assert_eq(t->n_slices, 10);
  for (size_t i = 0; i < 10; i++) {
    const layer_slice *s = &t->slices[i];
    size_t n = 1;
    cr_assert_str_eq(s->name, expected[i].name);
    cr_assert_eq(s->n_dims, expected[i].n_dims);
    for (size_t k = 0; k < s->n_dims; k++) cr_assert_eq(s->shape[k], expected[i].shape[k]);
    for (size_t k = 0; k < s->n_dims; k++) n *= s->shape[k];
    cr_assert(s->n == n && s->offset == offset);
    /* Initial values: uniform in +-1/sqrt(fan_in), hence of variance 1/(3 fan_in). */
    const double fan_in = i % 2 ? (double)(t->slices[i - 1].n / n) : (double)(n / s->shape[0]);
    double largest = 0, squares = 0;
    for (size_t k = 0; k < n; k++) {
      largest = fmax(largest, fabs(f.host[offset + k]));
      squares += (double)f.host[offset + k] * f.host[offset + k];
    }
    cr_assert(largest <= 1 / sqrt(fan_in) * (1 + 1e-6), "%s reaches %g", s->name, largest);
    cr_assert(fabs(3 * fan_in * squares / (double)n - 1) < 5 * sqrt(0.8 / (double)n), "%s: wrong spread", s->name);
    offset += n;
  }
  cr_assert_eq(offset, t->n_params);
  fixture_close(&f);
  data_close(d);
  free(g);
}

/* Samples of a split and the parameters as doubles, for the reference. */
static void as_doubles(const fixture *f, const data *d, enum split split, const uint32_t *ids, size_t n, double *x,
                       int32_t *labels, double *params) {
  const size_t n_inputs = d->channels * d->height * d->width;
  float *sample = (float *)malloc(n_inputs * sizeof *sample);
  for (size_t j = 0; j < n; j++) {
    random_sample(d, split, ids[j], sample, labels + j * d->labels_per_sample);
    for (size_t i = 0; i < n_inputs; i++) x[j * n_inputs + i] = sample[i];
  }
  for (size_t i = 0; i < f->n_params; i++) params[i] = f->host[i];
  free(sample);
}

/* The mean over a split of loss and gradient, batch by batch. */
static double reference_split(const graph *g, const fixture *f, const data *d, enum split split, size_t n,
                              double *gradient) {
  const size_t n_inputs = d->channels * d->height * d->width;
  double *x = (double *)malloc(BATCH * n_inputs * sizeof *x), loss = 0;
  double *params = (double *)malloc(f->n_params * sizeof *params), *part = (double *)malloc(f->n_params * sizeof *part);
  int32_t labels[BATCH];
  uint32_t ids[BATCH];
  memset(gradient, 0, f->n_params * sizeof *gradient);
  for (size_t begin = 0; begin < n; begin += BATCH) {
    const size_t count = n - begin < BATCH ? n - begin : BATCH;
    for (size_t j = 0; j < count; j++) ids[j] = (uint32_t)(begin + j);
    as_doubles(f, d, split, ids, count, x, labels, params);
    loss += reference_loss(g, count, x, labels, params, NULL, NULL, part) * (double)count / (double)n;
    for (size_t i = 0; i < f->n_params; i++) gradient[i] += part[i] * (double)count / (double)n;
  }
  free(x), free(params), free(part);
  return loss;
}

/* Loss of the test split in fp64, with the probe set's statistics. */
static double reference_test_loss(const graph *g, const fixture *f, const data *d) {
  const size_t n_inputs = d->channels * d->height * d->width, n_batches = d->n_probe / BATCH;
  double *probe = (double *)malloc(d->n_probe * n_inputs * sizeof *probe);
  double *x = (double *)malloc(d->n_test * n_inputs * sizeof *x);
  double *params = (double *)malloc(f->n_params * sizeof *params);
  int32_t labels[64];
  uint32_t ids[64];
  cr_assert(d->n_probe <= 64 && d->n_test <= 64);
  for (uint32_t j = 0; j < 64; j++) ids[j] = j;
  as_doubles(f, d, SPLIT_PROBE, ids, d->n_probe, probe, labels, params);
  as_doubles(f, d, SPLIT_TEST, ids, d->n_test, x, labels, params);
  const double loss = reference_evaluation(g, BATCH, n_batches, probe, d->n_test, x, labels, params);
  free(probe), free(x), free(params);
  return loss;
}

/* n_test: a model with batch norm needs full batches, the others had better not have them. */
static void check_model(const char *name, const char *l2, size_t channels, size_t side, size_t n_test) {
  graph *g = (graph *)malloc(sizeof *g);
  data *d = random_data(channels, side, side, 10, 40, n_test);
  fixture f, shadow;
  cr_assert_eq(build_model(name, d, l2, g), STATUS_OK);
  fixture_open(&f, FIXTURE_CPU, g, BATCH, 11);
  fixture_open(&shadow, FIXTURE_SHADOW, g, BATCH, 11);
  const size_t n = f.n_params;
  double *should_be = (double *)malloc(n * sizeof *should_be);
  float *gradient = (float *)malloc(n * sizeof *gradient), *other = (float *)malloc(n * sizeof *other), loss,
        other_loss;
  const uint32_t ids[BATCH] = {0, 1, 2, 3, 4, 5, 6, 7};

  /* A mini-batch: loss within 1e-5, gradient within 1e-4; the same bits again, and on the other device. */
  const batch_request request = {.split = SPLIT_TRAIN, .ids = ids, .n = BATCH, .worker = 0};
  const double mean_loss = reference_split(g, &f, d, SPLIT_TRAIN, BATCH, should_be);
  fixture_gradient(&f, d, &request, gradient, &loss);
  cr_assert(fabs(loss - mean_loss) <= 1e-5 * mean_loss, "loss %.9g, not %.9g", loss, mean_loss);
  const double error = relative_error(gradient, should_be, n);
  cr_assert(error <= 1e-4, "the gradient is off by %g", error);
  fixture_gradient(&f, d, &request, other, &other_loss);
  cr_assert(memcmp(gradient, other, n * sizeof *other) == 0 && loss == other_loss, "two calls differ");
  fixture_gradient(&shadow, d, &request, other, &other_loss);
  cr_assert(memcmp(gradient, other, n * sizeof *other) == 0 && loss == other_loss, "the devices differ");

  /* The test split. Evaluating leaves nothing behind in the gradient. */
  evaluation e, again;
  const double test_loss = reference_test_loss(g, &f, d);
  cr_assert_eq(net_evaluate(f.net, d, SPLIT_TEST, f.params, &e), STATUS_OK);
  cr_assert_eq(e.n, n_test);
  cr_assert(fabs(e.loss - test_loss) <= 1e-5 * test_loss, "test loss %.9g, not %.9g", e.loss, test_loss);
  fixture_gradient(&f, d, &request, other, &other_loss);
  cr_assert(memcmp(gradient, other, n * sizeof *other) == 0 && loss == other_loss, "evaluating changed a gradient");
  reference_split(g, &f, d, SPLIT_TEST, n_test, should_be);
  double whole_loss;
  cr_assert_eq(net_full_gradient(f.net, d, SPLIT_TEST, f.params, f.gradient, &whole_loss), STATUS_OK);
  cr_assert_leq(relative_error(f.gradient, should_be, n), 1e-4);
  /* Batch norm takes other statistics in training. */
  cr_assert(strcmp(name, "resnet20") == 0 || fabs(whole_loss - test_loss) <= 1e-5 * test_loss, "loss %.9g", whole_loss);
  cr_assert_eq(net_evaluate(shadow.net, d, SPLIT_TEST, shadow.params, &again), STATUS_OK);
  cr_assert(again.loss == e.loss && again.accuracy == e.accuracy);

  free(should_be), free(gradient), free(other), free(g);
  fixture_close(&f);
  fixture_close(&shadow);
  data_close(d);
}

/* The same on devices whose bits are their own: on every call the same ones, from a recording too. */
static void check_gpu(const char *name, const char *l2, size_t channels, size_t side, size_t n_test) {
  graph *g = (graph *)malloc(sizeof *g);
  data *d = random_data(channels, side, side, 10, 40, n_test);
  const uint32_t ids[BATCH] = {0, 1, 2, 3, 4, 5, 6, 7};
  const batch_request request = {.split = SPLIT_TRAIN, .ids = ids, .n = BATCH, .worker = 0};
  fixture host;
  evaluation e;
  cr_assert_eq(build_model(name, d, l2, g), STATUS_OK);
  fixture_open(&host, FIXTURE_CPU, g, BATCH, 11);
  const size_t n = host.n_params;
  double *should_be = (double *)malloc(n * sizeof *should_be), *of_test = (double *)malloc(n * sizeof *of_test);
  float *gradient = (float *)malloc(n * sizeof *gradient), *other = (float *)malloc(n * sizeof *other), loss;
  const double mean_loss = reference_split(g, &host, d, SPLIT_TRAIN, BATCH, should_be);
  const double test_loss = reference_test_loss(g, &host, d);
  reference_split(g, &host, d, SPLIT_TEST, n_test, of_test);
  for (int place = FIXTURE_PLAIN; place < fixture_n_places(); place++) {
    const char *where = fixture_place_names[place];
    fixture f;
    fixture_open(&f, (enum fixture_place)place, g, BATCH, 11);
    for (int again = 0; again < 4; again++) {
      fixture_gradient(&f, d, &request, again == 0 ? gradient : other, &loss);
      cr_assert(fabs(loss - mean_loss) <= 1e-5 * mean_loss, "%s on %s: loss %.9g, not %.9g", name, where, loss, mean_loss);
      const double error = relative_error(again == 0 ? gradient : other, should_be, n);
      cr_assert(error <= 1e-4, "%s on %s: the gradient is off by %g", name, where, error);
      cr_assert(again == 0 || memcmp(gradient, other, n * sizeof *other) == 0, "%s on %s: two calls differ", name, where);
      cr_assert_eq(net_evaluate(f.net, d, SPLIT_TEST, f.params, &e), STATUS_OK, "%s", status_detail());
      cr_assert(fabs(e.loss - test_loss) <= 1e-5 * test_loss, "%s on %s: test loss %.9g, not %.9g", name, where, e.loss,
                test_loss);
      double whole;
      cr_assert_eq(net_full_gradient(f.net, d, SPLIT_TEST, f.params, f.gradient, &whole), STATUS_OK);
      stream_copy(f.stream, other, f.gradient, n * sizeof *other);
      cr_assert_eq(stream_synchronize(f.stream), STATUS_OK);
      cr_assert_leq(relative_error(other, of_test, n), 1e-4);
    }
    fixture_close(&f);
  }
  free(should_be), free(of_test), free(gradient), free(other), free(g);
  fixture_close(&host);
  data_close(d);
}

Test(models, agree_with_fp64_on_the_gpus_executor) {
  check_gpu("lenet5", NULL, 3, 32, 2 * BATCH + 3);
  check_gpu("softmax", "0.3", 3, 7, 2 * BATCH + 3);
  check_gpu("mlp", NULL, 1, 14, 2 * BATCH + 3);
  check_gpu("resnet20", NULL, 3, 16, 2 * BATCH);
}

Test(models, lenet5_agrees_with_fp64) {
  check_model("lenet5", NULL, 1, 28, 2 * BATCH + 3);
  check_model("lenet5", NULL, 3, 32, 2 * BATCH + 3);
}

/* Loss and gradient are of smoothed labels, what evaluation says is not. */
Test(models, label_smoothing_agrees_with_fp64) {
  graph *g = (graph *)malloc(sizeof *g);
  data *d = random_data(1, 7, 7, 10, 40, 2 * BATCH + 3);
  fixture plain, f;
  cr_assert_eq(build_model("softmax", d, NULL, g), STATUS_OK);
  fixture_open(&plain, FIXTURE_CPU, g, BATCH, 11);
  const size_t n = plain.n_params;
  double *should_be = (double *)malloc(n * sizeof *should_be), whole;
  float *gradient = (float *)malloc(n * sizeof *gradient), loss, plain_loss;
  const uint32_t ids[BATCH] = {0, 1, 2, 3, 4, 5, 6, 7};
  const batch_request request = {.split = SPLIT_TRAIN, .ids = ids, .n = BATCH, .worker = 0};
  fixture_gradient(&plain, d, &request, gradient, &plain_loss);
  evaluation before, e;
  cr_assert_eq(net_evaluate(plain.net, d, SPLIT_TEST, plain.params, &before), STATUS_OK);
  const double shares[] = {0.1, 0.75};
  for (int i = 0; i < 2; i++) {
    g->label_smoothing = shares[i];
    fixture_open(&f, FIXTURE_CPU, g, BATCH, 11);
    const double mean_loss = reference_split(g, &f, d, SPLIT_TRAIN, BATCH, should_be);
    fixture_gradient(&f, d, &request, gradient, &loss);
    cr_assert(fabs(loss - mean_loss) <= 1e-5 * mean_loss, "loss %.9g, not %.9g", loss, mean_loss);
    cr_assert(fabs(loss - plain_loss) > 1e-3 * shares[i], "the labels are not smoothed: %g", loss);
    cr_assert_leq(relative_error(gradient, should_be, n), 1e-4);
    cr_assert_eq(net_evaluate(f.net, d, SPLIT_TEST, f.params, &e), STATUS_OK);
    cr_assert(e.loss == before.loss && e.accuracy == before.accuracy, "evaluation smooths labels");
    const double test_loss = reference_split(g, &f, d, SPLIT_TEST, 2 * BATCH + 3, should_be);
    cr_assert_eq(net_full_gradient(f.net, d, SPLIT_TEST, f.params, f.gradient, &whole), STATUS_OK);
    cr_assert_leq(relative_error(f.gradient, should_be, n), 1e-4);
    cr_assert(fabs(whole - test_loss) <= 1e-5 * test_loss, "loss %.9g, not %.9g", whole, test_loss);
    fixture_close(&f);
  }
  free(should_be), free(gradient), free(g);
  fixture_close(&plain);
  data_close(d);
}

Test(models, the_cpu_has_fp32_only) {
  graph *g = (graph *)malloc(sizeof *g);
  data *d = random_data(1, 7, 7, 10, 40, BATCH);
  fixture f;
  cr_assert_eq(build_model("softmax", d, NULL, g), STATUS_OK);
  fixture_open(&f, FIXTURE_CPU, g, BATCH, 11);
  for (enum math math = MATH_TF32; math < N_MATH; math++) {
    net *refused;
    cr_assert_eq(net_create_with(g, f.device, f.stream, BATCH, &(net_options){.math = math}, &refused),
                 STATUS_UNSUPPORTED);
    cr_assert(!refused && strstr(status_detail(), math_names[math]) && strstr(status_detail(), "math: fp32"), "%s",
              status_detail());
  }
  fixture_close(&f);
  free(g);
  data_close(d);
}

Test(models, softmax_agrees_with_fp64) {
  check_model("softmax", NULL, 1, 28, 2 * BATCH + 3);
  check_model("softmax", "0.3", 3, 7, 2 * BATCH + 3);
}

Test(models, resnet20_agrees_with_fp64) { check_model("resnet20", NULL, 3, 16, 2 * BATCH); }

Test(models, mlp_agrees_with_fp64) { check_model("mlp", NULL, 1, 14, 2 * BATCH + 3); }

/* Softmax with all parameters 0 has loss log(classes); with one large bias it says that class everywhere. */
Test(models, accuracy_counts_the_right_ones) {
  graph *g = (graph *)malloc(sizeof *g);
  data *d = random_data(1, 1, 6, 4, 50, 43);
  fixture f;
  evaluation e;
  float sample[6];
  int32_t label;
  cr_assert_eq(build_model("softmax", d, NULL, g), STATUS_OK);
  fixture_open(&f, FIXTURE_CPU, g, 10, 1);
  memset(f.params, 0, f.n_params * sizeof *f.params);
  cr_assert_eq(net_evaluate(f.net, d, SPLIT_PROBE, f.params, &e), STATUS_OK);
  cr_assert(fabs(e.loss - log(4)) < 1e-6);
  for (size_t class = 0; class < 4; class ++) {
    size_t n_class = 0;
    for (uint32_t id = 0; id < 43; id++) {
      random_sample(d, SPLIT_TEST, id, sample, &label);
      n_class += label == (int32_t) class;
    }
    f.params[24 + class] = 9;
    cr_assert_eq(net_evaluate(f.net, d, SPLIT_TEST, f.params, &e), STATUS_OK);
    f.params[24 + class] = 0;
    cr_assert_eq(e.accuracy, (double)n_class / 43);
  }
  fixture_close(&f);
  data_close(d);
  free(g);
}

/* f(x) = 1/2 x'Hx - <z, x>: loss and gradient are what the formula gives, rounded once. */
Test(models, quadratic_is_exact) {
  graph *g = (graph *)malloc(sizeof *g);
  data *d = open_quadratic();
  cr_assert_eq(build_model("quadratic", d, NULL, g), STATUS_OK);
  for (int k = 0; k < fixture_n_places(); k++) {
    fixture f;
    evaluation e;
    float gradient[50], loss, z[3 * 50], zero[50];
    const uint32_t ids[3] = {0, 1, 2};
    const batch_request request = {.ids = ids, .n = 3, .worker = 1, .key = rng_stream(4, RNG_DATA, 1, 17)};
    fixture_open(&f, (enum fixture_place)k, g, 3, 1);
    for (int i = 0; i < 50; i++) cr_assert_eq(f.host[i], 1);
    for (int i = 0; i < 50; i++) f.host[i] = rng_normal_at(rng_stream(1, RNG_TEST, -1, 0), (uint64_t)i);
    stream_copy(f.stream, f.params, f.host, sizeof gradient);
    fixture_gradient(&f, d, &request, gradient, &loss);
    cr_assert_eq(d->fetch(d, &request, z, NULL), STATUS_OK);
    double should_be = 0, exact = 0;
    for (int i = 0; i < 50; i++) {
      const double h = d->spectrum[i], x = f.host[i], mean = ((double)z[i] + z[50 + i] + z[100 + i]) / 3;
      should_be += 0.5 * h * x * x - mean * x;
      exact += 0.5 * h * x * x;
      cr_assert(fabs(gradient[i] - (h * x - mean)) <= 1e-7 * (fabs(h * x) + fabs(mean)));
    }
    cr_assert(fabs(loss - should_be) <= 1e-6 * fabs(should_be), "%.9g, not %.9g", loss, should_be);
    cr_assert_eq(net_evaluate(f.net, d, SPLIT_TEST, f.params, &e), STATUS_OK);
    cr_assert(fabs(e.loss - exact) <= 1e-14 * exact && isnan(e.accuracy) && e.n == 1);
    double whole_loss;
    cr_assert_eq(net_full_gradient(f.net, d, SPLIT_PROBE, f.params, f.gradient, &whole_loss), STATUS_OK);
    cr_assert(fabs(whole_loss - exact) <= 1e-14 * exact);
    stream_copy(f.stream, zero, f.gradient, sizeof zero);
    cr_assert_eq(stream_synchronize(f.stream), STATUS_OK);
    for (int i = 0; i < 50; i++) cr_assert_eq(zero[i], (float)((double)d->spectrum[i] * f.host[i]));
    fixture_close(&f);
  }
  data_close(d);
  free(g);
}

/* Sixteen samples can be learned by heart; on a device that defers all work, without waiting. */
Test(models, descent_reduces_the_loss) {
  const char *const names[] = {"lenet5", "softmax"};
  const float rates[] = {0.1f, 0.01f};
  graph *g = (graph *)malloc(sizeof *g);
  data *d = random_data(1, 28, 28, 10, 16, 16);
  for (int k = 0; k < fixture_n_places(); k++)
    for (int m = 0; m < 2; m++) {
      fixture f;
      evaluation before, after;
      uint32_t ids[BATCH];
      cr_assert_eq(build_model(names[m], d, NULL, g), STATUS_OK);
      fixture_open(&f, (enum fixture_place)k, g, BATCH, 2);
      cr_assert_eq(net_evaluate(f.net, d, SPLIT_PROBE, f.params, &before), STATUS_OK);
      for (uint32_t t = 0; t < 40; t++) {
        for (uint32_t j = 0; j < BATCH; j++) ids[j] = (t * BATCH + j) % 16;
        const batch_request request = {.ids = ids, .n = BATCH, .worker = 0};
        cr_assert_eq(net_gradient(f.net, d, &request, f.params, f.state, f.gradient, f.loss), STATUS_OK);
        memset(ids, 0xff, sizeof ids); /* the request is the caller's again */
        vec_momentum_step(f.stream, f.params, f.gradient, NULL, f.n_params, rates[m], 0, 0);
      }
      cr_assert_eq(net_evaluate(f.net, d, SPLIT_PROBE, f.params, &after), STATUS_OK);
      cr_assert(after.loss < 0.9 * before.loss, "%s: %g, then %g", names[m], before.loss, after.loss);
      fixture_close(&f);
    }
  data_close(d);
  free(g);
}

Test(models, misuse_is_an_error) {
  graph *g = (graph *)malloc(sizeof *g);
  data *d = random_data(1, 28, 28, 10, 16, 16), *other = random_data(1, 28, 27, 10, 16, 16);
  fixture f;
  net *n;
  evaluation e;
  const uint32_t ids[BATCH + 1] = {0};
  cr_assert_eq(build_model("softmax", d, NULL, g), STATUS_OK);
  fixture_open(&f, FIXTURE_CPU, g, BATCH, 2);
  const batch_request large = {.ids = ids, .n = BATCH + 1, .worker = 0};
  cr_assert_eq(net_gradient(f.net, d, &large, f.params, f.state, f.gradient, f.loss), STATUS_BAD_INPUT);
  cr_assert_eq(net_evaluate(f.net, other, SPLIT_TEST, f.params, &e), STATUS_BAD_INPUT);
  cr_assert_eq(net_create(g, f.device, f.stream, 0, &n), STATUS_BAD_INPUT);
  const net_options half = {.math = MATH_BF16};
  cr_assert_eq(net_create_with(g, f.device, f.stream, BATCH, &half, &n), STATUS_UNSUPPORTED);
  cr_assert(strstr(status_detail(), "needs device: cuda"));
  g->n_layers--; /* no loss */
  cr_assert_eq(net_create(g, f.device, f.stream, BATCH, &n), STATUS_BAD_INPUT);
  cr_assert_null(n);
  net_destroy(NULL);
  fixture_close(&f);
  data_close(d);
  data_close(other);
  free(g);
}
