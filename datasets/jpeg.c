#include "datasets/jpeg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

/* libjpeg reports by calling error_exit, which must not return. */
typedef struct reporter {
  struct jpeg_error_mgr base;
  jmp_buf back;
  char words[JMSG_LENGTH_MAX];
} reporter;

static void give_up(j_common_ptr c) {
  reporter *r = (reporter *)c->err;
  r->base.format_message(c, r->words);
  longjmp(r->back, 1);
}

/* A warning is about data that are not what they should be: an image that is cut off decodes to grey. */
static void refuse_warning(j_common_ptr c, int level) {
  if (level < 0) give_up(c);
}

/* Four inks, as Adobe writes them: inverted. */
static void inks_to_rgb(const uint8_t *inks, size_t n, uint8_t *rgb) {
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < 3; k++) rgb[3 * i + k] = (uint8_t)(((unsigned)inks[4 * i + k] * inks[4 * i + 3] + 127) / 255);
}

/* Everything that may jump back; what it allocates is where its caller finds it. */
static enum status decode(struct jpeg_decompress_struct *c, FILE *f, rgb_image *out, uint8_t **row) {
  jpeg_stdio_src(c, f);
  (void)jpeg_read_header(c, TRUE);
  const bool has_inks = c->jpeg_color_space == JCS_CMYK || c->jpeg_color_space == JCS_YCCK;
  c->out_color_space = has_inks ? JCS_CMYK : JCS_RGB;
  c->dct_method = JDCT_ISLOW; /* the same on every processor */
  (void)jpeg_start_decompress(c);
  out->height = c->output_height;
  out->width = c->output_width;
  out->pixels = (uint8_t *)malloc(out->height * out->width * 3);
  *row = (uint8_t *)malloc(out->width * 4);
  if (!out->pixels || !*row) return FAIL(STATUS_NO_MEMORY, "no memory for %zu x %zu pixels", out->height, out->width);
  while (c->output_scanline < c->output_height) {
    uint8_t *to = out->pixels + (size_t)c->output_scanline * out->width * 3, *into = has_inks ? *row : to;
    (void)jpeg_read_scanlines(c, &into, 1);
    if (has_inks) inks_to_rgb(*row, out->width, to);
  }
  (void)jpeg_finish_decompress(c);
  return STATUS_OK;
}

enum status jpeg_read(const char *path, rgb_image *out) {
  struct jpeg_decompress_struct c;
  reporter r;
  uint8_t *volatile row = NULL;
  enum status status;
  *out = (rgb_image){.height = 0};
  FILE *f = fopen(path, "rb");
  if (!f) return FAIL(STATUS_BAD_DATA, "cannot open %s: %s", path, strerror(errno));
  c.err = jpeg_std_error(&r.base);
  r.base.error_exit = give_up;
  r.base.emit_message = refuse_warning;
  if (setjmp(r.back) == 0) {
    jpeg_create_decompress(&c);
    status = decode(&c, f, out, (uint8_t **)&row);
  } else {
    status = FAIL(STATUS_BAD_DATA, "%s: %s", path, r.words);
  }
  jpeg_destroy_decompress(&c);
  free(row);
  fclose(f);
  if (status != STATUS_OK) rgb_image_release(out);
  return status;
}

void rgb_image_release(rgb_image *image) {
  free(image->pixels);
  *image = (rgb_image){.height = 0};
}
