/* comm's operations against brute force, on the CPU and on the shadow device, for many M at the R that mpirun gives:
 * contents byte for byte, sums bit for bit (so that they are the same at every R), accounts and MPI's counters. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "core/vec.h"
#include "tests/mpi/cases.h"
#include "tests/mpi/rig.h"

static const enum device_kind kinds[] = {DEVICE_CPU, DEVICE_SHADOW};

static int n_ranks(void) {
  int n = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &n);
  return n;
}

static uint64_t wire_bytes(int from, uint32_t salt) { return 16 + rig_body_bytes(from, salt); }

static int local_messages(rig *g, uint32_t salt, message **local) {
  for (int i = 0; i < comm_n_local(g->comm); i++)
    CASE_OK(rig_message(g, comm_first_worker(g->comm) + i, salt, &local[i]));
  return 0;
}

static int check_allgather(rig *g, uint32_t salt) {
  message *local[RIG_MAX_PARTICIPANTS];
  const message *inbox[RIG_MAX_PARTICIPANTS];
  if (local_messages(g, salt, local)) return 1;
  CASE_OK(comm_allgather(g->comm, local, RIG_BOUND, inbox));
  for (int w = 0; w < g->m; w++) {
    CASE_CHECK(rig_is_message(g, inbox[w], w, salt));
    for (int to = 0; to < g->m; to++)
      if (to != w) rig_expect(g, w, w, salt, DIRECTION_PEER);
    g->expected_crossing += (uint64_t)(g->n_ranks - 1) * wire_bytes(w, salt);
  }
  for (int i = 0; i < comm_n_local(g->comm); i++) /* handed over, not copied */
    CASE_CHECK(inbox[comm_first_worker(g->comm) + i] == local[i]);
  comm_release(g->comm);
  return 0;
}

static int check_gather(rig *g, int root, uint32_t salt) {
  message *local[RIG_MAX_PARTICIPANTS];
  const message *inbox[RIG_MAX_PARTICIPANTS];
  const int root_rank = comm_rank_of(g->comm, root);
  if (local_messages(g, salt, local)) return 1;
  CASE_OK(comm_gather(g->comm, root, local, RIG_BOUND, inbox));
  for (int w = 0; w < g->m; w++) {
    CASE_CHECK(root_rank == comm_rank(g->comm) ? rig_is_message(g, inbox[w], w, salt) : inbox[w] == NULL);
    if (w != root) rig_expect(g, w, w, salt, DIRECTION_UP);
    if (comm_rank_of(g->comm, w) != root_rank) g->expected_crossing += wire_bytes(w, salt);
  }
  comm_release(g->comm);
  return 0;
}

static int check_broadcast(rig *g, int root, enum broadcast_algorithm a, uint32_t salt) {
  const bool is_server = root >= g->m;
  const int n = is_server ? g->m + 1 : g->m;
  message *m = NULL;
  const message *out = NULL;
  if (comm_rank_of(g->comm, root) == comm_rank(g->comm)) CASE_OK(rig_message(g, root, salt, &m));
  CASE_OK(comm_broadcast(g->comm, root, a, m, RIG_BOUND, &out));
  CASE_CHECK(rig_is_message(g, out, root, salt));
  /* The tree by its definition: everyone who has the message sends it on, each time as far as there are who have it. */
  for (int have = 1; have < n; have *= 2)
    for (int v = 0; v < have && v + have < n; v++) {
      const int sender = a == BROADCAST_STAR || v == 0 ? root : is_server ? v - 1 : (root + v) % g->m;
      rig_expect(g, sender, root, salt, is_server ? DIRECTION_DOWN : DIRECTION_PEER);
    }
  g->expected_crossing += (uint64_t)(g->n_ranks - 1) * wire_bytes(root, salt);
  comm_release(g->comm);
  return 0;
}

