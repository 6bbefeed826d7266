/* The methods with servers and Quantized-PR-SGD: the invariants of their papers, and their bits. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/mpi/cases.h"
#include "tests/mpi/variants.h"

enum { DIMENSION = 200, WORKERS = 5, STEPS = 12 };
#define QUADRATIC .dataset = "quadratic dimension=200 mu=0.1 samples=400 heterogeneity=1", .model = "quadratic"

/* Epochs are 40 steps: falls at steps 4 and 8. */
static const optimizer falling = {
    .lr = 0.1, .schedule = SCHEDULE_MULTISTEP, .milestones = {0.1, 0.2}, .n_milestones = 2, .gamma = 0.5};

/* ---------------------------------------------------------------- invariants */

/* What a method has saved, by the names of its sections; vectors are sums over workers and add up in fp64. */
typedef struct saved {
  lab *lab;
  archive *archive;
  float *memory; /* device */
  double gamma;  /* of the last step */
} saved;

static int add_section(saved *s, int owner, const char *name, size_t offset, size_t n, double share, double *sum) {
  float host[DIMENSION];
  CASE_OK(archive_floats(s->archive, owner, name, s->memory, n));
  stream_copy(s->lab->stream, host, s->memory, n * sizeof *host);
  CASE_OK(stream_synchronize(s->lab->stream));
  for (size_t i = 0; i < n; i++) sum[offset + i] += share * host[i];
  return 0;
}

static int add_of_all(saved *s, const char *name, double share, double *sum) {
  for (int w = 0; w < WORKERS; w++)
    if (add_section(s, w, name, 0, DIMENSION, share / WORKERS, sum)) return 1;
  return 0;
}

/* x - gamma (d + mean d_w) */
static int double_squeeze_y(saved *s, double *y) {
  const double gamma = s->gamma;
  if (add_section(s, ARCHIVE_SHARED, "x", 0, DIMENSION, 1, y)) return 1;
  if (add_section(s, ARCHIVE_SHARED, "server_residual", 0, DIMENSION, -gamma, y)) return 1;
  return add_of_all(s, "residual", -gamma, y);
}

static int sharded_y(saved *s, double *y) {
  enum { SHARE = DIMENSION / WORKERS };
  const double gamma = s->gamma;
  if (add_section(s, ARCHIVE_SHARED, "x", 0, DIMENSION, 1, y)) return 1;
  for (int w = 0; w < WORKERS; w++)
    if (add_section(s, w, "server_residual", (size_t)w * SHARE, SHARE, -gamma, y)) return 1;
  return add_of_all(s, "residual", -gamma, y);
}

/* mean y_r - mean m_r */
static int qsparse_y(saved *s, double *y) { return add_of_all(s, "x", 1, y) || add_of_all(s, "residual", -1, y); }

/* x - mean (m_r + x_r - y_r) */
static int qsparse_async_y(saved *s, double *y) {
  if (add_section(s, ARCHIVE_SHARED, "x", 0, DIMENSION, 1, y)) return 1;
  return add_of_all(s, "residual", -1, y) || add_of_all(s, "received", -1, y) || add_of_all(s, "x", 1, y);
}

typedef struct invariant {
  const char *method, *compressors[3];
  int (*y)(saved *s, double *y); /* what moves by -gamma mean g alone */
  const optimizer *optimizer;
} invariant;

static const invariant invariants[] = {
    {"double-squeeze", {"sign scale=l2"}, double_squeeze_y, &optimizer_plain},
    {"double-squeeze", {"topk k=9", NULL, "qsgd levels=2 shrink=true"}, double_squeeze_y, &optimizer_plain},
    {"double-squeeze server=sharded", {"sign scale=l2"}, sharded_y, &optimizer_plain},
    {"double-squeeze server=sharded", {"topk k=3", "sign", "ternary"}, sharded_y, &optimizer_plain},
    {"qsparse steps=1", {"topk k=9", "sign"}, qsparse_y, &falling},
    {"qsparse steps=4 gap=random", {"topk k=9", "qsgd levels=4 shrink=true"}, qsparse_y, &falling},
    {"qsparse steps=4 gap=random down=union", {"randk density=0.1"}, qsparse_y, &falling},
    {"qsparse-async steps=4", {"topk k=9"}, qsparse_async_y, &falling},
    {"double-squeeze rescale_residual=true", {"topk k=9", "sign", "topk k=20"}, double_squeeze_y, &falling},
    {"double-squeeze rescale_residual=true server=sharded", {"sign scale=l2"}, sharded_y, &falling},
};

