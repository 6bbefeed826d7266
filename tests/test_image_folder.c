/* JPEG files, parts of images, and the folder of both. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>

#include "core/args.h"
#include "datasets/dataset.h"
#include "datasets/resample.h"
#include "tests/data_files.h"

/* Writes rows of `n` components a pixel; quality 100. */
static void write_jpeg(const char *path, size_t height, size_t width, int n, J_COLOR_SPACE space, const uint8_t *pixels) {
  struct jpeg_compress_struct c;
  struct jpeg_error_mgr e;
  FILE *f = fopen(path, "wb");
  cr_assert(f, "cannot write %s", path);
  c.err = jpeg_std_error(&e);
  jpeg_create_compress(&c);
  jpeg_stdio_dest(&c, f);
  c.image_width = (JDIMENSION)width;
  c.image_height = (JDIMENSION)height;
  c.input_components = n;
  c.in_color_space = space;
  jpeg_set_defaults(&c);
  jpeg_set_quality(&c, 100, TRUE);
  if (space == JCS_RGB) c.comp_info[0].h_samp_factor = c.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&c, TRUE);
  while (c.next_scanline < height) {
    JSAMPROW row = (JSAMPROW)(pixels + (size_t)c.next_scanline * width * (size_t)n);
    jpeg_write_scanlines(&c, &row, 1);
  }
  jpeg_finish_compress(&c);
  jpeg_destroy_compress(&c);
  fclose(f);
}

/* A smooth image: red grows to the right, green downwards, blue is `blue`. */
static uint8_t *slopes(size_t height, size_t width, uint8_t blue) {
  uint8_t *p = malloc(height * width * 3);
  for (size_t i = 0; i < height; i++)
    for (size_t j = 0; j < width; j++) {
      uint8_t *at = p + (i * width + j) * 3;
      at[0] = (uint8_t)(j * 255 / width);
      at[1] = (uint8_t)(i * 255 / height);
      at[2] = blue;
    }
  return p;
}

Test(jpeg, decodes_colours_greys_and_inks) {
  enum { H = 24, W = 40 };
  char folder[64];
  rgb_image image;
  make_folder(folder);
  uint8_t *p = slopes(H, W, 90), grey[H * W], inks[H * W * 4];
  write_jpeg(path_in(folder, "a"), H, W, 3, JCS_RGB, p);
  cr_assert_eq(jpeg_read(path_in(folder, "a"), &image), STATUS_OK, "%s", status_detail());
  cr_assert(image.height == H && image.width == W);
  for (size_t i = 0; i < H * W * 3; i++) cr_assert_lt(abs(image.pixels[i] - p[i]), 6);
  rgb_image_release(&image);
  for (size_t i = 0; i < H * W; i++) {
    grey[i] = p[3 * i];
    for (int k = 0; k < 3; k++) inks[4 * i + (size_t)k] = p[3 * i + (size_t)k];
    inks[4 * i + 3] = 128;
  }
  write_jpeg(path_in(folder, "b"), H, W, 1, JCS_GRAYSCALE, grey);
  cr_assert_eq(jpeg_read(path_in(folder, "b"), &image), STATUS_OK);
  for (size_t i = 0; i < H * W * 3; i++) cr_assert_lt(abs(image.pixels[i] - grey[i / 3]), 6);
  rgb_image_release(&image);
  write_jpeg(path_in(folder, "c"), H, W, 4, JCS_CMYK, inks);
  cr_assert_eq(jpeg_read(path_in(folder, "c"), &image), STATUS_OK);
  for (size_t i = 0; i < H * W * 3; i++) cr_assert_lt(abs(image.pixels[i] - p[i] * 128 / 255), 6);
  rgb_image_release(&image);
  free(p);
  remove_folder(folder);
}

/* Whatever is no JPEG, or only the beginning of one, is an error that names the file. */
Test(jpeg, damage_is_an_error) {
  enum { H = 64, W = 64 };
  char folder[64];
  static uint8_t bytes[1 << 16];
  rgb_image image;
  make_folder(folder);
  uint8_t *p = slopes(H, W, 90);
  write_jpeg(path_in(folder, "whole"), H, W, 3, JCS_RGB, p);
  FILE *f = fopen(path_in(folder, "whole"), "rb");
  const size_t n = fread(bytes, 1, sizeof bytes, f);
  fclose(f);
  for (size_t keep = 0; keep < n; keep += n / 37) {
    write_file(path_in(folder, "part"), bytes, keep, false);
    cr_assert_eq(jpeg_read(path_in(folder, "part"), &image), STATUS_BAD_DATA, "%zu bytes of %zu", keep, n);
    cr_assert(strstr(status_detail(), "part") && !image.pixels, "%s", status_detail());
  }
  cr_assert_eq(jpeg_read(path_in(folder, "none"), &image), STATUS_BAD_DATA);
  cr_assert(strstr(status_detail(), "No such file"));
  free(p);
  remove_folder(folder);
}

