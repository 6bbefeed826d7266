/* D-PSGD (Lian et al., NeurIPS 2017): every worker steps on its own model and averages with its neighbours,
 *   combine-first (Algorithm 1):  x_i <- sum_j W_ij x_j - gamma g_i(x_i)
 *   adapt-first:                  x_i <- sum_j W_ij (x_j - gamma g_j(x_j))
 * Only the latter is parallel SGD on the complete graph: the former leaves every worker with the mean less its own
 * step. 4 d bytes to each neighbour and step. Momentum, weight decay and clipping are part of a worker's own step;
 * adapt-first with momentum is DmSGD. The sum is taken as x_i + sum_j (W_ij - I_ij) x_j. */
#include <string.h>

#include "algorithms/gossip.h"

typedef struct d_psgd {
  gossip gossip;
  bool combines_first;
} d_psgd;

static enum status create(const method_env *env, const args *a, void *state) {
  d_psgd *s = state;
  s->combines_first = strcmp(args_text(a, "order"), "combine-first") == 0;
  return gossip_create(env, a, GOSSIP_DENSE, env->n_params, &s->gossip);
}

static enum status run_round(void *state, uint64_t round) {
  d_psgd *s = state;
  gossip *g = &s->gossip;
  if (!s->combines_first) {
    TRY_RETURN(gossip_steps(g, round, 1));
    return gossip_pull(g, round, 1, g->models.x, g->models.x);
  }
  TRY_RETURN(gossip_encode(g, round, g->models.x));
  TRY_RETURN(gossip_steps(g, round, 1));
  TRY_RETURN(gossip_exchange(g, round));
  for (int i = 0; i < g->env->n_local; i++) TRY_RETURN(gossip_add_pull(g, round, i, 1, g->models.x[i]));
  gossip_release(g);
  return STATUS_OK;
}

static const param params[] = {
    {.name = "order",
     .type = PARAM_CHOICE,
     .fallback = "combine-first",
     .choices = "combine-first|adapt-first",
     .help = "whether models are averaged before a worker's own step or after it",
     .in_label = true},
    TOPOLOGY_PARAMS("ring"),
    PARAM_END,
};

MODULE(method, d_psgd) = {
    .name = "d-psgd",
    .paper = "Lian et al., NeurIPS 2017: Algorithm 1",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | DECENTRALISED,
    .skip = topology_skip,
    .state_bytes = sizeof(d_psgd),
    .create = create,
    .round = run_round,
    .iterate = gossip_iterate,
    .facts = gossip_facts,
    .probe = gossip_probe,
    .archive = gossip_archive,
    .destroy = gossip_destroy,
};
