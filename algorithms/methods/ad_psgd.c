/* AD-PSGD (Lian et al., Asynchronous Decentralized Parallel SGD, ICML 2018: Algorithm 1). Worker i, whenever it ends
 * the gradient that it began at its snapshot s_i, averages atomically with a random neighbour j and then steps along
 * it: x_i = x_j = (x_i + x_j)/2;  x_i <- x_i - gamma m_i,  m_i <- beta m_i + g_i(s_i);  s_i = x_i. The gradient is
 * stale by what others' averages did to x_i since. In the paper's roles, which make real locks free of deadlock, only
 * active workers begin an average, with passive neighbours; the passive ones step alone. The roles here are a
 * two-colouring where the graph has one, and otherwise cut most of each worker's edges to those before it in
 * breadth-first order, which leaves every worker a neighbour of the other role and the graph connected.
 *
 * A round is M events, whose gradients are one step of a worker on average; 64 d bits an average. With `execution:
 * free` workers run at their own pace instead of the schedule's, one step each a round (algorithms/free_pairs.h). */
#include <stdlib.h>
#include <string.h>

#include "algorithms/free_pairs.h"
#include "algorithms/local_models.h"

enum role { UNDECIDED, ACTIVE, PASSIVE };

typedef struct ad_psgd {
  const method_env *env;
  pairwise pairs;
  local_models models;
  float **snapshot; /* s_i of local workers */
  enum role *role;  /* [n_workers]; NULL: anyone may begin with any neighbour */
  free_pairs free;
} ad_psgd;

static void destroy(void *state) {
  ad_psgd *s = state;
  free_pairs_destroy(&s->free);
  worker_vectors_destroy(s->env, s->snapshot);
  free(s->role);
  local_models_destroy(&s->models);
  pairwise_destroy(&s->pairs);
}

/* The role that fewer of w's neighbours have, and of equally many the one fewer workers have. */
static enum role role_beside(const ad_psgd *s, int w) {
  int n, n_neighbours[3] = {0}, n_all[3] = {0};
  const int *neighbours = topology_neighbours(&s->pairs.topology, w, &n);
  for (int k = 0; k < n; k++) n_neighbours[s->role[neighbours[k]]]++;
  for (int v = 0; v < s->env->n_workers; v++) n_all[s->role[v]]++;
  const int difference = n_neighbours[ACTIVE] - n_neighbours[PASSIVE];
  if (difference != 0) return difference < 0 ? ACTIVE : PASSIVE;
  return n_all[ACTIVE] <= n_all[PASSIVE] ? ACTIVE : PASSIVE;
}

static enum status assign_roles(ad_psgd *s) {
  const size_t m = (size_t)s->env->n_workers;
  int *queue = calloc(m, sizeof *queue), n_queued = 1;
  bool *is_queued = calloc(m, sizeof *is_queued);
  s->role = calloc(m, sizeof *s->role);
  const bool is_good = queue && is_queued && s->role;
  if (is_good) is_queued[0] = true;
  for (int head = 0; is_good && head < n_queued; head++) {
    int n;
    const int w = queue[head], *neighbours = topology_neighbours(&s->pairs.topology, w, &n);
    s->role[w] = role_beside(s, w);
    for (int k = 0; k < n; k++) {
      if (is_queued[neighbours[k]]) continue;
      is_queued[neighbours[k]] = true;
      queue[n_queued++] = neighbours[k];
    }
  }
  free(queue);
  free(is_queued);
  return is_good ? STATUS_OK : FAIL(STATUS_NO_MEMORY, "no memory for the roles of %zu workers", m);
}

static enum status create(const method_env *env, const args *a, void *state) {
  ad_psgd *s = state;
  s->env = env;
  TRY_RETURN(pairwise_create(env, a, &s->pairs));
  if (strcmp(args_text(a, "roles"), "bipartite") == 0) TRY_RETURN(assign_roles(s));
  TRY_RETURN(local_models_create(env, &s->models));
  TRY_RETURN(worker_vectors_create(env, env->n_params, &s->snapshot));
  worker_vectors_set(env, s->snapshot, env->initial);
  return free_pairs_create(env, a, &s->free);
}

