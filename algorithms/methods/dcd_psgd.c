/* DCD-PSGD (Tang et al., NeurIPS 2018, Algorithm 1): workers hold copies of their neighbours' models and send
 * compressed differences of their own, z_i = C(sum_j W_ij xh_j - gamma g_i(x_i) - x_i);  x_i <- x_i + z_i, and so all
 * copies of it. With the identity it is combine-first D-PSGD. It needs a compressor that loses little: omega well below
 * the square of the spectral gap. Encoded bytes to each neighbour and step. */
#include "algorithms/replica_gossip.h"

static enum status create(const method_env *env, const args *a, void *state) {
  return replica_gossip_create(env, a, state);
}

static enum status run_round(void *state, uint64_t round) { return replica_gossip_round(state, round, 1); }

static const param params[] = {TOPOLOGY_PARAMS("ring"), PIPELINE_PARAMS("[qsgd: {levels: 127}]"), PARAM_END};

MODULE(method, dcd_psgd) = {
    .name = "dcd-psgd",
    .paper = "Tang et al., NeurIPS 2018: Algorithm 1",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | DECENTRALISED,
    .skip = gossip_skip_varying,
    .state_bytes = sizeof(replica_gossip),
    .create = create,
    .round = run_round,
    .iterate = gossip_iterate,
    .facts = gossip_facts,
    .probe = gossip_probe,
    .archive = replica_gossip_archive,
    .destroy = replica_gossip_destroy,
};
