#include "algorithms/gtopk_aggregate.h"

#include <stdlib.h>

struct gtopk_aggregator {
  const method_env *env;
  pipeline *pipeline;
  enum gtopk_aggregate how;
  size_t k;
  void *scratch;         /* for sparse operations over 3 k entries */
  sparse incoming;       /* k: a message's entries */
  sparse merged;         /* 2 k */
  sparse dropped;        /* 2 k */
  transfer *pairs;       /* n_workers */
  sparse *current;       /* tree, recursive: n_local, k entries: the k largest of all that reached this worker */
  sparse *live;          /* recursive: n_local, 2 k entries: the worker's own share of `current` */
  sparse spare;          /* recursive: 2 k; changes places with a `live` */
  float *sum;            /* naive: n_params */
  message **outgoing;    /* naive: n_local */
  const message **inbox; /* naive: n_workers */
  sparse result;         /* naive, tree: k entries */
};

static void release_all(device *d, sparse *list, int n) {
  for (int i = 0; list && i < n; i++) sparse_release(d, &list[i]);
  free(list);
}

void gtopk_aggregator_destroy(gtopk_aggregator *g) {
  if (!g) return;
  device *d = g->env->device;
  device_release(d, g->scratch);
  sparse_release(d, &g->incoming);
  sparse_release(d, &g->merged);
  sparse_release(d, &g->dropped);
  sparse_release(d, &g->spare);
  sparse_release(d, &g->result);
  release_all(d, g->current, g->env->n_local);
  release_all(d, g->live, g->env->n_local);
  device_release(d, g->sum);
  free(g->pairs);
  free(g->outgoing);
  free(g->inbox);
  free(g);
}

static enum status allocate_each(const method_env *env, size_t capacity, sparse **list) {
  *list = calloc((size_t)env->n_local, sizeof **list);
  if (!*list) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d workers", env->n_local);
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(sparse_alloc(env->device, capacity, &(*list)[i]));
  return STATUS_OK;
}

static enum status allocate(gtopk_aggregator *g) {
  const method_env *env = g->env;
  device *d = env->device;
  const size_t k = g->k, n_workers = (size_t)env->n_workers;
  g->pairs = calloc(n_workers, sizeof *g->pairs);
  g->outgoing = calloc((size_t)env->n_local, sizeof *g->outgoing);
  g->inbox = calloc(n_workers, sizeof *g->inbox);
  if (!g->pairs || !g->outgoing || !g->inbox)
    return FAIL(STATUS_NO_MEMORY, "no memory for a table of %zu messages", n_workers);
  TRY_RETURN(device_alloc(d, vec_scratch_bytes(3 * k), &g->scratch));
  TRY_RETURN(sparse_alloc(d, k, &g->incoming));
  TRY_RETURN(sparse_alloc(d, 2 * k, &g->merged));
  TRY_RETURN(sparse_alloc(d, 2 * k, &g->dropped));
  if (g->how == GTOPK_NAIVE) TRY_RETURN(device_floats(d, env->n_params, &g->sum));
  if (g->how != GTOPK_RECURSIVE) TRY_RETURN(sparse_alloc(d, k, &g->result));
  if (g->how != GTOPK_NAIVE) TRY_RETURN(allocate_each(env, k, &g->current));
  if (g->how == GTOPK_RECURSIVE) {
    TRY_RETURN(allocate_each(env, 2 * k, &g->live));
    TRY_RETURN(sparse_alloc(d, 2 * k, &g->spare));
  }
  return STATUS_OK;
}

enum status gtopk_aggregator_create(const method_env *env, pipeline *p, enum gtopk_aggregate how,
                                    gtopk_aggregator **out) {
  *out = NULL;
  gtopk_aggregator *g = calloc(1, sizeof *g);
  if (!g) return FAIL(STATUS_NO_MEMORY, "no memory for the state of gtopk");
  g->env = env;
  g->pipeline = p;
  g->how = how;
  g->k = pipeline_max_count(p);
  const enum status status = allocate(g);
  if (status == STATUS_OK)
    *out = g;
  else
    gtopk_aggregator_destroy(g);
  return status;
}

static enum status encode(gtopk_aggregator *g, const sparse *entries, message **out) {
  TRY_RETURN(message_acquire(comm_pool(g->env->comm), pipeline_wire_bound(g->pipeline), out));
  TRY_RETURN(pipeline_encode_sparse(g->pipeline, entries, g->k, *out));
  (*out)->theory_bits = 64.0 * (double)g->k;
  return STATUS_OK;
}

