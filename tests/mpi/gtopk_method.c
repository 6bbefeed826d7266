#include "tests/mpi/gtopk_method.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/mpi/cases.h"
#include "tests/mpi/lab.h"

enum { DIMENSION = 200, WORKERS = 5 };
#define QUADRATIC .dataset = "quadratic dimension=200 mu=0.1 samples=20 heterogeneity=1", .model = "quadratic"

/* What all workers have sent so far: payload bits, and the bytes that crossed ranks. */
static enum status sent(lab *l, uint64_t out[2]) {
  out[0] = 0;
  out[1] = comm_mpi_bytes(l->comm);
  for (int i = 0; i < l->env.n_local; i++)
    out[0] += traffic_of(comm_traffic(l->comm), l->workers[i].id)[DIRECTION_PEER].payload_bits;
  return comm_control_u64(l->comm, CONTROL_SUM, out, 2);
}

int case_gtopk_warmup(int argc, char **argv) {
  (void)argc;
  (void)argv;
  /* 20 samples over 5 workers, 2 a step: 2 steps an epoch. */
  static const uint64_t k[] = {60, 60, 20, 20, 7, 7, 7};
  static const char *const methods[] = {"gtopk k=7 density_warmup=[0.3,0.1] aggregate=naive",
                                        "gtopk k=7 density_warmup=[0.3,0.1] aggregate=tree",
                                        "gtopk k=7 density_warmup=[0.3,0.1] aggregate=recursive"};
  static const uint64_t messages[] = {WORKERS * (WORKERS - 1), 2 * (WORKERS - 1), 10};
  for (int how = 0; how < 3; how++) {
    const lab_options o = {QUADRATIC, .n_workers = WORKERS, .method = methods[how], .batch = 2,
                           .optimizer = {.lr = 0.1}};
    lab l;
    uint64_t before[2] = {0}, after[2];
    CASE_OK(lab_open(&o, &l));
    CASE_CHECK(l.env.steps_per_epoch == 2);
    for (uint64_t round = 0; round < sizeof k / sizeof k[0]; round++) {
      CASE_OK(lab_run(&l, round, round + 1));
      CASE_OK(sent(&l, after));
      CASE_CHECK(after[0] - before[0] == 64 * k[round] * messages[how]);
      before[0] = after[0];
    }
    lab_close(&l);
  }
  return 0;
}

/* ---------------------------------------------------------------- Assumption 1 */

typedef struct emitted {
  int n;
  double error2, rand2, rand2_mean; /* of the whole model */
  double tensors, rand_tensors;     /* sums over its tensors */
} emitted;

static enum status collect(void *context, const char *name, int w, double value) {
  emitted *e = context;
  if (strcmp(name, "residual_norm2") == 0) return STATUS_OK;
  if (w != ARCHIVE_SHARED) return FAIL(STATUS_BAD_INPUT, "%s is not shared", name);
  e->n++;
  if (strcmp(name, "gtopk_error2") == 0)
    e->error2 = value;
  else if (strcmp(name, "rand_error2") == 0)
    e->rand2 = value;
  else if (strcmp(name, "rand_error2_mean") == 0)
    e->rand2_mean = value;
  else if (strncmp(name, "gtopk_error2/", 13) == 0)
    e->tensors += value;
  else if (strncmp(name, "rand_error2_mean/", 17) == 0)
    e->rand_tensors += value;
  else
    return FAIL(STATUS_BAD_INPUT, "an unknown series: %s", name);
  return STATUS_OK;
}

static enum status probe(lab *l, emitted *e) {
  const probe_sink sink = {.emit = collect, .context = e};
  *e = (emitted){0};
  return l->algorithm->probe(l->state, &sink);
}

static bool near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance * fabs(b); }

/* In the first round, with a step size of 1, dense SGD moves by -x and gTop-k by -G/M. */
static int check_first_round(const char *method, double k) {
  lab_options o = {QUADRATIC, .n_workers = WORKERS, .method = "sgd", .batch = 2, .optimizer = {.lr = 1}};
  float start[DIMENSION], dense[DIMENSION], sparse_step[DIMENSION];
  double a = 0, x2 = 0;
  uint64_t digest;
  emitted e;
  lab l;
  CASE_OK(lab_whole_run(&o, 0, &digest, start));
  CASE_OK(lab_whole_run(&o, 1, &digest, dense));
  o.method = method;
  o.probe_every = 1;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(probe(&l, &e));
  CASE_CHECK(e.n == 0);
  CASE_OK(lab_run(&l, 0, 1));
  CASE_OK(lab_iterate(&l, sparse_step));
  CASE_OK(probe(&l, &e));
  for (int i = 0; i < DIMENSION; i++) {
    a += pow((double)dense[i] - sparse_step[i], 2);
    x2 += pow((double)dense[i] - start[i], 2);
  }
  CASE_CHECK(e.n == 5 && a > 0);
  CASE_CHECK(near(e.error2, a, 1e-5));
  CASE_CHECK(near(e.rand2_mean, (1 - k / DIMENSION) * x2, 1e-5));
  CASE_CHECK(e.rand2 > 0 && e.rand2 < x2 * (1 + 1e-6));
  CASE_CHECK(e.tensors == e.error2 && e.rand_tensors == e.rand2_mean); /* the quadratic is one tensor */
  CASE_OK(probe(&l, &e));
  CASE_CHECK(e.n == 0);
  lab_close(&l);
  return 0;
}

