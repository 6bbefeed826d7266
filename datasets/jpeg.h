/* JPEG images through libjpeg-turbo. */
#ifndef TERSE_DATASETS_JPEG_H
#define TERSE_DATASETS_JPEG_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct rgb_image {
  size_t height, width;
  uint8_t *pixels; /* row by row: red, green, blue of each pixel; owned */
} rgb_image;

/* Decodes a file; grey images and those of four inks become red, green and blue. STATUS_BAD_DATA, with path and reason,
 * where it is missing, damaged or no JPEG. On failure *out is empty. */
enum status jpeg_read(const char *path, rgb_image *out) WARN_UNUSED;
void rgb_image_release(rgb_image *image); /* harmless on an empty one */

#endif
