/* SGP, stochastic gradient push (Assran et al., ICML 2019, Algorithm 1). Beside its numerator u_i worker i has a
 * push-sum weight w_i, 1 at first; its model is z_i = u_i / w_i:
 *   u_i <- u_i - gamma g_i(z_i);  u_i <- sum_j P_ij u_j;  w_i <- sum_j P_ij w_j;  z_i = u_i / w_i
 * P is column-stochastic: a worker splits what it has evenly among itself and its receivers of the round, so that sum_i
 * u_i and sum_i w_i stay where they are on any graph, and on one that is not regular w takes out what P distorts.
 * Weight and numerator are one vector of d + 1 floats: 4 (d + 1) bytes to each receiver. Momentum, weight decay and
 * clipping are part of the step of z_i; u_i moves by as much. */
#include "algorithms/gossip.h"
#include "algorithms/worker_vectors.h"

typedef struct sgp {
  gossip gossip;  /* models.x: z */
  float **u;      /* n_local vectors of n_params + 1 floats: numerator, then weight */
  float *weights; /* pinned, n_local: the weights as the host knows them */
} sgp;

static void destroy(void *state) {
  sgp *s = state;
  const method_env *env = s->gossip.env;
  if (!env) return;
  worker_vectors_destroy(env, s->u);
  device_release_host(env->device, s->weights);
  gossip_destroy(&s->gossip);
}

static enum status read_weights(sgp *s) {
  const method_env *env = s->gossip.env;
  for (int i = 0; i < env->n_local; i++)
    stream_copy(env->stream, &s->weights[i], s->u[i] + env->n_params, sizeof *s->weights);
  return stream_synchronize(env->stream);
}

static enum status create(const method_env *env, const args *a, void *state) {
  sgp *s = state;
  TRY_RETURN(gossip_create(env, a, GOSSIP_DENSE, env->n_params + 1, &s->gossip));
  topology_push(&s->gossip.topology);
  TRY_RETURN(worker_vectors_create(env, env->n_params + 1, &s->u));
  TRY_RETURN(device_alloc_host(env->device, (size_t)env->n_local * sizeof *s->weights, (void **)&s->weights));
  for (int i = 0; i < env->n_local; i++) {
    vec_copy(env->stream, s->u[i], env->initial, env->n_params);
    vec_fill(env->stream, s->u[i] + env->n_params, 1.0f, 1);
  }
  return read_weights(s);
}

static enum status run_round(void *state, uint64_t round) {
  sgp *s = state;
  gossip *g = &s->gossip;
  const method_env *env = g->env;
  const size_t n = env->n_params;
  TRY_RETURN(gossip_steps(g, round, 1));
  env->enter(env->clock, PHASE_UPDATE);
  for (int i = 0; i < env->n_local; i++) { /* u + (z' - z), with z = u / w */
    vec_scale(env->stream, s->u[i], 1.0f - 1.0f / s->weights[i], n);
    vec_add(env->stream, s->u[i], g->models.x[i], s->u[i], n);
  }
  TRY_RETURN(gossip_encode(g, round, s->u));
  TRY_RETURN(gossip_exchange(g, round));
  for (int i = 0; i < env->n_local; i++) {
    vec_fill(env->stream, s->u[i], 0.0f, n + 1);
    TRY_RETURN(gossip_add_mix(g, round, i, s->u[i]));
  }
  gossip_release(g);
  TRY_RETURN(read_weights(s));
  env->enter(env->clock, PHASE_UPDATE);
  for (int i = 0; i < env->n_local; i++) {
    vec_copy(env->stream, g->models.x[i], s->u[i], n);
    vec_scale(env->stream, g->models.x[i], 1.0f / s->weights[i], n);
  }
  return STATUS_OK;
}

static enum status archive_state(void *state, archive *a) {
  sgp *s = state;
  const method_env *env = s->gossip.env;
  TRY_RETURN(gossip_archive(&s->gossip, a));
  TRY_RETURN(worker_vectors_archive(env, a, "push_sum", s->u, env->n_params + 1));
  return archive_is_loading(a) ? read_weights(s) : STATUS_OK;
}

static enum status probe(void *state, const probe_sink *sink) {
  sgp *s = state;
  const method_env *env = s->gossip.env;
  for (int i = 0; i < env->n_local; i++)
    TRY_RETURN(sink->emit(sink->context, "push_sum_weight", env->workers[i].id, s->weights[i]));
  return gossip_probe(&s->gossip, sink);
}

static const param params[] = {TOPOLOGY_PARAMS("one-peer-exponential"), PARAM_END};

MODULE(method, sgp) = {
    .name = "sgp",
    .paper = "Assran et al., ICML 2019: Algorithm 1",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | DECENTRALISED,
    .skip = topology_skip,
    .state_bytes = sizeof(sgp),
    .create = create,
    .round = run_round,
    .iterate = gossip_iterate,
    .facts = gossip_facts,
    .probe = probe,
    .archive = archive_state,
    .destroy = destroy,
};
