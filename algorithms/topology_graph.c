#include "algorithms/topology_graph.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

static unsigned char *link_of(adjacency *g, int i, int j) { return &g->linked[(size_t)i * (size_t)g->n + (size_t)j]; }

static bool are_linked(const adjacency *g, int i, int j) {
  return g->linked[(size_t)i * (size_t)g->n + (size_t)j] != 0;
}

/* Nobody is its own neighbour, and a pair that is named twice is one pair. */
static void set_link(adjacency *g, int i, int j, bool linked) {
  if (i == j) return;
  *link_of(g, i, j) = *link_of(g, j, i) = linked;
}

int exponential_shifts(int n) {
  int shifts = 0;
  while (1 << shifts < n) shifts++;
  return shifts;
}

static void link_shift(adjacency *g, int shift) {
  for (int i = 0; i < g->n; i++) set_link(g, i, (i + shift) % g->n, true);
}

/* rows x columns = n, as near to a square as n's divisors allow; neighbours on all four sides, with wrap-around. */
static void link_torus(adjacency *g) {
  int rows = 1;
  for (int r = 2; r * r <= g->n; r++)
    if (g->n % r == 0) rows = r;
  const int columns = g->n / rows;
  for (int i = 0; i < g->n; i++) {
    const int row = i / columns, column = i % columns;
    set_link(g, i, row * columns + (column + 1) % columns, true);
    set_link(g, i, (row + 1) % rows * columns + column, true);
  }
}

/* The first worker that no path from worker 0 leads to, or -1. */
static enum status find_unreached(const adjacency *g, int *unreached) {
  enum status status = STATUS_OK;
  bool *reached = calloc((size_t)g->n, sizeof *reached);
  int *list = malloc((size_t)g->n * sizeof *list), n_listed = 0;
  if (!reached || !list) TRY(FAIL(STATUS_NO_MEMORY, "no memory to walk a graph of %d workers", g->n));
  reached[0] = true;
  list[n_listed++] = 0;
  for (int next = 0; next < n_listed; next++)
    for (int j = 0; j < g->n; j++)
      if (are_linked(g, list[next], j) && !reached[j]) {
        reached[j] = true;
        list[n_listed++] = j;
      }
  *unreached = -1;
  for (int i = g->n - 1; i > 0; i--)
    if (!reached[i]) *unreached = i;
exit:
  free(reached);
  free(list);
  return status;
}

/* ---- random regular graphs */

/* (a, b), (c, d) become (a, d), (c, b), where that leaves the graph without loops and double edges. */
static void swap_ends(adjacency *g, int (*edges)[2], size_t e, size_t f) {
  const int a = edges[e][0], b = edges[e][1], c = edges[f][0], d = edges[f][1];
  if (a == d || c == b || a == c || b == d || are_linked(g, a, d) || are_linked(g, c, b)) return;
  set_link(g, a, b, false);
  set_link(g, c, d, false);
  set_link(g, a, d, true);
  set_link(g, c, b, true);
  edges[e][1] = d;
  edges[f][1] = b;
}

/* A regular graph of circles, whose edges then exchange ends at random: 20 tries an edge, again until it is connected.
 */
static enum status link_random_regular(adjacency *g, int degree, uint64_t seed) {
  const size_t n_edges = (size_t)g->n * (size_t)degree / 2;
  int(*edges)[2] = malloc(n_edges * sizeof *edges), unreached = 0;
  size_t n = 0;
  enum status status = STATUS_OK;
  if (!edges) return FAIL(STATUS_NO_MEMORY, "no memory for %zu edges", n_edges);
  for (int shift = 1; shift <= degree / 2; shift++) link_shift(g, shift);
  if (degree % 2) link_shift(g, g->n / 2);
  for (int i = 0; i < g->n; i++)
    for (int j = i + 1; j < g->n; j++)
      if (are_linked(g, i, j)) {
        edges[n][0] = i;
        edges[n++][1] = j;
      }
  for (uint64_t pass = 0; unreached >= 0; pass++) {
    for (size_t i = 0; i < 20 * n_edges; i++) {
      const rng_words drawn = rng_draw(rng_stream(seed, RNG_TOPOLOGY, -1, pass), i);
      const size_t e = drawn.w[0] % n_edges, f = drawn.w[1] % n_edges;
      if (drawn.w[2] & 1) { /* so that either pairing of the four ends can come out */
        const int end = edges[e][0];
        edges[e][0] = edges[e][1];
        edges[e][1] = end;
      }
      swap_ends(g, edges, e, f);
    }
    TRY(find_unreached(g, &unreached));
  }
exit:
  free(edges);
  return status;
}