static double lr_at(const lab *l, uint64_t step) {
  return optimizer_lr(&l->options.optimizer, method_epoch(&l->env, step));
}

static int read_y(lab *l, const invariant *v, const char *place, uint64_t last_step, double *y) {
  saved s = {.lab = l, .gamma = lr_at(l, last_step)};
  CASE_OK(lab_save(l, place));
  MPI_Barrier(MPI_COMM_WORLD);
  CASE_OK(archive_load_begin(place, l->stream, &s.archive));
  CASE_OK(device_floats(l->device, DIMENSION, &s.memory));
  memset(y, 0, DIMENSION * sizeof *y);
  const int result = v->y(&s, y);
  archive_abandon(s.archive);
  device_release(l->device, s.memory);
  return result;
}

/* sum += gamma times the mean of the workers' gradients as the last round left them. */
static int add_mean_gradient(lab *l, double gamma, double *sum) {
  double mean[DIMENSION] = {0};
  float g[DIMENSION];
  for (int i = 0; i < l->env.n_local; i++) {
    stream_copy(l->stream, g, l->workers[i].gradient, sizeof g);
    CASE_OK(stream_synchronize(l->stream));
    for (int k = 0; k < DIMENSION; k++) mean[k] += (double)g[k] / WORKERS;
  }
  CASE_OK(comm_control_sum(l->comm, mean, DIMENSION));
  for (int k = 0; k < DIMENSION; k++) sum[k] += gamma * mean[k];
  return 0;
}

static int check_invariant(const invariant *v, const char *folder) {
  const lab_options o = {QUADRATIC,
                         .n_workers = WORKERS,
                         .method = v->method,
                         .compressors = {v->compressors[0], v->compressors[1]},
                         .down = v->compressors[2],
                         .batch = 2,
                         .seed = 3,
                         .optimizer = *v->optimizer};
  double first[DIMENSION], y[DIMENSION], gradients[DIMENSION] = {0}, worst = 0, moved = 0;
  char place[600];
  lab l;
  CASE_OK(lab_open(&o, &l));
  snprintf(place, sizeof place, "%s/first", folder);
  if (read_y(&l, v, place, 0, first)) return 1;
  for (uint64_t t = 0; t < STEPS; t++) {
    CASE_OK(lab_run(&l, t, t + 1));
    if (add_mean_gradient(&l, lr_at(&l, t), gradients)) return 1;
    if (t % 3 == 2) continue;
    snprintf(place, sizeof place, "%s/%d", folder, (int)t);
    if (read_y(&l, v, place, t, y)) return 1;
    for (int k = 0; k < DIMENSION; k++) {
      worst = fmax(worst, fabs(y[k] - (first[k] - gradients[k])));
      moved = fmax(moved, fabs(y[k] - first[k]));
    }
  }
  lab_close(&l);
  if (!(worst < 2e-6 * moved)) fprintf(stderr, "%s: off by %g of %g\n", v->method, worst, moved);
  CASE_CHECK(moved > 0.1 && worst < 2e-6 * moved);
  return 0;
}

static int case_invariants(int argc, char **argv) {
  (void)argc, (void)argv;
  char folder[64] = "/tmp/terse-invariants-XXXXXX", place[600], command[100];
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0) CASE_CHECK(mkdtemp(folder));
  MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  for (size_t k = 0; k < sizeof invariants / sizeof invariants[0]; k++) {
    snprintf(place, sizeof place, "%s/%zu", folder, k);
    snprintf(command, sizeof command, "mkdir '%s/%zu'", folder, k);
    if (rank == 0) CASE_CHECK(system(command) == 0);
    MPI_Barrier(MPI_COMM_WORLD);
    if (check_invariant(&invariants[k], place)) return 1;
  }
  MPI_Barrier(MPI_COMM_WORLD);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return rank == 0 ? system(command) : 0;
}

/* ---------------------------------------------------------------- really asynchronous */

