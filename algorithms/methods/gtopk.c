/* gTop-k S-SGD (Shi et al., ICDCS 2019, Algorithms 1-4; IJCAI 2019 for the analysis). Worker w, with residual e_w:
 *   u_w = g_w + e_w;  V_w = the k largest |u_w|;  e_w = u_w - V_w;
 *   G = the k largest of sum_w V_w (gtopk_aggregate.h), whose left-out entries go back into the e_w;
 *   x <- x - gamma G / M, with momentum, weight decay and clipping acting on the sparse mean.
 * The residual is in gradient units, as in the authors' code; with `step_inside` it is u_w = e_w + gamma g_w and
 * x <- x - G / M, the form of the IJCAI analysis. The two agree for a constant gamma and no momentum.
 * With momentum_correction (Lin et al., "Deep Gradient Compression", ICLR 2018, Algorithm 4) a worker's momentum is
 * accumulated before the residual,  m_w = beta m_w + g_w;  u_w = m_w + e_w,  and cleared where V_w was taken; x then
 * takes plain steps.
 * With `density_warmup` the first epochs run at that list's densities, one an epoch ([0.25, 0.0725, 0.015, 0.004] in
 * the ICDCS paper, [0.004] in the authors' code). */
#include <stdlib.h>
#include <string.h>

#include "algorithms/error_feedback.h"
#include "algorithms/gtopk_levels.h"
#include "algorithms/gtopk_probe.h"
#include "algorithms/replica.h"
#include "algorithms/worker_vectors.h"

typedef struct gtopk {
  const method_env *env;
  replica replica;
  error_feedback feedback;
  bool step_inside;
  float **momentum;         /* n_local, with momentum correction: m_w; else NULL */
  optimizer step_optimizer; /* of the replica's steps: with momentum correction, without momentum */
  method_env step_env;      /* the same as env, with that optimizer */
  gtopk_levels levels;
  gtopk_probe *probe; /* NULL: the run has no probes */
} gtopk;

static void destroy(void *state) {
  gtopk *s = state;
  gtopk_levels_destroy(&s->levels);
  gtopk_probe_destroy(s->probe);
  worker_vectors_destroy(s->env, s->momentum);
  error_feedback_destroy(&s->feedback);
  replica_destroy(&s->replica);
}

static enum status allocate(gtopk *s, const args *a) {
  const method_env *env = s->env;
  TRY_RETURN(gtopk_levels_create(env, a, &s->levels));
  if (env->probe_every > 0) TRY_RETURN(gtopk_probe_create(env, s->levels.max_k, &s->probe));
  TRY_RETURN(error_feedback_create(env, args_bool(a, "memory"), &s->feedback));
  if (args_bool(a, "momentum_correction")) {
    TRY_RETURN(worker_vectors_create(env, env->n_params, &s->momentum));
    s->step_optimizer.momentum = 0;
  }
  return replica_create(&s->step_env, REPLICA_MOMENTUM_SHARED, &s->replica);
}

static const char *skip(const method_env *env, const args *a) {
  const optimizer *o = env->optimizer;
  if (args_bool(a, "step_inside") && (o->momentum > 0 || o->weight_decay > 0 || o->clip > 0))
    return "step_inside is defined for plain SGD: momentum, weight_decay and clip must be 0";
  if (args_bool(a, "momentum_correction") && (!args_bool(a, "memory") || args_bool(a, "step_inside")))
    return "momentum_correction adds momentum in gradient units to the residual: it needs memory: true and "
           "step_inside: "
           "false";
  if (args_bool(a, "momentum_correction") && o->nesterov)
    return "momentum_correction accumulates heavy-ball momentum before it selects: leave nesterov out";
  return NULL;
}

static enum status create(const method_env *env, const args *a, void *state) {
  gtopk *s = state;
  s->env = env;
  s->step_optimizer = *env->optimizer;
  s->step_env = *env;
  s->step_env.optimizer = &s->step_optimizer;
  s->step_inside = args_bool(a, "step_inside");
  return allocate(s, a);
}

/* Local worker i's u: its residual's place, or without memory that of the gradient. */
static float *vector_of(const gtopk *s, int i) {
  return s->feedback.e ? s->feedback.e[i] : s->env->workers[i].gradient;
}

/* u = e + a g */
static void accumulate(gtopk *s, uint64_t round, int i) {
  const method_env *env = s->env;
  const float a = s->step_inside ? (float)optimizer_lr(env->optimizer, method_epoch(env, round)) : 1.0f;
  if (s->feedback.e)
    vec_axpy(env->stream, a, env->workers[i].gradient, vector_of(s, i), env->n_params);
  else if (s->step_inside)
    vec_scale(env->stream, vector_of(s, i), a, env->n_params);
}