/* ---- edge lists */

/* A worker's number at *text, which moves behind it; -1 where there is none. */
static int take_number(const char **text) {
  int value = -1;
  for (; **text >= '0' && **text <= '9'; ++*text)
    if (value < 1000000) value = 10 * (value < 0 ? 0 : value) + (**text - '0');
  return value;
}

static enum status link_pair(adjacency *g, const char *word, int length) {
  const char *rest = word;
  const int a = take_number(&rest), b = *rest == '-' ? (rest++, take_number(&rest)) : -1;
  if (a < 0 || b < 0 || rest != word + length)
    return FAIL(STATUS_BAD_INPUT,
                "edges: '%.*s' is not a pair of workers: write pairs as 0-1, with spaces between them", length, word);
  const int larger = a > b ? a : b;
  if (larger >= g->n)
    return FAIL(STATUS_BAD_INPUT, "edges: there is no worker %d, of the pair '%.*s': workers are numbered 0 to %d",
                larger, length, word, g->n - 1);
  if (a == b) return FAIL(STATUS_BAD_INPUT, "edges: '%.*s' links a worker to itself: leave it out", length, word);
  if (are_linked(g, a, b))
    return FAIL(STATUS_BAD_INPUT, "edges: the pair '%.*s' is there twice: leave one out", length, word);
  set_link(g, a, b, true);
  return STATUS_OK;
}

static enum status link_edges(adjacency *g, const char *text) {
  static const char between[] = " ,\t\n";
  for (const char *word = text + strspn(text, between); *word; word += strspn(word, between)) {
    const size_t length = strcspn(word, between);
    TRY_RETURN(link_pair(g, word, (int)length));
    word += length;
  }
  int unreached;
  TRY_RETURN(find_unreached(g, &unreached));
  if (unreached >= 0)
    return FAIL(STATUS_BAD_INPUT, "edges: no path leads from worker 0 to worker %d: add a pair that links them",
                unreached);
  return STATUS_OK;
}

/* ---- all kinds */

static bool is_kind(const char *kind, const char *name) { return strcmp(kind, name) == 0; }

const char *graph_obstacle(const char *kind, int n, int degree) {
  if (is_kind(kind, "hypercube") && (n & (n - 1)) != 0)
    return "a hypercube needs a number of workers that is a power of two";
  if (!is_kind(kind, "random-regular")) return NULL;
  if (degree >= n) return "random-regular needs more workers than the degree";
  if (degree % 2 && n % 2) return "random-regular needs an even number of workers, or an even degree";
  if (degree == 1 && n > 2) return "random-regular of degree 1 is not connected: take degree 2 or more";
  return NULL;
}

enum status graph_link(adjacency *g, const args *a, uint64_t seed) {
  const char *kind = args_text(a, "topology"), *edges = args_text(a, "edges");
  const int degree = (int)args_int(a, "degree");
  const char *obstacle = graph_obstacle(kind, g->n, degree);
  if (obstacle) return FAIL(STATUS_BAD_INPUT, "%s", obstacle);
  if (is_kind(kind, "edges")) return link_edges(g, edges);
  if (*edges) return FAIL(STATUS_BAD_INPUT, "edges are given, but the topology is %s: write topology: edges", kind);
  if (is_kind(kind, "random-regular")) return link_random_regular(g, degree, seed);
  if (is_kind(kind, "ring")) link_shift(g, 1);
  if (is_kind(kind, "torus")) link_torus(g);
  if (is_kind(kind, "complete"))
    for (int shift = 1; shift < g->n; shift++) link_shift(g, shift);
  if (is_kind(kind, "star"))
    for (int i = 1; i < g->n; i++) set_link(g, 0, i, true);
  if (is_kind(kind, "hypercube"))
    for (int i = 0; i < g->n; i++)
      for (int bit = 1; bit < g->n; bit *= 2) set_link(g, i, i ^ bit, true);
  if (strstr(kind, "exponential"))
    for (int k = 0; k < exponential_shifts(g->n); k++) link_shift(g, 1 << k);
  return STATUS_OK;
}
