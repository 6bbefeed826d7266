/* Mem-SGD with one server (Stich et al., NeurIPS 2018, Algorithm 1 and, in parallel, Algorithm 2 in its synchronous
 * form; as DoubleSqueeze, Tang et al., ICML 2019, compares with it): compressed up, the dense mean down. Worker w, with
 * residual e_w, in the three forms of server_sgd.h:
 *   memory: gradient  u_w = g_w + e_w;  sends C(u_w);  e_w = u_w - C(u_w);  x <- x - gamma_t (1/M) sum_w C(u_w)
 *   memory: update    the same with u_w = gamma_t g_w + e_w and x <- x - (1/M) sum_w C(u_w), the paper's own form: what
 *                     was held back under a large step size is applied with that step size
 *   memory: none      u_w = g_w: Top-k SGD, QSGD, signSGD with a scale, as the compressor says.
 * 32 d bits down to each worker, beside which the savings up are bounded by a factor of 2 in all. */
#include <string.h>

#include "algorithms/server_sgd.h"

static enum server_memory memory_from(const args *a) {
  const char *name = args_text(a, "memory");
  if (strcmp(name, "none") == 0) return MEMORY_NONE;
  return strcmp(name, "update") == 0 ? MEMORY_UPDATE : MEMORY_GRADIENT;
}

static const char *skip(const method_env *env, const args *a) {
  return memory_from(a) == MEMORY_UPDATE ? server_sgd_plain_only(env) : NULL;
}

static enum status create(const method_env *env, const args *a, void *state) {
  const servers_spec spec = {.up = pipeline_spec_from(a), .down = servers_dense};
  return server_sgd_create(state, env, &spec, memory_from(a));
}

static const param params[] = {
    {.name = "memory",
     .type = PARAM_CHOICE,
     .fallback = "gradient",
     .choices = "none|gradient|update",
     .help = "what was not sent is kept: never, in gradient units, or with the step size inside",
     .in_label = true},
    PIPELINE_PARAMS("[topk: {density: 0.01}]"),
    PARAM_END,
};

MODULE(method, mem_sgd) = {
    .name = "mem-sgd",
    .paper = "Stich et al., NeurIPS 2018: Algorithm 1, one server",
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
