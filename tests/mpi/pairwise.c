/* The pairwise methods: their exact invariants and stationary spread, what they send, failed decoding, and that neither
 * the placement nor a pause changes a bit. */
#include "algorithms/pairwise.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/mpi/cases.h"
#include "tests/mpi/variants.h"

enum { MOST = 16, D = 60 };
#define QUADRATIC .dataset = "quadratic dimension=60 mu=0.1 samples=80 heterogeneity=1", .model = "quadratic"
/* Gradients that are noise of variance 1 alone. */
#define NOISE .dataset = "quadratic dimension=60 L=1e-9 mu=1e-9 noise=1", .model = "quadratic"

static const optimizer full = {.lr = 0.1,
                               .momentum = 0.9,
                               .weight_decay = 0.01,
                               .clip = 6,
                               .schedule = SCHEDULE_MULTISTEP,
                               .milestones = {0.2},
                               .n_milestones = 1,
                               .gamma = 0.5};

static lab_options options_of(const char *method, int m) {
  return (lab_options){QUADRATIC, .n_workers = m, .method = method, .batch = 2, .seed = 11, .optimizer = full};
}

/* ---------------------------------------------------------------- placement, device and pauses */

static const char *const variants[] = {
    "swarm variant=blocking steps=2",
    "swarm variant=blocking steps=2 steps_kind=geometric topology=ring",
    "swarm variant=non-blocking steps=3 speeds=stragglers straggler_factor=2.5",
    "swarm variant=non-blocking steps=2 steps_kind=geometric topology=star",
    "swarm variant=quantized steps=2 bits=8 y_max=8 rotation=5",
    "swarm variant=quantized steps=1 bits=3 y_max=0.4 speeds=equal", /* which fails now and then */
    "ad-psgd",
    "ad-psgd roles=any topology=ring speeds=equal",
};
enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

static int case_digests(int argc, char **argv) {
  (void)argc, (void)argv;
  static const int workers[] = {2, 3, 8};
  for (int k = 0; k < 3; k++)
    for (int v = 0; v < N_VARIANTS && workers[k] >= case_n_ranks(); v++)
      if (case_digest(options_of(variants[v], workers[k]), 4, workers[k] == 3)) return 1;
  if (case_n_ranks() > 3) return 0;
  const lab_options images = {.dataset = "fashion-mnist",
                              .model = "resnet20",
                              .n_workers = 8,
                              .method = "swarm variant=quantized steps=1",
                              .batch = 1,
                              .optimizer = {.lr = 0.05}};
  return case_digest(images, 1, false);
}

/* pairwise-resume save|load FOLDER */
static int case_resume(int argc, char **argv) {
  enum { M = 5, ROUNDS = 3 };
  CASE_CHECK(argc == 2);
  for (int v = 0; v < N_VARIANTS; v++) {
    const lab_options o = options_of(variants[v], M);
    if (strcmp(argv[0], "save") == 0 ? case_save(&o, v, ROUNDS, argv[1]) : case_load(&o, v, ROUNDS, argv[1])) return 1;
  }
  return 0;
}

/* ---------------------------------------------------------------- spread */

/* The mean of all, and sum_w |x_w - mean|^2. */
static double spread_of(int m, float x[][D], double *mean) {
  double gamma = 0;
  for (int k = 0; k < D; k++) {
    mean[k] = 0;
    for (int w = 0; w < m; w++) mean[k] += x[w][k] / (double)m;
    for (int w = 0; w < m; w++) gamma += pow(x[w][k] - mean[k], 2);
  }
  return gamma;
}

/* Averages over the edges of a graph, each from the same vectors, are exact expectations: the spread shrinks by
 * 1 - 1/(M - 1) on the complete graph whatever the vectors, by 1 - lambda_2/(2 M) per edge of a 2-regular one along the
 * eigenvector; and no average moves the mean. */
