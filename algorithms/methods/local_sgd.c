/* Local SGD (Stich, ICLR 2019; PR-SGD of Yu et al., AAAI 2019): every worker takes H steps on its own,
 *   x_w <- x_w - gamma m_w,  m_w <- beta m_w + g_w(x_w),
 * then all start again from x = (1/M) sum_w x_w. 8 d (M-1)/M bytes a worker and H steps (ring); twice that where the
 * momentum is averaged too. Weight decay and clipping are part of a worker's own steps.
 * Between rounds all x_w are x, so that x alone is state; the momentum stays each worker's own. */
#include "algorithms/local_models.h"
#include "algorithms/replica.h"

typedef struct local_sgd {
  const method_env *env;
  replica replica;     /* x between rounds */
  local_models models; /* x_w and m_w during a round */
  uint64_t steps;      /* H */
  bool average_momentum;
} local_sgd;

static void destroy(void *state) {
  local_sgd *s = state;
  local_models_destroy(&s->models);
  replica_destroy(&s->replica);
}

static enum status create(const method_env *env, const args *a, void *state) {
  local_sgd *s = state;
  s->env = env;
  s->steps = (uint64_t)args_int(a, "steps");
  s->average_momentum = args_bool(a, "average_momentum") && env->optimizer->momentum > 0;
  TRY_RETURN(local_models_create(env, &s->models));
  return replica_create(env, REPLICA_MOMENTUM_NONE, &s->replica);
}

static size_t steps_per_round(const void *state) { return ((const local_sgd *)state)->steps; }

static enum status run_round(void *state, uint64_t round) {
  local_sgd *s = state;
  const method_env *env = s->env;
  worker_vectors_set(env, s->models.x, s->replica.x);
  TRY_RETURN(local_models_steps_all(&s->models, round * s->steps, s->steps));
  TRY_RETURN(method_mean(env, (const float *const *)s->models.x, s->replica.x));
  if (!s->average_momentum) return STATUS_OK;
  TRY_RETURN(method_mean(env, (const float *const *)s->models.m, s->replica.mean));
  env->enter(env->clock, PHASE_UPDATE);
  worker_vectors_set(env, s->models.m, s->replica.mean);
  return STATUS_OK;
}

static enum status iterate(void *state, int w, float *x) {
  (void)w;
  replica_iterate(&((local_sgd *)state)->replica, x);
  return STATUS_OK;
}

static enum status archive_state(void *state, archive *a) {
  local_sgd *s = state;
  TRY_RETURN(replica_archive(&s->replica, a));
  return local_models_archive_momentum(&s->models, a);
}

static const param params[] = {
    LOCAL_STEPS_PARAM("8", "local steps between averages (H)"),
    {.name = "average_momentum", .type = PARAM_BOOL, .fallback = "false", .help = "average the momentum buffers too"},
    PARAM_END,
};

MODULE(method, local_sgd) = {
    .name = "local-sgd",
    .paper = "Stich, ICLR 2019: Local SGD",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | IDENTICAL_REPLICAS,
    .state_bytes = sizeof(local_sgd),
    .create = create,
    .steps_per_round = steps_per_round,
    .round = run_round,
    .iterate = iterate,
    .archive = archive_state,
    .destroy = destroy,
};
