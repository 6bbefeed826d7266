/* Who talks to whom, and with which weights: a connected graph of the M workers and mixing matrices W on it, row i
 * saying what worker i makes of the vectors it gets, x_i <- sum_j W_ij x_j. Every W is doubly stochastic, so that the
 * mean of the workers stays where it is. Undirected graphs have Metropolis-Hastings weights (Xiao, Boyd and Kim, J.
 * Parallel Distrib. Comput. 67, 2007): W_ij = 1 / (1 + max(deg_i, deg_j)), W_ii the rest.
 *
 * The exponential graphs are directed (Assran et al., ICML 2019; Ying et al., NeurIPS 2021): worker i sends to
 * i + 2^k mod M, k < L = ceil(log2 M). The static one uses all k in every round, each of them and the worker itself
 * weighing 1 / (1 + L); the one-peer one uses k = t mod L in round t, halves each: where M = 2^L, L rounds give the
 * exact mean. Their undirected graph, which pairwise methods walk, has an edge wherever either end sends to the other.
 */
#ifndef TERSE_ALGORITHMS_TOPOLOGY_H
#define TERSE_ALGORITHMS_TOPOLOGY_H

#include "algorithms/method.h"

/* What methods with a topology put in their parameter tables. */
/* clang-format off */
#define TOPOLOGY_PARAMS(default_topology)                                                                         \
  {.name = "topology", .type = PARAM_CHOICE, .fallback = default_topology,                                        \
   .choices = "ring|torus|hypercube|complete|star|exponential|one-peer-exponential|random-regular|edges",         \
   .help = "which workers are neighbours", .in_label = true},                                                     \
  {.name = "degree", .type = PARAM_INT, .fallback = "3", .min = 1, .max = 4095,                                   \
   .help = "neighbours of each worker, in topology random-regular"},                                              \
  {.name = "edges", .type = PARAM_TEXT, .fallback = "",                                                           \
   .help = "in topology edges: the pairs of neighbours, e.g. 0-1 1-2 2-0"}
/* clang-format on */

typedef struct topology_edge {
  int a, b; /* workers, a < b */
} topology_edge;

typedef struct topology {
  int n;          /* workers */
  int period;     /* matrices: round t uses number t mod period; 1 but for one-peer-exponential */
  double *weight; /* period x n x n: see topology_weight */
  /* The undirected graph. */
  topology_edge *edges; /* ascending by (a, b) */
  size_t n_edges;
  int *neighbours;     /* worker i's: [first[i], first[i + 1]) of this, ascending */
  size_t *first;       /* n + 1 */
  int degree;          /* the largest */
  double lambda_2;     /* second smallest eigenvalue of its Laplacian; 0 where n = 1 */
  double spectral_gap; /* 1 - |W - J|_2, J = 1 1^T / n; W the product over one period; 1 where n = 1 */
} topology;

/* NULL, or why there is no such graph of env's workers: a method's `skip`. */
const char *topology_skip(const method_env *env, const args *a);

/* The graph that TOPOLOGY_PARAMS describe, the same on every rank: random-regular is drawn from the seed. After a
 * failure too *out is in a state for topology_destroy. STATUS_BAD_INPUT: there is no such graph, or the edges are not a
 * connected graph of the n workers. */
enum status topology_create(const args *a, int n, uint64_t seed, topology *out) WARN_UNUSED;
void topology_destroy(topology *t); /* a zeroed one is ignored */

/* W_ij in round `round`: what worker i gives to worker j's vector. 0 where i hears nothing from j. */
static inline double topology_weight(const topology *t, uint64_t round, int i, int j) {
  return t->weight[((size_t)(round % (uint64_t)t->period) * (size_t)t->n + (size_t)i) * (size_t)t->n + (size_t)j];
}

/* Makes W column-stochastic, as push-sum needs no more: every worker splits what it has evenly among itself and those
 * that hear it in the round. On regular and exponential graphs that is the same W. */
void topology_push(topology *t);

/* Worker i's neighbours in the undirected graph, ascending; *count of them. */
static inline const int *topology_neighbours(const topology *t, int i, int *count) {
  *count = (int)(t->first[i + 1] - t->first[i]);
  return t->neighbours + t->first[i];
}

/* A method's `facts`: "spectral_gap", "laplacian_lambda_2", "topology_degree" and "topology_period". */
enum status topology_facts(const topology *t, const probe_sink *sink) WARN_UNUSED;

#endif
