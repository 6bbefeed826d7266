/* The decentralised, synchronous methods: placement, stop and go on, what they reduce to, what they keep, what they
 * send. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/replica_gossip.h"
#include "tests/mpi/cases.h"
#include "tests/mpi/variants.h"

enum { DIMENSION = VARIANT_DIMENSION, MAX_WORKERS = 8 };

static const optimizer heavy = {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01};

/* Every method and every branch of it, and every kind of topology that some number of workers up to 8 has. */
static const variant variants[] = {
    {"d-psgd", {NULL}, &optimizer_full},
    {"d-psgd order=adapt-first topology=torus", {NULL}, &optimizer_full},
    {"d-psgd topology=one-peer-exponential", {NULL}, &optimizer_plain},
    {"d-psgd topology=exponential", {NULL}, &optimizer_plain},
    {"d-psgd topology=complete", {NULL}, &optimizer_plain},
    {"dmsgd topology=star", {NULL}, &optimizer_full},
    {"decentlam", {NULL}, &optimizer_full},
    {"sgp", {NULL}, &optimizer_full},
    {"sgp topology=star", {NULL}, &optimizer_full},
    {"choco-sgd", {"topk density=0.1"}, &optimizer_full},
    {"choco-sgd gamma=0.3 topology=torus scope=layer", {"topk density=0.2", "qsgd levels=4"}, &optimizer_plain},
    {"deepsqueeze", {"sign"}, &optimizer_full},
    {"deepsqueeze topology=one-peer-exponential indices=delta", {"threshold tau=0.2"}, &optimizer_plain},
    {"dcd-psgd", {"qsgd levels=127"}, &optimizer_full},
    {"dcd-psgd topology=star", {"randk density=0.9"}, &optimizer_plain},
    {"quantized-pr-sgd-gossip steps=3", {"qsgd levels=3"}, &optimizer_full},
    {"quantized-pr-sgd-gossip mode=direct steps=2 topology=one-peer-exponential", {"qsgd levels=15"}, &optimizer_plain},
    {"moniqua theta=20", {NULL}, &optimizer_full},
    {"moniqua bits=11 theta=20 topology=one-peer-exponential", {NULL}, &optimizer_plain},
};
enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

static int case_digests(int argc, char **argv) {
  (void)argc;
  (void)argv;
  static const int workers[] = {1, 2, 3, 5, 8};
  for (size_t k = 0; k < sizeof workers / sizeof workers[0]; k++)
    for (int v = 0; v < N_VARIANTS && workers[k] >= case_n_ranks(); v++)
      if (case_digest(variant_options(&variants[v], workers[k], DEVICE_CPU), 4, workers[k] <= 3)) return 1;
  if (case_n_ranks() > 3) return 0;
  /* Each worker's batches are normalised by their own statistics. */
  const lab_options images = {.dataset = "tiny-images",
                              .model = "resnet20",
                              .n_workers = 8,
                              .method = "dcd-psgd",
                              .compressors = {"qsgd levels=127"},
                              .batch = 2,
                              .optimizer = optimizer_full};
  return case_digest(images, 2, false);
}

/* resume save FOLDER, resume load FOLDER: one of the two, so that the numbers of ranks may differ. */
static int case_resume(int argc, char **argv) {
  CASE_CHECK(argc == 2);
  for (int v = 0; v < N_VARIANTS; v++) {
    const lab_options o = variant_options(&variants[v], 8, DEVICE_CPU);
    if (strcmp(argv[0], "save") == 0 ? case_save(&o, v, 3, argv[1]) : case_load(&o, v, 3, argv[1])) return 1;
  }
  return 0;
}

/* ---------------------------------------------------------------- reductions */

typedef struct run {
  const char *method, *compressor;
} run;

