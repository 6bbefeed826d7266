#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algorithms/topology.h"
#include "core/args.h"

static const param table[] = {TOPOLOGY_PARAMS("ring"), PARAM_END};

/* `words`: "topology=torus degree=4"; the value of edges has ',' between the pairs. */
static enum status build(const char *words, int n, uint64_t seed, topology *out) {
  const char *keys[4], *values[4];
  char text[256], *rest = text;
  size_t n_pairs = 0;
  args a;
  snprintf(text, sizeof text, "%s", words);
  for (char *pair; (pair = strsep(&rest, " ")); n_pairs++) {
    keys[n_pairs] = strsep(&pair, "=");
    values[n_pairs] = pair;
  }
  cr_assert_eq(args_from_text(table, keys, values, n_pairs, &a), STATUS_OK, "%s", status_detail());
  const enum status status = topology_create(&a, n, seed, out);
  args_free(&a);
  return status;
}

static topology built(const char *words, int n) {
  topology t;
  cr_assert_eq(build(words, n, 3, &t), STATUS_OK, "%s at %d: %s", words, n, status_detail());
  return t;
}

static void expect_refused(const char *words, int n, const char *sentence) {
  topology t;
  cr_expect_eq(build(words, n, 3, &t), STATUS_BAD_INPUT, "%s at %d is taken", words, n);
  cr_expect_str_eq(status_detail(), sentence);
  topology_destroy(&t);
}

static void expect_doubly_stochastic(const topology *t, const char *words) {
  for (int p = 0; p < t->period; p++)
    for (int i = 0; i < t->n; i++) {
      double row = 0, column = 0;
      for (int j = 0; j < t->n; j++) {
        cr_expect_geq(topology_weight(t, (uint64_t)p, i, j), 0);
        row += topology_weight(t, (uint64_t)p, i, j);
        column += topology_weight(t, (uint64_t)p, j, i);
        if (!strstr(words, "exponential"))
          cr_expect_eq(topology_weight(t, 0, i, j), topology_weight(t, 0, j, i), "%s: %d, %d", words, i, j);
      }
      cr_expect(fabs(row - 1) < 1e-14 && fabs(column - 1) < 1e-14, "%s at %d: %g %g", words, t->n, row, column);
    }
}

/* Edges, neighbours, degree and non-zero weights tell of the same graph. */
static void expect_one_graph(const topology *t, const char *words) {
  size_t n_links = 0;
  int degree = 0, count;
  for (int i = 0; i < t->n; i++) {
    const int *neighbours = topology_neighbours(t, i, &count);
    n_links += (size_t)count;
    degree = count > degree ? count : degree;
    for (int k = 0; k < count; k++) {
      cr_expect(neighbours[k] != i && (k == 0 || neighbours[k - 1] < neighbours[k]));
      double heard = 0;
      for (int p = 0; p < t->period; p++)
        heard += topology_weight(t, (uint64_t)p, i, neighbours[k]) + topology_weight(t, (uint64_t)p, neighbours[k], i);
      cr_expect_gt(heard, 0, "%s: %d and %d are linked and never mix", words, i, neighbours[k]);
    }
  }
  cr_expect_eq(n_links, 2 * t->n_edges);
  cr_expect_eq(degree, t->degree);
  for (size_t e = 0; e < t->n_edges; e++) {
    cr_expect(t->edges[e].a < t->edges[e].b);
    cr_expect(e == 0 || t->edges[e - 1].a < t->edges[e].a ||
              (t->edges[e - 1].a == t->edges[e].a && t->edges[e - 1].b < t->edges[e].b));
  }
}

