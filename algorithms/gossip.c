#include "algorithms/gossip.h"

#include <stdlib.h>
#include <string.h>

const char *gossip_skip_varying(const method_env *env, const args *a) {
  if (strcmp(args_text(a, "topology"), "one-peer-exponential") == 0)
    return "what a worker has heard of its neighbours adds up only while they stay the same: not one-peer-exponential";
  return topology_skip(env, a);
}

/* ---- create and destroy */

static enum status plan_transfers(gossip *g) {
  const topology *t = &g->topology;
  const size_t n = (size_t)t->n, n_rows = (size_t)t->period * n;
  size_t n_listed = 0;
  for (size_t i = 0; i < n_rows * n; i++) n_listed += t->weight[i] > 0;
  g->list = calloc(n_listed, sizeof *g->list);
  g->first = calloc(n_rows + 1, sizeof *g->first);
  if (!g->list || !g->first) return FAIL(STATUS_NO_MEMORY, "no memory for a list of %zu transfers", n_listed);
  n_listed = 0;
  for (size_t row = 0; row < n_rows; row++) {
    const int to = (int)(row % n);
    for (int from = 0; from < t->n; from++)
      if (from != to && topology_weight(t, row / n, to, from) > 0)
        g->list[n_listed++] = (transfer){.from = from, .to = to};
    g->first[row + 1] = n_listed;
  }
  return STATUS_OK;
}

static enum status create_pipeline(gossip *g, const args *a, enum gossip_payload payload) {
  const method_env *env = g->env;
  static const module_spec identity = {.name = "identity"};
  const pipeline_spec dense = {.stages = &identity, .n_stages = 1};
  const pipeline_spec spec = payload == GOSSIP_DENSE ? dense : pipeline_spec_from(a);
  TRY_RETURN(pipeline_create(&spec, env->device, env->stream, &g->layers, env->seed, &g->pipeline));
  g->bound = pipeline_wire_bound(g->pipeline);
  return STATUS_OK;
}

enum status gossip_create(const method_env *env, const args *a, enum gossip_payload payload, size_t n_floats,
                          gossip *out) {
  memset(out, 0, sizeof *out);
  out->env = env;
  out->layers = *env->layers;
  out->layers.n_params = n_floats;
  TRY_RETURN(topology_create(a, env->n_workers, env->seed, &out->topology));
  TRY_RETURN(plan_transfers(out));
  out->sent = calloc((size_t)env->n_local, sizeof *out->sent);
  if (!out->sent) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d workers", env->n_local);
  TRY_RETURN(worker_gradient_table(env, &out->spare));
  if (payload != GOSSIP_OWN) TRY_RETURN(create_pipeline(out, a, payload));
  return local_models_create(env, &out->models);
}

void gossip_destroy(void *state) {
  gossip *g = state;
  local_models_destroy(&g->models);
  pipeline_destroy(g->pipeline);
  topology_destroy(&g->topology);
  free(g->sent);
  free(g->spare);
  free(g->list);
  free(g->first);
}

/* ---- a round */

enum status gossip_steps(gossip *g, uint64_t first, uint64_t n) { return local_models_steps_all(&g->models, first, n); }

static enum status begin_message(gossip *g, int i) {
  return message_acquire(comm_pool(g->env->comm), g->bound, &g->sent[i]);
}

enum status gossip_encode(gossip *g, uint64_t round, float *const *v) {
  const method_env *env = g->env;
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) {
    TRY_RETURN(begin_message(g, i));
    TRY_RETURN(pipeline_encode(g->pipeline, round, env->workers[i].id, v[i], g->sent[i]));
  }
  return STATUS_OK;
}

enum status gossip_encode_feedback(gossip *g, uint64_t round, float *const *v, float *const *e) {
  const method_env *env = g->env;
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) {
    TRY_RETURN(begin_message(g, i));
    TRY_RETURN(pipeline_encode_feedback(g->pipeline, round, env->workers[i].id, v[i], e[i], g->sent[i]));
  }
  return STATUS_OK;
}

static size_t row_of(const gossip *g, uint64_t round, int worker) {
  return (size_t)(round % (uint64_t)g->topology.period) * (size_t)g->topology.n + (size_t)worker;
}