static int models_after(const run *r, int m, const optimizer *o, uint64_t n_rounds, float *host) {
  const variant v = {r->method, {r->compressor}, o};
  const lab_options options = variant_options(&v, m, DEVICE_CPU);
  lab l;
  CASE_OK(lab_open(&options, &l));
  CASE_OK(lab_run(&l, 0, n_rounds));
  if (lab_models(&l, host)) return 1;
  lab_close(&l);
  return 0;
}

/* |x - y| / |x| of all workers' models after a few rounds: rounding adds up from round to round. */
static int distance_of(run one, run two, int m, const optimizer *o, double *distance) {
  enum { ROUNDS = 6 };
  static float x[MAX_WORKERS * DIMENSION], y[MAX_WORKERS * DIMENSION];
  double apart = 0, scale = 0;
  if (models_after(&one, m, o, ROUNDS, x) || models_after(&two, m, o, ROUNDS, y)) return 1;
  for (int i = 0; i < m * DIMENSION; i++) {
    apart += pow((double)x[i] - y[i], 2);
    scale += pow(x[i], 2);
  }
  CASE_CHECK(scale > 1);
  *distance = sqrt(apart / scale);
  return 0;
}

/* Within `tolerance` (0: the same bits), or, where it is negative, at least as far apart. */
static int check(const char *one, const char *one_compressor, const char *two, const char *two_compressor, int m,
                 const optimizer *o, double tolerance) {
  double distance;
  if (distance_of((run){one, one_compressor}, (run){two, two_compressor}, m, o, &distance)) return 1;
  const bool holds = tolerance < 0 ? distance >= -tolerance : distance <= tolerance;
  if (!holds) fprintf(stderr, "%s and %s at M = %d are %g apart\n", one, two, m, distance);
  CASE_CHECK(holds);
  return 0;
}

#define SAME(...) \
  if (check(__VA_ARGS__)) return 1
#define ADAPT "d-psgd order=adapt-first"

static int complete_graphs(int m) {
  SAME("sgd", NULL, ADAPT " topology=complete", NULL, m, &optimizer_plain, 1e-6);
  SAME("sgd", NULL, ADAPT " topology=complete", NULL, m, &heavy, 1e-6);
  SAME("sgd", NULL, "dmsgd topology=complete", NULL, m, &heavy, 1e-6);
  SAME("sgd", NULL, "decentlam topology=complete", NULL, m, &heavy, 3e-6); /* it divides rounding by the step size */
  SAME("sgd", NULL, "choco-sgd gamma=1 topology=complete", "identity", m, &optimizer_plain, 1e-6);
  SAME("sgd", NULL, "deepsqueeze gamma=1 topology=complete", "identity", m, &optimizer_plain, 1e-6);
  SAME("local-sgd steps=3", NULL, "quantized-pr-sgd-gossip mode=direct steps=3 topology=complete", "identity", m,
       &optimizer_plain, 1e-6);
  if (m > 1) SAME("sgd", NULL, "d-psgd topology=complete", NULL, m, &optimizer_plain, -0.02);
  return 0;
}

static int between_methods(int m) {
  SAME(ADAPT, NULL, "deepsqueeze gamma=1", "identity", m, &optimizer_full, 0);
  SAME(ADAPT, NULL, "choco-sgd gamma=1", "identity", m, &optimizer_full, 1e-6);
  SAME(ADAPT, NULL, "dmsgd", NULL, m, &optimizer_full, 0);
  SAME(ADAPT, NULL, "decentlam", NULL, m, &optimizer_plain, 1e-6);
  SAME(ADAPT, NULL, "sgp topology=ring", NULL, m, &optimizer_full, 1e-6);
  SAME(ADAPT " topology=one-peer-exponential", NULL, "sgp", NULL, m, &optimizer_full, 1e-6);
  SAME(ADAPT, NULL, "quantized-pr-sgd-gossip mode=direct steps=1", "identity", m, &optimizer_full, 1e-6);
  SAME("d-psgd", NULL, "dcd-psgd", "identity", m, &optimizer_full, 1e-6);
  SAME("dcd-psgd", "qsgd levels=15", "quantized-pr-sgd-gossip steps=1", "qsgd levels=15", m, &optimizer_full, 0);
  if (m < 4) return 0; /* a ring of three is complete: DecentLaM and DmSGD are parallel SGD there */
  SAME("d-psgd", NULL, ADAPT, NULL, m, &optimizer_plain, -0.01);
  SAME("dmsgd", NULL, "decentlam", NULL, m, &heavy, -1e-3);
  return 0;
}

