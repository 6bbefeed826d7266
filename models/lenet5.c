/* LeNet-5 (Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Proc. IEEE 86, 1998, fig. 2) as it is trained today: max
 * pooling and ReLU in place of trained averages and tanh, all maps of S2 feeding C3, a linear output with softmax. On
 * 28 x 28 x 1 the first convolution is padded to the original's 32 x 32: 61,706 parameters. */
#include "models/model.h"

static const param params[] = {PARAM_END};

static enum status build(const model_env *env, const args *a, graph *g) {
  (void)a;
  const size_t n_classes = env->data->n_classes;
  if (n_classes < 2) return FAIL(STATUS_BAD_INPUT, "model lenet5 needs a data set with labels of at least 2 classes");
  TRY_RETURN(graph_conv(g, "conv1", 6, 5, 1, g->input[1] == 28 ? 2 : 0));
  TRY_RETURN(graph_max_pool(g, 2, 2, 0));
  TRY_RETURN(graph_relu(g));
  TRY_RETURN(graph_conv(g, "conv2", 16, 5, 1, 0));
  TRY_RETURN(graph_max_pool(g, 2, 2, 0));
  TRY_RETURN(graph_relu(g));
  TRY_RETURN(graph_dense(g, "fc1", 120));
  TRY_RETURN(graph_relu(g));
  TRY_RETURN(graph_dense(g, "fc2", 84));
  TRY_RETURN(graph_relu(g));
  TRY_RETURN(graph_dense(g, "fc3", n_classes));
  return graph_softmax_loss(g, n_classes);
}

MODULE(model, lenet5) = {
    .name = "lenet5",
    .paper = "LeCun, Bottou, Bengio and Haffner, Proc. IEEE 1998: fig. 2",
    .version = "2",
    .params = params,
    .build = build,
};
