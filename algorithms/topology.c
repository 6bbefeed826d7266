#include "algorithms/topology.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/topology_graph.h"
#include "core/eigenvalues.h"

const char *topology_skip(const method_env *env, const args *a) {
  return graph_obstacle(args_text(a, "topology"), env->n_workers, (int)args_int(a, "degree"));
}

static enum status take_graph(topology *t, const adjacency *g) {
  const size_t n = (size_t)t->n;
  size_t n_links = 0, next = 0;
  for (size_t i = 0; i < n * n; i++) n_links += g->linked[i];
  t->edges = malloc((n_links / 2 + 1) * sizeof *t->edges);
  t->neighbours = malloc((n_links + 1) * sizeof *t->neighbours);
  t->first = calloc(n + 1, sizeof *t->first);
  if (!t->edges || !t->neighbours || !t->first)
    return FAIL(STATUS_NO_MEMORY, "no memory for a graph of %d workers", t->n);
  for (int i = 0; i < t->n; i++) {
    for (int j = 0; j < t->n; j++) {
      if (!g->linked[(size_t)i * n + (size_t)j]) continue;
      t->neighbours[next++] = j;
      if (i < j) t->edges[t->n_edges++] = (topology_edge){i, j};
    }
    t->first[i + 1] = next;
    const int degree = (int)(next - t->first[i]);
    if (degree > t->degree) t->degree = degree;
  }
  return STATUS_OK;
}

static void weigh_undirected(topology *t) {
  const size_t n = (size_t)t->n;
  for (int i = 0; i < t->n; i++) {
    int degree, other;
    const int *neighbours = topology_neighbours(t, i, &degree);
    double *row = t->weight + (size_t)i * n;
    row[i] = 1;
    for (int k = 0; k < degree; k++) {
      topology_neighbours(t, neighbours[k], &other);
      row[neighbours[k]] = 1.0 / (1 + (degree > other ? degree : other));
      row[i] -= row[neighbours[k]];
    }
  }
}

/* Matrix p of the exponential graphs uses the shifts [first, first + count). */
static void weigh_shifts(topology *t, int p, int first, int count) {
  for (int i = 0; i < t->n; i++) {
    double *row = t->weight + ((size_t)p * (size_t)t->n + (size_t)i) * (size_t)t->n;
    row[i] = 1.0 / (1 + count);
    for (int k = first; k < first + count; k++) row[(i - (1 << k) + t->n) % t->n] = 1.0 / (1 + count);
  }
}

static enum status weigh(topology *t, const char *kind) {
  const int shifts = exponential_shifts(t->n);
  const bool is_one_peer = strcmp(kind, "one-peer-exponential") == 0;
  t->period = is_one_peer && shifts > 0 ? shifts : 1;
  t->weight = calloc((size_t)t->period * (size_t)t->n * (size_t)t->n, sizeof *t->weight);
  if (!t->weight) return FAIL(STATUS_NO_MEMORY, "no memory for mixing matrices of %d workers", t->n);
  if (strcmp(kind, "exponential") == 0)
    weigh_shifts(t, 0, 0, shifts);
  else if (is_one_peer && shifts > 0)
    for (int k = 0; k < shifts; k++) weigh_shifts(t, k, k, 1);
  else
    weigh_undirected(t);
  return STATUS_OK;
}

void topology_push(topology *t) {
  const size_t n = (size_t)t->n;
  for (size_t column = 0; column < (size_t)t->period * n; column++) {
    double *first = t->weight + column / n * n * n + column % n;
    size_t n_receivers = 0;
    for (size_t i = 0; i < n; i++) n_receivers += first[i * n] > 0;
    for (size_t i = 0; i < n; i++)
      if (first[i * n] > 0) first[i * n] = 1.0 / (double)n_receivers;
  }
}

/* ---- eigenvalues */

/* out = a b, or a^T b */
static void multiply(int rows, const double *a, bool transpose, const double *b, double *out) {
  const size_t n = (size_t)rows;
  for (size_t i = 0; i < n * n; i++) out[i] = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < n; k++) {
      const double factor = transpose ? a[k * n + i] : a[i * n + k];
      for (size_t j = 0; factor != 0 && j < n; j++) out[i * n + j] += factor * b[k * n + j];
    }
}

/* one, two: room for n x n each. */
static double gap_of(const topology *t, double *one, double *two) {
  const size_t n = (size_t)t->n, n_bytes = n * n * sizeof *one;
  double least, largest;
  memcpy(one, t->weight, n_bytes);
  for (int p = 1; p < t->period; p++) {
    multiply(t->n, t->weight + (size_t)p * n * n, false, one, two);
    memcpy(one, two, n_bytes);
  }
  for (size_t i = 0; i < n * n; i++) one[i] -= 1.0 / (double)n;
  multiply(t->n, one, true, one, two);
  eigenvalue_range(t->n, two, &least, &largest);
  return 1 - sqrt(fmax(largest, 0));
}

/* The eigenvalue 0 of the constant vector is moved above all others, so that the least one left is lambda_2. */
static double lambda_of(const topology *t, double *laplacian) {
  const size_t n = (size_t)t->n;
  double least, largest;
  if (t->n == 1) return 0;
  for (size_t i = 0; i < n * n; i++) laplacian[i] = 2.0 * t->degree / (double)n;
  for (size_t e = 0; e < t->n_edges; e++) {
    const size_t a = (size_t)t->edges[e].a, b = (size_t)t->edges[e].b;
    laplacian[a * n + a] += 1;
    laplacian[b * n + b] += 1;
    laplacian[a * n + b] -= 1;
    laplacian[b * n + a] -= 1;
  }
  eigenvalue_range(t->n, laplacian, &least, &largest);
  return least;
}

static enum status measure(topology *t) {
  const size_t n_bytes = (size_t)t->n * (size_t)t->n * sizeof(double);
  double *one = malloc(n_bytes), *two = malloc(n_bytes);
  enum status status = STATUS_OK;
  if (!one || !two) TRY(FAIL(STATUS_NO_MEMORY, "no memory for the eigenvalues of %d workers", t->n));
  t->spectral_gap = gap_of(t, one, two);
  t->lambda_2 = lambda_of(t, one);
exit:
  free(one);
  free(two);
  return status;
}

/* ---- all of it */

enum status topology_create(const args *a, int n, uint64_t seed, topology *out) {
  *out = (topology){.n = n};
  enum status status = STATUS_OK;
  adjacency g = {.n = n, .linked = calloc((size_t)n * (size_t)n, 1)};
  if (!g.linked) return FAIL(STATUS_NO_MEMORY, "no memory for a graph of %d workers", n);
  TRY(graph_link(&g, a, seed));
  TRY(take_graph(out, &g));
  TRY(weigh(out, args_text(a, "topology")));
  TRY(measure(out));
exit:
  free(g.linked);
  return status;
}

void topology_destroy(topology *t) {
  free(t->weight);
  free(t->edges);
  free(t->neighbours);
  free(t->first);
}

enum status topology_facts(const topology *t, const probe_sink *sink) {
  TRY_RETURN(sink->emit(sink->context, "spectral_gap", ARCHIVE_SHARED, t->spectral_gap));
  TRY_RETURN(sink->emit(sink->context, "laplacian_lambda_2", ARCHIVE_SHARED, t->lambda_2));
  TRY_RETURN(sink->emit(sink->context, "topology_degree", ARCHIVE_SHARED, t->degree));
  return sink->emit(sink->context, "topology_period", ARCHIVE_SHARED, t->period);
}
