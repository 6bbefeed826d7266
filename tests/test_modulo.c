#include "algorithms/modulo.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/codes.h"
#include "tests/device_lab.h"

enum { N = 20011 };

typedef struct coded {
  uint32_t words[N / 2 + 1], sum, sum_back;
  float value[N];
} coded;

static modulo_grid grid_of(double step, unsigned bits, uint64_t time) {
  return (modulo_grid){.step = step, .bits = bits, .dither = rng_stream(9, RNG_SHARED, 3, time)};
}

/* Encodes x, decodes near y. */
static void code(enum device_kind kind, const modulo_grid *g, const float *x, const float *y, size_t n, coded *out) {
  device_lab lab = lab_open(kind);
  const modulo_ops *ops = modulo_of(lab.device);
  const size_t n_words = codes_words(g->bits, n);
  float *dx = lab_floats(&lab, x, n), *dy = lab_floats(&lab, y, n);
  uint32_t *words = lab_zeroed(&lab, (n_words + 1) * 4), *sums = lab_zeroed(&lab, 8);
  uint32_t *scratch = lab_zeroed(&lab, 4 * modulo_scratch_words(n));
  ops->encode(lab.stream, g, dx, n, words, sums, scratch);
  ops->decode(lab.stream, g, words, dy, n, dy, sums + 1, scratch);
  lab_read(&lab, out->words, words, 4 * n_words);
  lab_read(&lab, &out->sum, sums, 4);
  lab_read(&lab, &out->sum_back, sums + 1, 4);
  lab_read(&lab, out->value, dy, n * sizeof *dy);
  void *all[] = {dx, dy, words, sums, scratch};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) device_release(lab.device, all[i]);
  lab_close(&lab);
}

static double theta_of(const modulo_grid *g, size_t i) {
  return (((double)rng_draw(g->dither, i / 4).w[i % 4] + 0.5) / 4294967296.0 - 0.5) * g->step;
}

static double uniform_at(uint64_t time, size_t i) {
  return rng_uniform_at(rng_stream(1, RNG_TEST, 0, time), i) * 2.0 - 1.0;
}

/* x and y with |x - y| < reach (q - 1) s / 2 in every coordinate. */
static void draw_pair(const modulo_grid *g, double reach, float *x, float *y) {
  const double bound = reach * (exp2(g->bits) - 1) * g->step / 2;
  for (size_t i = 0; i < N; i++) {
    x[i] = rng_normal_at(rng_stream(1, RNG_TEST, 1, g->bits), i);
    y[i] = (float)(x[i] + bound * uniform_at(g->bits, i));
  }
}

Test(modulo, close_values_come_back_as_their_grid_point) {
  static float x[N], y[N];
  static coded cpu, shadow;
  const size_t sizes[] = {0, 1, 31, 32, 33, 4099, N};
  for (unsigned bits = 1; bits <= MODULO_MAX_BITS; bits++) {
    const modulo_grid g = grid_of(0.01, bits, bits);
    draw_pair(&g, 0.98, x, y);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
      const size_t n = sizes[s];
      code(DEVICE_CPU, &g, x, y, n, &cpu);
      cr_assert_eq(cpu.sum, cpu.sum_back, "%u bits: %zu values do not come back", bits, n);
      for (size_t i = 0; i < n; i++) {
        const double k = rint((x[i] - theta_of(&g, i)) / g.step);
        const uint64_t code = (uint64_t)(int64_t)k & ((1u << bits) - 1), at = i * bits;
        uint64_t image = cpu.words[at / 32];
        if (at / 32 + 1 < codes_words(bits, n)) image |= (uint64_t)cpu.words[at / 32 + 1] << 32;
        cr_assert_eq(image >> at % 32 & ((1u << bits) - 1), code);
        cr_assert_eq(cpu.value[i], (float)(g.step * k + theta_of(&g, i)));
        cr_assert_leq(fabs((double)cpu.value[i] - x[i]), g.step / 2 + 1e-6);
      }
      if (n != 4099 && n != 33) continue;
      code(DEVICE_SHADOW, &g, x, y, n, &shadow);
      cr_assert_eq(memcmp(cpu.value, shadow.value, n * sizeof *x), 0);
      cr_assert_eq(memcmp(cpu.words, shadow.words, 4 * codes_words(bits, n)), 0);
      cr_assert(cpu.sum == shadow.sum && cpu.sum_back == shadow.sum_back);
    }
  }
}

/* Error uniform in [-s/2, s/2] whatever x: mean 0, variance s^2/12 (of which the variance is s^4/180), no correlation
 * with x's place in its cell. Bounds are four standard errors. */
Test(modulo, dither_makes_the_error_unbiased_uniform_and_independent) {
  static float x[N];
  static coded out;
  const double s = 0.25;
  double sum = 0, squares = 0, product = 0, n = 0;
  for (size_t i = 0; i < N; i++)
    x[i] = (float)(0.3 + 0.2 * uniform_at(50, i)); /* most values in one and a half cells */
  for (uint64_t time = 0; time < 20; time++) {
    const modulo_grid g = grid_of(s, 4, time);
    code(DEVICE_CPU, &g, x, x, N, &out);
    for (size_t i = 0; i < N; i++, n++) {
      const double error = ((double)out.value[i] - x[i]) / s;
      sum += error;
      squares += error * error;
      product += error * (x[i] - 0.3) / (0.2 / sqrt(3));
    }
  }
  cr_assert_float_eq(sum / n, 0, 4 * sqrt(1 / 12.0 / n));
  cr_assert_float_eq(squares / n, 1 / 12.0, 4 * sqrt(1 / 180.0 / n));
  cr_assert_float_eq(product / n, 0, 4 * sqrt(1 / 12.0 / n));
}

