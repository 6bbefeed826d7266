/* Compressed SGD with error feedback, as the all-gather Top-k S-SGD gTop-k is compared with (Shi et al., ICDCS 2019);
 * with a dense receiver it is Mem-SGD (Stich et al., NeurIPS 2018). Worker w, with residual e_w: u_w = g_w + e_w; sends
 * C(u_w) to all;  e_w = u_w - C(u_w);  x <- x - gamma (1/M) sum_w C(u_w). Without memory u_w = g_w. Momentum, weight
 * decay and clipping act on the mean of what was sent. The residual is in gradient units, without the step size: what
 * was held back under a large step size is applied with the step size of the round in which it is sent. */
#include <stdlib.h>

#include "algorithms/compressed_mean.h"
#include "algorithms/error_feedback.h"
#include "algorithms/replica.h"
#include "algorithms/worker_vectors.h"

typedef struct topk_sgd {
  const method_env *env;
  replica replica;
  error_feedback feedback;
  compressed_mean exchange;
  float **gradients; /* n_local: the workers' own */
} topk_sgd;

static void destroy(void *state) {
  topk_sgd *s = state;
  compressed_mean_destroy(&s->exchange);
  error_feedback_destroy(&s->feedback);
  replica_destroy(&s->replica);
  free(s->gradients);
}

static enum status create(const method_env *env, const args *a, void *state) {
  topk_sgd *s = state;
  const pipeline_spec spec = pipeline_spec_from(a);
  s->env = env;
  TRY_RETURN(worker_gradient_table(env, &s->gradients));
  TRY_RETURN(compressed_mean_create(env, &spec, &s->exchange));
  TRY_RETURN(error_feedback_create(env, args_bool(a, "memory"), &s->feedback));
  return replica_create(env, REPLICA_MOMENTUM_SHARED, &s->replica);
}

static enum status run_round(void *state, uint64_t round) {
  topk_sgd *s = state;
  const method_env *env = s->env;
  env->enter(env->clock, PHASE_COMPUTE);
  TRY_RETURN(worker_gradients(env, round, s->replica.x, NULL));
  error_feedback_note_all(&s->feedback, round, s->gradients);
  TRY_RETURN(compressed_mean_take(&s->exchange, round, s->gradients, s->feedback.e, s->replica.mean));
  replica_step(&s->replica, round);
  return STATUS_OK;
}

static enum status iterate(void *state, int w, float *x) {
  (void)w;
  replica_iterate(&((topk_sgd *)state)->replica, x);
  return STATUS_OK;
}

static enum status probe(void *state, const probe_sink *sink) {
  return error_feedback_probe(&((topk_sgd *)state)->feedback, sink);
}

static enum status archive_state(void *state, archive *a) {
  topk_sgd *s = state;
  TRY_RETURN(replica_archive(&s->replica, a));
  return error_feedback_archive(&s->feedback, a);
}

static const param params[] = {
    {.name = "memory",
     .type = PARAM_BOOL,
     .fallback = "true",
     .help = "keep what was not sent and add it to the next gradient"},
    PIPELINE_PARAMS("[topk: {density: 0.01}]"),
    PARAM_END,
};

MODULE(method, topk_sgd) = {
    .name = "topk-sgd",
    .paper = "Stich et al., NeurIPS 2018: Algorithm 1, all-gathered",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | IDENTICAL_REPLICAS,
    .state_bytes = sizeof(topk_sgd),
    .create = create,
    .round = run_round,
    .iterate = iterate,
    .probe = probe,
    .archive = archive_state,
    .destroy = destroy,
};