static int alone(void) {
  static const run runs[] = {{"d-psgd", NULL},
                             {ADAPT, NULL},
                             {"dmsgd topology=star", NULL},
                             {"decentlam", NULL},
                             {"sgp", NULL},
                             {"choco-sgd gamma=1", "identity"},
                             {"deepsqueeze", "identity"},
                             {"dcd-psgd", "identity"},
                             {"quantized-pr-sgd-gossip steps=1", "identity"},
                             {"quantized-pr-sgd-gossip steps=1 mode=direct", "identity"}};
  for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
    SAME("sgd", NULL, runs[i].method, runs[i].compressor, 1, &heavy, 1e-6);
  return 0;
}

static int case_reductions(int argc, char **argv) {
  (void)argc;
  (void)argv;
  for (int m = case_n_ranks() > 2 ? case_n_ranks() : 2; m <= 8; m += 3)
    if (complete_graphs(m) || between_methods(m)) return 1;
  return case_n_ranks() == 1 ? alone() : 0;
}

/* ---------------------------------------------------------------- invariants */

static double distance_to_mean(const float *x, int m, double *mean) {
  double sum = 0;
  for (int k = 0; k < DIMENSION; k++) {
    mean[k] = 0;
    for (int w = 0; w < m; w++) mean[k] += (double)x[w * DIMENSION + k] / m;
    for (int w = 0; w < m; w++) sum += pow(x[w * DIMENSION + k] - mean[k], 2);
  }
  return sum;
}

/* Rounds of step size 0, after some that drove the models apart, leave the mean where it is and bring them together. */
static int check_averaging(const variant *v, int m) {
  static float x[MAX_WORKERS * DIMENSION];
  double before[DIMENSION], after[DIMENSION], worst = 0;
  lab_options o = variant_options(v, m, DEVICE_CPU);
  lab l;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_run(&l, 0, 6));
  if (lab_models(&l, x)) return 1;
  const double apart = distance_to_mean(x, m, before);
  l.options.optimizer.lr = 0;
  CASE_OK(lab_run(&l, 6, 12));
  if (lab_models(&l, x)) return 1;
  const double near = distance_to_mean(x, m, after);
  for (int k = 0; k < DIMENSION; k++) worst = fmax(worst, fabs(after[k] - before[k]));
  if (!(worst < 5e-6 && near < 0.9 * apart))
    fprintf(stderr, "%s: mean moved %g, %g -> %g\n", v->method, worst, apart, near);
  CASE_CHECK(worst < 5e-6);
  CASE_CHECK(apart > 1e-3 && near < 0.9 * apart);
  lab_close(&l);
  return 0;
}

static int case_averaging(int argc, char **argv) {
  (void)argc;
  (void)argv;
  static const variant averaging[] = {
      {"d-psgd", {NULL}, &optimizer_plain},
      {"d-psgd order=adapt-first topology=star", {NULL}, &optimizer_plain},
      {"d-psgd topology=one-peer-exponential", {NULL}, &optimizer_plain},
      {"sgp topology=exponential", {NULL}, &optimizer_plain},
      {"choco-sgd gamma=0.4", {"topk density=0.2"}, &optimizer_plain},
      {"deepsqueeze gamma=0.4", {"topk density=0.2"}, &optimizer_plain},
      {"moniqua theta=20 bits=12", {NULL}, &optimizer_plain},
  };
  for (size_t v = 0; v < sizeof averaging / sizeof averaging[0]; v++)
    if (check_averaging(&averaging[v], 8)) return 1;
  return 0;
}

