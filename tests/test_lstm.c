/* The LSTM language model: published sizes, agreement with fp64, and the state that is carried from batch to batch: on
 * consecutive batches the model is one that reads an unbroken text. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/net_fixture.h"
#include "tests/reference_net.h"

enum { BATCH = 4, STEPS = 5, WORDS = 11, N_TEST = 10 };

static void build(const data *d, const char *units, graph *g) {
  cr_assert_eq(build_graph("lstm", d, (const char *const[]){"units"}, &units, 1, g), STATUS_OK, "%s", status_detail());
}

Test(lstm, has_the_published_sizes) {
  graph *g = (graph *)malloc(sizeof *g);
  data *d = random_text(35, 10000, 8, 8);
  build(d, "200", g);
  cr_assert_eq(graph_n_params(g), 4653200);
  build(d, "1500", g);
  cr_assert_eq(graph_n_params(g), 66034000);
  data_close(d);
  free(g);
}

typedef struct problem {
  graph *graph;
  data *text;
  fixture f;
  double *params, *should_be;
  float *gradient;
} problem;

static void problem_open(problem *p, enum fixture_place place) {
  p->graph = (graph *)malloc(sizeof *p->graph);
  p->text = random_text(STEPS, WORDS, 64, N_TEST);
  build(p->text, "6", p->graph);
  fixture_open(&p->f, place, p->graph, BATCH, 5);
  cr_assert_eq(p->f.n_state, 2 * 2 * BATCH * 6);
  p->params = (double *)malloc(p->f.n_params * sizeof *p->params);
  p->should_be = (double *)malloc(p->f.n_params * sizeof *p->should_be);
  p->gradient = (float *)malloc(p->f.n_params * sizeof *p->gradient);
  for (size_t i = 0; i < p->f.n_params; i++) { /* larger than at first, so that the gates do something */
    p->f.host[i] *= 3;
    p->params[i] = p->f.host[i];
  }
  stream_copy(p->f.stream, p->f.params, p->f.host, p->f.n_params * sizeof *p->f.host);
}

static void problem_close(problem *p) {
  fixture_close(&p->f);
  data_close(p->text);
  free(p->graph), free(p->params), free(p->should_be), free(p->gradient);
}

/* Loss and gradient of batch t, lane j reading sample 10 j + t of the training text, after the batch before it. */
static float train(problem *p, uint32_t t, bool fresh) {
  uint32_t ids[BATCH];
  float loss;
  for (uint32_t j = 0; j < BATCH; j++) ids[j] = 10 * j + t;
  const batch_request request = {.split = SPLIT_TRAIN, .ids = ids, .n = BATCH, .fresh = fresh};
  fixture_gradient(&p->f, p->text, &request, p->gradient, &loss);
  return loss;
}

/* The fp64 loss of `n` samples of a split from `first` on, read as one text by each of `lanes` lanes, `apart` samples
 * apart; state and gradient as of reference_loss. */
static double read_lanes(problem *p, enum split split, size_t first, size_t n, size_t lanes, size_t apart,
                         const double *state, double *gradient) {
  const size_t n_words = n * STEPS;
  graph *g = (graph *)malloc(sizeof *g);
  data *longer = random_text(n_words, WORDS, 1, 1);
  double *x = (double *)malloc(lanes * n_words * sizeof *x);
  int32_t *labels = (int32_t *)malloc(lanes * n_words * sizeof *labels);
  build(longer, "6", g);
  for (size_t j = 0; j < lanes; j++)
    for (size_t t = 0; t < n; t++) {
      float words[STEPS];
      const size_t at = (j * n + t) * STEPS;
      random_sample(p->text, split, (uint32_t)(first + j * apart + t), words, labels + at);
      for (size_t i = 0; i < STEPS; i++) x[at + i] = words[i];
    }
  const double loss = reference_loss(g, lanes, x, labels, p->params, state, NULL, gradient);
  data_close(longer);
  free(g), free(x), free(labels);
  return loss;
}

static void check_near(double is, double should_be, const char *what) {
  cr_assert(fabs(is - should_be) <= 1e-5 * should_be, "%s: loss %.9g, not %.9g", what, is, should_be);
}

Test(lstm, agrees_with_fp64_on_an_unbroken_text) {
  problem p, shadow;
  problem_open(&p, FIXTURE_CPU);
  problem_open(&shadow, FIXTURE_SHADOW);
  double sum = 0;
  double *state = (double *)malloc(p.f.n_state * sizeof *state);
  for (uint32_t t = 0; t < 4; t++) {
    for (size_t i = 0; i < p.f.n_state; i++) state[i] = p.f.state[i];
    const float loss = train(&p, t, t == 0);
    check_near(loss, read_lanes(&p, SPLIT_TRAIN, t, 1, BATCH, 10, state, p.should_be), "one batch");
    cr_assert_leq(relative_error(p.gradient, p.should_be, p.f.n_params), 1e-5);
    sum += loss / 4;
    cr_assert_eq(train(&shadow, t, t == 0), loss);
    cr_assert_eq(memcmp(shadow.gradient, p.gradient, p.f.n_params * sizeof *p.gradient), 0);
  }
  check_near(sum, read_lanes(&p, SPLIT_TRAIN, 0, 4, BATCH, 10, NULL, NULL), "four batches");
  const float again = train(&p, 0, true);
  check_near(again, read_lanes(&p, SPLIT_TRAIN, 0, 1, BATCH, 10, NULL, NULL), "a fresh batch");
  free(state);
  problem_close(&p);
  problem_close(&shadow);
}

