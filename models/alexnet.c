/* AlexNet in one piece (A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014): five
 * convolutions, three dense layers with dropout before the first two: 61,100,840 parameters on 224 x 224 x 3 with a
 * thousand classes. */
#include <stdio.h>

#include "models/model.h"

static const param params[] = {
    {.name = "dropout",
     .type = PARAM_REAL,
     .fallback = "0.5",
     .min = 0,
     .max = 0.99,
     .help = "the fraction dropped before the first two dense layers"},
    {.name = "width",
     .type = PARAM_INT,
     .fallback = "64",
     .min = 1,
     .max = 1024,
     .help = "channels of the first convolution; 64 as published, and the rest in proportion"},
    PARAM_END};

static const struct {
  size_t channels, kernel, stride, pad; /* channels: of a width of 64 */
  bool is_pooled;
} convolutions[] = {
    {64, 11, 4, 2, true}, {192, 5, 1, 2, true}, {384, 3, 1, 1, false}, {256, 3, 1, 1, false}, {256, 3, 1, 1, true}};

static enum status build(const model_env *env, const args *a, graph *g) {
  const size_t n_classes = env->data->n_classes, width = (size_t)args_int(a, "width");
  const double dropout = args_real(a, "dropout");
  char name[32];
  if (n_classes < 2 || env->data->height < 63 || env->data->width < 63)
    return FAIL(STATUS_BAD_INPUT, "model alexnet needs images of at least 63 x 63 with labels of at least 2 classes");
  for (int i = 0; i < 5; i++) {
    snprintf(name, sizeof name, "conv%d", i + 1);
    TRY_RETURN(graph_conv(g, name, (convolutions[i].channels * width + 63) / 64, convolutions[i].kernel,
                          convolutions[i].stride, convolutions[i].pad));
    TRY_RETURN(graph_relu(g));
    if (convolutions[i].is_pooled) TRY_RETURN(graph_max_pool(g, 3, 2, 0));
  }
  for (int i = 1; i <= 2; i++) {
    if (dropout > 0) TRY_RETURN(graph_dropout(g, dropout));
    TRY_RETURN(graph_dense(g, i == 1 ? "fc1" : "fc2", 64 * width));
    TRY_RETURN(graph_relu(g));
  }
  TRY_RETURN(graph_dense(g, "fc", n_classes));
  return graph_softmax_loss(g, n_classes);
}

MODULE(model, alexnet) = {
    .name = "alexnet",
    .paper = "Krizhevsky 2014",
    .version = "1",
    .params = params,
    .build = build,
};