/* A random list in which a participant often sends the same message, or another one, to several. */
static int check_transfer(rig *g, uint32_t salt) {
  enum { MAX = 24 };
  transfer list[MAX];
  uint32_t salts[MAX];
  const int n_participants = g->m + g->n_servers;
  if (n_participants < 2) return 0;
  const size_t n = salt % MAX;
  memset(list, 0, sizeof list);
  for (size_t i = 0; i < n; i++) {
    const rng_words draw = rng_draw(rng_stream(salt, RNG_TEST, g->m, 0), i);
    transfer *t = &list[i];
    t->from = (int)(draw.w[0] % (uint32_t)n_participants);
    t->to = (t->from + 1 + (int)(draw.w[1] % (uint32_t)(n_participants - 1))) % n_participants;
    salts[i] = salt * MAX + (uint32_t)i;
    const bool is_local = comm_rank_of(g->comm, t->from) == comm_rank(g->comm);
    for (size_t j = 0; j < i && draw.w[2] % 2; j++)
      if (list[j].from == t->from) {
        salts[i] = salts[j];
        t->out = list[j].out;
      }
    if (is_local && !t->out) CASE_OK(rig_message(g, t->from, salts[i], &t->out));
    rig_expect(g, t->from, t->from, salts[i],
               t->from >= g->m ? DIRECTION_DOWN
               : t->to >= g->m ? DIRECTION_UP
                               : DIRECTION_PEER);
    bool is_new = comm_rank_of(g->comm, t->to) != comm_rank_of(g->comm, t->from);
    for (size_t j = 0; j < i; j++)
      if (salts[j] == salts[i] && comm_rank_of(g->comm, list[j].to) == comm_rank_of(g->comm, t->to)) is_new = false;
    if (is_new) g->expected_crossing += wire_bytes(t->from, salts[i]);
  }
  CASE_OK(comm_transfer(g->comm, list, n, RIG_BOUND));
  for (size_t i = 0; i < n; i++) {
    const bool is_here = comm_rank_of(g->comm, list[i].to) == comm_rank(g->comm);
    CASE_CHECK(is_here ? rig_is_message(g, list[i].in, list[i].from, salts[i]) : list[i].in == NULL);
  }
  comm_release(g->comm);
  return 0;
}

static int exchange_everything(rig *g) {
  const int n_participants = g->m + g->n_servers;
  for (uint32_t round = 0; round < 3; round++) {
    uint32_t salt = 1000 * round;
    comm_begin_round(g->comm, round);
    if (check_allgather(g, salt++)) return 1;
    for (int root = 0; root < n_participants; root++) {
      if (check_gather(g, root, salt++)) return 1;
      if (check_broadcast(g, root, BROADCAST_STAR, salt++)) return 1;
      if (check_broadcast(g, root, BROADCAST_BINOMIAL, salt++)) return 1;
    }
    for (int i = 0; i < 24; i++)
      if (check_transfer(g, salt++)) return 1;
  }
  CASE_CHECK(rig_account_agrees(g));
  return 0;
}

static int exchanges(int argc, char **argv) {
  (void)argc, (void)argv;
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    for (int m = n_ranks(); m <= 8; m += m < 5 ? 1 : 3)
      for (int n_servers = 0; n_servers <= 3; n_servers += 3) {
        rig g;
        CASE_OK(rig_open(&(rig_options){.kind = kinds[k], .m = m, .n_servers = n_servers}, &g));
        if (exchange_everything(&g)) return 1;
        rig_close(&g);
      }
  return 0;
}

/* Values of very different sizes, so that another order of additions gives other bits. */
static float value_at(int worker, size_t n, size_t i) {
  const rng_words draw = rng_draw(rng_stream(n, RNG_TEST, worker, 1), i);
  return ldexpf(rng_uniform(draw.w[0]) - 0.5f, (int)(draw.w[1] % 40) - 20);
}

typedef struct vectors {
  float *contribution[RIG_MAX_PARTICIPANTS], *result; /* device */
  float *host, *right;                                /* host: what comes out, what should */
} vectors;

