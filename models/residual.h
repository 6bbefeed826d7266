/* Residual networks (K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016), of
 * which models/resnet.c and models/resnet20.c are members. */
#ifndef TERSE_MODELS_RESIDUAL_H
#define TERSE_MODELS_RESIDUAL_H

#include "models/model.h"

/* Section 4.2, for CIFAR: a 3 x 3 convolution, three stages of n_blocks blocks with 16, 32 and 64 channels, shortcuts
 * without parameters (option A), global average pooling. STATUS_BAD_INPUT, naming the model, where the data does not
 * fit. */
enum status residual_cifar(const char *name, const data *d, size_t n_blocks, graph *g) WARN_UNUSED;

typedef struct residual_shape {
  size_t n_blocks[4]; /* of each stage */
  bool is_bottleneck; /* 1 x 1, 3 x 3 and 1 x 1 convolutions, the last four times as wide; the stride in the second */
  bool has_big_stem;  /* a 7 x 7 convolution and a pooling, which together take every fourth pixel; else 3 x 3 alone */
  size_t width;       /* channels of the first stage; published: 64 */
} residual_shape;

/* Table 1, for ImageNet, or with a small stem for smaller images: shortcuts by 1 x 1 convolutions and batch norm where
 * shapes change (option B). */
enum status residual_wide(const char *name, const data *d, const residual_shape *shape, graph *g) WARN_UNUSED;

#endif
