/* Every kind of layer: the fp64 reference against central finite differences of its own loss, then the executor against
 * the reference. Both in small graphs whose layers exercise what the kind can do. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "tests/net_fixture.h"
#include "tests/reference_net.h"

enum { CLASSES = 5, BATCH = 6 };

#define ADD(call) cr_assert_eq((call), STATUS_OK, "%s", status_detail())

static void dense_alone(graph *g) {
  graph_begin(g, 2, 3, 5);
  ADD(graph_dense(g, "dense", CLASSES));
  g->l2 = 0.1;
}

static void dense_relu(graph *g) {
  graph_begin(g, 1, 1, 40);
  ADD(graph_dense(g, "a", 17));
  ADD(graph_relu(g));
  ADD(graph_dense(g, "b", CLASSES));
}

static void conv_alone(graph *g) {
  graph_begin(g, 3, 9, 7);
  ADD(graph_conv(g, "conv", CLASSES, 3, 1, 1));
  ADD(graph_dense(g, "dense", CLASSES));
}

/* Strides, uneven padding at the right edge, and no dense layer at the end. */
static void conv_stride(graph *g) {
  graph_begin(g, 2, 8, 8);
  ADD(graph_conv(g, "a", 9, 3, 2, 1));
  ADD(graph_relu(g));
  ADD(graph_conv(g, "b", CLASSES, 4, 1, 0));
}

static void conv_relu_conv(graph *g) {
  graph_begin(g, 1, 10, 10);
  ADD(graph_conv(g, "a", 6, 5, 1, 2));
  ADD(graph_relu(g));
  ADD(graph_conv(g, "b", 16, 3, 1, 0));
  ADD(graph_relu(g));
  ADD(graph_dense(g, "c", CLASSES));
}

/* Pools that overlap, and one that leaves a row and a column over. */
static void pool_relu(graph *g) {
  graph_begin(g, 2, 11, 11);
  ADD(graph_conv(g, "a", 5, 3, 1, 1));
  ADD(graph_max_pool(g, 3, 2, 0));
  ADD(graph_relu(g));
  ADD(graph_max_pool(g, 2, 2, 0));
  ADD(graph_dense(g, "b", CLASSES));
}

/* Layers without parameters before the first one with: nothing is differentiated there. */
static void pool_first(graph *g) {
  graph_begin(g, 3, 6, 6);
  ADD(graph_relu(g));
  ADD(graph_max_pool(g, 2, 2, 0));
  ADD(graph_dense(g, "dense", CLASSES));
}

/* Channels that fill oneDNN's blocks. */
static void norm_relu(graph *g) {
  graph_begin(g, 3, 8, 7);
  ADD(graph_conv_no_bias(g, "a", 16, 3, 1, 1));
  ADD(graph_batch_norm(g, "norm", true));
  ADD(graph_dense(g, "b", CLASSES));
}

/* Channels that do not, and an average over all of the image. */
static void norm_average(graph *g) {
  graph_begin(g, 3, 7, 7);
  ADD(graph_conv_no_bias(g, "a", 5, 3, 1, 0));
  ADD(graph_batch_norm(g, "norm", false));
  ADD(graph_relu(g));
  ADD(graph_average_pool(g, 5, 1));
  ADD(graph_dense(g, "b", CLASSES));
}

static void average_pool(graph *g) {
  graph_begin(g, 2, 9, 9);
  ADD(graph_conv(g, "a", 6, 3, 1, 1));
  ADD(graph_average_pool(g, 3, 2));
  ADD(graph_dense(g, "b", CLASSES));
}

/* A norm first, whose input's gradient nobody wants; identity shortcuts, one value read three times. */
static void identity_shortcuts(graph *g) {
  graph_begin(g, 4, 6, 6);
  ADD(graph_batch_norm(g, "n", true));
  const size_t value = graph_last(g);
  ADD(graph_conv(g, "a", 4, 3, 1, 1));
  ADD(graph_add(g, value, true));
  ADD(graph_conv(g, "b", 4, 3, 1, 1));
  ADD(graph_relu(g));
  ADD(graph_add(g, value, false));
  ADD(graph_add(g, 0, false));
  ADD(graph_dense(g, "c", CLASSES));
}