/* Every copy of a model is that model, in every bit, whichever rank it lies on. */
static int check_copies(const variant *v, int m) {
  static float x[MAX_WORKERS * DIMENSION], copy[DIMENSION];
  const lab_options o = variant_options(v, m, DEVICE_CPU);
  lab l;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_run(&l, 0, 5));
  if (lab_models(&l, x)) return 1;
  CASE_CHECK(memcmp(x, x + DIMENSION, sizeof copy) != 0);
  const replica_gossip *r = l.state;
  for (int i = 0; i < l.env.n_local; i++) {
    size_t count;
    const transfer *heard = gossip_heard(&r->gossip, 0, i, &count);
    CASE_CHECK(count == 2);
    for (size_t k = 0; k < count; k++) {
      stream_copy(l.stream, copy, r->copies[i][k], sizeof copy);
      CASE_OK(stream_synchronize(l.stream));
      CASE_CHECK(memcmp(copy, x + heard[k].from * DIMENSION, sizeof copy) == 0);
    }
  }
  lab_close(&l);
  return 0;
}

static int case_copies(int argc, char **argv) {
  (void)argc;
  (void)argv;
  static const variant replicas[] = {{"dcd-psgd", {"qsgd levels=15"}, &optimizer_full},
                                     {"quantized-pr-sgd-gossip steps=2", {"qsgd levels=3"}, &optimizer_plain}};
  return check_copies(&replicas[0], 8) || check_copies(&replicas[1], 8);
}

/* Each model that is decoded is at most half a step of the grid off: the first round ends within (1 - W_ii) s of
 * D-PSGD's, and not at the same bits. Models further apart than theta end the run. */
static int case_moniqua(int argc, char **argv) {
  (void)argc;
  (void)argv;
  enum { M = 8 };
  static float x[M * DIMENSION], y[M * DIMENSION];
  for (int bits = 2; bits <= 16; bits += 7) {
    const double step = 2 * 0.5 / (exp2(bits) - 1);
    char words[64];
    double worst = 0;
    snprintf(words, sizeof words, "moniqua theta=0.5 bits=%d", bits);
    if (models_after(&(run){words, NULL}, M, &optimizer_plain, 1, x)) return 1;
    if (models_after(&(run){"d-psgd", NULL}, M, &optimizer_plain, 1, y)) return 1;
    for (int i = 0; i < M * DIMENSION; i++) worst = fmax(worst, fabs((double)x[i] - y[i]));
    CASE_CHECK(worst <= 2.0 / 3 * step + 1e-6 && worst > 0.4 * step);
  }
  const variant v = {"moniqua theta=0.001", {NULL}, &optimizer_plain};
  const lab_options o = variant_options(&v, M, DEVICE_CPU);
  lab l;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_run(&l, 0, 1));
  CASE_CHECK(lab_run(&l, 1, 2) == STATUS_DIVERGED);
  CASE_CHECK(strstr(status_detail(), "are further apart than theta = 0.001"));
  lab_close(&l);
  return 0;
}

/* What Quantized-PR-SGD's abstract says of gossip: with differences to replicas the error dies out with the steps, with
 * the models themselves it stays. On the same problem, with the same quantizer, from the same start. */
static int distance_from_dense(const char *method, const optimizer *o, double *distance) {
  static float x[MAX_WORKERS * DIMENSION], y[MAX_WORKERS * DIMENSION];
  double dense[DIMENSION], mean[DIMENSION];
  if (models_after(&(run){"d-psgd", NULL}, 8, o, 150, x)) return 1;
  if (models_after(&(run){method, "qsgd levels=127"}, 8, o, 150, y)) return 1;
  distance_to_mean(x, 8, dense);
  *distance = distance_to_mean(y, 8, mean);
  for (int k = 0; k < DIMENSION; k++) *distance += pow(mean[k] - dense[k], 2);
  return 0;
}

