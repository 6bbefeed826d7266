/* ResNet-20 for CIFAR (K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
 * section 4.2): a 3 x 3 convolution, three stages of three blocks with 16, 32 and 64 channels, shortcuts without
 * parameters (option A), global average pooling: 269,722 parameters on 32 x 32 x 3 with ten classes. */
#include <stdio.h>

#include "models/model.h"

static const param params[] = {PARAM_END};

/* ReLU(F(x) + x), F being convolution, norm, ReLU, convolution, norm. */
static enum status add_block(graph *g, int stage, int block, size_t channels, size_t stride) {
  char conv[32], norm[32];
  const size_t shortcut = graph_last(g);
  for (int i = 1; i <= 2; i++) {
    snprintf(conv, sizeof conv, "s%db%d.conv%d", stage, block, i);
    snprintf(norm, sizeof norm, "s%db%d.bn%d", stage, block, i);
    TRY_RETURN(graph_conv_no_bias(g, conv, channels, 3, i == 1 ? stride : 1, 1));
    TRY_RETURN(graph_batch_norm(g, norm, i == 1));
  }
  return graph_add(g, shortcut, true);
}

static enum status build(const model_env *env, const args *a, graph *g) {
  (void)a;
  const size_t n_classes = env->data->n_classes;
  if (n_classes < 2) return FAIL(STATUS_BAD_INPUT, "model resnet20 needs a data set with labels of at least 2 classes");
  if (g->input[1] != g->input[2] || g->input[1] < 8)
    return FAIL(STATUS_BAD_INPUT, "model resnet20 needs square images of at least 8 x 8, not %zu x %zu", g->input[1],
                g->input[2]);
  TRY_RETURN(graph_conv_no_bias(g, "conv", 16, 3, 1, 1));
  TRY_RETURN(graph_batch_norm(g, "bn", true));
  for (int stage = 1; stage <= 3; stage++)
    for (int block = 1; block <= 3; block++)
      TRY_RETURN(add_block(g, stage, block, (size_t)8 << stage, stage > 1 && block == 1 ? 2 : 1));
  TRY_RETURN(graph_average_pool(g, g->layers[g->n_layers - 1].out[1], 1));
  TRY_RETURN(graph_dense(g, "fc", n_classes));
  return graph_softmax_loss(g, n_classes);
}

MODULE(model, resnet20) = {
    .name = "resnet20",
    .paper = "He, Zhang, Ren and Sun, CVPR 2016: section 4.2, n = 3, option A",
    .version = "1",
    .params = params,
    .build = build,
};
