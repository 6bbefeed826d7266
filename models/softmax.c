/* Softmax regression (multinomial logistic regression): one dense layer, convex; with l2 > 0 l2-strongly convex. */
#include "models/model.h"

static const param params[] = {
    {.name = "l2", .type = PARAM_REAL, .fallback = "0", .max = 1e3, .help = "adds l2/2 |params|^2 to the loss"},
    PARAM_END};

static enum status build(const model_env *env, const args *a, graph *g) {
  const size_t n_classes = env->data->n_classes;
  if (n_classes < 2) return FAIL(STATUS_BAD_INPUT, "model softmax needs a data set with labels of at least 2 classes");
  g->l2 = args_real(a, "l2");
  TRY_RETURN(graph_dense(g, "dense", n_classes));
  return graph_softmax_loss(g, n_classes);
}

MODULE(model, softmax) = {
    .name = "softmax",
    .paper = "multinomial logistic regression",
    .version = "2",
    .params = params,
    .build = build,
};