/* The definition, in fp64: every output weighs the inputs by a triangle around its middle. */
static double resampled(const rgb_image *image, region part, size_t size, size_t c, size_t i, size_t j) {
  const double down = (double)part.height / (double)size, across = (double)part.width / (double)size;
  const double high = down > 1 ? down : 1, wide = across > 1 ? across : 1;
  const size_t column = part.mirrored ? size - 1 - j : j;
  double sum = 0, weights = 0;
  for (size_t y = 0; y < part.height; y++)
    for (size_t x = 0; x < part.width; x++) {
      const double w = fmax(0, 1 - fabs((double)y + 0.5 - ((double)i + 0.5) * down) / high) *
                       fmax(0, 1 - fabs((double)x + 0.5 - ((double)column + 0.5) * across) / wide);
      sum += w * image->pixels[((part.row + y) * image->width + part.column + x) * 3 + c];
      weights += w;
    }
  return sum / weights;
}

Test(resample, agrees_with_its_definition) {
  static const size_t shapes[][3] = {{9, 13, 5}, {4, 4, 9}, {17, 6, 8}, {1, 1, 3}, {30, 31, 7}, {8, 8, 8}, {5, 40, 1}};
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
    const size_t h = shapes[k][0], w = shapes[k][1], size = shapes[k][2];
    uint8_t pixels[40 * 40 * 3];
    float out[9 * 9 * 3];
    const rgb_image image = {h, w, pixels};
    for (size_t i = 0; i < h * w * 3; i++) pixels[i] = (uint8_t)rng_draw(rng_stream(k, RNG_TEST, -1, 0), i).w[0];
    for (uint64_t draw = 0; draw < 6; draw++) {
      const region part = draw == 0 ? (region){.height = h, .width = w, .mirrored = k % 2}
                                    : region_draw(h, w, rng_stream(k, RNG_AUGMENT, -1, 0), draw);
      cr_assert_eq(image_resample(&image, part, size, out), STATUS_OK);
      for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < size; i++)
          for (size_t j = 0; j < size; j++)
            cr_assert_float_eq(out[(c * size + i) * size + j], resampled(&image, part, size, c, i, j), 1e-3,
                               "shape %zu, region %zu x %zu, (%zu, %zu)", k, part.height, part.width, i, j);
    }
  }
}

/* Random parts lie inside, have the areas and ratios they may have, over all of their range, and half are mirrored. */
Test(resample, draws_parts_of_the_image) {
  enum { N = 4000, H = 300, W = 200 };
  double smallest = 1, largest = 0, narrowest = 9, widest = 0;
  int n_mirrored = 0;
  for (uint64_t i = 0; i < N; i++) {
    const region r = region_draw(H, W, rng_stream(1, RNG_AUGMENT, -1, 4), i);
    cr_assert(r.height > 0 && r.width > 0 && r.row + r.height <= H && r.column + r.width <= W);
    const double area = (double)(r.height * r.width) / (H * W), ratio = (double)r.width / (double)r.height;
    cr_assert(area > 0.079 && ratio > 0.74 && ratio < 1.35, "area %g, ratio %g", area, ratio);
    smallest = fmin(smallest, area), largest = fmax(largest, area);
    narrowest = fmin(narrowest, ratio), widest = fmax(widest, ratio);
    n_mirrored += r.mirrored;
  }
  cr_assert(smallest < 0.09 && largest > 0.85 && narrowest < 0.77 && widest > 1.3);
  cr_assert(abs(n_mirrored - N / 2) < 4 * sqrt(N) / 2);
  const region strip = region_draw(1000, 10, rng_stream(1, RNG_AUGMENT, -1, 4), 1); /* hardly ever fits */
  cr_assert(strip.row + strip.height <= 1000 && strip.width <= 10 && strip.width > 0);
  const region middle = region_middle(100, 60, 0.5);
  cr_assert(middle.height == 30 && middle.width == 30 && middle.row == 35 && middle.column == 15);
  cr_assert(region_middle(1, 1, 0.5).height == 1);
}

static enum status open_folder(const char *folder, const char *size, const char *augment, data **out) {
  const dataset *module = dataset_find("image-folder");
  args a;
  cr_assert(module);
  cr_assert_eq(args_from_text(module->params, (const char *const[]){"folder", "size", "augment"},
                              (const char *const[]){"pictures", size, augment}, 3, &a),
               STATUS_OK);
  const enum status status = module->open(&(dataset_env){.folder = folder, .n_workers = 1}, &a, out);
  args_free(&a);
  return status;
}

/* Two classes; three and two files to train on, one each to test. The blue of a file is 40 for each number before it. */
static void make_pictures(const char *folder) {
  static const char *const files[] = {"train/ant/a.jpg", "train/ant/b.JPEG", "train/ant/c.jpg", "train/bee/a.jpg",
                                      "train/bee/d.jpg", "val/ant/z.jpg",    "val/bee/y.jpg"};
  char path[256];
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(path, sizeof path, "%s/pictures/%s", folder, files[i]);
    for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
      *slash = 0;
      mkdir(path, 0700);
      *slash = '/';
    }
    uint8_t *p = slopes(40 + i, 60, (uint8_t)(40 * i));
    write_jpeg(path, 40 + i, 60, 3, JCS_RGB, p);
    free(p);
  }
  snprintf(path, sizeof path, "%s/pictures/train/ant/notes.txt", folder);
  write_file(path, (const uint8_t *)"notes", 5, false);
}

