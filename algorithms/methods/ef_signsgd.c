/* EF-signSGD (Karimireddy et al., ICML 2019, Algorithm 1) with M workers and one server:
 *   p_w = gamma_t g_w + e_w;  sends C(p_w) = (|p_w|_1 / d) sgn(p_w);  e_w = p_w - C(p_w);  x <- x - (1/M) sum_w C(p_w).
 * d + 32 bits up, 32 d down. The published algorithm has one worker; the mean of several is how it is compared with
 * elsewhere (Basu et al., NeurIPS 2019). */
#include "algorithms/server_sgd.h"

static const char *skip(const method_env *env, const args *a) {
  (void)a;
  return server_sgd_plain_only(env);
}

static enum status create(const method_env *env, const args *a, void *state) {
  const servers_spec spec = {.up = pipeline_spec_from(a), .down = servers_dense};
  return server_sgd_create(state, env, &spec, MEMORY_UPDATE);
}

static const param params[] = {
    PIPELINE_PARAMS("[sign: {scale: l1}]"),
    PARAM_END,
};

MODULE(method, ef_signsgd) = {
    .name = "ef-signsgd",
    .paper = "Karimireddy et al., ICML 2019: Algorithm 1",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | IDENTICAL_REPLICAS,
    .skip = skip,
    .n_servers = servers_one,
    .state_bytes = sizeof(server_sgd),
    .create = create,
    .round = server_sgd_round,
    .iterate = server_sgd_iterate,
    .probe = server_sgd_probe,
    .archive = server_sgd_archive,
    .destroy = server_sgd_destroy,
};