/* e += the entries of `own` whose index `kept` does not have, which are left in g->dropped. */
static void put_back(gtopk_aggregator *g, const sparse *own, const sparse *kept, float *e) {
  stream *s = g->env->stream;
  vec_sparse_subtract(s, own, kept, &g->dropped, g->scratch);
  vec_scatter_add(s, 1.0f, &g->dropped, e, g->env->n_params);
}

static void copy_entries(stream *s, sparse *to, const sparse *from, size_t k) {
  stream_copy(s, to->index, from->index, k * sizeof *to->index);
  stream_copy(s, to->value, from->value, k * sizeof *to->value);
  stream_copy(s, to->count, from->count, sizeof *to->count);
}

static int local_of(const gtopk_aggregator *g, int w) {
  const int i = w - g->env->workers[0].id;
  return i >= 0 && i < g->env->n_local ? i : -1;
}

/* Sends what each sender of g->pairs[0..n) holds in `current`; no worker sends or receives twice in one list. */
static enum status send_pairs(gtopk_aggregator *g, size_t n) {
  const method_env *env = g->env;
  env->enter(env->clock, PHASE_ENCODE);
  for (size_t t = 0; t < n; t++) {
    const int i = local_of(g, g->pairs[t].from);
    if (i >= 0) TRY_RETURN(encode(g, &g->current[i], &g->pairs[t].out));
  }
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_transfer(env->comm, g->pairs, n, pipeline_wire_bound(g->pipeline)));
  env->enter(env->clock, PHASE_DECODE);
  return STATUS_OK;
}

static enum status receive(gtopk_aggregator *g, uint64_t round, const transfer *t, sparse *out) {
  return pipeline_decode_sparse(g->pipeline, round, t->from, t->in, out);
}

/* out = what local worker i holds + what came from `from`, in the order of the workers, so that both ends of an
 * exchange add alike. */
static void merge(gtopk_aggregator *g, int i, int from, sparse *out) {
  const bool incoming_first = from < g->env->workers[i].id;
  const sparse *low = incoming_first ? &g->incoming : &g->current[i];
  const sparse *high = incoming_first ? &g->current[i] : &g->incoming;
  vec_sparse_merge(g->env->stream, low, high, out, g->scratch);
}

/* Worker i has cut its vector down to `current`: its own share of what fell out goes back into its residual. */
static void settle(gtopk_aggregator *g, int i, float *const *residual) {
  if (!residual) return;
  put_back(g, &g->live[i], &g->current[i], residual[i]);
  vec_sparse_subtract(g->env->stream, &g->live[i], &g->dropped, &g->spare, g->scratch);
  const sparse rest = g->spare;
  g->spare = g->live[i];
  g->live[i] = rest;
}

/* The workers from `first` on hand their entries to the first ones, who adopt them: from here on they are the partner's
 * own, and go into the partner's residual where they are cut. */
static enum status fold(gtopk_aggregator *g, uint64_t round, int first, float *const *residual) {
  stream *s = g->env->stream;
  const size_t n = (size_t)(g->env->n_workers - first);
  for (size_t t = 0; t < n; t++) g->pairs[t] = (transfer){.from = first + (int)t, .to = (int)t};
  TRY_RETURN(send_pairs(g, n));
  for (size_t t = 0; t < n; t++) {
    const int i = local_of(g, g->pairs[t].to);
    if (i < 0) continue;
    TRY_RETURN(receive(g, round, &g->pairs[t], &g->incoming));
    merge(g, i, g->pairs[t].from, &g->live[i]);
    vec_sparse_keep(s, &g->live[i], g->k, &g->current[i], g->scratch);
    settle(g, i, residual);
  }
  comm_release(g->env->comm);
  return STATUS_OK;
}

static enum status unfold(gtopk_aggregator *g, uint64_t round, int first) {
  const size_t n = (size_t)(g->env->n_workers - first);
  for (size_t t = 0; t < n; t++) g->pairs[t] = (transfer){.from = (int)t, .to = first + (int)t};
  TRY_RETURN(send_pairs(g, n));
  for (size_t t = 0; t < n; t++) {
    const int i = local_of(g, g->pairs[t].to);
    if (i >= 0) TRY_RETURN(receive(g, round, &g->pairs[t], &g->current[i]));
  }
  comm_release(g->env->comm);
  return STATUS_OK;
}

/* Workers below n (a power of two) exchange with the worker `distance` away. */
static enum status exchange_halves(gtopk_aggregator *g, uint64_t round, int n, int distance, float *const *residual) {
  for (int w = 0; w < n; w++) g->pairs[w] = (transfer){.from = w, .to = w ^ distance};
  TRY_RETURN(send_pairs(g, (size_t)n));
  for (int t = 0; t < n; t++) {
    const int i = local_of(g, g->pairs[t].to);
    if (i < 0) continue;
    TRY_RETURN(receive(g, round, &g->pairs[t], &g->incoming));
    merge(g, i, g->pairs[t].from, &g->merged);
    vec_sparse_keep(g->env->stream, &g->merged, g->k, &g->current[i], g->scratch);
    settle(g, i, residual);
  }
  comm_release(g->env->comm);
  return STATUS_OK;
}

