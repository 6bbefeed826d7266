/* DmSGD (decentralised momentum SGD; Assran et al., ICML 2019, and Yuan et al., ICCV 2021, who name it): every worker
 * keeps its momentum to itself,
 *   m_i <- beta m_i + g_i(x_i);  x_i <- sum_j W_ij (x_j - gamma m_j)
 * 4 d bytes to each neighbour and step. Without momentum it is adapt-first D-PSGD. The worker's own drift enters its
 * momentum again and again: the bias that DecentLaM takes out. */
#include "algorithms/gossip.h"

static enum status create(const method_env *env, const args *a, void *state) {
  return gossip_create(env, a, GOSSIP_DENSE, env->n_params, state);
}

static enum status run_round(void *state, uint64_t round) {
  gossip *g = state;
  TRY_RETURN(gossip_steps(g, round, 1));
  return gossip_pull(g, round, 1, g->models.x, g->models.x);
}

static const param params[] = {TOPOLOGY_PARAMS("ring"), PARAM_END};

MODULE(method, dmsgd) = {
    .name = "dmsgd",
    .paper = "Yuan et al., ICCV 2021: DmSGD (their baseline)",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | DECENTRALISED,
    .skip = topology_skip,
    .state_bytes = sizeof(gossip),
    .create = create,
    .round = run_round,
    .iterate = gossip_iterate,
    .facts = gossip_facts,
    .probe = gossip_probe,
    .archive = gossip_archive,
    .destroy = gossip_destroy,
};