enum status gossip_exchange(gossip *g, uint64_t round) {
  const method_env *env = g->env;
  const size_t begin = g->first[row_of(g, round, 0)], end = g->first[row_of(g, round, env->n_workers - 1) + 1];
  const int first_worker = env->workers[0].id;
  env->enter(env->clock, PHASE_EXCHANGE);
  for (size_t k = begin; k < end; k++) {
    const int i = g->list[k].from - first_worker;
    g->list[k].out = i >= 0 && i < env->n_local ? g->sent[i] : NULL;
  }
  TRY_RETURN(comm_transfer(env->comm, g->list + begin, end - begin, g->bound));
  env->enter(env->clock, PHASE_DECODE);
  return env->n_workers == 1 ? event_wait(g->sent[0]->ready) : STATUS_OK; /* as an exchange would have waited */
}

void gossip_release(gossip *g) {
  /* A worker alone hands its message to nobody. */
  if (g->env->n_workers == 1) message_give_back(comm_pool(g->env->comm), g->sent[0]);
  comm_release(g->env->comm);
}

const transfer *gossip_heard(const gossip *g, uint64_t round, int i, size_t *count) {
  const size_t row = row_of(g, round, g->env->workers[i].id);
  *count = g->first[row + 1] - g->first[row];
  return g->list + g->first[row];
}

enum status gossip_add_own(gossip *g, uint64_t round, int i, float *y) {
  return pipeline_decode_add(g->pipeline, round, g->env->workers[i].id, g->sent[i], 1.0f, y);
}

enum status gossip_add_heard(gossip *g, uint64_t round, int i, size_t k, float *y) {
  size_t count;
  const transfer *heard = gossip_heard(g, round, i, &count) + k;
  return pipeline_decode_add(g->pipeline, round, heard->from, heard->in, 1.0f, y);
}

/* y += a sum_j W_ij C(v_j), with `own` in the place of W_ii */
static enum status add(gossip *g, uint64_t round, int i, double a, double own, float *y) {
  const int w = g->env->workers[i].id;
  size_t count, k = 0;
  const transfer *heard = gossip_heard(g, round, i, &count);
  for (int turn = 0; turn < 2; turn++) {
    for (; k < count && (turn == 1 || heard[k].from < w); k++) {
      const float weight = (float)(a * topology_weight(&g->topology, round, w, heard[k].from));
      TRY_RETURN(pipeline_decode_add(g->pipeline, round, heard[k].from, heard[k].in, weight, y));
    }
    if (turn == 0) TRY_RETURN(pipeline_decode_add(g->pipeline, round, w, g->sent[i], (float)(a * own), y));
  }
  return STATUS_OK;
}

static double own_weight(const gossip *g, uint64_t round, int i) {
  const int w = g->env->workers[i].id;
  return topology_weight(&g->topology, round, w, w);
}

enum status gossip_add_mix(gossip *g, uint64_t round, int i, float *y) {
  return add(g, round, i, 1, own_weight(g, round, i), y);
}

enum status gossip_add_pull(gossip *g, uint64_t round, int i, float a, float *y) {
  return add(g, round, i, a, own_weight(g, round, i) - 1, y);
}

enum status gossip_pull(gossip *g, uint64_t round, float a, float *const *v, float *const *y) {
  TRY_RETURN(gossip_encode(g, round, v));
  TRY_RETURN(gossip_exchange(g, round));
  for (int i = 0; i < g->env->n_local; i++) TRY_RETURN(gossip_add_pull(g, round, i, a, y[i]));
  gossip_release(g);
  return STATUS_OK;
}

/* ---- callbacks */

enum status gossip_iterate(void *state, int worker, float *x) {
  return local_models_iterate(&((gossip *)state)->models, worker, x);
}

enum status gossip_probe(void *state, const probe_sink *sink) {
  return local_models_probe(&((gossip *)state)->models, sink);
}

enum status gossip_facts(void *state, const probe_sink *sink) {
  return topology_facts(&((gossip *)state)->topology, sink);
}

enum status gossip_archive(void *state, archive *a) { return local_models_archive(&((gossip *)state)->models, a); }