static enum status aggregate_recursive(gtopk_aggregator *g, uint64_t round, const sparse *selected,
                                       float *const *residual, const sparse **result) {
  const method_env *env = g->env;
  int n = 1;
  while (2 * n <= env->n_workers) n *= 2;
  for (int i = 0; i < env->n_local; i++) {
    copy_entries(env->stream, &g->current[i], &selected[i], g->k);
    copy_entries(env->stream, &g->live[i], &selected[i], g->k);
  }
  if (n < env->n_workers) TRY_RETURN(fold(g, round, n, residual));
  for (int distance = 1; distance < n; distance *= 2) TRY_RETURN(exchange_halves(g, round, n, distance, residual));
  if (n < env->n_workers) TRY_RETURN(unfold(g, round, n));
  *result = &g->current[0];
  return STATUS_OK;
}

/* Workers at odd multiples of `distance` send to the multiple before; a last even one has nobody and passes through. */
static enum status climb(gtopk_aggregator *g, uint64_t round, int distance) {
  size_t n = 0;
  for (int w = distance; w < g->env->n_workers; w += 2 * distance)
    g->pairs[n++] = (transfer){.from = w, .to = w - distance};
  TRY_RETURN(send_pairs(g, n));
  for (size_t t = 0; t < n; t++) {
    const int i = local_of(g, g->pairs[t].to);
    if (i < 0) continue;
    TRY_RETURN(receive(g, round, &g->pairs[t], &g->incoming));
    merge(g, i, g->pairs[t].from, &g->merged);
    vec_sparse_keep(g->env->stream, &g->merged, g->k, &g->current[i], g->scratch);
  }
  comm_release(g->env->comm);
  return STATUS_OK;
}

static enum status aggregate_tree(gtopk_aggregator *g, uint64_t round, const sparse *selected, const sparse **result) {
  const method_env *env = g->env;
  for (int i = 0; i < env->n_local; i++) copy_entries(env->stream, &g->current[i], &selected[i], g->k);
  for (int distance = 1; distance < env->n_workers; distance *= 2) TRY_RETURN(climb(g, round, distance));
  message *top = NULL;
  const message *received;
  env->enter(env->clock, PHASE_ENCODE);
  if (local_of(g, 0) == 0) TRY_RETURN(encode(g, &g->current[0], &top));
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_broadcast(env->comm, 0, BROADCAST_BINOMIAL, top, pipeline_wire_bound(g->pipeline), &received));
  env->enter(env->clock, PHASE_DECODE);
  TRY_RETURN(pipeline_decode_sparse(g->pipeline, round, 0, received, &g->result));
  comm_release(env->comm);
  *result = &g->result;
  return STATUS_OK;
}

static enum status aggregate_naive(gtopk_aggregator *g, uint64_t round, const sparse *selected, const sparse **result) {
  const method_env *env = g->env;
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(encode(g, &selected[i], &g->outgoing[i]));
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_allgather(env->comm, g->outgoing, pipeline_wire_bound(g->pipeline), g->inbox));
  env->enter(env->clock, PHASE_DECODE);
  vec_fill(env->stream, g->sum, 0.0f, env->n_params);
  for (int w = 0; w < env->n_workers; w++) {
    TRY_RETURN(pipeline_decode_sparse(g->pipeline, round, w, g->inbox[w], &g->incoming));
    vec_scatter_add(env->stream, 1.0f, &g->incoming, g->sum, env->n_params);
  }
  vec_select_k(env->stream, g->sum, env->n_params, g->k, &g->result, env->scratch);
  comm_release(env->comm);
  *result = &g->result;
  return STATUS_OK;
}

enum status gtopk_aggregate(gtopk_aggregator *g, uint64_t round, const sparse *selected, float *const *residual,
                            const sparse **result) {
  if (g->how == GTOPK_RECURSIVE) return aggregate_recursive(g, round, selected, residual, result);
  if (g->how == GTOPK_TREE)
    TRY_RETURN(aggregate_tree(g, round, selected, result));
  else
    TRY_RETURN(aggregate_naive(g, round, selected, result));
  for (int i = 0; residual && i < g->env->n_local; i++) put_back(g, &selected[i], *result, residual[i]);
  return STATUS_OK;
}
