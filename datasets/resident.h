/* A data set as a device keeps it, so that batches are made where they are used and a step moves only sample numbers:
 * the files' bytes laid end to end, and the arithmetic of one element. `fetch` of the data set gives the same floats on
 * the host. */
#ifndef TERSE_DATASETS_RESIDENT_H
#define TERSE_DATASETS_RESIDENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/module.h"
#include "core/rng.h"

enum { RESIDENT_MAX_PARTS = 6, RESIDENT_MAX_CHANNELS = 3 };

/* One split (train serves the probe set too). Images: sample i's pixels, one byte each, channel by channel and row by
 * row, begin at byte `first + i stride`, and its class is the byte at `first_label + i stride_label`. A text: token i is
 * the i-th uint32_t. */
typedef struct resident_split {
  struct {
    const void *bytes; /* host memory, as long as the data set lives */
    size_t n;
  } parts[RESIDENT_MAX_PARTS];
  size_t n_parts;
  size_t first, stride, first_label, stride_label;
} resident_split;

typedef struct resident {
  bool is_text;
  size_t padding;                 /* of a worker's training images, from which a random window is taken; see
                                   * image_view. 0: they are taken as they are */
  float value[RESIDENT_MAX_CHANNELS][256]; /* of a pixel's byte */
  resident_split train, test;
} resident;

/* Where in the padded image the window lies, and whether it is mirrored. */
typedef struct image_view {
  int row, column; /* of the window's corner, relative to the image's: -padding to padding */
  bool mirrored;
} image_view;

/* The view of a batch's sample number `lane`; key: the batch's. */
HD static inline image_view image_view_draw(rng_key key, size_t lane, int padding) {
  const rng_words words = rng_draw(rng_repurpose(key, RNG_AUGMENT), lane);
  const uint64_t n = 2 * (uint64_t)padding + 1;
  const image_view view = {(int)((uint64_t)words.w[0] * n >> 32) - padding,
                           (int)((uint64_t)words.w[1] * n >> 32) - padding, (words.w[2] >> 31) != 0};
  return view;
}

/* The place in an image of height x width that a view shows at (row, column); -1: outside, where all is black. */
HD static inline long image_view_place(image_view v, int height, int width, int row, int column) {
  const int from_row = row + v.row, from_column = (v.mirrored ? width - 1 - column : column) + v.column;
  if (from_row < 0 || from_row >= height || from_column < 0 || from_column >= width) return -1;
  return (long)from_row * width + from_column;
}

#endif