/* m = beta m + g; u = e + m */
static void accumulate_momentum(gtopk *s, int i) {
  const method_env *env = s->env;
  vec_scale(env->stream, s->momentum[i], (float)env->optimizer->momentum, env->n_params);
  vec_add(env->stream, s->momentum[i], env->workers[i].gradient, s->momentum[i], env->n_params);
  vec_add(env->stream, s->feedback.e[i], s->momentum[i], s->feedback.e[i], env->n_params);
}

/* Takes V out of u; what is left is the new e. */
static enum status take(gtopk *s, const gtopk_level *l, uint64_t round, int i) {
  const method_env *env = s->env;
  TRY_RETURN(pipeline_select(l->pipeline, round, env->workers[i].id, vector_of(s, i), &l->selected[i]));
  if (s->feedback.e) vec_scatter_fill(env->stream, &l->selected[i], 0.0f, s->feedback.e[i], env->n_params);
  if (s->momentum) vec_scatter_fill(env->stream, &l->selected[i], 0.0f, s->momentum[i], env->n_params);
  return STATUS_OK;
}

static enum status note_vectors(gtopk *s) {
  const method_env *env = s->env;
  enum status status = STATUS_OK;
  const float **u = malloc((size_t)env->n_local * sizeof *u);
  if (!u) return FAIL(STATUS_NO_MEMORY, "no memory for a table of %d workers", env->n_local);
  env->enter(env->clock, PHASE_PROBE);
  for (int i = 0; i < env->n_local; i++) u[i] = vector_of(s, i);
  TRY(gtopk_probe_before(s->probe, u));
exit:
  free(u);
  return status;
}

static void update(gtopk *s, uint64_t round, const sparse *sum) {
  const method_env *env = s->env;
  const float share = 1.0f / (float)env->n_workers;
  env->enter(env->clock, PHASE_UPDATE);
  if (s->step_inside) {
    vec_scatter_add(env->stream, -share, sum, s->replica.x, env->n_params);
    return;
  }
  vec_fill(env->stream, s->replica.mean, 0.0f, env->n_params);
  vec_scatter_add(env->stream, share, sum, s->replica.mean, env->n_params);
  replica_step(&s->replica, round);
}

static enum status run_round(void *state, uint64_t round) {
  gtopk *s = state;
  const method_env *env = s->env;
  const sparse *sum;
  const gtopk_level *l = gtopk_levels_at(&s->levels, round / env->steps_per_epoch);
  const bool is_probed = method_is_probed(env, round + 1);
  env->enter(env->clock, PHASE_COMPUTE);
  TRY_RETURN(worker_gradients(env, round, s->replica.x, NULL));
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) {
    if (s->momentum)
      accumulate_momentum(s, i);
    else
      accumulate(s, round, i);
  }
  if (is_probed) TRY_RETURN(note_vectors(s));
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) TRY_RETURN(take(s, l, round, i));
  TRY_RETURN(gtopk_aggregate(l->aggregator, round, l->selected, s->feedback.e, &sum));
  env->enter(env->clock, is_probed ? PHASE_PROBE : PHASE_UPDATE);
  if (is_probed) TRY_RETURN(gtopk_probe_after(s->probe, round, pipeline_max_count(l->pipeline), sum));
  update(s, round, sum);
  return STATUS_OK;
}

static enum status iterate(void *state, int w, float *x) {
  (void)w;
  replica_iterate(&((gtopk *)state)->replica, x);
  return STATUS_OK;
}

static enum status probe(void *state, const probe_sink *sink) {
  gtopk *s = state;
  if (s->probe) TRY_RETURN(gtopk_probe_emit(s->probe, sink));
  return error_feedback_probe(&s->feedback, sink);
}

static enum status archive_state(void *state, archive *a) {
  gtopk *s = state;
  TRY_RETURN(replica_archive(&s->replica, a));
  if (s->momentum) TRY_RETURN(worker_vectors_archive(s->env, a, "momentum", s->momentum, s->env->n_params));
  return error_feedback_archive(&s->feedback, a);
}

static const param params[] = {
    GTOPK_LEVEL_PARAMS,
    {.name = "memory",
     .type = PARAM_BOOL,
     .fallback = "true",
     .help = "keep what was not applied and add it to the next gradient"},
    {.name = "step_inside",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "the step size is part of what is compressed"},
    {.name = "momentum_correction",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "every worker accumulates momentum before it selects"},
    PARAM_END,
};

MODULE(method, gtopk) = {
    .name = "gtopk",
    .paper = "Shi et al., ICDCS 2019: gTop-k S-SGD",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | IDENTICAL_REPLICAS,
    .skip = skip,
    .state_bytes = sizeof(gtopk),
    .create = create,
    .round = run_round,
    .iterate = iterate,
    .probe = probe,
    .archive = archive_state,
    .destroy = destroy,
};
