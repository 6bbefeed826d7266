#include "models/residual.h"

#include <stdio.h>

static enum status check_data(const char *name, const data *d, size_t least) {
  if (d->n_classes < 2 || d->sequential)
    return FAIL(STATUS_BAD_INPUT, "model %s needs images with labels of at least 2 classes", name);
  if (d->height != d->width || d->height < least)
    return FAIL(STATUS_BAD_INPUT, "model %s needs square images of at least %zu x %zu, not %zu x %zu", name, least,
                least, d->height, d->width);
  return STATUS_OK;
}

/* A convolution without bias and its batch norm, "s1b2.conv3" and "s1b2.bn3". */
static enum status add_pair(graph *g, int stage, size_t block, int number, size_t channels, size_t kernel,
                            size_t stride, bool relu) {
  char name[32];
  snprintf(name, sizeof name, "s%db%zu.conv%d", stage, block, number);
  TRY_RETURN(graph_conv_no_bias(g, name, channels, kernel, stride, kernel / 2));
  snprintf(name, sizeof name, "s%db%zu.bn%d", stage, block, number);
  return graph_batch_norm(g, name, relu);
}

static enum status add_head(graph *g, size_t n_classes) {
  TRY_RETURN(graph_average_pool(g, g->layers[g->n_layers - 1].out[1], 1));
  TRY_RETURN(graph_dense(g, "fc", n_classes));
  return graph_softmax_loss(g, n_classes);
}

enum status residual_cifar(const char *name, const data *d, size_t n_blocks, graph *g) {
  TRY_RETURN(check_data(name, d, 8));
  TRY_RETURN(graph_conv_no_bias(g, "conv", 16, 3, 1, 1));
  TRY_RETURN(graph_batch_norm(g, "bn", true));
  for (int stage = 1; stage <= 3; stage++)
    for (size_t block = 1; block <= n_blocks; block++) {
      const size_t shortcut = graph_last(g), channels = (size_t)8 << stage;
      TRY_RETURN(add_pair(g, stage, block, 1, channels, 3, stage > 1 && block == 1 ? 2 : 1, true));
      TRY_RETURN(add_pair(g, stage, block, 2, channels, 3, 1, false));
      TRY_RETURN(graph_add(g, shortcut, true));
    }
  return add_head(g, d->n_classes);
}

/* ReLU(F(x) + x), or where shapes change ReLU(F(x) + W x). */
static enum status add_block(graph *g, const residual_shape *s, int stage, size_t block) {
  const size_t in = graph_last(g), narrow = s->width << (stage - 1), wide = s->is_bottleneck ? 4 * narrow : narrow;
  const size_t stride = stage > 1 && block == 1 ? 2 : 1;
  const bool changes = stride > 1 || graph_shape(g, in)[0] != wide;
  if (s->is_bottleneck) {
    TRY_RETURN(add_pair(g, stage, block, 1, narrow, 1, 1, true));
    TRY_RETURN(add_pair(g, stage, block, 2, narrow, 3, stride, true));
    TRY_RETURN(add_pair(g, stage, block, 3, wide, 1, 1, false));
  } else {
    TRY_RETURN(add_pair(g, stage, block, 1, narrow, 3, stride, true));
    TRY_RETURN(add_pair(g, stage, block, 2, narrow, 3, 1, false));
  }
  if (!changes) return graph_add(g, in, true);
  const size_t main_path = graph_last(g);
  TRY_RETURN(graph_branch(g, in));
  TRY_RETURN(add_pair(g, stage, block, 0, wide, 1, stride, false));
  return graph_add(g, main_path, true);
}

enum status residual_wide(const char *name, const data *d, const residual_shape *shape, graph *g) {
  TRY_RETURN(check_data(name, d, shape->has_big_stem ? 32 : 8));
  TRY_RETURN(graph_conv_no_bias(g, "conv", shape->width, shape->has_big_stem ? 7 : 3, shape->has_big_stem ? 2 : 1,
                                shape->has_big_stem ? 3 : 1));
  TRY_RETURN(graph_batch_norm(g, "bn", true));
  if (shape->has_big_stem) TRY_RETURN(graph_max_pool(g, 3, 2, 1));
  for (int stage = 1; stage <= 4; stage++)
    for (size_t block = 1; block <= shape->n_blocks[stage - 1]; block++) TRY_RETURN(add_block(g, shape, stage, block));
  return add_head(g, d->n_classes);
}
