/* The quadratic objective of the data set of that name: its parameters are the point itself. */
#include "models/model.h"

static const param params[] = {PARAM_END};

static enum status build(const model_env *env, const args *a, graph *g) {
  (void)a;
  return graph_quadratic_loss(g, env->data->spectrum);
}

MODULE(model, quadratic) = {
    .name = "quadratic",
    .paper = "the strongly convex quadratic of convergence analyses",
    .version = "1",
    .params = params,
    .build = build,
};
