/* Multilayer perceptron with ReLU. By default the "2NN" of H. B. McMahan, E. Moore, D. Ramage, S. Hampson and
 * B. Aguera y Arcas, "Communication-Efficient Learning of Deep Networks from Decentralized Data", AISTATS 2017,
 * section 3: two hidden layers of 200, 199,210 parameters on 28 x 28 x 1 with ten classes. */
#include <stdio.h>

#include "models/model.h"

static const param params[] = {
    {.name = "layers", .type = PARAM_INT, .fallback = "2", .min = 1, .max = 64, .help = "hidden layers"},
    {.name = "width", .type = PARAM_INT, .fallback = "200", .min = 1, .max = 65536, .help = "units of a hidden layer"},
    PARAM_END};

static enum status build(const model_env *env, const args *a, graph *g) {
  const size_t n_classes = env->data->n_classes;
  if (n_classes < 2) return FAIL(STATUS_BAD_INPUT, "model mlp needs a data set with labels of at least 2 classes");
  const int n_layers = (int)args_int(a, "layers");
  for (int i = 1; i <= n_layers; i++) {
    char name[16];
    snprintf(name, sizeof name, "fc%d", i);
    TRY_RETURN(graph_dense(g, name, (size_t)args_int(a, "width")));
    TRY_RETURN(graph_relu(g));
  }
  TRY_RETURN(graph_dense(g, "out", n_classes));
  return graph_softmax_loss(g, n_classes);
}

MODULE(model, mlp) = {
    .name = "mlp",
    .paper = "McMahan, Moore, Ramage, Hampson and Aguera y Arcas, AISTATS 2017: the 2NN of section 3",
    .version = "1",
    .params = params,
    .build = build,
};