static int case_direct(int argc, char **argv) {
  (void)argc;
  (void)argv;
  static const optimizer gentle = {
      .lr = 0.1, .schedule = SCHEDULE_MULTISTEP, .milestones = {2, 3, 4, 5}, .n_milestones = 4, .gamma = 0.3};
  double replicas, direct;
  if (distance_from_dense("quantized-pr-sgd-gossip steps=1", &gentle, &replicas)) return 1;
  if (distance_from_dense("quantized-pr-sgd-gossip steps=1 mode=direct", &gentle, &direct)) return 1;
  if (!(direct > 20 * replicas)) fprintf(stderr, "replicas %g, direct %g\n", replicas, direct);
  CASE_CHECK(direct > 20 * replicas);
  return 0;
}

/* ---------------------------------------------------------------- probes */

typedef struct emitted {
  const char *wanted;
  int n, n_others;
  double value[MAX_WORKERS + 1]; /* by owner + 1 */
} emitted;

static enum status collect(void *context, const char *name, int owner, double value) {
  emitted *e = context;
  if (strcmp(name, e->wanted) == 0) {
    e->value[owner + 1] = value;
    e->n++;
  } else {
    e->n_others++;
  }
  return STATUS_OK;
}

/* On a star nobody's share is like the centre's: push-sum weights follow P w, and z = u / w agrees on the mean of all
 * u.
 */
static int case_push_sum(int argc, char **argv) {
  (void)argc;
  (void)argv;
  enum { M = 6, ROUNDS = 5 };
  const variant v = {"sgp topology=star", {NULL}, &optimizer_plain};
  const lab_options o = variant_options(&v, M, DEVICE_CPU);
  static float x[M * DIMENSION];
  double w[M] = {1, 1, 1, 1, 1, 1}, mean[DIMENSION];
  lab l;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_run(&l, 0, ROUNDS));
  for (int t = 0; t < ROUNDS; t++) {
    const double centre = w[0] / M;
    w[0] = centre;
    for (int i = 1; i < M; i++) {
      w[0] += w[i] / 2;
      w[i] = w[i] / 2 + centre;
    }
  }
  emitted e = {.wanted = "push_sum_weight"};
  CASE_OK(l.algorithm->probe(l.state, &(probe_sink){.emit = collect, .context = &e}));
  CASE_CHECK(e.n == l.env.n_local && e.n_others == l.env.n_local);
  CASE_CHECK(w[0] > 1.2 && w[1] < 0.95);
  for (int i = 0; i < l.env.n_local; i++) CASE_CHECK(fabs(e.value[l.workers[i].id + 1] - w[l.workers[i].id]) < 1e-6);
  l.options.optimizer.lr = 0;
  CASE_OK(lab_run(&l, ROUNDS, ROUNDS + 40));
  if (lab_models(&l, x)) return 1;
  CASE_CHECK(distance_to_mean(x, M, mean) < 1e-9);
  lab_close(&l);
  return 0;
}

static int case_facts(int argc, char **argv) {
  (void)argc;
  (void)argv;
  const variant v = {"dmsgd", {NULL}, &optimizer_plain};
  const lab_options o = variant_options(&v, 8, DEVICE_CPU);
  static float x[8 * DIMENSION];
  double mean[DIMENSION];
  lab l;
  emitted e = {.wanted = "spectral_gap"};
  CASE_OK(lab_open(&o, &l));
  CASE_OK(l.algorithm->facts(l.state, &(probe_sink){.emit = collect, .context = &e}));
  CASE_CHECK(e.n == 1 && e.n_others == 3 && fabs(e.value[0] - 0.195) < 5e-4);
  CASE_OK(lab_run(&l, 0, 3));
  e = (emitted){.wanted = "consensus_distance2"};
  CASE_OK(l.algorithm->probe(l.state, &(probe_sink){.emit = collect, .context = &e}));
  CASE_CHECK(e.n == l.env.n_local);
  double sum = 0;
  for (int i = 0; i < 9; i++) sum += e.value[i];
  CASE_CHECK(MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD) == MPI_SUCCESS);
  if (lab_models(&l, x)) return 1;
  const double right = distance_to_mean(x, 8, mean);
  CASE_CHECK(right > 1e-3 && fabs(sum - right) < 1e-5 * right);
  lab_close(&l);
  return 0;
}