/* One rank begins only when all others have ended: were anybody waiting for anybody, the case would not end. */
static int run_without(int late, lab *l, uint64_t n_rounds, double *gradients) {
  float g[DIMENSION];
  char nothing = 0;
  const int rank = comm_rank(l->comm);
  for (int r = 0; rank == late && r < WORKERS; r++)
    if (r != late) MPI_Recv(&nothing, 1, MPI_CHAR, r, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  for (uint64_t t = 0; t < n_rounds; t++) {
    CASE_OK(lab_run(l, t, t + 1));
    stream_copy(l->stream, g, l->workers[0].gradient, sizeof g);
    CASE_OK(stream_synchronize(l->stream));
    for (int k = 0; k < DIMENSION; k++) gradients[k] += lr_at(l, t) * (double)g[k] / WORKERS;
  }
  if (rank != late) MPI_Send(&nothing, 1, MPI_CHAR, late, 0, MPI_COMM_WORLD);
  CASE_OK(comm_control_sum(l->comm, gradients, DIMENSION));
  return 0;
}

/* What crossed by the account, by MPI, and what went up and down. The worker beside the server crosses nothing. */
static int check_free_traffic(lab *l, int n_syncs) {
  uint64_t counts[4] = {0};
  for (int p = 0; p <= WORKERS; p++) {
    counts[0] += traffic_of(comm_traffic(l->comm), p)[DIRECTION_UP].messages;
    counts[1] += traffic_of(comm_traffic(l->comm), p)[DIRECTION_DOWN].messages;
  }
  counts[2] = traffic_crossing_bytes(comm_traffic(l->comm));
  counts[3] = comm_mpi_bytes(l->comm);
  CASE_CHECK((counts[3] == 0) == (comm_rank(l->comm) == 0) && counts[2] == counts[3]);
  CASE_CHECK(counts[0] == (uint64_t)n_syncs && counts[1] == (uint64_t)n_syncs);
  return 0;
}

static int check_free(int late, const char *folder) {
  enum { ROUNDS = 30 };
  const invariant v = {"qsparse-async steps=3 gap=fixed execution=free", {"topk k=9"}, qsparse_async_y, &falling};
  const lab_options o = {
      QUADRATIC, .n_workers = WORKERS,     .method = v.method, .compressors = {v.compressors[0]}, .batch = 2,
      .seed = 3, .optimizer = *v.optimizer};
  double first[DIMENSION], y[DIMENSION], gradients[DIMENSION] = {0}, worst = 0, moved = 0;
  char place[600];
  lab l;
  CASE_OK(lab_open(&o, &l));
  CASE_CHECK(method_unrepeatable(l.algorithm, &l.method.spec.args));
  snprintf(place, sizeof place, "%s/first-%d", folder, late);
  if (read_y(&l, &v, place, 0, first)) return 1;
  if (run_without(late, &l, ROUNDS, gradients) || check_free_traffic(&l, ROUNDS / 3)) return 1;
  snprintf(place, sizeof place, "%s/last-%d", folder, late);
  if (read_y(&l, &v, place, 0, y)) return 1;
  for (int k = 0; k < DIMENSION; k++) {
    worst = fmax(worst, fabs(y[k] - (first[k] - gradients[k])));
    moved = fmax(moved, fabs(y[k] - first[k]));
  }
  CASE_CHECK(moved > 0.1 && worst < 5e-6 * moved);
  lab_close(&l);
  CASE_OK(lab_open(&o, &l)); /* a new run goes on from what was saved */
  CASE_OK(lab_load(&l, place));
  snprintf(place, sizeof place, "%s/again-%d", folder, late);
  if (read_y(&l, &v, place, 0, first)) return 1;
  CASE_CHECK(memcmp(first, y, sizeof y) == 0);
  CASE_OK(lab_run(&l, ROUNDS, ROUNDS + 5));
  lab_close(&l);
  return 0;
}

/* On five ranks: rank 0, where the server's memory is, is the late one, or another. */
static int case_free(int argc, char **argv) {
  (void)argc, (void)argv;
  char folder[64] = "/tmp/terse-free-XXXXXX", command[100];
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0) CASE_CHECK(mkdtemp(folder));
  MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  if (check_free(0, folder) || check_free(3, folder)) return 1;
  MPI_Barrier(MPI_COMM_WORLD);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return rank == 0 ? system(command) : 0;
}

/* ---------------------------------------------------------------- bits */

/* Payload bits of all messages of one exchange, by direction. Of 200 parameters: 200 signs and a scale are 232 bits, 10
 * entries with raw indices 640; a stretch of a fifth has 40. */
