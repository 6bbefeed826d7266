/* ResNet-20 for CIFAR (models/residual.h): 269,722 parameters on 32 x 32 x 3 with ten classes. `resnet` has the others;
 * this one, which the papers have in common, has a name of its own. */
#include "models/residual.h"

static const param params[] = {PARAM_END};

static enum status build(const model_env *env, const args *a, graph *g) {
  (void)a;
  return residual_cifar("resnet20", env->data, 3, g);
}

MODULE(model, resnet20) = {
    .name = "resnet20",
    .paper = "He, Zhang, Ren and Sun, CVPR 2016: section 4.2, n = 3, option A",
    .version = "1",
    .params = params,
    .build = build,
};
