/* Parts of images brought to a size: which part, and its pixels. */
#ifndef TERSE_DATASETS_RESAMPLE_H
#define TERSE_DATASETS_RESAMPLE_H

#include <stdbool.h>

#include "core/rng.h"
#include "datasets/jpeg.h"

typedef struct region {
  size_t row, column, height, width; /* inside the image */
  bool mirrored;                     /* left and right are exchanged */
} region;

/* The square in the middle whose side is `share` of the shorter side, at least a pixel. */
region region_middle(size_t height, size_t width, double share);
/* A part of 8 % to 100 % of the area with sides in a ratio of 3/4 to 4/3 (logarithms uniform), mirrored half of the times
 * (C. Szegedy et al., "Going deeper with convolutions", CVPR 2015, section 6): drawn up to ten times until it fits, else
 * the middle of the ratio nearest to the image's. index: a sample's place in the batch; key: the batch's for its
 * purpose. */
region region_draw(size_t height, size_t width, rng_key key, uint64_t index);

/* out (3 planes of size x size) = the region, brought to size x size by a triangle filter as wide as two pixels of the
 * smaller of the two images (linear interpolation where it grows); 0 to 255. */
enum status image_resample(const rgb_image *image, region part, size_t size, float *out) WARN_UNUSED;

#endif