/* Shortcuts that halve the image and double the channels: blocks of 16, and plain. */
static void wide_shortcuts(graph *g) {
  graph_begin(g, 3, 9, 10);
  ADD(graph_conv_no_bias(g, "a", 16, 3, 1, 1));
  ADD(graph_batch_norm(g, "na", true));
  const size_t first = graph_last(g);
  ADD(graph_conv_no_bias(g, "b", 32, 3, 2, 1));
  ADD(graph_batch_norm(g, "nb", false));
  ADD(graph_add(g, first, true));
  const size_t second = graph_last(g);
  ADD(graph_conv_no_bias(g, "c", 33, 3, 2, 1));
  ADD(graph_add(g, second, true));
  ADD(graph_dense(g, "d", CLASSES));
}

static void embedding_alone(graph *g) {
  graph_begin(g, 1, 1, 7);
  ADD(graph_embedding(g, "embedding", CLASSES, 6));
  ADD(graph_dense(g, "dense", CLASSES));
}

static void lstm_layers(graph *g) {
  graph_begin(g, 1, 1, 6);
  ADD(graph_embedding(g, "embedding", CLASSES, 7));
  ADD(graph_lstm(g, "a", 9));
  ADD(graph_lstm(g, "b", 5));
  ADD(graph_relu(g));
  ADD(graph_dense(g, "dense", CLASSES));
}

/* The largest of a window that is partly over the edge, where every value is negative now and then. */
static void padded_pool(graph *g) {
  graph_begin(g, 2, 9, 8);
  ADD(graph_conv(g, "a", 5, 3, 1, 1));
  ADD(graph_max_pool(g, 3, 2, 1));
  ADD(graph_dense(g, "b", CLASSES));
}

/* A shortcut by a convolution, as wide ResNets have it, and a value that two branches and an addition read. */
static void branches(graph *g) {
  graph_begin(g, 3, 8, 8);
  ADD(graph_conv_no_bias(g, "stem", 8, 3, 1, 1));
  const size_t fork = graph_last(g);
  ADD(graph_conv_no_bias(g, "a", 16, 3, 2, 1));
  ADD(graph_batch_norm(g, "na", false));
  const size_t main_path = graph_last(g);
  ADD(graph_branch(g, fork));
  ADD(graph_conv_no_bias(g, "b", 16, 1, 2, 0));
  ADD(graph_batch_norm(g, "nb", false));
  ADD(graph_add(g, main_path, true));
  ADD(graph_add(g, fork, false));
  ADD(graph_dense(g, "c", CLASSES));
}

static void dropped_image(graph *g) {
  graph_begin(g, 3, 6, 6);
  ADD(graph_dropout(g, 0.2));
  ADD(graph_conv(g, "a", 16, 3, 1, 1));
  ADD(graph_relu(g));
  ADD(graph_dropout(g, 0.5));
  ADD(graph_dense(g, "b", 20));
  ADD(graph_dropout(g, 0.3));
  ADD(graph_dense(g, "c", CLASSES));
}

static void dropped_text(graph *g) {
  graph_begin(g, 1, 1, 6);
  ADD(graph_embedding(g, "embedding", CLASSES, 7));
  ADD(graph_dropout(g, 0.4));
  ADD(graph_lstm(g, "a", 7));
  ADD(graph_dropout(g, 0.4));
  ADD(graph_dense_tied(g, "decoder"));
}

static void (*const builders[])(graph *) = {
    dense_alone,        dense_relu,     conv_alone,      conv_stride,  conv_relu_conv, pool_relu,
    pool_first,         norm_relu,      norm_average,    average_pool, padded_pool,    branches,
    identity_shortcuts, wide_shortcuts, embedding_alone, lstm_layers,  dropped_image,  dropped_text};
enum { N_BUILDERS = sizeof builders / sizeof *builders };

typedef struct problem {
  graph *graph;
  data *data;
  uint32_t ids[BATCH];
  int32_t labels[BATCH * 8];
  size_t n_params;
  double *x, *params, *gradient;
} problem;

