/* DoubleSqueeze (Tang et al., ICML 2019, Algorithm 1): compressed both ways, with residuals at both ends.
 *   worker w:  v = g_w + d_w;  sends Q[v];  d_w = v - Q[v];
 *   server:    v = (1/M) sum_w Q[v_w] + d;  sends Q[v];  d = v - Q[v];
 *   all:       x <- x - gamma Q[v].
 * So y_t = x_t - gamma (d + (1/M) sum_w d_w), both as round t finds them, obeys y_{t+1} = y_t - gamma (1/M) sum_w
 * g_w(x_t) for a constant gamma. Residuals are in gradient units: a drop of the step size shrinks what was deferred,
 * unless rescale_residual keeps gamma_t d. Momentum, weight decay and clipping, which the paper has not, act on Q[v].
 * With server: sharded every worker serves d/M of the vector, with a scale and a residual of each shard's own. */
#include <string.h>

#include "algorithms/server_sgd.h"

static bool is_sharded(const args *a) { return strcmp(args_text(a, "server"), "sharded") == 0; }

static int n_servers(const args *a) { return is_sharded(a) ? 0 : 1; }

static enum status create(const method_env *env, const args *a, void *state) {
  server_sgd *s = state;
  const servers_spec spec = {
      .up = pipeline_spec_from(a), .down = pipeline_spec_named(a, "down"), .is_sharded = is_sharded(a), .memory = true};
  s->rescale = args_bool(a, "rescale_residual");
  return server_sgd_create(s, env, &spec, MEMORY_GRADIENT);
}

static const param params[] = {
    PIPELINE_PARAMS("[sign: {scale: l2}]"),
    {.name = "down",
     .type = PARAM_PIPELINE,
     .fallback = "[]",
     .help = "compressors of the server; without it the same as the workers'"},
    {.name = "server",
     .type = PARAM_CHOICE,
     .fallback = "single",
     .choices = "single|sharded",
     .help = "one server for all, or every worker for its share of the vector",
     .in_label = true},
    {.name = "rescale_residual",
     .type = PARAM_BOOL,
     .fallback = "false",
     .help = "residuals follow changes of the step size, so that what was deferred keeps its own"},
    PARAM_END,
};

MODULE(method, double_squeeze) = {
    .name = "double-squeeze",
    .paper = "Tang et al., ICML 2019: Algorithm 1",
    .version = "1",
    .params = params,
    .traits = SYNCHRONOUS | IDENTICAL_REPLICAS,
    .n_servers = n_servers,
    .state_bytes = sizeof(server_sgd),
    .create = create,
    .round = server_sgd_round,
    .iterate = server_sgd_iterate,
    .probe = server_sgd_probe,
    .archive = server_sgd_archive,
    .destroy = server_sgd_destroy,
};
