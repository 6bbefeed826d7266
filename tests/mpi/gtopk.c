#include "tests/mpi/gtopk.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/gtopk_aggregate.h"
#include "core/rng.h"
#include "tests/mpi/cases.h"

enum { D = 64, MAX_WORKERS = 9, ROUNDS = 4 };
static const char *const names[] = {"naive", "tree", "recursive"};

/* ---------------------------------------------------------------- the oracle: dense, in fp64, all workers at once */

typedef struct part {
  double v[D];
  bool has[D];
} part;

typedef struct oracle {
  double u[MAX_WORKERS][D], e[MAX_WORKERS][D];
  part selected[MAX_WORKERS], result;
} oracle;

static void add(part *a, const part *b) {
  for (int i = 0; i < D; i++) {
    a->v[i] += b->v[i];
    a->has[i] |= b->has[i];
  }
}

/* Keeps the k entries of largest magnitude, the lower index first among equals. */
static void keep(part *a, int k) {
  part kept = {0};
  for (int n = 0; n < k; n++) {
    int best = -1;
    for (int i = 0; i < D; i++)
      if (a->has[i] && !kept.has[i] && (best < 0 || fabs(a->v[i]) > fabs(a->v[best]))) best = i;
    if (best < 0) break;
    kept.has[best] = true;
    kept.v[best] = a->v[best];
  }
  *a = kept;
}

static void oracle_select(oracle *o, int m, int k) {
  for (int w = 0; w < m; w++) {
    for (int i = 0; i < D; i++) {
      o->selected[w].v[i] = o->u[w][i];
      o->selected[w].has[i] = true;
    }
    keep(&o->selected[w], k);
    for (int i = 0; i < D; i++) o->e[w][i] = o->u[w][i] - o->selected[w].v[i];
  }
}

static void put_back(oracle *o, int m) {
  for (int w = 0; w < m; w++)
    for (int i = 0; i < D; i++)
      if (!o->result.has[i]) o->e[w][i] += o->selected[w].v[i];
}

static void oracle_naive(oracle *o, int m, int k) {
  memset(&o->result, 0, sizeof o->result);
  memset(o->result.has, true, sizeof o->result.has);
  for (int w = 0; w < m; w++) add(&o->result, &o->selected[w]);
  keep(&o->result, k);
  put_back(o, m);
}

static void oracle_tree(oracle *o, int m, int k) {
  part held[MAX_WORKERS];
  memcpy(held, o->selected, sizeof held);
  for (int distance = 1; distance < m; distance *= 2)
    for (int w = 0; w + distance < m; w += 2 * distance) {
      add(&held[w], &held[w + distance]);
      keep(&held[w], k);
    }
  o->result = held[0];
  put_back(o, m);
}

/* What worker w's group no longer holds, w takes back of it what it is to blame for. */
static void take_back(oracle *o, int w, const part *held, double share[D]) {
  for (int i = 0; i < D; i++)
    if (!held->has[i]) {
      o->e[w][i] += share[i];
      share[i] = 0;
    }
}

static void oracle_recursive(oracle *o, int m, int k) {
  part held[MAX_WORKERS], before[MAX_WORKERS];
  double share[MAX_WORKERS][D];
  int n = 1;
  while (2 * n <= m) n *= 2;
  memcpy(held, o->selected, sizeof held);
  for (int w = 0; w < m; w++) memcpy(share[w], o->selected[w].v, sizeof share[w]);
  for (int w = n; w < m; w++) {
    add(&held[w - n], &held[w]);
    for (int i = 0; i < D; i++) share[w - n][i] += share[w][i];
    keep(&held[w - n], k);
    take_back(o, w - n, &held[w - n], share[w - n]);
  }
  for (int distance = 1; distance < n; distance *= 2) {
    memcpy(before, held, sizeof held);
    for (int w = 0; w < n; w++) {
      add(&held[w], &before[w ^ distance]);
      keep(&held[w], k);
      take_back(o, w, &held[w], share[w]);
    }
  }
  o->result = held[0];
}

