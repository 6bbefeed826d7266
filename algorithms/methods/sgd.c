/* Parallel SGD: x <- x - gamma (1/M) sum_w g_w(x), by dense all-reduce; 8 d (M-1)/M bytes a worker and step (ring). The
 * baseline every other method is measured against. Momentum, weight decay and clipping act on the mean gradient. */
#include <stdlib.h>

#include "algorithms/replica.h"
#include "algorithms/worker_vectors.h"

typedef struct sgd {
  const method_env *env;
  replica replica;
  float **gradients; /* n_local: the workers' own */
} sgd;

static void destroy(void *state) {
  sgd *s = state;
  replica_destroy(&s->replica);
  free(s->gradients);
}

static enum status create(const method_env *env, const args *a, void *state) {
  (void)a;
  sgd *s = state;
  s->env = env;
  TRY_RETURN(worker_gradient_table(env, &s->gradients));
  return replica_create(env, REPLICA_MOMENTUM_SHARED, &s->replica);
}

static enum status run_round(void *state, uint64_t round) {
  sgd *s = state;
  const method_env *env = s->env;
  env->enter(env->clock, PHASE_COMPUTE);
  TRY_RETURN(worker_gradients(env, round, s->replica.x, NULL));
  TRY_RETURN(method_mean(env, (const float *const *)s->gradients, s->replica.mean));
  replica_step(&s->replica, round);
  return STATUS_OK;
}

static enum status iterate(void *state, int w, float *x) {
  (void)w;
  replica_iterate(&((sgd *)state)->replica, x);
  return STATUS_OK;
}

static enum status archive_state(void *state, archive *a) { return replica_archive(&((sgd *)state)->replica, a); }

static const param params[] = {PARAM_END};

MODULE(method, sgd) = {
    .name = "sgd",
    .paper = "parallel SGD, all-reduce (baseline)",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | IDENTICAL_REPLICAS,
    .state_bytes = sizeof(sgd),
    .create = create,
    .round = run_round,
    .iterate = iterate,
    .archive = archive_state,
    .destroy = destroy,
};