Test(topology, matrices_are_doubly_stochastic_on_one_graph) {
  static const char *const words[] = {"topology=ring",
                                      "topology=torus",
                                      "topology=hypercube",
                                      "topology=complete",
                                      "topology=star",
                                      "topology=exponential",
                                      "topology=one-peer-exponential",
                                      "topology=random-regular degree=2",
                                      "topology=random-regular",
                                      "topology=random-regular degree=4"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    for (int n = 1; n <= 17; n++) {
      topology t;
      if (build(words[i], n, 3, &t) == STATUS_OK) {
        expect_doubly_stochastic(&t, words[i]);
        expect_one_graph(&t, words[i]);
        cr_expect(n == 1 || t.lambda_2 > 1e-3, "%s at %d", words[i], n);
      } else {
        cr_expect(strstr(words[i], "hypercube") || strstr(words[i], "regular"), "%s: %s", words[i], status_detail());
      }
      topology_destroy(&t);
    }
}

static void expect_gap(const char *words, int n, double gap, double tolerance) {
  topology t = built(words, n);
  cr_expect_float_eq(t.spectral_gap, gap, tolerance, "%s at %d: %.6f", words, n, t.spectral_gap);
  topology_destroy(&t);
}

Test(topology, spectral_gaps) {
  expect_gap("topology=ring", 1, 1, 0);
  for (int n = 3; n <= 40; n++)
    expect_gap("topology=ring", n,
               1 - fmax((1 + 2 * cos(2 * M_PI / n)) / 3, n > 3 ? -(1 + 2 * cos(2 * M_PI * (n / 2) / n)) / 3 : 0), 1e-7);
  expect_gap("topology=ring", 8, 0.195, 5e-4);
  expect_gap("topology=ring", 16, 0.051, 5e-4);
  expect_gap("topology=ring", 32, 0.013, 5e-4);
  for (int n = 2; n <= 40; n += 2) expect_gap("topology=exponential", n, 2 / (1 + ceil(log2(n))), 1e-7);
  expect_gap("topology=exponential", 7, 0.646, 5e-4);
  for (int n = 2; n <= 9; n++) expect_gap("topology=complete", n, 1, 1e-7);
  for (int n = 4; n <= 9; n++) expect_gap("topology=star", n, 1.0 / n, 1e-7);
  for (int k = 1; k <= 5; k++) expect_gap("topology=hypercube", 1 << k, 2.0 / (k + 1), 1e-7);
}

/* r^2 / lambda_2^2, as swarm analyses use it. */
static void expect_ratio(const char *words, int n, double ratio) {
  topology t = built(words, n);
  const double found = pow(t.degree / t.lambda_2, 2);
  cr_expect_float_eq(found, ratio, 6e-3 * ratio, "%s at %d: %g", words, n, found);
  topology_destroy(&t);
}

Test(topology, laplacians) {
  const int sizes[] = {8, 16, 32};
  const double ring[] = {11.7, 173, 2709}, torus[] = {2.25, 4.0, 46.6}, complete[] = {0.77, 0.88, 0.94};
  for (int i = 0; i < 3; i++) {
    expect_ratio("topology=ring", sizes[i], ring[i]);
    expect_ratio("topology=torus", sizes[i], torus[i]);
    expect_ratio("topology=complete", sizes[i], complete[i]);
  }
  topology t = built("topology=hypercube", 16);
  cr_expect_float_eq(t.lambda_2, 2, 1e-12);
  topology_destroy(&t);
}

/* At 2 x 4 two of the four sides of a torus are the same neighbour: three neighbours and weights 1/4. At 3 x 3 four. */
Test(topology, torus_weights) {
  topology t = built("topology=torus", 8);
  cr_expect_eq(t.degree, 3);
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++) {
      const int ring = (i % 4 - j % 4 + 4) % 4, across = i / 4 != j / 4;
      const bool mixes = across ? ring == 0 : ring != 2;
      cr_expect_float_eq(topology_weight(&t, 0, i, j), mixes ? 0.25 : 0, 1e-15, "%d, %d", i, j);
    }
  topology_destroy(&t);
  t = built("topology=torus", 9);
  cr_expect_eq(t.n_edges, 18);
  cr_expect_float_eq(topology_weight(&t, 5, 4, 4), 0.2, 1e-15);
  cr_expect_float_eq(topology_weight(&t, 5, 4, 1), 0.2, 1e-15);
  topology_destroy(&t);
  t = built("topology=torus", 7); /* a prime number of workers: a ring */
  cr_expect_eq(t.n_edges, 7);
  topology_destroy(&t);
}

/* One-peer exponential: ceil(log2 M) rounds average exactly where M is a power of two, and nowhere else. */
Test(topology, one_peer_rounds_average_exactly_iff_a_power_of_two) {
  for (int n = 2; n <= 33; n++) {
    topology t = built("topology=one-peer-exponential", n);
    cr_expect_eq(t.period, (int)ceil(log2(n)));
    double x[33] = {1}, next[33], worst = 0;
    for (int round = 0; round < t.period; round++) {
      int peers = 0;
      for (int i = 0; i < n; i++) {
        next[i] = 0;
        for (int j = 0; j < n; j++) next[i] += topology_weight(&t, (uint64_t)round, i, j) * x[j];
        peers += topology_weight(&t, (uint64_t)round, (i + (1 << round)) % n, i) == 0.5;
      }
      cr_expect_eq(peers, n, "every worker sends to one peer, 2^t ahead");
      memcpy(x, next, sizeof x);
    }
    for (int i = 0; i < n; i++) worst = fmax(worst, fabs(x[i] - 1.0 / n));
    const bool power = (n & (n - 1)) == 0;
    cr_expect(power ? worst == 0 : worst > 1e-3, "%d: %g from the mean", n, worst);
    cr_expect(power ? t.spectral_gap > 1 - 1e-7 : t.spectral_gap < 0.99, "%d: gap %g", n, t.spectral_gap);
    topology_destroy(&t);
  }
}