static int check_gossip(const char *method, bool is_eigenvector, double expected) {
  enum { M = 16 };
  const lab_options o = options_of(method, M);
  static float begin[M][D], x[M][D];
  float *rows[M];
  double mean[D], moved[D], ratio = 0;
  lab l;
  pairwise p;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(pairwise_create(&l.env, &l.method.spec.args, &p));
  for (int w = 0; w < M; w++) {
    rows[w] = x[w];
    for (int k = 0; k < D; k++)
      begin[w][k] =
          is_eigenvector ? (float)cos(2 * M_PI * w / M + k) : rng_normal_at(rng_stream(1, RNG_TEST, w, 0), (uint64_t)k);
  }
  const double gamma = spread_of(M, begin, mean);
  for (size_t e = 0; e < p.topology.n_edges; e++) {
    memcpy(x, begin, sizeof x);
    CASE_OK(pairwise_average(&p, p.topology.edges[e].a, p.topology.edges[e].b, rows));
    ratio += spread_of(M, x, moved) / gamma / (double)p.topology.n_edges;
    for (int k = 0; k < D; k++) CASE_CHECK(fabs(moved[k] - mean[k]) < 1e-7);
  }
  if (!(fabs(ratio - expected) < 1e-6))
    fprintf(stderr, "%s: the spread shrinks by %.7f, not %.7f\n", method, ratio, expected);
  CASE_CHECK(fabs(ratio - expected) < 1e-6);
  pairwise_destroy(&p);
  lab_close(&l);
  return 0;
}

typedef struct series {
  double distance2, steps, failures;
} series;

static enum status collect(void *context, const char *name, int w, double value) {
  series *s = context;
  (void)w;
  if (strcmp(name, "consensus_distance2") == 0)
    s->distance2 += value;
  else if (strcmp(name, "steps") == 0)
    s->steps += value;
  else if (strcmp(name, "decode_failures") == 0)
    s->failures += value;
  else
    return FAIL(STATUS_BAD_INPUT, "an unknown series: %s", name);
  return STATUS_OK;
}

static int read_series(lab *l, series *out) {
  *out = (series){0};
  const probe_sink sink = {.emit = collect, .context = out};
  CASE_OK(l->algorithm->probe(l->state, &sink));
  CASE_OK(comm_control_sum(l->comm, (double *)out, sizeof *out / sizeof(double)));
  return 0;
}

/* Under gradients that are noise of variance sigma^2 = 1 the stationary Gamma/(M d H eta^2) is known. The mean over
 * blocks of rounds is within four of its standard errors, which are below 1.5 % of it: one-sided averaging, with twice
 * the spread, would be seen. */
static int check_stationary(const char *method, int m, uint64_t h, double expected) {
  enum { BLOCKS = 60, ROUNDS = 25 };
  const lab_options o = {NOISE, .n_workers = m, .method = method, .batch = 1, .seed = 4, .optimizer = {.lr = 0.1}};
  const double unit = m * D * (double)h * 0.1 * 0.1;
  double sum = 0, squares = 0;
  lab l;
  series s;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_run(&l, 0, ROUNDS)); /* to come near the stationary state */
  for (int b = 1; b <= BLOCKS; b++) {
    double block = 0;
    for (int r = 0; r < ROUNDS; r++) {
      CASE_OK(lab_run(&l, (uint64_t)(b * ROUNDS + r), (uint64_t)(b * ROUNDS + r + 1)));
      if (read_series(&l, &s)) return 1;
      block += s.distance2 / unit / ROUNDS;
    }
    sum += block;
    squares += block * block;
  }
  const double mean = sum / BLOCKS, error = sqrt((squares / BLOCKS - mean * mean) / (BLOCKS - 1));
  if (!(fabs(mean - expected) < 4 * error && error < 0.015 * expected))
    fprintf(stderr, "%s: Gamma is %.4f +- %.4f, not %.4f\n", method, mean, error, expected);
  CASE_CHECK(fabs(mean - expected) < 4 * error && error < 0.015 * expected);
  lab_close(&l);
  return 0;
}

static int case_spread(int argc, char **argv) {
  (void)argc, (void)argv;
  if (check_gossip("swarm topology=complete", false, 1 - 1 / 15.0)) return 1;
  if (check_gossip("swarm topology=ring", true, 1 - (2 - 2 * cos(M_PI / 8)) / 32)) return 1; /* 0.99524 */
  const double m = 8;
  if (check_stationary("swarm variant=blocking steps=2", 8, 2, (1 - 1 / m) * (1 - 2 / m))) return 1;
  if (check_stationary("swarm variant=non-blocking steps=2", 8, 2, (1 - 1 / m) * (1 - 1 / m))) return 1;
  if (check_stationary("swarm variant=non-blocking topology=ring", 8, 4, 1.04)) return 1;
  return check_stationary("ad-psgd roles=any", 8, 1, (1 - 1 / m) * (1 - 1 / m));
}