static int vectors_open(rig *g, size_t n, vectors *v) {
  *v = (vectors){.host = calloc(n + 1, sizeof(float)), .right = calloc(n + 1, sizeof(float))};
  CASE_CHECK(v->host && v->right);
  for (int i = 0; i < comm_n_local(g->comm); i++) {
    CASE_OK(device_floats(g->device, n, &v->contribution[i]));
    for (size_t j = 0; j < n; j++) v->host[j] = value_at(comm_first_worker(g->comm) + i, n, j);
    vec_copy(g->stream, v->contribution[i], v->host, n);
    CASE_OK(stream_synchronize(g->stream));
  }
  for (size_t j = 0; j < n; j++) {
    v->right[j] = value_at(0, n, j);
    for (int w = 1; w < g->m; w++) v->right[j] += value_at(w, n, j);
  }
  CASE_OK(device_floats(g->device, n, &v->result));
  return 0;
}

static void vectors_close(rig *g, vectors *v) {
  for (int i = 0; i < comm_n_local(g->comm); i++) device_release(g->device, v->contribution[i]);
  device_release(g->device, v->result);
  free(v->host);
  free(v->right);
}

/* A worker sends all but its chunk, then its chunk to all others. */
static void expect_allreduce(rig *g, size_t n) {
  const size_t m = (size_t)g->m;
  for (size_t w = 0; w < m; w++) {
    const size_t own = n * (w + 1) / m - n * w / m;
    const bool is_here = comm_rank_of(g->comm, (int)w) == comm_rank(g->comm);
    traffic_count *count = &g->expected[w][DIRECTION_PEER];
    if (is_here && m > 1) {
      const uint64_t bytes = 4 * (n - own + (m - 1) * own);
      count->wire_bytes += bytes;
      count->payload_bits += 8 * bytes;
      count->theory_bits += 2 * (double)(m - 1) / (double)m * 32 * (double)n;
      for (size_t j = 0; j < m; j++)
        if (j != w) count->messages += (own > 0) + (n * (j + 1) / m > n * j / m);
    }
    for (size_t j = 0; j < m; j++)
      if (comm_rank_of(g->comm, (int)j) != comm_rank_of(g->comm, (int)w))
        g->expected_crossing += 4 * (n * (j + 1) / m - n * j / m);
    g->expected_crossing += 4 * own * (uint64_t)(g->n_ranks - 1);
  }
}

static int check_sum(rig *g, size_t n, bool is_probe, enum reduction_order reduction) {
  vectors v;
  if (vectors_open(g, n, &v)) return 1;
  const float *const *contribution = (const float *const *)v.contribution;
  for (int repeat = 0; repeat < 2; repeat++) {
    vec_fill(g->stream, v.result, NAN, n);
    if (is_probe)
      CASE_OK(comm_probe_sum(g->comm, contribution, n, v.result));
    else
      CASE_OK(comm_allreduce(g->comm, contribution, n, v.result));
    vec_copy(g->stream, v.host, v.result, n);
    CASE_OK(stream_synchronize(g->stream));
    if (reduction == REDUCTION_ORDERED || g->n_ranks == 1)
      CASE_CHECK(memcmp(v.host, v.right, n * sizeof(float)) == 0);
    else
      for (size_t j = 0; j < n; j++) CASE_CHECK(fabsf(v.host[j] - v.right[j]) <= 8e-7f * ldexpf(1, 20) * (float)g->m);
    if (!is_probe) expect_allreduce(g, n);
  }
  vectors_close(g, &v);
  return 0;
}

static int allreduce(int argc, char **argv) {
  (void)argc, (void)argv;
  static const size_t lengths[] = {0, 1, 2, 3, 5, 64, 1001, 70000};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    for (int m = n_ranks(); m <= 8; m += m < 5 ? 1 : 3) {
      rig g;
      CASE_OK(rig_open(&(rig_options){.kind = kinds[k], .m = m}, &g));
      for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        if (check_sum(&g, lengths[i], false, REDUCTION_ORDERED)) return 1;
        if (check_sum(&g, lengths[i], true, REDUCTION_ORDERED)) return 1;
      }
      CASE_CHECK(rig_account_agrees(&g));
      rig_close(&g);
      CASE_OK(rig_open(&(rig_options){.kind = kinds[k], .m = m, .reduction = REDUCTION_MPI}, &g));
      if (check_sum(&g, 1001, false, REDUCTION_MPI)) return 1;
      if (check_sum(&g, 0, false, REDUCTION_MPI)) return 1;
      CASE_CHECK(comm_mpi_bytes(g.comm) == (g.n_ranks > 1 ? 2 * 4 * 1001u : 0));
      const uint64_t own = traffic_of(comm_traffic(g.comm), comm_first_worker(g.comm))[DIRECTION_PEER].wire_bytes;
      CASE_CHECK(own == g.expected[comm_first_worker(g.comm)][DIRECTION_PEER].wire_bytes);
      rig_close(&g);
    }
  return 0;
}

