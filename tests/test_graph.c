#include "models/graph.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static graph *g;
static void make_graph(void) { g = (graph *)malloc(sizeof *g); }
static void drop_graph(void) { free(g); }

#define ADD(call) cr_assert_eq((call), STATUS_OK, "%s", status_detail())
#define REFUSED(call, what)                                                                    \
  do {                                                                                         \
    cr_assert_eq((call), STATUS_BAD_INPUT);                                                    \
    cr_assert(strstr(status_detail(), what), "'%s' does not say '%s'", status_detail(), what); \
  } while (0)

static void check_shape(size_t channels, size_t height, size_t width) {
  const size_t *out = g->layers[g->n_layers - 1].out;
  cr_assert(out[0] == channels && out[1] == height && out[2] == width, "%zu x %zu x %zu", out[0], out[1], out[2]);
}

Test(graph, infers_shapes_and_counts_parameters, .init = make_graph, .fini = drop_graph) {
  graph_begin(g, 3, 32, 30);
  ADD(graph_conv(g, "a", 8, 5, 1, 2));
  check_shape(8, 32, 30);
  ADD(graph_relu(g));
  check_shape(8, 32, 30);
  ADD(graph_conv(g, "b", 4, 3, 2, 0));
  check_shape(4, 15, 14);
  ADD(graph_max_pool(g, 2, 2, 0));
  check_shape(4, 7, 7);
  ADD(graph_dense(g, "c", 10));
  check_shape(1, 1, 10);
  ADD(graph_softmax_loss(g, 10));
  cr_assert_eq(graph_n_params(g), (3 * 8 * 25 + 8) + (8 * 4 * 9 + 4) + (4 * 49 * 10 + 10));
  cr_assert_eq(g->layers[2].parameters[0].n, 8 * 4 * 9);
  cr_assert_eq(g->layers[2].parameters[1].n, 4);
  cr_assert_eq(g->layers[2].parameters[0].offset, 3 * 8 * 25 + 8);
  cr_assert_str_eq(g->layers[4].name, "c");
}

Test(graph, refuses_what_does_not_fit, .init = make_graph, .fini = drop_graph) {
  graph_begin(g, 1, 6, 6);
  REFUSED(graph_conv(g, "wide", 2, 7, 1, 0), "layer wide: a 7 x 7 window does not fit its 6 x 6 input");
  graph_begin(g, 1, 6, 6);
  REFUSED(graph_max_pool(g, 7, 2, 0), "does not fit");
  graph_begin(g, 1, 6, 6);
  REFUSED(graph_conv(g, "still", 2, 3, 0, 0), "at least 1");
  graph_begin(g, 1, 6, 6);
  REFUSED(graph_conv(g, "none", 0, 3, 1, 0), "no output channels");
  graph_begin(g, 1, 6, 6);
  REFUSED(graph_dense(g, "none", 0), "no outputs");
  graph_begin(g, 1, 1, 10);
  REFUSED(graph_softmax_loss(g, 11), "10 inputs for 11 classes");
  graph_begin(g, 1, 1, 1);
  REFUSED(graph_softmax_loss(g, 1), "at least 2 classes");
  graph_begin(g, 1, 1, 10);
  ADD(graph_softmax_loss(g, 10));
  REFUSED(graph_relu(g), "after the loss");
  graph_begin(g, 1, 1, 10);
  for (int i = 0; i < GRAPH_MAX_LAYERS; i++) ADD(graph_relu(g));
  REFUSED(graph_relu(g), "at most 512 layers");
}

Test(graph, shortcuts_fit_or_are_refused, .init = make_graph, .fini = drop_graph) {
  graph_begin(g, 4, 9, 9);
  ADD(graph_conv_no_bias(g, "a", 4, 3, 1, 1));
  cr_assert_eq(g->layers[0].n_parameters, 1);
  ADD(graph_batch_norm(g, "b", true));
  cr_assert_eq(graph_n_params(g), 4 * 4 * 9 + 2 * 4);
  const size_t value = graph_last(g);
  ADD(graph_conv(g, "c", 8, 3, 2, 1));
  check_shape(8, 5, 5);
  ADD(graph_add(g, value, false));
  check_shape(8, 5, 5);
  cr_assert_eq(g->layers[3].stride, 2);
  ADD(graph_add(g, 0, true));
  REFUSED(graph_add(g, graph_last(g), true), "earlier value");
  g->n_layers--;
  ADD(graph_conv(g, "d", 4, 2, 1, 0));
  REFUSED(graph_add(g, value, true), "from 4 x 9 x 9 to 4 x 4 x 4 does not fit");
  g->n_layers--;
  REFUSED(graph_add(g, graph_last(g) - 1, true), "from 8 x 5 x 5 to 4 x 4 x 4 does not fit");
  graph_begin(g, 1, 1, 7);
  ADD(graph_embedding(g, "words", 20, 3));
  ADD(graph_lstm(g, "lstm", 5));
  check_shape(1, 1, 5);
  cr_assert_eq(g->layers[1].steps, 7);
  cr_assert_eq(graph_n_params(g), 20 * 3 + 4 * 5 * (3 + 5) + 8 * 5);
  REFUSED(graph_batch_norm(g, "norm", true), "takes images");
}

Test(graph, quadratic_stands_alone, .init = make_graph, .fini = drop_graph) {
  const float spectrum[4] = {1, 2, 3, 4};
  graph_begin(g, 1, 1, 4);
  REFUSED(graph_quadratic_loss(g, NULL), "needs the data set 'quadratic'");
  ADD(graph_quadratic_loss(g, spectrum));
  cr_assert_eq(g->spectrum, spectrum);
  cr_assert_eq(graph_n_params(g), 4);
  REFUSED(graph_dense(g, "more", 2), "after the loss");
  graph_begin(g, 1, 1, 4);
  ADD(graph_dense(g, "before", 4));
  REFUSED(graph_quadratic_loss(g, spectrum), "only layer");
}