Test(topology, random_regular_graphs_are_drawn_from_the_seed) {
  const char *words[] = {"topology=random-regular", "topology=random-regular degree=2",
                         "topology=random-regular degree=7", "topology=random-regular degree=13"};
  const int degrees[] = {3, 2, 7, 13};
  for (size_t k = 0; k < 4; k++) {
    size_t n_same = 0;
    topology one, again, other;
    cr_assert_eq(build(words[k], 14, 1, &one), STATUS_OK);
    cr_assert_eq(build(words[k], 14, 1, &again), STATUS_OK);
    cr_assert_eq(build(words[k], 14, 2, &other), STATUS_OK);
    for (int i = 0; i < 14; i++) {
      int count;
      topology_neighbours(&one, i, &count);
      cr_expect_eq(count, degrees[k], "%s: worker %d has %d neighbours", words[k], i, count);
    }
    cr_expect_gt(one.lambda_2, 0.01, "%s is not connected", words[k]);
    cr_assert_eq(one.n_edges, (size_t)degrees[k] * 7);
    cr_expect_arr_eq(one.edges, again.edges, one.n_edges * sizeof *one.edges);
    for (size_t e = 0; e < one.n_edges; e++) n_same += memcmp(&one.edges[e], &other.edges[e], sizeof *one.edges) == 0;
    cr_expect((n_same == one.n_edges) == (degrees[k] == 13), "%s: the seed does not matter", words[k]);
    topology_destroy(&one);
    topology_destroy(&again);
    topology_destroy(&other);
  }
}

Test(topology, edge_lists) {
  topology t = built("topology=edges edges=2-0,,0-1,3-1", 4);
  const topology_edge right[] = {{0, 1}, {0, 2}, {1, 3}};
  cr_assert_eq(t.n_edges, 3);
  cr_expect_arr_eq(t.edges, right, sizeof right);
  cr_expect_float_eq(topology_weight(&t, 0, 0, 2), 1.0 / 3, 1e-15); /* the larger degree of the two ends counts */
  cr_expect_float_eq(topology_weight(&t, 0, 2, 2), 2.0 / 3, 1e-15);
  topology_destroy(&t);
  t = built("topology=edges edges=", 1);
  cr_expect_eq(t.n_edges, 0);
  topology_destroy(&t);
  expect_refused("topology=edges edges=0-1,12", 4,
                 "edges: '12' is not a pair of workers: write pairs as 0-1, with spaces between them");
  expect_refused("topology=edges edges=0-1-2", 4,
                 "edges: '0-1-2' is not a pair of workers: write pairs as 0-1, with spaces between them");
  expect_refused("topology=edges edges=0-", 4,
                 "edges: '0-' is not a pair of workers: write pairs as 0-1, with spaces between them");
  expect_refused("topology=edges edges=0-1,4-2", 4,
                 "edges: there is no worker 4, of the pair '4-2': workers are numbered 0 to 3");
  expect_refused("topology=edges edges=0-99999999999999", 4,
                 "edges: there is no worker 9999999, of the pair '0-99999999999999': workers are numbered 0 to 3");
  expect_refused("topology=edges edges=3-3", 4, "edges: '3-3' links a worker to itself: leave it out");
  expect_refused("topology=edges edges=0-1,1-0", 4, "edges: the pair '1-0' is there twice: leave one out");
  expect_refused("topology=edges edges=0-1,2-3", 4,
                 "edges: no path leads from worker 0 to worker 2: add a pair that links them");
  expect_refused("topology=edges", 2, "edges: no path leads from worker 0 to worker 1: add a pair that links them");
  expect_refused("edges=0-1", 2, "edges are given, but the topology is ring: write topology: edges");
}

Test(topology, graphs_that_do_not_exist_are_refused_and_skipped) {
  expect_refused("topology=hypercube", 6, "a hypercube needs a number of workers that is a power of two");
  expect_refused("topology=random-regular", 3, "random-regular needs more workers than the degree");
  expect_refused("topology=random-regular", 7, "random-regular needs an even number of workers, or an even degree");
  expect_refused("topology=random-regular degree=1", 4,
                 "random-regular of degree 1 is not connected: take degree 2 or more");
  args a;
  const char *key = "topology", *value = "hypercube";
  cr_assert_eq(args_from_text(table, &key, &value, 1, &a), STATUS_OK);
  cr_expect_not_null(topology_skip(&(method_env){.n_workers = 6}, &a));
  cr_expect_null(topology_skip(&(method_env){.n_workers = 4}, &a));
  args_free(&a);
}