static void oracle_aggregate(oracle *o, enum gtopk_aggregate how, int m, int k) {
  oracle_select(o, m, k);
  if (how == GTOPK_NAIVE)
    oracle_naive(o, m, k);
  else if (how == GTOPK_TREE)
    oracle_tree(o, m, k);
  else
    oracle_recursive(o, m, k);
}

/* ---------------------------------------------------------------- the bench: what is tested, with what it needs */

typedef struct bench {
  method_env env;
  int k;
  worker workers[MAX_WORKERS];
  layer_slice slice;
  layer_table layers;
  pipeline *pipeline;
  gtopk_aggregator *aggregator;
  sparse selected[MAX_WORKERS];
  float *e[MAX_WORKERS], *sum; /* device */
} bench;

static void enter_nothing(void *clock, enum phase p) {
  (void)clock;
  (void)p;
}

static enum status open_aggregator(bench *b, enum gtopk_aggregate how) {
  const arg items[] = {{.name = "density", .type = PARAM_REAL, .real = 1},
                       {.name = "k", .type = PARAM_INT, .integer = b->k}};
  const module_spec stage = {.name = "topk", .args = {.items = items, .n = 2}};
  const pipeline_spec spec = {.stages = &stage, .n_stages = 1, .scope = SCOPE_GLOBAL, .indices = INDEX_RAW32};
  b->slice = (layer_slice){.name = "all", .n = D, .shape = {D}, .n_dims = 1};
  b->layers = (layer_table){.slices = &b->slice, .n_slices = 1, .n_params = D};
  TRY_RETURN(pipeline_create(&spec, b->env.device, b->env.stream, &b->layers, 1, &b->pipeline));
  return gtopk_aggregator_create(&b->env, b->pipeline, how, &b->aggregator);
}

static enum status bench_open(enum device_kind kind, int m, int k, enum gtopk_aggregate how, bench *b) {
  memset(b, 0, sizeof *b);
  b->k = k;
  b->env = (method_env){.n_workers = m, .workers = b->workers, .n_params = D, .enter = enter_nothing};
  TRY_RETURN(device_open(kind, &b->env.device));
  TRY_RETURN(stream_open(b->env.device, &b->env.stream));
  TRY_RETURN(comm_create(&(comm_options){.n_workers = m,
                                         .device = b->env.device,
                                         .stream = b->env.stream,
                                         .now_ns = case_now_ns,
                                         .deadline_s = 30,
                                         .check_traffic = true},
                         &b->env.comm));
  b->env.n_local = comm_n_local(b->env.comm);
  for (int i = 0; i < b->env.n_local; i++) {
    b->workers[i].id = comm_first_worker(b->env.comm) + i;
    TRY_RETURN(sparse_alloc(b->env.device, (size_t)k, &b->selected[i]));
    TRY_RETURN(device_floats(b->env.device, D, &b->e[i]));
  }
  TRY_RETURN(device_floats(b->env.device, D, &b->sum));
  TRY_RETURN(device_alloc(b->env.device, vec_scratch_bytes(2 * D), &b->env.scratch));
  return open_aggregator(b, how);
}

static void bench_close(bench *b) {
  device *d = b->env.device;
  gtopk_aggregator_destroy(b->aggregator);
  pipeline_destroy(b->pipeline);
  comm_destroy(b->env.comm);
  stream_close(b->env.stream);
  for (int i = 0; i < b->env.n_local; i++) {
    sparse_release(d, &b->selected[i]);
    device_release(d, b->e[i]);
  }
  if (d) device_release(d, b->sum);
  if (d) device_release(d, b->env.scratch);
  device_close(d);
}

