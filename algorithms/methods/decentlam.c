/* DecentLaM (Yuan et al., ICCV 2021): momentum on what the worker's model really moved by, gradient and averaging,
 *   gt_i = (x_i - sum_j W_ij (x_j - gamma g_j(x_j))) / gamma
 *   m_i <- beta m_i + gt_i;  x_i <- x_i - gamma m_i
 * so that the momentum does not amplify the drift between workers, as DmSGD's does. 4 d bytes to each neighbour and
 * step. Without momentum it is adapt-first D-PSGD. Clipping and weight decay are part of g. */
#include "algorithms/gossip.h"
#include "algorithms/worker_vectors.h"

typedef struct decentlam {
  gossip gossip;
  float **half;      /* n_local: x_i - gamma g_i */
  optimizer inside;  /* the step that is averaged: everything but momentum */
  optimizer outside; /* the step that is taken: momentum alone */
} decentlam;

static void destroy(void *state) {
  decentlam *s = state;
  worker_vectors_destroy(s->gossip.env, s->half);
  gossip_destroy(&s->gossip);
}

static enum status create(const method_env *env, const args *a, void *state) {
  decentlam *s = state;
  s->inside = s->outside = *env->optimizer;
  s->inside.momentum = 0;
  s->outside.clip = s->outside.weight_decay = 0;
  TRY_RETURN(gossip_create(env, a, GOSSIP_DENSE, env->n_params, &s->gossip));
  return worker_vectors_create(env, env->n_params, &s->half);
}

static const char *skip(const method_env *env, const args *a) {
  const optimizer *o = env->optimizer;
  if (o->nesterov) return "decentlam is defined for heavy-ball momentum: leave nesterov out";
  if (optimizer_stands_still(o))
    return "decentlam divides by the step size, which here is 0 at times: let warm-up and schedule stay above 0";
  return topology_skip(env, a);
}

static enum status run_round(void *state, uint64_t round) {
  decentlam *s = state;
  const gossip *g = &s->gossip;
  const method_env *env = g->env;
  const double epoch = method_epoch(env, round);
  const float rate = (float)optimizer_lr(env->optimizer, epoch);
  env->enter(env->clock, PHASE_COMPUTE);
  TRY_RETURN(worker_gradients(env, round, NULL, g->models.x));
  env->enter(env->clock, PHASE_UPDATE);
  for (int i = 0; i < env->n_local; i++) {
    vec_copy(env->stream, s->half[i], g->models.x[i], env->n_params);
    optimizer_step(&s->inside, env->stream, epoch, s->half[i], env->workers[i].gradient, NULL, env->n_params,
                   g->models.norm, env->scratch);
  }
  TRY_RETURN(gossip_pull(&s->gossip, round, 1, s->half, s->half));
  env->enter(env->clock, PHASE_UPDATE);
  for (int i = 0; i < env->n_local; i++) {
    float *moved = env->workers[i].gradient;
    vec_sub(env->stream, g->models.x[i], s->half[i], moved, env->n_params);
    vec_scale(env->stream, moved, 1.0f / rate, env->n_params);
    optimizer_step(&s->outside, env->stream, epoch, g->models.x[i], moved, local_models_momentum(&g->models, i),
                   env->n_params, g->models.norm, env->scratch);
  }
  return STATUS_OK;
}

static const param params[] = {TOPOLOGY_PARAMS("ring"), PARAM_END};

MODULE(method, decentlam) = {
    .name = "decentlam",
    .paper = "Yuan et al., ICCV 2021: DecentLaM",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | DECENTRALISED,
    .skip = skip,
    .state_bytes = sizeof(decentlam),
    .create = create,
    .round = run_round,
    .iterate = gossip_iterate,
    .facts = gossip_facts,
    .probe = gossip_probe,
    .archive = gossip_archive,
    .destroy = destroy,
};
