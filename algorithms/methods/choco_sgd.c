/* CHOCO-SGD (Koloskova, Stich and Jaggi, ICML 2019, Algorithm 2, in the form that keeps two vectors a worker): workers
 * send compressed differences to public copies xh_i, of which everyone keeps the weighted sum s_i = sum_j W_ij xh_j,
 *   x_i <- x_i - eta g_i(x_i);  q_i = C(x_i - xh_i);  xh_i <- xh_i + q_i;  s_i <- s_i + sum_j W_ij q_j
 *   x_i <- x_i + gamma (s_i - xh_i)
 * with xh_i = s_i = 0 at first. With the identity and gamma = 1 it is adapt-first D-PSGD. Encoded bytes to each
 * neighbour and step. Momentum, weight decay and clipping are part of a worker's own step. */
#include "algorithms/gossip.h"
#include "algorithms/worker_vectors.h"

typedef struct choco_sgd {
  gossip gossip;
  float **xh, **s; /* n_local each */
  float gamma;
} choco_sgd;

static void destroy(void *state) {
  choco_sgd *c = state;
  worker_vectors_destroy(c->gossip.env, c->xh);
  worker_vectors_destroy(c->gossip.env, c->s);
  gossip_destroy(&c->gossip);
}

static enum status create(const method_env *env, const args *a, void *state) {
  choco_sgd *c = state;
  c->gamma = (float)args_real(a, "gamma");
  TRY_RETURN(gossip_create(env, a, GOSSIP_COMPRESSED, env->n_params, &c->gossip));
  TRY_RETURN(worker_vectors_create(env, env->n_params, &c->xh));
  return worker_vectors_create(env, env->n_params, &c->s);
}

static enum status run_round(void *state, uint64_t round) {
  choco_sgd *c = state;
  gossip *g = &c->gossip;
  const method_env *env = g->env;
  const size_t n = env->n_params;
  TRY_RETURN(gossip_steps(g, round, 1));
  env->enter(env->clock, PHASE_ENCODE);
  for (int i = 0; i < env->n_local; i++) vec_sub(env->stream, g->models.x[i], c->xh[i], g->spare[i], n);
  TRY_RETURN(gossip_encode(g, round, g->spare));
  TRY_RETURN(gossip_exchange(g, round));
  for (int i = 0; i < env->n_local; i++) {
    TRY_RETURN(gossip_add_own(g, round, i, c->xh[i]));
    TRY_RETURN(gossip_add_mix(g, round, i, c->s[i]));
  }
  gossip_release(g);
  env->enter(env->clock, PHASE_UPDATE);
  for (int i = 0; i < env->n_local; i++) {
    vec_sub(env->stream, c->s[i], c->xh[i], g->spare[i], n);
    vec_axpy(env->stream, c->gamma, g->spare[i], g->models.x[i], n);
  }
  return STATUS_OK;
}

static enum status archive_state(void *state, archive *a) {
  choco_sgd *c = state;
  const method_env *env = c->gossip.env;
  TRY_RETURN(gossip_archive(&c->gossip, a));
  TRY_RETURN(worker_vectors_archive(env, a, "public_copy", c->xh, env->n_params));
  return worker_vectors_archive(env, a, "public_sum", c->s, env->n_params);
}

static const param params[] = {
    {.name = "gamma",
     .type = PARAM_REAL,
     .fallback = "0.1",
     .min = 0,
     .max = 1,
     .above_min = true,
     .help = "consensus step size: the coarser the compressor, the smaller",
     .in_label = true},
    TOPOLOGY_PARAMS("ring"),
    PIPELINE_PARAMS("[topk: {density: 0.01}]"),
    PARAM_END,
};

MODULE(method, choco_sgd) = {
    .name = "choco-sgd",
    .paper = "Koloskova et al., ICML 2019: Algorithm 2",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | DECENTRALISED,
    .skip = gossip_skip_varying,
    .state_bytes = sizeof(choco_sgd),
    .create = create,
    .round = run_round,
    .iterate = gossip_iterate,
    .facts = gossip_facts,
    .probe = gossip_probe,
    .archive = archive_state,
    .destroy = destroy,
};