/* Local worker i's vector u (D floats) goes in; it is cut into `selected` and the rest, e. */
static enum status bench_load(bench *b, uint64_t round, int i, const float *u) {
  stream *s = b->env.stream;
  stream_copy(s, b->e[i], u, D * sizeof *u);
  TRY_RETURN(stream_synchronize(s));
  TRY_RETURN(pipeline_select(b->pipeline, round, b->workers[i].id, b->e[i], &b->selected[i]));
  vec_scatter_fill(s, &b->selected[i], 0.0f, b->e[i], D);
  return STATUS_OK;
}

/* One aggregation of what was loaded: the sum's entries as a dense vector, and the sum of all residuals. */
static enum status bench_run(bench *b, uint64_t round, float *result, float *residuals) {
  const sparse *sum;
  stream *s = b->env.stream;
  comm_begin_round(b->env.comm, round);
  TRY_RETURN(gtopk_aggregate(b->aggregator, round, b->selected, b->e, &sum));
  vec_fill(s, b->sum, 0.0f, D);
  vec_scatter_add(s, 1.0f, sum, b->sum, D);
  stream_copy(s, result, b->sum, D * sizeof *result);
  TRY_RETURN(stream_synchronize(s));
  TRY_RETURN(comm_probe_sum(b->env.comm, (const float *const *)b->e, D, b->sum));
  stream_copy(s, residuals, b->sum, D * sizeof *residuals);
  return stream_synchronize(s);
}

/* ---------------------------------------------------------------- the cases */

/* Element i of worker w's gradient: whole numbers with many ties and zeros, whole numbers with few, or real numbers. */
enum values { VALUES_TIES, VALUES_WIDE, VALUES_REAL, N_VALUES };
static float gradient_at(enum values v, uint64_t round, int w, int i) {
  const rng_key key = rng_stream(3, RNG_TEST, w, round);
  if (v == VALUES_REAL) return rng_normal_at(key, (uint64_t)i);
  const float range = v == VALUES_TIES ? 3 : 1000;
  return floorf(rng_uniform_at(key, (uint64_t)i) * (2 * range + 1)) - range;
}

static int check_round(bench *b, oracle *o, enum gtopk_aggregate how, enum values v, uint64_t round) {
  const int m = b->env.n_workers;
  float u[D], result[D], residuals[D], e[D];
  for (int w = 0; w < m; w++) {
    for (int i = 0; i < D; i++) o->u[w][i] = u[i] = gradient_at(v, round, w, i) + (float)o->e[w][i];
    const int local = w - b->workers[0].id;
    if (local >= 0 && local < b->env.n_local) CASE_OK(bench_load(b, round, local, u));
  }
  oracle_aggregate(o, how, m, b->k);
  CASE_OK(bench_run(b, round, result, residuals));
  const double tolerance = v == VALUES_REAL ? 1e-5 : 0;
  for (int i = 0; i < D; i++) {
    double before = 0;
    for (int w = 0; w < m; w++) before += o->u[w][i];
    CASE_CHECK(fabs(result[i] - o->result.v[i]) <= tolerance);
    if (how != GTOPK_TREE) CASE_CHECK(fabs((double)result[i] + residuals[i] - before) <= tolerance);
  }
  for (int local = 0; local < b->env.n_local; local++) {
    const int w = b->workers[local].id;
    stream_copy(b->env.stream, e, b->e[local], sizeof e);
    CASE_OK(stream_synchronize(b->env.stream));
    for (int i = 0; i < D; i++) CASE_CHECK(fabs(e[i] - o->e[w][i]) <= tolerance);
  }
  return 0;
}

static uint64_t messages_of_a_round(enum gtopk_aggregate how, uint64_t m) {
  if (how == GTOPK_NAIVE) return m * (m - 1);
  if (how == GTOPK_TREE) return 2 * (m - 1);
  uint64_t n = 1, n_rounds = 0;
  for (; 2 * n <= m; n *= 2) n_rounds++;
  return n * n_rounds + 2 * (m - n);
}