/* The random choice is unbiased: over many rounds the drawn error is its expectation. */
static int check_draws(void) {
  const lab_options o = {QUADRATIC,  .n_workers = WORKERS,      .method = "gtopk k=50",
                         .batch = 2, .optimizer = {.lr = 0.01}, .probe_every = 2};
  enum { ROUNDS = 200 };
  double sum = 0;
  emitted e;
  lab l;
  CASE_OK(lab_open(&o, &l));
  for (uint64_t round = 0; round < ROUNDS; round++) {
    CASE_OK(lab_run(&l, round, round + 1));
    CASE_OK(probe(&l, &e));
    CASE_CHECK(e.n == (round % 2 ? 5 : 0));
    if (e.n > 0) sum += e.rand2 / e.rand2_mean;
  }
  if (fabs(sum / (ROUNDS / 2) - 1) > 0.05) fprintf(stderr, "mean of drawn over expected: %g\n", sum / (ROUNDS / 2));
  CASE_CHECK(fabs(sum / (ROUNDS / 2) - 1) <= 0.05);
  lab_close(&l);
  return 0;
}

/* With probes and without: the same digest and the same account. */
static int check_no_trace(lab_options o) {
  uint64_t digest[2], bits[2][2];
  emitted e = {0};
  for (int i = 0; i < 2; i++) {
    lab l;
    o.probe_every = i == 0 ? 0 : 3;
    CASE_OK(lab_open(&o, &l));
    CASE_OK(lab_run(&l, 0, 6));
    CASE_OK(sent(&l, bits[i]));
    CASE_OK(lab_digest(&l, &digest[i]));
    CASE_OK(probe(&l, &e));
    CASE_CHECK((e.n > 0) == (i == 1));
    lab_close(&l);
  }
  CASE_CHECK(digest[0] == digest[1]);
  CASE_CHECK(bits[0][0] == bits[1][0] && bits[0][1] == bits[1][1]);
  CASE_CHECK(near(e.tensors, e.error2, 1e-12) && near(e.rand_tensors, e.rand2_mean, 1e-12));
  return 0;
}

int case_gtopk_assumption(int argc, char **argv) {
  (void)argc;
  (void)argv;
  static const char *const methods[] = {"gtopk k=20 aggregate=naive", "gtopk k=20 aggregate=tree", "gtopk k=20",
                                        "gtopk k=20 memory=false", "gtopk k=20 step_inside=true"};
  for (int i = 0; i < 5; i++) {
    if (check_first_round(methods[i], 20)) return 1;
    const lab_options o = {QUADRATIC,
                           .device = i % 2 ? DEVICE_SHADOW : DEVICE_CPU,
                           .n_workers = WORKERS,
                           .method = methods[i],
                           .batch = 2,
                           .optimizer = {.lr = 0.1}};
    if (check_no_trace(o)) return 1;
  }
  const lab_options images = {.dataset = "fashion-mnist",
                              .model = "lenet5",
                              .n_workers = 4,
                              .method = "gtopk density=0.01 density_warmup=[0.1]",
                              .batch = 4,
                              .optimizer = {.lr = 0.05, .momentum = 0.9}};
  return check_draws() || check_no_trace(images);
}

/* ---------------------------------------------------------------- momentum correction */

typedef struct corrected {
  double x[DIMENSION], m[DIMENSION], e[DIMENSION];
} corrected;

/* One round of a single worker with gradient g, by Algorithm 4 of Lin et al.: the k largest of m + e are sent. */
static void step_corrected(corrected *c, const float *g, int k, const optimizer *o) {
  bool sent[DIMENSION] = {false};
  for (int i = 0; i < DIMENSION; i++) {
    c->m[i] = o->momentum * c->m[i] + g[i];
    c->e[i] += c->m[i];
  }
  for (int n = 0; n < k; n++) {
    int largest = -1;
    for (int i = 0; i < DIMENSION; i++)
      if (!sent[i] && (largest < 0 || fabs(c->e[i]) > fabs(c->e[largest]))) largest = i;
    sent[largest] = true;
  }
  for (int i = 0; i < DIMENSION; i++) {
    if (!sent[i]) continue;
    c->x[i] -= o->lr * c->e[i];
    c->m[i] = c->e[i] = 0;
  }
}

int case_gtopk_momentum(int argc, char **argv) {
  (void)argc;
  (void)argv;
  enum { K = 20, ROUNDS = 15 };
  const lab_options o = {QUADRATIC, .n_workers = 1, .method = "gtopk k=20 momentum_correction=true", .batch = 2,
                         .optimizer = {.lr = 0.05, .momentum = 0.9}};
  corrected c = {0};
  float x[DIMENSION], g[DIMENSION];
  double worst = 0;
  lab l;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_iterate(&l, x));
  for (int i = 0; i < DIMENSION; i++) c.x[i] = x[i];
  for (uint64_t round = 0; round < ROUNDS; round++) {
    CASE_OK(lab_run(&l, round, round + 1));
    stream_copy(l.stream, g, l.workers[0].gradient, sizeof g);
    CASE_OK(stream_synchronize(l.stream));
    step_corrected(&c, g, K, &o.optimizer);
  }
  CASE_OK(lab_iterate(&l, x));
  for (int i = 0; i < DIMENSION; i++) worst = fmax(worst, fabs(x[i] - c.x[i]) / (1 + fabs(c.x[i])));
  CASE_CHECK(worst < 1e-5);
  lab_close(&l);
  return 0;
}