static int control(int argc, char **argv) {
  (void)argc, (void)argv;
  rig g;
  CASE_OK(rig_open(&(rig_options){.kind = DEVICE_CPU, .m = 5}, &g));
  const uint64_t r = (uint64_t)comm_rank(g.comm), n = (uint64_t)g.n_ranks;
  uint64_t most[2] = {r, UINT64_MAX - r}, least[2] = {r, UINT64_MAX - r}, sum[2] = {r + 1, UINT64_MAX};
  CASE_OK(comm_control_u64(g.comm, CONTROL_MAX, most, 2));
  CASE_OK(comm_control_u64(g.comm, CONTROL_MIN, least, 2));
  CASE_OK(comm_control_u64(g.comm, CONTROL_SUM, sum, 2));
  CASE_CHECK(most[0] == n - 1 && most[1] == UINT64_MAX && least[0] == 0 && least[1] == UINT64_MAX - (n - 1));
  CASE_CHECK(sum[0] == n * (n + 1) / 2 && sum[1] == 0 - n);
  double series[9] = {0}, right[9] = {0};
  for (uint64_t i = 0; i < 9; i++) {
    right[i] = 1.0 / (double)(i + 1);
    if (i % n == r) series[i] = right[i];
  }
  CASE_OK(comm_control_sum(g.comm, series, 9));
  CASE_CHECK(memcmp(series, right, sizeof right) == 0);
  CASE_OK(comm_control_u64(g.comm, CONTROL_SUM, NULL, 0));
  CASE_CHECK(comm_mpi_bytes(g.comm) == 0);
  rig_close(&g);
  return 0;
}

/* Ten rounds of two exchanges; the all-gather's sizes change after the fourth. */
static int collection(int argc, char **argv) {
  (void)argc, (void)argv;
  rig g;
  CASE_OK(rig_open(&(rig_options){.kind = DEVICE_CPU, .m = 5, .n_servers = 1}, &g));
  for (uint64_t round = 0; round < 10; round++) {
    comm_begin_round(g.comm, round);
    if (check_allgather(&g, round < 4 ? 1 : 2)) return 1;
    if (check_broadcast(&g, g.m, BROADCAST_BINOMIAL, 7)) return 1;
  }
  const exchange *list = NULL;
  size_t n = 0;
  CASE_OK(comm_collect_exchanges(g.comm, &list, &n));
  CASE_CHECK(n == (comm_rank(g.comm) == 0 ? 3u : 0u));
  for (size_t i = 0; i < n; i++) {
    const exchange *e = &list[i];
    uint64_t max_bytes = 0, sum_bytes = 0;
    for (int w = 0; w < g.m; w++) {
      const uint64_t bytes = (uint64_t)(g.m - 1) * wire_bytes(w, i == 2 ? 2 : 1);
      sum_bytes += bytes;
      if (bytes > max_bytes) max_bytes = bytes;
    }
    if (e->operation == OPERATION_BROADCAST) { /* six in the tree: the server sends three of five */
      CASE_CHECK(e->first_round == 0 && e->n_rounds == 10 && e->sequence == 1 && strcmp(e->algorithm, "binomial") == 0);
      CASE_CHECK(e->participants == 6 && e->sent[DIRECTION_DOWN].max_bytes == 3 * wire_bytes(5, 7));
      CASE_CHECK(e->sent[DIRECTION_DOWN].sum_bytes == 5 * wire_bytes(5, 7) && e->sent[DIRECTION_PEER].sum_bytes == 0);
    } else {
      CASE_CHECK(e->first_round == (i == 2 ? 4 : 0) && e->n_rounds == (i == 2 ? 6 : 4) && e->sequence == 0);
      CASE_CHECK(e->operation == OPERATION_ALLGATHER && e->participants == 5);
      CASE_CHECK(e->sent[DIRECTION_PEER].max_bytes == max_bytes && e->sent[DIRECTION_PEER].sum_bytes == sum_bytes);
    }
  }
  CASE_OK(comm_collect_exchanges(g.comm, &list, &n));
  CASE_CHECK(n == 0);
  rig_close(&g);
  return 0;
}

