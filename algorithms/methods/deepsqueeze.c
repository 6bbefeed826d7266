/* DeepSqueeze (Tang et al., arXiv 1907.07346): gossip of compressed models with error compensation,
 *   xt_i = x_i - gamma g_i(x_i);  v_i = xt_i + e_i;  sends C(v_i);  e_i = v_i - C(v_i)
 *   x_i <- xt_i + eta sum_j (W_ij - I_ij) C(v_j)
 * The parameter `gamma` is the paper's eta, the averaging step size. With the identity and eta = 1 it is adapt-first
 * D-PSGD, bit for bit. Encoded bytes to each neighbour and step. Momentum, weight decay and clipping are part of a
 * worker's own step. */
#include "algorithms/error_feedback.h"
#include "algorithms/gossip.h"

typedef struct deepsqueeze {
  gossip gossip;
  error_feedback feedback;
  float gamma;
} deepsqueeze;

static void destroy(void *state) {
  deepsqueeze *s = state;
  error_feedback_destroy(&s->feedback);
  gossip_destroy(&s->gossip);
}

static enum status create(const method_env *env, const args *a, void *state) {
  deepsqueeze *s = state;
  s->gamma = (float)args_real(a, "gamma");
  TRY_RETURN(gossip_create(env, a, GOSSIP_COMPRESSED, env->n_params, &s->gossip));
  return error_feedback_create(env, true, &s->feedback);
}

static enum status run_round(void *state, uint64_t round) {
  deepsqueeze *s = state;
  gossip *g = &s->gossip;
  TRY_RETURN(gossip_steps(g, round, 1));
  error_feedback_note_all(&s->feedback, round, g->models.x);
  TRY_RETURN(gossip_encode_feedback(g, round, g->models.x, s->feedback.e));
  TRY_RETURN(gossip_exchange(g, round));
  for (int i = 0; i < g->env->n_local; i++) TRY_RETURN(gossip_add_pull(g, round, i, s->gamma, g->models.x[i]));
  gossip_release(g);
  return STATUS_OK;
}

static enum status probe(void *state, const probe_sink *sink) {
  deepsqueeze *s = state;
  TRY_RETURN(error_feedback_probe(&s->feedback, sink));
  return gossip_probe(&s->gossip, sink);
}

static enum status archive_state(void *state, archive *a) {
  deepsqueeze *s = state;
  TRY_RETURN(gossip_archive(&s->gossip, a));
  return error_feedback_archive(&s->feedback, a);
}

static const param params[] = {
    {.name = "gamma",
     .type = PARAM_REAL,
     .fallback = "0.05",
     .min = 0,
     .max = 1,
     .above_min = true,
     .help = "averaging step size: the coarser the compressor, the smaller",
     .in_label = true},
    TOPOLOGY_PARAMS("ring"),
    PIPELINE_PARAMS("[topk: {density: 0.01}]"),
    PARAM_END,
};

MODULE(method, deepsqueeze) = {
    .name = "deepsqueeze",
    .paper = "Tang et al., arXiv 1907.07346: Algorithm 1",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | DECENTRALISED,
    .skip = topology_skip,
    .state_bytes = sizeof(deepsqueeze),
    .create = create,
    .round = run_round,
    .iterate = gossip_iterate,
    .facts = gossip_facts,
    .probe = probe,
    .archive = archive_state,
    .destroy = destroy,
};