/* ---------------------------------------------------------------- what is counted */

/* Messages of a round (wire bytes and bits in all) and gradient evaluations, of the account and of the series. */
static int check_counts(const char *method, uint64_t steps, traffic_count expected) {
  enum { M = 8, ROUNDS = 3 };
  const lab_options o = options_of(method, M);
  uint64_t sums[4] = {0};
  double theory = 0;
  lab l;
  series s;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_run(&l, 0, ROUNDS));
  for (int i = 0; i < l.env.n_local; i++) {
    const traffic_count *c = traffic_of(comm_traffic(l.comm), l.workers[i].id);
    CASE_CHECK(c[DIRECTION_UP].messages == 0 && c[DIRECTION_DOWN].messages == 0);
    sums[0] += c[DIRECTION_PEER].payload_bits;
    sums[1] += c[DIRECTION_PEER].wire_bytes;
    sums[2] += c[DIRECTION_PEER].messages;
    theory += c[DIRECTION_PEER].theory_bits;
    loss_account account;
    stream_copy(l.stream, &account, l.workers[i].account, sizeof account);
    CASE_OK(stream_synchronize(l.stream));
    sums[3] += account.n_steps;
  }
  CASE_OK(comm_control_u64(l.comm, CONTROL_SUM, sums, 4));
  CASE_OK(comm_control_sum(l.comm, &theory, 1));
  if (read_series(&l, &s)) return 1;
  const uint64_t events = M * ROUNDS;
  CASE_CHECK(s.failures == 0);
  CASE_CHECK(sums[3] == steps * events && s.steps == (double)sums[3]);
  CASE_CHECK(l.algorithm->steps_per_round == NULL || l.algorithm->steps_per_round(l.state) == steps);
  CASE_CHECK(sums[0] == expected.payload_bits * events && sums[1] == expected.wire_bytes * events);
  CASE_CHECK(sums[2] == expected.messages * events && theory == expected.theory_bits * (double)events);
  lab_close(&l);
  return 0;
}

static int case_counts(int argc, char **argv) {
  (void)argc, (void)argv;
  const traffic_count dense = {.payload_bits = 64 * D, .wire_bytes = 8 * D + 32, .messages = 2, .theory_bits = 64 * D};
  /* 5 bits of 60 coordinates are 300 bits, in ten words; a checksum; and verdicts without a body. */
  const traffic_count codes = {
      .payload_bits = 2 * (32 + 300), .wire_bytes = 2 * (16 + 44 + 16), .messages = 4, .theory_bits = 600};
  if (check_counts("swarm variant=blocking steps=3", 6, dense)) return 1;
  if (check_counts("swarm variant=non-blocking steps=3", 3, dense)) return 1;
  if (check_counts("ad-psgd roles=any", 1, dense)) return 1;
  return check_counts("swarm variant=quantized steps=2 bits=5 y_max=100", 2, codes);
}

/* ---------------------------------------------------------------- codes that cannot be decoded */

static int run_quantized(const char *method, float *x, double *failures) {
  const lab_options o = options_of(method, 5);
  lab l;
  series s;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_run(&l, 0, 6));
  CASE_OK(lab_iterate(&l, x));
  if (read_series(&l, &s)) return 1;
  *failures = s.failures;
  const exchange *list; /* which the ranks tell alike, whether they knew of a message sent again or not */
  size_t n;
  CASE_OK(comm_collect_exchanges(l.comm, &list, &n));
  CASE_CHECK(n > 0 || comm_rank(l.comm) > 0);
  lab_close(&l);
  return 0;
}

/* 4 bits with s = 1/64 do not reach far; what is sent again has the same grid points as 16 bits from the start, so that
 * the models are the same to the bit. Beyond 16 bits the run ends. */
static int case_failures(int argc, char **argv) {
  (void)argc, (void)argv;
  float x[D], y[D];
  double failures, none;
  lab l;
  if (run_quantized("swarm variant=quantized steps=2 bits=4 y_max=0.1171875", x, &failures)) return 1;
  if (run_quantized("swarm variant=quantized steps=2 bits=16 y_max=511.9921875", y, &none)) return 1;
  CASE_CHECK(failures > 10 && none == 0);
  CASE_CHECK(memcmp(x, y, sizeof x) == 0);
  if (case_n_ranks() > 1) return 0; /* the others would wait for the rank that gives up; the runner ends them */
  const lab_options hopeless = options_of("swarm variant=quantized steps=2 bits=4 y_max=1e-6", 5);
  CASE_OK(lab_open(&hopeless, &l));
  CASE_CHECK(lab_run(&l, 0, 3) == STATUS_DIVERGED);
  CASE_CHECK(strstr(status_detail(), "y_max"));
  lab_close(&l);
  return 0;
}

