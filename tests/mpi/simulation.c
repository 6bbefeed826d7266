#include "tests/mpi/simulation.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "tests/mpi/cases.h"
#include "tests/mpi/variants.h"

enum { MAX_WORKERS = 5, DIMENSION = 200 };

/* The workers of a lab on the quadratic. */
typedef struct simulation {
  const lab *lab;
  sampler *samplers[MAX_WORKERS];
  double x[MAX_WORKERS][DIMENSION], m[MAX_WORKERS][DIMENSION], g[DIMENSION];
  float samples[2 * DIMENSION];
} simulation;

static int add_gradient(simulation *s, int w, uint64_t step, double share) {
  const lab *l = s->lab;
  const batch_request request = {.split = SPLIT_TRAIN,
                                 .ids = sampler_batch(s->samplers[w], step),
                                 .n = l->options.batch,
                                 .worker = w,
                                 .key = rng_stream(l->options.seed, RNG_DATA, w, step)};
  CASE_CHECK(request.n == 2);
  CASE_OK(l->data->fetch(l->data, &request, s->samples, NULL));
  for (int i = 0; i < DIMENSION; i++) {
    const double z = ((double)s->samples[i] + s->samples[DIMENSION + i]) / 2;
    s->g[i] += share * (l->data->spectrum[i] * s->x[w][i] - z);
  }
  return 0;
}

static void take_step(simulation *s, int w, uint64_t step) {
  const optimizer *o = &s->lab->options.optimizer;
  const double lr = optimizer_lr(o, (double)step / (double)s->lab->env.steps_per_epoch);
  double norm = 0;
  for (int i = 0; i < DIMENSION; i++) norm += s->g[i] * s->g[i];
  const double shrink = o->clip > 0 && sqrt(norm) > o->clip ? o->clip / sqrt(norm) : 1;
  for (int i = 0; i < DIMENSION; i++) {
    const double d = shrink * s->g[i] + o->weight_decay * s->x[w][i];
    s->m[w][i] = o->momentum * s->m[w][i] + d;
    s->x[w][i] -= lr * (o->nesterov ? d + o->momentum * s->m[w][i] : s->m[w][i]);
    s->g[i] = 0;
  }
}

static void average(double v[MAX_WORKERS][DIMENSION], int m) {
  for (int i = 0; i < DIMENSION; i++) {
    double mean = 0;
    for (int w = 0; w < m; w++) mean += v[w][i] / m;
    for (int w = 0; w < m; w++) v[w][i] = mean;
  }
}

static int simulate_parallel(simulation *s, uint64_t n_rounds) {
  const int m = s->lab->options.n_workers;
  for (uint64_t round = 0; round < n_rounds; round++) {
    for (int w = 0; w < m; w++)
      if (add_gradient(s, w, round, 1.0 / m)) return 1;
    take_step(s, 0, round);
    for (int w = 1; w < m; w++) memcpy(s->x[w], s->x[0], sizeof s->x[0]);
  }
  return 0;
}

static int simulate_local(simulation *s, uint64_t n_rounds, uint64_t steps, bool average_momentum) {
  const int m = s->lab->options.n_workers;
  for (uint64_t round = 0; round < n_rounds; round++) {
    for (int w = 0; w < m; w++)
      for (uint64_t t = round * steps; t < (round + 1) * steps; t++) {
        if (add_gradient(s, w, t, 1)) return 1;
        take_step(s, w, t);
      }
    average(s->x, m);
    if (average_momentum) average(s->m, m);
  }
  return 0;
}

/* steps: of local SGD; 0: parallel SGD. */
static int check_simulation(int m, const char *method, uint64_t steps, bool average_momentum, bool nesterov) {
  enum { ROUNDS = 12 };
  lab_options o = {.dataset = "quadratic dimension=200 mu=0.1 samples=400 heterogeneity=1",
                   .model = "quadratic",
                   .n_workers = m,
                   .method = method,
                   .batch = 2,
                   .seed = 5,
                   .optimizer = optimizer_full};
  o.optimizer.nesterov = nesterov;
  lab l;
  float x[DIMENSION];
  simulation *s = calloc(1, sizeof *s);
  CASE_CHECK(s);
  CASE_OK(lab_open(&o, &l));
  CASE_CHECK(l.env.n_params == DIMENSION);
  s->lab = &l;
  CASE_OK(lab_iterate(&l, x));
  for (int w = 0; w < m; w++) {
    CASE_OK(sampler_create(l.partition, w, o.batch, o.seed, &s->samplers[w]));
    for (int i = 0; i < DIMENSION; i++) s->x[w][i] = x[i];
  }
  CASE_OK(lab_run(&l, 0, ROUNDS));
  CASE_OK(lab_iterate(&l, x));
  if (steps == 0 ? simulate_parallel(s, ROUNDS) : simulate_local(s, ROUNDS, steps, average_momentum)) return 1;
  double worst = 0;
  for (int i = 0; i < DIMENSION; i++) worst = fmax(worst, fabs(x[i] - s->x[0][i]) / (1 + fabs(s->x[0][i])));
  if (worst >= 1e-5) fprintf(stderr, "%s at M = %d is %g from the simulation\n", method, m, worst);
  CASE_CHECK(worst < 1e-5);
  for (int w = 0; w < m; w++) sampler_destroy(s->samplers[w]);
  free(s);
  lab_close(&l);
  return 0;
}

int case_simulation(int argc, char **argv) {
  (void)argc;
  (void)argv;
  int n_ranks;
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  for (int m = n_ranks; m <= MAX_WORKERS; m++) {
    if (check_simulation(m, "sgd", 0, false, false)) return 1;
    if (check_simulation(m, "sgd", 0, false, true)) return 1;
    if (check_simulation(m, "local-sgd steps=3", 3, false, true)) return 1;
    if (check_simulation(m, "local-sgd steps=3 average_momentum=true", 3, true, false)) return 1;
  }
  return 0;
}