/* Whom the event's worker averages with, or -1: it is passive. */
static int partner_of(const ad_psgd *s, const schedule_event *e) {
  if (!s->role) return pairwise_partner(&s->pairs, e);
  if (s->role[e->worker] != ACTIVE) return -1;
  int n, n_passive = 0;
  const int *neighbours = topology_neighbours(&s->pairs.topology, e->worker, &n);
  for (int k = 0; k < n; k++) n_passive += s->role[neighbours[k]] == PASSIVE;
  size_t left = event_choice(&s->pairs.schedule, e, (size_t)n_passive);
  for (int k = 0; k < n; k++)
    if (s->role[neighbours[k]] == PASSIVE && left-- == 0) return neighbours[k];
  return -1;
}

static enum status run_event(ad_psgd *s, const schedule_event *e) {
  const method_env *env = s->env;
  const int i = pairwise_local(&s->pairs, e->worker), partner = partner_of(s, e);
  const uint64_t step = pairwise_count(&s->pairs, e->worker, 1);
  env->enter(env->clock, PHASE_COMPUTE);
  if (i >= 0) TRY_RETURN(worker_gradient(env, &env->workers[i], step, s->snapshot[i]));
  if (partner >= 0) TRY_RETURN(pairwise_average(&s->pairs, e->worker, partner, s->models.x));
  if (i < 0) return STATUS_OK;
  local_models_update(&s->models, i, step);
  vec_copy(env->stream, s->snapshot[i], s->models.x[i], env->n_params);
  return STATUS_OK;
}

/* One event of every worker, here this rank's one for real. */
static enum status run_free(ad_psgd *s, uint64_t round) {
  const method_env *env = s->env;
  const schedule_event e = free_pairs_event(&s->free, round, env->workers[0].id);
  const int partner = partner_of(s, &e);
  for (int w = 0; w < env->n_workers; w++) s->pairs.steps[w] = round + 1;
  env->enter(env->clock, PHASE_COMPUTE);
  TRY_RETURN(worker_gradient(env, &env->workers[0], round, s->snapshot[0]));
  TRY_RETURN(free_pairs_meet(&s->free, partner, s->models.x[0]));
  local_models_update(&s->models, 0, round);
  TRY_RETURN(free_pairs_part(&s->free, partner, s->models.x[0]));
  vec_copy(env->stream, s->snapshot[0], s->models.x[0], env->n_params);
  return free_pairs_account(&s->free);
}

static enum status run_round(void *state, uint64_t round) {
  ad_psgd *s = state;
  if (s->free.window) return run_free(s, round);
  for (int k = 0; k < s->env->n_workers; k++) {
    const schedule_event e = event_schedule_next(&s->pairs.schedule);
    TRY_RETURN(run_event(s, &e));
  }
  return STATUS_OK;
}

static enum status iterate(void *state, int w, float *x) {
  ad_psgd *s = state;
  TRY_RETURN(free_pairs_gather(&s->free, w, s->models.x));
  return local_models_iterate(&s->models, w, x);
}

static enum status facts(void *state, const probe_sink *sink) {
  return topology_facts(&((ad_psgd *)state)->pairs.topology, sink);
}

static enum status probe(void *state, const probe_sink *sink) {
  ad_psgd *s = state;
  TRY_RETURN(free_pairs_gather(&s->free, -1, s->models.x));
  TRY_RETURN(local_models_probe(&s->models, sink));
  return pairwise_probe(&s->pairs, sink);
}

static enum status archive_state(void *state, archive *a) {
  ad_psgd *s = state;
  const method_env *env = s->env;
  TRY_RETURN(pairwise_archive(&s->pairs, a));
  TRY_RETURN(free_pairs_archive(&s->free, &s->models, a));
  return worker_vectors_archive(env, a, "snapshot", s->snapshot, env->n_params);
}

static const param params[] = {
    {.name = "roles",
     .type = PARAM_CHOICE,
     .fallback = "bipartite",
     .choices = "bipartite|any",
     .help = "who begins an average: active workers, with passive neighbours, or anyone with any neighbour"},
    EXECUTION_PARAM,
    PAIRWISE_PARAMS,
    PARAM_END,
};

MODULE(method, ad_psgd) = {
    .name = "ad-psgd",
    .paper = "Lian et al., ICML 2018: Algorithm 1",
    .version = "1",
    .params = params,
    .traits = ASYNCHRONOUS | DECENTRALISED,
    .skip = pairwise_skip,
    .unrepeatable = execution_unrepeatable,
    .state_bytes = sizeof(ad_psgd),
    .create = create,
    .round = run_round,
    .iterate = iterate,
    .facts = facts,
    .probe = probe,
    .archive = archive_state,
    .destroy = destroy,
};