/* ---------------------------------------------------------------- really asynchronous */

/* The gradients are noise that depends on worker and step alone, and so is the mean model's way, whatever the order of
 * meetings: initial - (eta/M) sum of all. An average that overwrote another would show, as would none. */
static int check_free(const char *method, uint64_t steps, const char *folder) {
  enum { M = 4, ROUNDS = 40 };
  const lab_options o = {NOISE, .n_workers = M, .method = method, .batch = 1, .seed = 4, .optimizer = {.lr = 0.1}};
  float x[D], loaded[D];
  double sum[D] = {0};
  uint64_t counts[4] = {0};
  lab l;
  series s;
  CASE_OK(lab_open(&o, &l));
  CASE_CHECK(method_unrepeatable(l.algorithm, &l.method.spec.args));
  CASE_OK(lab_run(&l, 0, ROUNDS));
  CASE_OK(lab_iterate(&l, x));
  if (read_series(&l, &s)) return 1;
  CASE_CHECK(s.steps == (double)(M * ROUNDS * steps));
  CASE_CHECK(s.distance2 > 0 && s.distance2 < 5 * M * D * (double)steps * 0.1 * 0.1); /* 40 times as much without */
  for (uint64_t t = 0; t < ROUNDS * steps; t++) {
    CASE_OK(worker_gradient(&l.env, &l.workers[0], t, l.initial));
    for (int k = 0; k < D; k++) sum[k] += 0.1 * l.workers[0].gradient[k] / M;
  }
  CASE_OK(comm_control_sum(l.comm, sum, D));
  for (int k = 0; k < D; k++) CASE_CHECK(fabs(x[k] - (l.initial[k] - sum[k])) < 1e-4);
  for (int w = 0; w < M; w++) counts[0] += traffic_of(comm_traffic(l.comm), w)[DIRECTION_PEER].wire_bytes;
  counts[1] = traffic_crossing_bytes(comm_traffic(l.comm));
  counts[2] = comm_mpi_bytes(l.comm);
  CASE_OK(comm_control_u64(l.comm, CONTROL_SUM, counts, 3));
  CASE_CHECK(counts[0] == (uint64_t)M * ROUNDS * 8 * D && counts[1] == counts[0] && counts[2] == counts[0]);
  CASE_OK(lab_save(&l, folder));
  lab_close(&l);
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_load(&l, folder));
  CASE_OK(lab_iterate(&l, loaded));
  CASE_CHECK(memcmp(x, loaded, sizeof x) == 0);
  CASE_OK(lab_run(&l, ROUNDS, ROUNDS + 5));
  lab_close(&l);
  return 0;
}

/* On four ranks; fewer are refused. */
static int case_free(int argc, char **argv) {
  (void)argc, (void)argv;
  char folder[] = "/tmp/terse-free-XXXXXX", command[64], place[64];
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (case_n_ranks() < 4) {
    const lab_options o = {NOISE, .n_workers = 4, .method = "ad-psgd execution=free", .batch = 1,
                           .optimizer = {.lr = 0.1}};
    lab l;
    CASE_CHECK(lab_open(&o, &l) == STATUS_BAD_INPUT && strstr(status_detail(), "--ranks 4"));
    lab_close(&l);
    return 0;
  }
  if (rank == 0) CASE_CHECK(mkdtemp(folder));
  MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  snprintf(place, sizeof place, "%s/ad-psgd", folder);
  if (check_free("ad-psgd execution=free roles=any", 1, place)) return 1;
  snprintf(place, sizeof place, "%s/swarm", folder);
  if (check_free("swarm execution=free steps=3", 3, place)) return 1;
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return rank == 0 ? system(command) : 0;
}

const mpi_case pairwise_cases[] = {
    {"pairwise-digests", case_digests},
    {"pairwise-resume", case_resume},
    {"pairwise-spread", case_spread},
    {"pairwise-counts", case_counts},
    {"pairwise-failures", case_failures},
    {"pairwise-free", case_free},
    {NULL, NULL},
};
