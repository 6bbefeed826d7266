/* Compressed SGD with error feedback, as the all-gather Top-k S-SGD gTop-k is compared with (Shi et al., ICDCS 2019);
 * with a dense receiver it is Mem-SGD (Stich et al., NeurIPS 2018). Worker w, with residual e_w: u_w = g_w + e_w; sends
 * C(u_w) to all;  e_w = u_w - C(u_w);  x <- x - gamma (1/M) sum_w C(u_w). Without memory u_w = g_w. Momentum, weight
 * decay and clipping act on the mean of what was sent. The residual is in gradient units, without the step size: what
 * was held back under a large step size is applied with the step size of the round in which it is sent. */
#include <stdlib.h>

#include "algorithms/error_feedback.h"
#include "algorithms/pipeline.h"
#include "algorithms/replica.h"

typedef struct topk_sgd {
  const method_env *env;
  replica replica;
  error_feedback feedback;
  pipeline *pipeline;
  message **outgoing;    /* n_local */
  const message **inbox; /* n_workers */
} topk_sgd;

static void destroy(void *state) {
  topk_sgd *s = state;
  pipeline_destroy(s->pipeline);
  error_feedback_destroy(&s->feedback);
  replica_destroy(&s->replica);
  free(s->outgoing);
  free(s->inbox);
}

static enum status allocate(topk_sgd *s, const args *a) {
  const method_env *env = s->env;
  s->outgoing = calloc((size_t)env->n_local, sizeof *s->outgoing);
  s->inbox = calloc((size_t)env->n_workers, sizeof *s->inbox);
  if (!s->outgoing || !s->inbox) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d messages", env->n_workers);
  const pipeline_spec spec = pipeline_spec_from(a);
  TRY_RETURN(pipeline_create(&spec, env->device, env->stream, env->layers, env->seed, &s->pipeline));
  TRY_RETURN(error_feedback_create(env, args_bool(a, "memory"), &s->feedback));
  return replica_create(env, REPLICA_MOMENTUM_SHARED, &s->replica);
}

static enum status create(const method_env *env, const args *a, void *state) {
  topk_sgd *s = state;
  s->env = env;
  return allocate(s, a);
}

static enum status encode(topk_sgd *s, uint64_t round, int i) {
  const method_env *env = s->env;
  const worker *w = &env->workers[i];
  TRY_RETURN(message_acquire(comm_pool(env->comm), pipeline_wire_bound(s->pipeline), &s->outgoing[i]));
  if (!s->feedback.e) return pipeline_encode(s->pipeline, round, w->id, w->gradient, s->outgoing[i]);
  return pipeline_encode_feedback(s->pipeline, round, w->id, w->gradient, s->feedback.e[i], s->outgoing[i]);
}

static enum status run_round(void *state, uint64_t round) {
  topk_sgd *s = state;
  const method_env *env = s->env;
  float *mean = s->replica.mean;
  env->enter(env->clock, PHASE_COMPUTE);
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(worker_gradient(env, &env->workers[i], round, s->replica.x));
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(encode(s, round, i));
  env->enter(env->clock, PHASE_EXCHANGE);
  TRY_RETURN(comm_allgather(env->comm, s->outgoing, pipeline_wire_bound(s->pipeline), s->inbox));
  env->enter(env->clock, PHASE_DECODE);
  vec_fill(env->stream, mean, 0.0f, env->n_params);
  for (int w = 0; w < env->n_workers; w++)
    TRY_RETURN(pipeline_decode_add(s->pipeline, round, w, s->inbox[w], 1.0f, mean));
  vec_scale(env->stream, mean, 1.0f / (float)env->n_workers, env->n_params);
  comm_release(env->comm);
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