/* Differences uniform up to 1.2 times the bound: those beyond q s/2 on one side come back wrong, a share of
 * 1 - q/(q - 1)/1.2, 11 % for q = 16 and 16 % for q = 256, off by whole multiples of q s; the checksum says so. */
Test(modulo, beyond_the_bound_values_are_wrong_and_the_checksum_knows) {
  static float x[N], y[N];
  static coded out;
  for (unsigned bits = 4; bits <= 8; bits += 4) {
    const modulo_grid g = grid_of(0.01, bits, 7);
    const double q = exp2(bits), share = 1 - q / (q - 1) / 1.2;
    size_t n_wrong = 0;
    draw_pair(&g, 1.2, x, y);
    code(DEVICE_CPU, &g, x, y, N, &out);
    for (size_t i = 0; i < N; i++) {
      const double turns = ((double)out.value[i] - x[i]) / g.step / q;
      if (fabs(turns) < 0.5) continue;
      n_wrong++;
      cr_assert_float_eq(turns, rint(turns), 0.5 / q + 1e-4);
    }
    cr_assert_float_eq(n_wrong / (double)N, share, 4 * sqrt(share * (1 - share) / N));
    cr_assert_neq(out.sum, out.sum_back);
    /* One coordinate alone, two whose errors cancel, and values that are no numbers. */
    memcpy(y, x, sizeof y);
    for (size_t i = 0; i < 400; i += 8) {
      const size_t other = (i * 53 + 1) % N;
      y[i] = x[i] + (float)(q * g.step);
      code(DEVICE_CPU, &g, x, y, 500, &out);
      cr_assert_neq(out.sum, out.sum_back, "a wrong value %zu is not seen", i);
      y[other] = x[other] - (float)(q * g.step);
      code(DEVICE_CPU, &g, x, y, N, &out);
      cr_assert_neq(out.sum, out.sum_back, "wrong values %zu and %zu are not seen", i, other);
      y[i] = x[i];
      y[other] = x[other];
    }
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e30f};
    for (int b = 0; b < 4; b++) {
      memcpy(y, x, sizeof y);
      x[5] = bad[b];
      code(DEVICE_CPU, &g, x, x, N, &out);
      cr_assert_neq(out.sum, out.sum_back, "%g passes", bad[b]);
      code(DEVICE_CPU, &g, x, y, N, &out);
      cr_assert_neq(out.sum, out.sum_back, "%g passes", bad[b]);
      memcpy(x, y, sizeof x);
    }
  }
}

static void rotate(enum device_kind kind, float *x, size_t n, unsigned log2_block, bool back) {
  device_lab lab = lab_open(kind);
  float *dx = lab_floats(&lab, x, n);
  modulo_of(lab.device)->rotate(lab.stream, rng_stream(4, RNG_SHARED, -1, 0), dx, n, log2_block, back);
  lab_read(&lab, x, dx, n * sizeof *x);
  device_release(lab.device, dx);
  lab_close(&lab);
}

/* Against the matrix: H_ij = (-1)^popcount(i & j) / sqrt(size), of blocks of 16 and then 8, 4, 2, 1. */
Test(modulo, rotation_is_signs_and_hadamard_blocks) {
  enum { SMALL = 47 };
  float x[SMALL], y[SMALL];
  lab_fill(LAB_NORMAL, 3, x, SMALL);
  memcpy(y, x, sizeof y);
  rotate(DEVICE_CPU, y, SMALL, 4, false);
  const rng_words signs = rng_draw(rng_stream(4, RNG_SHARED, -1, 0), 0);
  for (size_t first = 0, size; first < SMALL; first += size) {
    for (size = 16; size > SMALL - first;) size /= 2;
    for (size_t i = 0; i < size; i++) {
      double sum = 0;
      for (size_t j = 0; j < size; j++) {
        const size_t at = first + j;
        const int minus = (__builtin_popcountll(i & j) & 1) ^ (int)(signs.w[at / 32] >> at % 32 & 1);
        sum += minus ? -x[at] : x[at];
      }
      cr_assert_float_eq(y[first + i], sum / sqrt((double)size), 1e-5);
    }
  }
  rotate(DEVICE_CPU, y, SMALL, 4, true);
  for (size_t i = 0; i < SMALL; i++) cr_assert_float_eq(y[i], x[i], 1e-5);
}

Test(modulo, rotation_spreads_large_coordinates_and_goes_back) {
  static float x[N], y[N], z[N];
  double norm = 0, rotated = 0, largest = 0;
  lab_fill(LAB_NORMAL, 5, x, N);
  for (size_t i = 0; i < N; i += 1000) x[i] = 500;
  memcpy(y, x, sizeof y);
  memcpy(z, x, sizeof z);
  rotate(DEVICE_CPU, y, N, 10, false);
  rotate(DEVICE_SHADOW, z, N, 10, false);
  cr_assert_eq(memcmp(y, z, sizeof y), 0);
  for (size_t i = 0; i < N; i++) {
    norm += (double)x[i] * x[i];
    rotated += (double)y[i] * y[i];
    if (i < N / 1024 * 1024) largest = fmax(largest, fabs(y[i]));
  }
  cr_assert_float_eq(rotated / norm, 1, 1e-5);
  cr_assert_lt(largest, 60); /* two coordinates of 500 in 1,024 give at most 31 */
  rotate(DEVICE_CPU, y, N, 10, true);
  for (size_t i = 0; i < N; i++) cr_assert_float_eq(y[i], x[i], 1e-3);
}
