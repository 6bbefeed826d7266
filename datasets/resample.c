#include "datasets/resample.h"

#include <math.h>
#include <stdlib.h>

region region_middle(size_t height, size_t width, double share) {
  const size_t shorter = height < width ? height : width, wanted = (size_t)lround(share * (double)shorter);
  const size_t side = wanted < 1 ? 1 : wanted > shorter ? shorter : wanted;
  return (region){.row = (height - side) / 2, .column = (width - side) / 2, .height = side, .width = side};
}

/* Uniform in [0, n]. */
static size_t draw_below(uint32_t word, size_t n) { return (size_t)((uint64_t)word * (n + 1) >> 32); }

region region_draw(size_t height, size_t width, rng_key key, uint64_t index) {
  enum { TRIES = 10, PLACES = 16 };
  const double area = (double)height * (double)width, widest = log(4.0 / 3);
  const bool mirrored = rng_draw(key, PLACES * index + TRIES).w[0] >> 31;
  for (uint64_t i = 0; i < TRIES; i++) {
    const rng_words drawn = rng_draw(key, PLACES * index + i);
    const double part = area * (0.08 + 0.92 * rng_uniform(drawn.w[0]));
    const double ratio = exp(widest * (2 * (double)rng_uniform(drawn.w[1]) - 1));
    const size_t w = (size_t)lround(sqrt(part * ratio)), h = (size_t)lround(sqrt(part / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return (region){.row = draw_below(drawn.w[2], height - h),
                    .column = draw_below(drawn.w[3], width - w),
                    .height = h,
                    .width = w,
                    .mirrored = mirrored};
  }
  const double is = (double)width / (double)height, ratio = is < 0.75 ? 0.75 : is > 4.0 / 3 ? 4.0 / 3 : is;
  const size_t w = is > ratio ? (size_t)lround((double)height * ratio) : width,
               h = is < ratio ? (size_t)lround((double)width / ratio) : height;
  return (region){.row = (height - h) / 2, .column = (width - w) / 2, .height = h, .width = w, .mirrored = mirrored};
}

/* The weights of one output: of inputs [first, first + n). */
typedef struct taps {
  size_t first, n;
} taps;

/* Taps of every output of a line of n_in brought to n_out; weights: n_out rows of `most`. */
static size_t most_taps(size_t n_in, size_t n_out) {
  const double scale = (double)n_in / (double)n_out, reach = scale > 1 ? scale : 1;
  return 2 * (size_t)ceil(reach) + 1;
}

static void find_taps(size_t n_in, size_t n_out, size_t most, taps *t, float *weights) {
  const double scale = (double)n_in / (double)n_out, reach = scale > 1 ? scale : 1;
  for (size_t i = 0; i < n_out; i++) {
    const double middle = ((double)i + 0.5) * scale, low = middle - reach - 0.5, high = middle + reach - 0.5;
    const size_t first = low < 0 ? 0 : (size_t)ceil(low);
    const size_t end = high >= (double)n_in - 1 ? n_in : (size_t)floor(high) + 1;
    double sum = 0;
    t[i] = (taps){.first = first, .n = end - first < most ? end - first : most};
    for (size_t k = 0; k < t[i].n; k++) sum += 1 - fabs((double)(first + k) + 0.5 - middle) / reach;
    for (size_t k = 0; k < t[i].n; k++)
      weights[i * most + k] = (float)((1 - fabs((double)(first + k) + 0.5 - middle) / reach) / sum);
  }
}

/* rows x size pixels = every row of the region brought to `size`. */
static void resample_rows(const rgb_image *image, region part, size_t size, const taps *t, size_t most,
                          const float *weights, float *out) {
  for (size_t row = 0; row < part.height; row++) {
    const uint8_t *from = image->pixels + ((part.row + row) * image->width + part.column) * 3;
    for (size_t i = 0; i < size; i++) {
      float sum[3] = {0};
      for (size_t k = 0; k < t[i].n; k++)
        for (size_t c = 0; c < 3; c++) sum[c] += weights[i * most + k] * from[(t[i].first + k) * 3 + c];
      float *to = out + (row * size + (part.mirrored ? size - 1 - i : i)) * 3;
      for (size_t c = 0; c < 3; c++) to[c] = sum[c];
    }
  }
}

static void resample_columns(const float *rows, size_t size, const taps *t, size_t most, const float *weights,
                             float *out) {
  for (size_t c = 0; c < 3; c++)
    for (size_t i = 0; i < size; i++)
      for (size_t column = 0; column < size; column++) {
        float sum = 0;
        for (size_t k = 0; k < t[i].n; k++)
          sum += weights[i * most + k] * rows[((t[i].first + k) * size + column) * 3 + c];
        out[(c * size + i) * size + column] = sum;
      }
}

enum status image_resample(const rgb_image *image, region part, size_t size, float *out) {
  const size_t across = most_taps(part.width, size), down = most_taps(part.height, size);
  taps *t = (taps *)malloc(size * sizeof *t);
  float *weights = (float *)malloc(size * (across > down ? across : down) * sizeof *weights);
  float *rows = (float *)malloc(part.height * size * 3 * sizeof *rows);
  enum status status = STATUS_OK;
  if (!t || !weights || !rows) TRY(FAIL(STATUS_NO_MEMORY, "no memory to resample an image"));
  find_taps(part.width, size, across, t, weights);
  resample_rows(image, part, size, t, across, weights, rows);
  find_taps(part.height, size, down, t, weights);
  resample_columns(rows, size, t, down, weights, out);
exit:
  free(t);
  free(weights);
  free(rows);
  return status;
}