static void problem_open(problem *p, void (*build)(graph *)) {
  p->graph = (graph *)malloc(sizeof *p->graph);
  build(p->graph);
  ADD(graph_softmax_loss(p->graph, CLASSES));
  const size_t *shape = p->graph->input, n = shape[0] * shape[1] * shape[2];
  const size_t steps = p->graph->layers[0].steps;
  p->data =
      steps > 1 ? random_text(steps, CLASSES, 64, 16) : random_data(shape[0], shape[1], shape[2], CLASSES, 64, 16);
  p->n_params = graph_n_params(p->graph);
  p->x = (double *)malloc(BATCH * n * sizeof *p->x);
  p->params = (double *)malloc(p->n_params * sizeof *p->params);
  p->gradient = (double *)malloc(p->n_params * sizeof *p->gradient);
  float *sample = (float *)malloc(n * sizeof *sample);
  for (size_t j = 0; j < BATCH; j++) {
    p->ids[j] = (uint32_t)(7 * j + 3);
    random_sample(p->data, SPLIT_TRAIN, p->ids[j], sample, p->labels + j * steps);
    for (size_t i = 0; i < n; i++) p->x[j * n + i] = sample[i];
  }
  free(sample);
}

static void problem_close(problem *p) {
  data_close(p->data);
  free(p->graph);
  free(p->x);
  free(p->params);
  free(p->gradient);
}

static const rng_key batch_key = {{3, 0}, {17, (uint32_t)RNG_DATA << 24}};

Test(layers, reference_agrees_with_finite_differences) {
  const double h = 1e-5;
  const rng_key dropped = rng_repurpose(batch_key, RNG_DROPOUT);
  for (size_t k = 0; k < N_BUILDERS; k++) {
    problem p;
    problem_open(&p, builders[k]);
    for (size_t i = 0; i < p.n_params; i++) p.params[i] = 0.3 * rng_normal_at(rng_stream(k, RNG_TEST, -1, 1), i);
    reference_loss(p.graph, BATCH, p.x, p.labels, p.params, NULL, &dropped, p.gradient);
    for (size_t i = 0; i < p.n_params; i += 1 + p.n_params / 300) {
      const double at = p.params[i];
      p.params[i] = at + h;
      const double above = reference_loss(p.graph, BATCH, p.x, p.labels, p.params, NULL, &dropped, NULL);
      p.params[i] = at - h;
      const double below = reference_loss(p.graph, BATCH, p.x, p.labels, p.params, NULL, &dropped, NULL);
      p.params[i] = at;
      const double slope = (above - below) / (2 * h);
      cr_assert(fabs(slope - p.gradient[i]) < 1e-7 * (1 + fabs(slope)), "graph %zu, parameter %zu: %.9g, not %.9g", k,
                i, p.gradient[i], slope);
    }
    problem_close(&p);
  }
}

static void check_executor(enum fixture_place place, size_t k) {
  problem p;
  fixture f;
  problem_open(&p, builders[k]);
  fixture_open(&f, place, p.graph, BATCH, k);
  cr_assert_eq(f.n_params, p.n_params);
  for (size_t i = 0; i < p.n_params; i++) p.params[i] = f.host[i];
  const rng_key dropped = rng_repurpose(batch_key, RNG_DROPOUT);
  const double loss = reference_loss(p.graph, BATCH, p.x, p.labels, p.params, NULL, &dropped, p.gradient);
  const batch_request request = {
      .split = SPLIT_TRAIN, .ids = p.ids, .n = BATCH, .worker = 0, .key = batch_key, .fresh = true};
  float *gradient = (float *)malloc(p.n_params * sizeof *gradient), is;
  for (int again = 0; again < 3; again++) { /* nothing may be left over from the first time */
    fixture_gradient(&f, p.data, &request, gradient, &is);
    cr_assert(fabs(is - loss) <= 1e-5 * loss, "%s, graph %zu: loss %.9g, not %.9g", fixture_place_names[place], k, is,
              loss);
    const layer_table *t = net_layers(f.net);
    for (size_t s = 0; s < t->n_slices; s++) {
      const double error =
          relative_error(gradient + t->slices[s].offset, p.gradient + t->slices[s].offset, t->slices[s].n);
      cr_assert(error <= 1e-5, "%s, graph %zu: the gradient of %s is off by %.3g", fixture_place_names[place], k,
                t->slices[s].name, error);
    }
  }
  free(gradient);
  fixture_close(&f);
  problem_close(&p);
}

Test(layers, executor_agrees_with_reference) {
  for (int place = 0; place < fixture_n_places(); place++)
    for (size_t k = 0; k < N_BUILDERS; k++) check_executor((enum fixture_place)place, k);
}