/* ---------------------------------------------------------------- bits */

/* Every worker sends `degree` messages of so many bits a round, each with a head of 16 bytes, and nothing else. */
static int check_bits(const char *method, const char *compressor, int degree, uint64_t payload_bits, double theory) {
  enum { M = 8, ROUNDS = 3 };
  const variant v = {method, {compressor}, &optimizer_plain};
  const lab_options o = variant_options(&v, M, DEVICE_CPU);
  lab l;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_run(&l, 0, ROUNDS));
  const uint64_t n = (uint64_t)degree * ROUNDS;
  for (int i = 0; i < l.env.n_local; i++) {
    const traffic_count *count = traffic_of(comm_traffic(l.comm), l.workers[i].id);
    CASE_CHECK(count[DIRECTION_UP].messages == 0 && count[DIRECTION_DOWN].messages == 0);
    CASE_CHECK(count[DIRECTION_PEER].messages == n);
    if (count[DIRECTION_PEER].payload_bits != n * payload_bits)
      fprintf(stderr, "%s: %llu payload bits\n", method, (unsigned long long)count[DIRECTION_PEER].payload_bits);
    CASE_CHECK(count[DIRECTION_PEER].payload_bits == n * payload_bits);
    CASE_CHECK(count[DIRECTION_PEER].wire_bytes == n * (16 + 4 * ((payload_bits + 31) / 32)));
    CASE_CHECK(fabs(count[DIRECTION_PEER].theory_bits - (double)n * theory) < 1e-9 * (double)n * theory);
  }
  lab_close(&l);
  return 0;
}

static int case_bits(int argc, char **argv) {
  (void)argc;
  (void)argv;
  enum { D = DIMENSION };
  /* Top-k: value and raw index of each of k; QSGD: sign and ceil(log2(s + 1)) bits an element, one scale. */
  return check_bits("d-psgd", NULL, 2, 32 * D, 32 * D) ||
         check_bits("d-psgd topology=torus", NULL, 3, 32 * D, 32 * D) ||
         check_bits("dmsgd topology=complete", NULL, 7, 32 * D, 32 * D) ||
         check_bits("decentlam topology=exponential", NULL, 3, 32 * D, 32 * D) ||
         check_bits("d-psgd topology=one-peer-exponential", NULL, 1, 32 * D, 32 * D) ||
         check_bits("sgp", NULL, 1, 32 * (D + 1), 32 * (D + 1)) ||
         check_bits("choco-sgd", "topk k=20", 2, 64 * 20, 64 * 20) ||
         check_bits("deepsqueeze topology=hypercube", "topk k=20", 3, 64 * 20, 64 * 20) ||
         check_bits("dcd-psgd", "qsgd levels=3", 2, 3 * D + 32, 3 * D + 32) ||
         check_bits("quantized-pr-sgd-gossip", "qsgd levels=3", 2, 3 * D + 32, 3 * D + 32) ||
         check_bits("moniqua bits=5 theta=20", NULL, 2, 5 * D + 32, 5 * D);
}

const mpi_case gossip_cases[] = {
    {"gossip-digests", case_digests},
    {"gossip-resume", case_resume},
    {"gossip-reductions", case_reductions},
    {"gossip-averaging", case_averaging},
    {"gossip-copies", case_copies},
    {"gossip-push-sum", case_push_sum},
    {"gossip-facts", case_facts},
    {"gossip-bits", case_bits},
    {"gossip-moniqua", case_moniqua},
    {"gossip-direct", case_direct},
    {NULL, NULL},
};