/* 64 k bits a message by the paper's count, the same as payload with 32-bit indices, and 16 bytes of head. */
static int check_bits(bench *b, enum gtopk_aggregate how) {
  const uint64_t n = messages_of_a_round(how, (uint64_t)b->env.n_workers) * ROUNDS, k = (uint64_t)b->k;
  uint64_t all[4] = {0};
  for (int i = 0; i < b->env.n_local; i++) {
    const traffic_count *sent = &traffic_of(comm_traffic(b->env.comm), b->workers[i].id)[DIRECTION_PEER];
    all[0] += sent->messages;
    all[1] += sent->payload_bits;
    all[2] += sent->wire_bytes;
    all[3] += (uint64_t)sent->theory_bits;
  }
  CASE_OK(comm_control_u64(b->env.comm, CONTROL_SUM, all, 4));
  CASE_CHECK(all[0] == n);
  CASE_CHECK(all[1] == 64 * k * n);
  CASE_CHECK(all[2] == (16 + 8 * k) * n);
  CASE_CHECK(all[3] == 64 * k * n);
  return 0;
}

static int check_aggregate(enum device_kind kind, int m, int k, enum gtopk_aggregate how, enum values v) {
  bench b;
  oracle *o = calloc(1, sizeof *o);
  CASE_CHECK(o);
  int failed = 0;
  if (bench_open(kind, m, k, how, &b) != STATUS_OK) {
    fprintf(stderr, "%s (%s)\n", status_detail(), status_place());
    failed = 1;
  }
  for (uint64_t round = 0; round < ROUNDS && !failed; round++) failed = check_round(&b, o, how, v, round);
  if (!failed) failed = check_bits(&b, how);
  if (failed)
    fprintf(stderr, "… with the %s aggregate, M = %d, k = %d, values %d, device %d\n", names[how], m, k, v, kind);
  bench_close(&b);
  free(o);
  return failed;
}

int case_gtopk_aggregates(int argc, char **argv) {
  (void)argc;
  (void)argv;
  const int k[] = {1, 5, D};
  int n_ranks;
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  for (int m = n_ranks > 2 ? n_ranks : 2; m <= MAX_WORKERS; m++)
    for (int how = GTOPK_NAIVE; how <= GTOPK_RECURSIVE; how++)
      for (int v = 0; v < N_VALUES; v++) {
        const enum device_kind kind = (m + v) % 2 ? DEVICE_CPU : DEVICE_SHADOW;
        if (check_aggregate(kind, m, k[(m + how + v) % 3], (enum gtopk_aggregate)how, (enum values)v)) return 1;
      }
  return 0;
}

/* k = 1, M = 4. Worker 1's 9 at index 1 is cut beside worker 0's 10, but index 1 is in the aggregate through worker 2.
 */
static int check_tree_loss(enum gtopk_aggregate how) {
  static const int index[4] = {0, 1, 1, 2};
  static const float value[4] = {10, 9, 20, 1};
  bench b;
  CASE_OK(bench_open(DEVICE_CPU, 4, 1, how, &b));
  for (int i = 0; i < b.env.n_local; i++) {
    float u[D] = {0};
    u[index[b.workers[i].id]] = value[b.workers[i].id];
    CASE_OK(bench_load(&b, 0, i, u));
  }
  float result[D], residuals[D];
  CASE_OK(bench_run(&b, 0, result, residuals));
  CASE_CHECK(residuals[0] == 10);
  CASE_CHECK(residuals[2] == 1);
  CASE_CHECK(result[1] == (how == GTOPK_NAIVE ? 29 : 20));
  CASE_CHECK(residuals[1] == (how == GTOPK_RECURSIVE ? 9 : 0));
  CASE_CHECK(result[0] == 0 && result[2] == 0);
  bench_close(&b);
  return 0;
}

int case_gtopk_tree_loss(int argc, char **argv) {
  (void)argc;
  (void)argv;
  for (int how = GTOPK_NAIVE; how <= GTOPK_RECURSIVE; how++)
    if (check_tree_loss((enum gtopk_aggregate)how)) return 1;
  return 0;
}