/* Rounds of changing sizes use the messages of the first rounds again. */
static int reuse(int argc, char **argv) {
  (void)argc, (void)argv;
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    rig g;
    CASE_OK(rig_open(&(rig_options){.kind = kinds[k], .m = 6}, &g));
    size_t after_first = 0;
    for (uint32_t round = 0; round < 200; round++) {
      comm_begin_round(g.comm, round);
      if (check_allgather(&g, round)) return 1;
      if (check_broadcast(&g, (int)round % 6, BROADCAST_BINOMIAL, round)) return 1;
      if (round == 0) after_first = message_pool_size(comm_pool(g.comm));
      CASE_CHECK(after_first == 6 && message_pool_size(comm_pool(g.comm)) == after_first);
    }
    rig_close(&g);
  }
  return 0;
}

/* Exchanges in a row without waiting for the device: work on the first must not see the bytes of the second. */
static int run_ahead_broadcast(rig *g) {
  enum { N = 5 };
  const int root = g->m - 1;
  unsigned char seen[N][RIG_BOUND];
  for (uint32_t i = 0; i < N; i++) {
    message *m = NULL;
    const message *out = NULL;
    if (comm_rank_of(g->comm, root) == comm_rank(g->comm)) CASE_OK(rig_message(g, root, i, &m));
    CASE_OK(comm_broadcast(g->comm, root, BROADCAST_STAR, m, RIG_BOUND, &out));
    stream_copy(g->stream, seen[i], message_body(out), rig_body_bytes(root, i));
    comm_release(g->comm);
  }
  CASE_OK(stream_synchronize(g->stream));
  for (uint32_t i = 0; i < N; i++)
    for (uint32_t j = 0; j < rig_body_bytes(root, i); j++) CASE_CHECK(seen[i][j] == rig_byte(root, i, j));
  return 0;
}

static int run_ahead_allreduce(rig *g) {
  static const size_t lengths[] = {500, 500, 400, 3000};
  enum { N = sizeof lengths / sizeof *lengths };
  vectors v[N];
  for (size_t i = 0; i < N; i++)
    if (vectors_open(g, lengths[i], &v[i])) return 1;
  for (size_t i = 0; i < N; i++) {
    vec_scale(g->stream, v[i].contribution[0], (float)(i + 1), lengths[i]);
    CASE_OK(comm_allreduce(g->comm, (const float *const *)v[i].contribution, lengths[i], v[i].result));
  }
  for (size_t i = 0; i < N; i++) {
    vec_copy(g->stream, v[i].host, v[i].result, lengths[i]);
    CASE_OK(stream_synchronize(g->stream));
    for (size_t j = 0; j < lengths[i]; j++) {
      float right = 0;
      for (int w = 0; w < g->m; w++) {
        const bool is_first = w == 0 || comm_rank_of(g->comm, w) != comm_rank_of(g->comm, w - 1);
        const float x = value_at(w, lengths[i], j) * (is_first ? (float)(i + 1) : 1);
        right = w == 0 ? x : right + x;
      }
      CASE_CHECK(v[i].host[j] == right);
    }
    vectors_close(g, &v[i]);
  }
  return 0;
}

static int run_ahead(int argc, char **argv) {
  (void)argc, (void)argv;
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    rig g;
    CASE_OK(rig_open(&(rig_options){.kind = kinds[k], .m = 6}, &g));
    if (run_ahead_broadcast(&g) || run_ahead_allreduce(&g)) return 1;
    rig_close(&g);
  }
  return 0;
}

const mpi_case comm_cases[] = {
    {"exchanges", exchanges}, {"allreduce", allreduce}, {"control", control}, {"collection", collection},
    {"reuse", reuse},         {"run-ahead", run_ahead}, {NULL, NULL}};
