/* VGG with batch norm (K. Simonyan and A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
 * Recognition", ICLR 2015, Table 1: A, B, D and E): 3 x 3 convolutions in five stages, each followed by a pooling of
 * 2 x 2. `head: small` is one dense layer, as for CIFAR (depth 16: 14,728,266 parameters on 32 x 32 x 3 with ten
 * classes); `head: large` the published three with dropout (on 224 x 224 x 3 with a thousand classes 132,868,840,
 * 133,053,736, 138,365,992 and 143,678,248). */
#include <stdio.h>
#include <stdlib.h>

#include "models/model.h"

static const param params[] = {{.name = "depth",
                                .type = PARAM_CHOICE,
                                .fallback = "16",
                                .choices = "11|13|16|19",
                                .help = "layers with weights, as published",
                                .in_label = true},
                               {.name = "head",
                                .type = PARAM_CHOICE,
                                .fallback = "small",
                                .choices = "small|large",
                                .help = "one dense layer, or two of 4096 with dropout before the last one"},
                               {.name = "dropout",
                                .type = PARAM_REAL,
                                .fallback = "0.5",
                                .min = 0,
                                .max = 0.99,
                                .help = "head large: the fraction dropped after each of the two"},
                               {.name = "width",
                                .type = PARAM_INT,
                                .fallback = "64",
                                .min = 1,
                                .max = 1024,
                                .help = "channels of the first stage; 64 as published, and the rest in proportion"},
                               PARAM_END};

/* Convolutions of each stage. */
static const int convolutions[][6] = {
    {11, 1, 1, 2, 2, 2}, {13, 2, 2, 2, 2, 2}, {16, 2, 2, 3, 3, 3}, {19, 2, 2, 4, 4, 4}};

static enum status add_stage(graph *g, int stage, int n, size_t channels) {
  char name[32];
  for (int i = 1; i <= n; i++) {
    snprintf(name, sizeof name, "s%d.conv%d", stage, i);
    TRY_RETURN(graph_conv(g, name, channels, 3, 1, 1));
    snprintf(name, sizeof name, "s%d.bn%d", stage, i);
    TRY_RETURN(graph_batch_norm(g, name, true));
  }
  return graph_max_pool(g, 2, 2, 0);
}

static enum status add_head(graph *g, const args *a, size_t n_classes) {
  const double dropout = args_real(a, "dropout");
  for (int i = 1; args_text(a, "head")[0] == 'l' && i <= 2; i++) {
    TRY_RETURN(graph_dense(g, i == 1 ? "fc1" : "fc2", 64 * (size_t)args_int(a, "width")));
    TRY_RETURN(graph_relu(g));
    if (dropout > 0) TRY_RETURN(graph_dropout(g, dropout));
  }
  TRY_RETURN(graph_dense(g, "fc", n_classes));
  return graph_softmax_loss(g, n_classes);
}

static enum status build(const model_env *env, const args *a, graph *g) {
  const size_t n_classes = env->data->n_classes, width = (size_t)args_int(a, "width");
  const int depth = atoi(args_text(a, "depth"));
  if (n_classes < 2 || env->data->height < 32 || env->data->width < 32)
    return FAIL(STATUS_BAD_INPUT, "model vgg needs images of at least 32 x 32 with labels of at least 2 classes");
  const int *n = convolutions[0];
  while (n[0] != depth) n += 6;
  for (int stage = 1; stage <= 5; stage++)
    TRY_RETURN(add_stage(g, stage, n[stage], width << (stage < 4 ? stage - 1 : 3)));
  return add_head(g, a, n_classes);
}

MODULE(model, vgg) = {
    .name = "vgg",
    .paper = "Simonyan and Zisserman, ICLR 2015, Table 1, with batch norm",
    .version = "1",
    .params = params,
    .build = build,
};
