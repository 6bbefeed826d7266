/* Qsparse-local-SGD, synchronous (Basu et al., NeurIPS 2019, Algorithm 1). Worker r takes steps of its own from x,
 *   y_r <- y_r - eta_t g_r(y_r)  (momentum, weight decay and clipping are part of a worker's step),
 * and after the steps in I_T, whose gaps are at most H,
 *   sends C(u_r), u_r = m_r + x - y_r;  m_r = u_r - C(u_r);  x <- x - (1/M) sum_r C(u_r);  y_r = x.
 * The memory m_r has the step size inside: nothing to rescale. Without momentum, with x~_{t+1} = x~_t - eta_t (1/M)
 * sum_r g_r(y_r), at every t (1/M) sum_r y_r - x~_t = (1/M) sum_r m_r.
 * Down comes the change of x, from which all compute the same x: dense, 32 d bits as the paper's x, or its non-zero
 * entries, the union of the workers' supports (64 bits an entry with raw indices).
 * A round is H steps and an exchange where gaps are fixed; where they are random it is a step, and some rounds exchange
 * nothing. */
#include <string.h>

#include "algorithms/error_feedback.h"
#include "algorithms/local_models.h"
#include "algorithms/replica.h"
#include "algorithms/servers.h"
#include "algorithms/sync_gaps.h"

typedef struct qsparse {
  const method_env *env;
  replica replica;         /* x */
  local_models models;     /* y_r */
  error_feedback feedback; /* m_r */
  servers *servers;
  sync_gaps gaps;
  uint64_t steps; /* of a round */
  bool reset_on_drop;
} qsparse;

static void destroy(void *state) {
  qsparse *s = state;
  servers_destroy(s->servers);
  error_feedback_destroy(&s->feedback);
  local_models_destroy(&s->models);
  replica_destroy(&s->replica);
  sync_gaps_destroy(&s->gaps);
}

static enum status create(const method_env *env, const args *a, void *state) {
  qsparse *s = state;
  servers_spec spec = {.up = pipeline_spec_from(a)};
  spec.down = strcmp(args_text(a, "down"), "union") == 0 ? servers_nonzero(spec.up.indices) : servers_dense;
  s->env = env;
  s->reset_on_drop = args_bool(a, "reset_memory_on_lr_drop");
  TRY_RETURN(sync_gaps_create(env, a, 1, &s->gaps));
  s->steps = s->gaps.is_random ? 1 : s->gaps.most;
  TRY_RETURN(servers_create(env, &spec, &s->servers));
  TRY_RETURN(error_feedback_create(env, true, &s->feedback));
  TRY_RETURN(local_models_create(env, &s->models));
  return replica_create(env, REPLICA_MOMENTUM_NONE, &s->replica);
}

static size_t steps_per_round(const void *state) { return ((const qsparse *)state)->steps; }

static enum status synchronise(qsparse *s, uint64_t round) {
  const method_env *env = s->env;
  float *const *change = s->models.x; /* x - y_r takes y_r's place */
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) vec_sub(env->stream, s->replica.x, s->models.x[i], change[i], env->n_params);
  error_feedback_note_all(&s->feedback, round, change);
  TRY_RETURN(servers_exchange(s->servers, round, change, s->feedback.e, s->replica.mean));
  env->enter(env->clock, PHASE_UPDATE);
  vec_sub(env->stream, s->replica.x, s->replica.mean, s->replica.x, env->n_params);
  worker_vectors_set(env, s->models.x, s->replica.x);
  return STATUS_OK;
}

static enum status run_round(void *state, uint64_t round) {
  qsparse *s = state;
  const uint64_t first = round * s->steps;
  if (s->reset_on_drop) error_feedback_reset_on_drop(&s->feedback, first, s->steps);
  TRY_RETURN(local_models_steps_all(&s->models, first, s->steps));
  return sync_gaps_take(&s->gaps, 0, first + s->steps) ? synchronise(s, round) : STATUS_OK;
}

static enum status iterate(void *state, int w, float *x) {
  const qsparse *s = state;
  if (s->gaps.is_random) return local_models_iterate(&s->models, w, x);
  replica_iterate(&s->replica, x);
  return STATUS_OK;
}

static enum status probe(void *state, const probe_sink *sink) {
  qsparse *s = state;
  if (s->gaps.is_random) TRY_RETURN(local_models_probe(&s->models, sink));
  return error_feedback_probe(&s->feedback, sink);
}

static enum status archive_state(void *state, archive *a) {
  qsparse *s = state;
  TRY_RETURN(replica_archive(&s->replica, a));
  TRY_RETURN(local_models_archive(&s->models, a));
  TRY_RETURN(error_feedback_archive(&s->feedback, a));
  return sync_gaps_archive(&s->gaps, a);
}

static const param params[] = {
    SYNC_GAPS_PARAMS("fixed"),
    PIPELINE_PARAMS("[topk: {density: 0.01}]"),
    {.name = "down",
     .type = PARAM_CHOICE,
     .fallback = "dense",
     .choices = "dense|union",
     .help = "what the server sends: every coordinate, or those that changed"},
    {.name = "reset_memory_on_lr_drop",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "forget the memory where the step size drops, as the authors' code does"},
    PARAM_END,
};

MODULE(method, qsparse) = {
    .name = "qsparse",
    .paper = "Basu et al., NeurIPS 2019: Algorithm 1",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS,
    .n_servers = servers_one,
    .state_bytes = sizeof(qsparse),
    .create = create,
    .steps_per_round = steps_per_round,
    .round = run_round,
    .iterate = iterate,
    .probe = probe,
    .archive = archive_state,
    .destroy = destroy,
};