static void remove_pictures(const char *folder) {
  char command[128];
  snprintf(command, sizeof command, "rm -r '%s'", folder);
  cr_assert_eq(system(command), 0);
}

Test(image_folder, numbers_classes_and_files_by_name) {
  enum { SIZE = 16, N = 3 * SIZE * SIZE };
  static float x[5 * N], y[5 * N], again[5 * N];
  char folder[64];
  int32_t labels[5];
  data *d, *plain;
  make_folder(folder);
  make_pictures(folder);
  cr_assert_eq(open_folder(folder, "16", "crop-flip", &d), STATUS_OK, "%s", status_detail());
  cr_assert_eq(open_folder(folder, "16", "none", &plain), STATUS_OK, "%s", status_detail());
  cr_assert(d->n_train == 5 && d->n_test == 2 && d->n_probe == 5 && d->n_classes == 2 && d->channels == 3);
  cr_assert(d->height == SIZE && d->width == SIZE && strcmp(d->standing, "unverified") == 0);
  cr_assert_eq(d->checksum, plain->checksum);
  const uint32_t ids[] = {0, 1, 2, 3, 4};
  batch_request r = {.split = SPLIT_TRAIN, .ids = ids, .n = 5, .worker = -1, .key = rng_stream(1, RNG_DATA, 3, 7)};
  cr_assert_eq(d->fetch(d, &r, x, labels), STATUS_OK, "%s", status_detail());
  for (size_t j = 0; j < 5; j++) {
    cr_assert_eq(labels[j], j >= 3);
    const float *blue = x + j * N + 2 * SIZE * SIZE, *red = x + j * N;
    for (size_t i = 0; i < SIZE * SIZE; i++)
      cr_assert_float_eq((blue[i] * 0.225f + 0.406f) * 255, 40.0 * (double)j, 4, "file %zu", j);
    /* The middle 35 of 40 rows, so columns 12 to 47: red from 12.5 of 60 to 47.5 of 60. */
    if (j == 0) cr_assert_float_eq((red[0] * 0.229f + 0.485f) * 255, 255 * (12.5 + 35.0 / 32) / 60, 4);
  }
  /* What a worker trains on is a part of it, by the batch's key; without augmentation the whole. */
  r.worker = 3;
  cr_assert_eq(plain->fetch(plain, &r, y, labels), STATUS_OK);
  cr_assert_eq(memcmp(x, y, sizeof x), 0);
  cr_assert_eq(d->fetch(d, &r, y, labels), STATUS_OK);
  cr_assert_eq(d->fetch(d, &r, again, labels), STATUS_OK);
  cr_assert(memcmp(x, y, sizeof x) != 0 && memcmp(y, again, sizeof y) == 0);
  r.key = rng_stream(1, RNG_DATA, 3, 8);
  cr_assert_eq(d->fetch(d, &r, again, labels), STATUS_OK);
  cr_assert_neq(memcmp(y, again, sizeof y), 0);
  r.split = SPLIT_TEST;
  r.n = 2;
  cr_assert_eq(d->fetch(d, &r, x, labels), STATUS_OK);
  cr_assert(labels[0] == 0 && labels[1] == 1);
  r.n = 3;
  cr_assert_eq(d->fetch(d, &r, x, labels), STATUS_BAD_INPUT);
  data_close(d);
  data_close(plain);
  remove_pictures(folder);
}

Test(image_folder, says_what_is_wrong) {
  char folder[64], path[256];
  float x[3];
  int32_t label;
  data *d;
  make_folder(folder);
  cr_assert_eq(open_folder(folder, "1", "none", &d), STATUS_NO_DATA);
  make_pictures(folder);
  snprintf(path, sizeof path, "%s/pictures/train/cat", folder);
  mkdir(path, 0700);
  cr_assert_eq(open_folder(folder, "1", "none", &d), STATUS_BAD_DATA);
  cr_assert(strstr(status_detail(), "class cat is in train and not in val"), "%s", status_detail());
  rmdir(path);
  snprintf(path, sizeof path, "%s/pictures/train/ant/b.JPEG", folder);
  write_file(path, (const uint8_t *)"no picture", 10, false);
  cr_assert_eq(open_folder(folder, "1", "none", &d), STATUS_OK);
  const uint32_t id = 1;
  const batch_request r = {.split = SPLIT_TRAIN, .ids = &id, .n = 1, .worker = -1};
  cr_assert_eq(d->fetch(d, &r, x, &label), STATUS_BAD_DATA);
  cr_assert(strstr(status_detail(), "ant/b.JPEG"), "%s", status_detail());
  data_close(d);
  remove_pictures(folder);
}
