#include "algorithms/server_sgd.h"

#include <stdlib.h>

#include "algorithms/worker_vectors.h"

void server_sgd_destroy(void *state) {
  server_sgd *s = state;
  servers_destroy(s->servers);
  error_feedback_destroy(&s->feedback);
  replica_destroy(&s->replica);
  free(s->vectors);
}

enum status server_sgd_create(server_sgd *s, const method_env *env, const servers_spec *spec,
                              enum server_memory memory) {
  s->env = env;
  s->step_inside = memory == MEMORY_UPDATE;
  TRY_RETURN(worker_gradient_table(env, &s->vectors));
  TRY_RETURN(servers_create(env, spec, &s->servers));
  TRY_RETURN(error_feedback_create(env, memory != MEMORY_NONE, &s->feedback));
  return replica_create(env, REPLICA_MOMENTUM_SHARED, &s->replica);
}

const char *server_sgd_plain_only(const method_env *env) {
  const optimizer *o = env->optimizer;
  if (o->momentum > 0 || o->weight_decay > 0 || o->clip > 0)
    return "with the step size inside it is defined for plain SGD: momentum, weight_decay and clip must be 0, or take "
           "qsparse with steps: 1, whose momentum is each worker's own";
  return NULL;
}

static double lr_at(const server_sgd *s, uint64_t round) {
  return optimizer_lr(s->env->optimizer, method_epoch(s->env, round));
}

/* A residual r stands for a change of gamma_{t-1} r: it is made to stand for that under gamma_t. */
static void rescale_residuals(server_sgd *s, uint64_t round) {
  if (round == 0 || lr_at(s, round) == lr_at(s, round - 1)) return;
  const float a = (float)(lr_at(s, round - 1) / lr_at(s, round));
  for (int i = 0; i < s->env->n_local && s->feedback.e; i++)
    vec_scale(s->env->stream, s->feedback.e[i], a, s->env->n_params);
  servers_rescale(s->servers, a);
}

enum status server_sgd_round(void *state, uint64_t round) {
  server_sgd *s = state;
  const method_env *env = s->env;
  env->enter(env->clock, PHASE_COMPUTE);
  TRY_RETURN(worker_gradients(env, round, s->replica.x, NULL));
  env->enter(env->clock, PHASE_ENCODE);
  if (s->rescale) rescale_residuals(s, round);
  for (int i = 0; i < env->n_local && s->step_inside; i++)
    vec_scale(env->stream, s->vectors[i], (float)lr_at(s, round), env->n_params);
  error_feedback_note_all(&s->feedback, round, s->vectors);
  TRY_RETURN(servers_exchange(s->servers, round, s->vectors, s->feedback.e, s->replica.mean));
  if (!s->step_inside) {
    replica_step(&s->replica, round);
    return STATUS_OK;
  }
  env->enter(env->clock, PHASE_UPDATE);
  vec_sub(env->stream, s->replica.x, s->replica.mean, s->replica.x, env->n_params);
  return STATUS_OK;
}

enum status server_sgd_iterate(void *state, int w, float *x) {
  (void)w;
  replica_iterate(&((server_sgd *)state)->replica, x);
  return STATUS_OK;
}

enum status server_sgd_probe(void *state, const probe_sink *sink) {
  server_sgd *s = state;
  TRY_RETURN(error_feedback_probe(&s->feedback, sink));
  return servers_probe(s->servers, sink);
}

enum status server_sgd_archive(void *state, archive *a) {
  server_sgd *s = state;
  TRY_RETURN(replica_archive(&s->replica, a));
  TRY_RETURN(error_feedback_archive(&s->feedback, a));
  return servers_archive(s->servers, a);
}
