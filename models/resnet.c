/* Residual networks (models/residual.h) of depth 20, 32, 44, 56 and 110 as section 4.2 has them for CIFAR (269,722 to
 * 1,727,962 parameters at ten classes), and of depth 18, 34 and 50 as Table 1 has them for ImageNet (11,689,512,
 * 21,797,672 and 25,557,032 at a thousand), which with `stem: small` take small images whole (depth 18 at ten classes:
 * 11,173,962). */
#include <stdlib.h>

#include "models/residual.h"

static const param params[] = {
    {.name = "depth",
     .type = PARAM_CHOICE,
     .fallback = "18",
     .choices = "18|34|50|20|32|44|56|110",
     .help = "layers with weights; 20 to 110 are the narrow ones for CIFAR, 18, 34 and 50 those for ImageNet",
     .in_label = true},
    {.name = "stem",
     .type = PARAM_CHOICE,
     .fallback = "small",
     .choices = "small|large",
     .help = "depth 18, 34, 50: a 3 x 3 convolution (32 x 32 images), or 7 x 7 and a pooling (224 x 224)"},
    {.name = "width",
     .type = PARAM_INT,
     .fallback = "64",
     .min = 1,
     .max = 1024,
     .help = "depth 18, 34, 50: channels of the first stage; 64 as published"},
    PARAM_END};

static enum status build(const model_env *env, const args *a, graph *g) {
  const size_t depth = (size_t)strtoul(args_text(a, "depth"), NULL, 10);
  residual_shape shape = {.n_blocks = {3, 4, 6, 3},
                          .is_bottleneck = depth == 50,
                          .has_big_stem = args_text(a, "stem")[0] == 'l',
                          .width = (size_t)args_int(a, "width")};
  if (depth == 18 || depth == 34 || depth == 50) {
    for (int i = 0; depth == 18 && i < 4; i++) shape.n_blocks[i] = 2;
    return residual_wide("resnet", env->data, &shape, g);
  }
  if (shape.has_big_stem || shape.width != 64)
    return FAIL(STATUS_BAD_INPUT, "model resnet: stem and width are of depth 18, 34 and 50, not of %zu", depth);
  return residual_cifar("resnet", env->data, (depth - 2) / 6, g);
}

MODULE(model, resnet) = {
    .name = "resnet",
    .paper = "He, Zhang, Ren and Sun, CVPR 2016: Table 1 (option B), and section 4.2 (option A)",
    .version = "1",
    .params = params,
    .build = build,
};