static const struct {
  const char *method, *compressors[3];
  uint64_t bits[N_DIRECTIONS]; /* up, down, peer */
} bits_table[] = {
    {"mem-sgd", {"topk k=10"}, {5 * 640, 5 * 6400, 0}},
    {"mem-sgd memory=update indices=packed", {"topk k=10"}, {5 * 10 * (32 + 8), 5 * 6400, 0}},
    {"ef-signsgd", {"sign"}, {5 * 232, 5 * 6400, 0}},
    {"qsgd bucket=50", {"qsgd levels=15"}, {5 * (200 * 5 + 4 * 32), 5 * 6400, 0}},
    {"mem-sgd memory=none", {"ternary"}, {5 * (2 * 200 + 32), 5 * 6400, 0}},
    {"double-squeeze", {"sign"}, {5 * 232, 5 * 232, 0}},
    {"double-squeeze", {"topk k=10"}, {5 * 640, 5 * 640, 0}},
    {"double-squeeze", {"clipping bits=12", NULL, "ternary"}, {5 * 2400, 5 * 432, 0}},
    {"double-squeeze server=sharded", {"sign"}, {0, 0, 2 * 20 * 72}},
    {"qsparse steps=4", {"topk k=10", "sign"}, {5 * (32 + 10 + 320), 5 * 6400, 0}},
    {"qsparse-async steps=1", {"topk k=10"}, {5 * 640, 5 * 6400, 0}},
    {"quantized-pr-sgd steps=2 scope=global", {"qsgd levels=3"}, {0, 0, 2 * 20 * (40 * 3 + 32)}},
    {"quantized-pr-sgd scope=global mode=mean-of-quantized", {"qsgd levels=3"}, {0, 0, 20 * (600 + 32)}},
    {"quantized-pr-sgd scope=global mode=shared-scale", {"qsgd levels=3"}, {0, 0, 2 * 20 * 40 * (3 + 3) + 20 * 32}},
};

static int sent(lab *l, uint64_t bits[N_DIRECTIONS], uint64_t *theory) {
  memset(bits, 0, N_DIRECTIONS * sizeof *bits);
  *theory = 0;
  for (int p = 0; p <= WORKERS; p++)
    for (int d = 0; p < WORKERS + (l->algorithm->n_servers != NULL) && d < N_DIRECTIONS; d++) {
      const traffic_count *c = &traffic_of(comm_traffic(l->comm), p)[d];
      if (p == WORKERS && l->algorithm->n_servers(&l->method.spec.args) == 0) continue;
      CASE_CHECK(8 * c->wire_bytes >= c->payload_bits + 128 * c->messages);
      bits[d] += c->payload_bits;
      *theory += (uint64_t)llround(c->theory_bits);
    }
  CASE_OK(comm_control_u64(l->comm, CONTROL_SUM, bits, N_DIRECTIONS));
  CASE_OK(comm_control_u64(l->comm, CONTROL_SUM, theory, 1));
  return 0;
}

static int check_bits(size_t row) {
  const lab_options o = {QUADRATIC,
                         .n_workers = WORKERS,
                         .method = bits_table[row].method,
                         .compressors = {bits_table[row].compressors[0], bits_table[row].compressors[1]},
                         .down = bits_table[row].compressors[2],
                         .batch = 2,
                         .optimizer = optimizer_plain};
  uint64_t bits[N_DIRECTIONS], theory, all = 0;
  lab l;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_run(&l, 0, 2));
  if (sent(&l, bits, &theory)) return 1;
  for (int d = 0; d < N_DIRECTIONS; d++) {
    if (bits[d] != 2 * bits_table[row].bits[d])
      fprintf(stderr, "%s: %llu bits %s\n", o.method, (unsigned long long)bits[d], direction_name(d));
    CASE_CHECK(bits[d] == 2 * bits_table[row].bits[d]);
    all += bits[d];
  }
  CASE_CHECK(theory == all);
  lab_close(&l);
  return 0;
}

/* The union of five workers' supports of 10: between 10 and 50 entries of 64 bits, down to each of five. */
static int check_union(void) {
  const lab_options o = {
      QUADRATIC,  .n_workers = WORKERS,        .method = "qsparse steps=1 down=union", .compressors = {"topk k=10"},
      .batch = 2, .optimizer = optimizer_plain};
  uint64_t bits[N_DIRECTIONS], theory;
  lab l;
  CASE_OK(lab_open(&o, &l));
  CASE_OK(lab_run(&l, 0, 1));
  if (sent(&l, bits, &theory)) return 1;
  const uint64_t down = bits[DIRECTION_DOWN] / 5;
  CASE_CHECK(down % 64 == 0 && down >= 640 && down <= 5 * 640 && down < 6400);
  lab_close(&l);
  return 0;
}

static int case_bits(int argc, char **argv) {
  (void)argc, (void)argv;
  for (size_t k = 0; k < sizeof bits_table / sizeof bits_table[0]; k++)
    if (check_bits(k)) return 1;
  return check_union();
}

const mpi_case central_fact_cases[] = {
    {"central-invariants", case_invariants},
    {"central-bits", case_bits},
    {"central-free", case_free},
    {NULL, NULL},
};