/* The same on the GPU's executor, and what it then makes of the test text. */
Test(lstm, agrees_with_fp64_on_the_gpus_executor) {
  for (int place = FIXTURE_PLAIN; place < fixture_n_places(); place++) {
    problem p;
    evaluation e;
    problem_open(&p, (enum fixture_place)place);
    double *state = (double *)calloc(p.f.n_state, sizeof *state);
    float *now = (float *)malloc(p.f.n_state * sizeof *now);
    for (uint32_t t = 0; t < 6; t++) {
      const bool fresh = t == 0 || t == 4;
      const float loss = train(&p, t, fresh);
      check_near(loss, read_lanes(&p, SPLIT_TRAIN, t, 1, BATCH, 10, fresh ? NULL : state, p.should_be), "one batch");
      cr_assert_leq(relative_error(p.gradient, p.should_be, p.f.n_params), 1e-5);
      stream_copy(p.f.stream, now, p.f.state, p.f.n_state * sizeof *now);
      cr_assert_eq(stream_synchronize(p.f.stream), STATUS_OK);
      for (size_t i = 0; i < p.f.n_state; i++) state[i] = now[i];
    }
    const double three = read_lanes(&p, SPLIT_TEST, 0, 3, 3, 3, NULL, NULL),
                 one = read_lanes(&p, SPLIT_TEST, 9, 1, 1, 1, NULL, NULL);
    cr_assert_eq(net_evaluate(p.f.net, p.text, SPLIT_TEST, p.f.params, &e), STATUS_OK);
    check_near(e.loss, (9 * three + one) / 10, "evaluation");
    free(state), free(now);
    problem_close(&p);
  }
}

/* What one worker does with its state is nothing to another; without state there is no step. */
Test(lstm, workers_states_are_apart) {
  problem p;
  problem_open(&p, FIXTURE_CPU);
  float alone[3], *first = p.f.state, *second;
  cr_assert_eq(device_floats(p.f.device, p.f.n_state, &second), STATUS_OK);
  for (uint32_t t = 0; t < 3; t++) alone[t] = train(&p, t, t == 0);
  for (uint32_t t = 0; t < 3; t++) {
    p.f.state = second;
    const float other = train(&p, t + 3, t == 0);
    p.f.state = first;
    cr_assert_eq(train(&p, t, t == 0), alone[t]);
    cr_assert_neq(other, alone[t]);
  }
  device_release(p.f.device, second);
  const uint32_t ids[BATCH] = {0};
  const batch_request request = {.ids = ids, .n = BATCH};
  cr_assert_eq(net_gradient(p.f.net, p.text, &request, p.f.params, NULL, p.f.gradient, p.f.loss), STATUS_BAD_INPUT);
  problem_close(&p);
}

/* Ten samples in four lanes: three, three, three and one. A worker's state is not touched. */
Test(lstm, evaluation_reads_the_split_in_lanes) {
  problem p;
  evaluation e, again;
  problem_open(&p, FIXTURE_CPU);
  train(&p, 0, true);
  float *before = (float *)malloc(p.f.n_state * sizeof *before);
  memcpy(before, p.f.state, p.f.n_state * sizeof *before);
  const double three = read_lanes(&p, SPLIT_TEST, 0, 3, 3, 3, NULL, NULL),
               one = read_lanes(&p, SPLIT_TEST, 9, 1, 1, 1, NULL, NULL);
  cr_assert_eq(net_evaluate(p.f.net, p.text, SPLIT_TEST, p.f.params, &e), STATUS_OK);
  check_near(e.loss, (9 * three + one) / 10, "evaluation");
  cr_assert(e.n == N_TEST && e.accuracy >= 0 && e.accuracy <= 1);
  cr_assert(fabs(e.accuracy * N_TEST * STEPS - round(e.accuracy * N_TEST * STEPS)) < 1e-9);
  cr_assert_eq(net_evaluate(p.f.net, p.text, SPLIT_TEST, p.f.params, &again), STATUS_OK);
  cr_assert(again.loss == e.loss && again.accuracy == e.accuracy);
  cr_assert_eq(memcmp(before, p.f.state, p.f.n_state * sizeof *before), 0);
  free(before);
  problem_close(&p);
}

Test(lstm, takes_texts_only) {
  graph *g = (graph *)malloc(sizeof *g);
  problem p;
  data *images = random_data(1, 1, STEPS, WORDS, 8, 8);
  evaluation e;
  problem_open(&p, FIXTURE_CPU);
  cr_assert_eq(net_evaluate(p.f.net, images, SPLIT_TEST, p.f.params, &e), STATUS_BAD_INPUT);
  cr_assert(strstr(status_detail(), "labels"));
  graph_begin(g, 3, 8, 8);
  cr_assert_eq(graph_embedding(g, "embedding", WORDS, 4), STATUS_BAD_INPUT);
  graph_begin(g, 1, 1, STEPS);
  cr_assert_eq(graph_embedding(g, "embedding", WORDS, 4), STATUS_OK);
  cr_assert_eq(graph_conv(g, "conv", 2, 1, 1, 0), STATUS_BAD_INPUT);
  data_close(images);
  problem_close(&p);
  free(g);
}
