/* Local SGD (Stich, ICLR 2019; PR-SGD of Yu et al., AAAI 2019): every worker takes H steps on its own,
 *   x_w <- x_w - gamma m_w,  m_w <- beta m_w + g_w(x_w),
 * then all start again from x = (1/M) sum_w x_w. 8 d (M-1)/M bytes a worker and H steps (ring); twice that where the
 * momentum is averaged too. Weight decay and clipping are part of a worker's own steps.
 * Between rounds all x_w are x, so that x alone is state; the momentum stays each worker's own. */
#include <stdlib.h>

#include "algorithms/replica.h"

typedef struct local_sgd {
  const method_env *env;
  replica replica; /* x between rounds */
  uint64_t steps;  /* H */
  bool average_momentum;
  float **x, **m; /* n_local vectors of n_params floats, device; m[i] is NULL where there is no momentum */
} local_sgd;

static void destroy(void *state) {
  local_sgd *s = state;
  for (int i = 0; i < s->env->n_local; i++) {
    if (s->x) device_release(s->env->device, s->x[i]);
    if (s->m) device_release(s->env->device, s->m[i]);
  }
  free(s->x);
  free(s->m);
  replica_destroy(&s->replica);
  free(s);
}

static enum status allocate(local_sgd *s) {
  const method_env *env = s->env;
  s->x = calloc((size_t)env->n_local, sizeof *s->x);
  s->m = calloc((size_t)env->n_local, sizeof *s->m);
  if (!s->x || !s->m) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d workers", env->n_local);
  for (int i = 0; i < env->n_local; i++) {
    TRY_RETURN(device_floats(env->device, env->n_params, &s->x[i]));
    if (env->optimizer->momentum > 0) TRY_RETURN(device_floats(env->device, env->n_params, &s->m[i]));
  }
  return replica_create(env, REPLICA_MOMENTUM_NONE, &s->replica);
}

static enum status create(const method_env *env, const args *a, void **state) {
  *state = NULL;
  local_sgd *s = calloc(1, sizeof *s);
  if (!s) return FAIL(STATUS_NO_MEMORY, "no memory for the state of local-sgd");
  s->env = env;
  s->steps = (uint64_t)args_int(a, "steps");
  s->average_momentum = args_bool(a, "average_momentum") && env->optimizer->momentum > 0;
  const enum status status = allocate(s);
  if (status == STATUS_OK)
    *state = s;
  else
    destroy(s);
  return status;
}

static size_t steps_per_round(const void *state) { return ((const local_sgd *)state)->steps; }

static enum status local_steps(local_sgd *s, int i, uint64_t first_step) {
  const method_env *env = s->env;
  worker *w = &env->workers[i];
  vec_copy(env->stream, s->x[i], s->replica.x, env->n_params);
  for (uint64_t t = first_step; t < first_step + s->steps; t++) {
    env->enter(env->clock, PHASE_COMPUTE);
    TRY_RETURN(worker_gradient(env, w, t, s->x[i]));
    env->enter(env->clock, PHASE_UPDATE);
    optimizer_step(env->optimizer, env->stream, method_epoch(env, t), s->x[i], w->gradient, s->m[i], env->n_params,
                   s->replica.norm, env->scratch);
  }
  return STATUS_OK;
}

static enum status run_round(void *state, uint64_t round) {
  local_sgd *s = state;
  const method_env *env = s->env;
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(local_steps(s, i, round * s->steps));
  TRY_RETURN(method_mean(env, (const float *const *)s->x, s->replica.x));
  if (!s->average_momentum) return STATUS_OK;
  TRY_RETURN(method_mean(env, (const float *const *)s->m, s->replica.mean));
  env->enter(env->clock, PHASE_UPDATE);
  for (int i = 0; i < env->n_local; i++) vec_copy(env->stream, s->m[i], s->replica.mean, env->n_params);
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
  for (int i = 0; i < s->env->n_local; i++)
    if (s->m[i]) TRY_RETURN(archive_floats(a, s->env->workers[i].id, "momentum", s->m[i], s->env->n_params));
  return STATUS_OK;
}

static const param params[] = {
    {.name = "steps",
     .type = PARAM_INT,
     .fallback = "8",
     .min = 1,
     .max = 1e6,
     .help = "local steps between averages (H)",
     .in_label = true},
    {.name = "average_momentum", .type = PARAM_BOOL, .fallback = "false", .help = "average the momentum buffers too"},
    PARAM_END,
};

MODULE(method, local_sgd) = {
    .name = "local-sgd",
    .paper = "Stich, ICLR 2019: Local SGD",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | IDENTICAL_REPLICAS,
    .create = create,
    .steps_per_round = steps_per_round,
    .round = run_round,
    .iterate = iterate,
    .archive = archive_state,
    .destroy = destroy,
};
