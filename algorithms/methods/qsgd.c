/* QSGD (Alistarh et al., NeurIPS 2017) with one server: x <- x - gamma (1/M) sum_w Q(g_w), without memory; compressed
 * up, the dense mean down. Buckets of 512 values with a norm of their own, as in the paper's experiments; 15 levels are
 * 5 bits a value. Momentum, weight decay and clipping act on the mean. */
#include "algorithms/server_sgd.h"

static enum status create(const method_env *env, const args *a, void *state) {
  const servers_spec spec = {.up = pipeline_spec_from(a), .down = servers_dense};
  return server_sgd_create(state, env, &spec, MEMORY_NONE);
}

static const param params[] = {
    PIPELINE_PARAMS_IN("bucket", "[qsgd: {levels: 15}]"),
    PARAM_END,
};

MODULE(method, qsgd) = {
    .name = "qsgd",
    .paper = "Alistarh et al., NeurIPS 2017: Algorithm 1, one server",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | IDENTICAL_REPLICAS,
    .n_servers = servers_one,
    .state_bytes = sizeof(server_sgd),
    .create = create,
    .round = server_sgd_round,
    .iterate = server_sgd_iterate,
    .probe = server_sgd_probe,
    .archive = server_sgd_archive,
    .destroy = server_sgd_destroy,
};
