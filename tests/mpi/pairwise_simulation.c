/* The pairwise methods against a simulation of their papers' lines on one rank, worker by worker, and the mean model
 * against the sum of all local steps: averages do not move it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/pairwise.h"
#include "tests/mpi/cases.h"
#include "tests/mpi/lab.h"

enum { MOST = 8, D = 60 };

static const optimizer momentum = {.lr = 0.05, .momentum = 0.8};

typedef struct simulation {
  lab *l;
  topology topology;
  event_schedule schedule;
  uint64_t steps[MOST];
  double eta_h[D]; /* what all local steps took off, of all workers */
  float x[MOST][D], m[MOST][D], start[MOST][D];
} simulation;

/* Local steps of w away from `from`. */
static int simulate_steps(simulation *s, int w, const float *from, uint64_t n, float *to) {
  float params[D];
  memcpy(params, from, sizeof params);
  for (uint64_t t = 0; t < n; t++) {
    CASE_OK(worker_gradient(&s->l->env, &s->l->workers[w], s->steps[w]++, params));
    for (int i = 0; i < D; i++) {
      s->m[w][i] = (float)momentum.momentum * s->m[w][i] + s->l->workers[w].gradient[i];
      params[i] -= (float)momentum.lr * s->m[w][i];
    }
  }
  for (int i = 0; i < D; i++) s->eta_h[i] += (double)from[i] - params[i];
  memcpy(to, params, sizeof params);
  return 0;
}

static void average(simulation *s, int i, int j) {
  for (int k = 0; k < D; k++) s->x[i][k] = s->x[j][k] = (s->x[i][k] + s->x[j][k]) / 2;
}

/* AD-PSGD with roles: in ROLES_EVEN even workers are active, in ROLES_CUBE those with an even number of bits. */
enum kind { BLOCKING, NON_BLOCKING, ROLES_EVEN, ROLES_CUBE };

static bool is_active(enum kind kind, int w) {
  return (kind == ROLES_CUBE ? __builtin_popcount((unsigned)w) : w) % 2 == 0;
}

/* Whom worker i meets, or -1. */
static int choose(const simulation *s, enum kind kind, const schedule_event *e) {
  int n, n_open = 0, open[MOST] = {0};
  const int *neighbours = topology_neighbours(&s->topology, e->worker, &n);
  const bool has_roles = kind == ROLES_EVEN || kind == ROLES_CUBE;
  if (has_roles && !is_active(kind, e->worker)) return -1;
  for (int k = 0; k < n; k++)
    if (!has_roles || !is_active(kind, neighbours[k])) open[n_open++] = neighbours[k];
  return open[event_choice(&s->schedule, e, (size_t)n_open)];
}

static int simulate_event(simulation *s, enum kind kind, uint64_t h, bool is_geometric) {
  const schedule_event e = event_schedule_next(&s->schedule);
  const int i = e.worker, j = choose(s, kind, &e);
  float live[D];
  if (kind == BLOCKING) {
    if (simulate_steps(s, i, s->x[i], is_geometric ? event_geometric(&s->schedule, &e, i, (double)h) : h, s->x[i]))
      return 1;
    if (simulate_steps(s, j, s->x[j], is_geometric ? event_geometric(&s->schedule, &e, j, (double)h) : h, s->x[j]))
      return 1;
    average(s, i, j);
    return 0;
  }
  if (simulate_steps(s, i, s->start[i], is_geometric ? event_geometric(&s->schedule, &e, i, (double)h) : h, live))
    return 1;
  if (j >= 0) average(s, i, j);
  for (int k = 0; k < D; k++) s->x[i][k] += live[k] - s->start[i][k];
  memcpy(s->start[i], s->x[i], sizeof live);
  return 0;
}

static int compare_with_simulation(const char *method, int m, enum kind kind, uint64_t h, bool is_geometric,
                                   double tolerance) {
  enum { ROUNDS = 6 };
  const lab_options o = {.dataset = "quadratic dimension=60 mu=0.1 samples=80 heterogeneity=1",
                         .model = "quadratic",
                         .n_workers = m,
                         .method = method,
                         .batch = 2,
                         .seed = 11,
                         .optimizer = momentum};
  lab l;
  CASE_OK(lab_open(&o, &l));
  simulation *s = calloc(1, sizeof *s);
  CASE_CHECK(s);
  s->l = &l;
  CASE_OK(event_schedule_create(&l.method.spec.args, o.seed, m, &s->schedule));
  CASE_OK(topology_create(&l.method.spec.args, m, o.seed, &s->topology));
  for (int w = 0; w < m; w++) {
    memcpy(s->x[w], l.initial, sizeof s->x[w]);
    memcpy(s->start[w], l.initial, sizeof s->x[w]);
  }
  for (int n = 0; n < ROUNDS * m; n++)
    if (simulate_event(s, kind, h, is_geometric)) return 1;
  CASE_OK(lab_run(&l, 0, ROUNDS));
  double worst = 0;
  for (int w = 0; w < m; w++) {
    float x[D];
    CASE_OK(l.algorithm->iterate(l.state, w, x));
    for (int k = 0; k < D; k++) worst = fmax(worst, fabs((double)x[k] - s->x[w][k]));
  }
  float mean[D]; /* moved by the local steps alone, each by 1/M */
  CASE_OK(lab_iterate(&l, mean));
  for (int k = 0; k < D; k++) CASE_CHECK(fabs(mean[k] - (l.initial[k] - s->eta_h[k] / m)) < tolerance);
  if (!(worst < tolerance)) fprintf(stderr, "%s at M = %d is %g off its simulation\n", method, m, worst);
  CASE_CHECK(worst < tolerance);
  event_schedule_destroy(&s->schedule);
  topology_destroy(&s->topology);
  free(s);
  lab_close(&l);
  return 0;
}

static int case_simulation(int argc, char **argv) {
  (void)argc, (void)argv;
  for (int m = 2; m <= 7; m += 5) {
    if (compare_with_simulation("swarm variant=blocking steps=3", m, BLOCKING, 3, false, 1e-5)) return 1;
    if (compare_with_simulation("swarm variant=non-blocking steps=3", m, NON_BLOCKING, 3, false, 1e-5)) return 1;
    if (compare_with_simulation("ad-psgd roles=any", m, NON_BLOCKING, 1, false, 1e-5)) return 1;
  }
  if (compare_with_simulation("swarm variant=blocking steps=2 steps_kind=geometric topology=star", 5, BLOCKING, 2, true,
                              1e-5))
    return 1;
  if (compare_with_simulation("swarm steps=3 steps_kind=geometric speeds=stragglers", 5, NON_BLOCKING, 3, true, 1e-5))
    return 1;
  if (compare_with_simulation("swarm variant=quantized steps=2 bits=16 y_max=8", 5, NON_BLOCKING, 2, false, 2e-3))
    return 1;
  if (compare_with_simulation("ad-psgd topology=ring", 6, ROLES_EVEN, 1, false, 1e-5)) return 1;
  if (compare_with_simulation("ad-psgd topology=hypercube", 8, ROLES_CUBE, 1, false, 1e-5)) return 1;
  return compare_with_simulation("ad-psgd", 7, ROLES_EVEN, 1, false, 1e-5);
}

const mpi_case pairwise_simulation_cases[] = {{"pairwise-simulation", case_simulation}, {NULL, NULL}};
