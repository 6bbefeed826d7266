#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/device_lab.h"

static const size_t sizes[] = {0, 1, 31, 32, 33, 4095, 4096, 4097, 100003};
enum { N_SIZES = sizeof sizes / sizeof *sizes, N_MAX = 100003 };

static double join(bool max, double a, double b) {
  if (!max) return a + b;
  return isnan(a) || isnan(b) ? NAN : fmax(a, b);
}

/* The shape of core/vec.h read literally, with a block's lanes as columns; consumes v. */
static double defined_shape(bool max, double *v, size_t n) {
  if (n == 0) return 0.0;
  do {
    const size_t n_blocks = (n + VEC_BLOCK - 1) / VEC_BLOCK;
    for (size_t b = 0; b < n_blocks; b++) {
      double lane[VEC_LANES];
      for (size_t l = 0; l < VEC_LANES; l++) {
        lane[l] = 0.0;
        for (size_t i = b * VEC_BLOCK + l; i < (b + 1) * VEC_BLOCK && i < n; i += VEC_LANES)
          lane[l] = join(max, lane[l], v[i]);
      }
      static const size_t halves[] = {16, 8, 4, 2, 1};
      for (size_t h = 0; h < 5; h++)
        for (size_t l = 0; l < halves[h]; l++) lane[l] = join(max, lane[l], lane[l + halves[h]]);
      v[b] = lane[0];
    }
    n = n_blocks;
  } while (n > 1);
  return v[0];
}

static double term(enum reduction what, double x, double y) {
  switch (what) {
    case REDUCE_SUM:
      return x;
    case REDUCE_DOT:
      return x * y;
    case REDUCE_SQUARES:
      return x * x;
    case REDUCE_ABS:
    case REDUCE_MAX_ABS:
      return fabs(x);
    case REDUCE_DISTANCE:
      return (x - y) * (x - y);
    case REDUCE_NONFINITE:
      return isfinite(x) ? 0.0 : 1.0;
  }
  return NAN;
}

static bool takes_two(enum reduction what) { return what == REDUCE_DOT || what == REDUCE_DISTANCE; }

static void check_vector(device_lab *lab, const float *x, const float *y, size_t n) {
  static double terms[N_MAX];
  float *device_x = lab_floats(lab, x, n), *device_y = lab_floats(lab, y, n);
  double *out = lab_zeroed(lab, sizeof *out);
  void *scratch = lab_scratch(lab, n);
  for (int what = REDUCE_SUM; what <= REDUCE_NONFINITE; what++) {
    double got = -1.0;
    vec_reduce(lab->stream, (enum reduction)what, device_x, takes_two((enum reduction)what) ? device_y : NULL, n, out,
               scratch);
    lab_read(lab, &got, out, sizeof got);
    long double exact = 0.0L, magnitude = 0.0L;
    for (size_t i = 0; i < n; i++) {
      terms[i] = term((enum reduction)what, x[i], y[i]);
      exact = what == REDUCE_MAX_ABS ? fmaxl(exact, terms[i]) : exact + terms[i];
      magnitude += fabsl(terms[i]);
    }
    const double expected = defined_shape(what == REDUCE_MAX_ABS, terms, n);
    if (isnan(expected)) {
      cr_assert(isnan(got), "reduction %d of %zu", what, n);
    } else {
      cr_assert_eq(memcmp(&got, &expected, sizeof got), 0, "reduction %d of %zu: %.17g, not %.17g", what, n, got,
                   expected);
      if (isfinite(expected)) cr_assert(fabsl(got - exact) <= magnitude * 1e-13L, "reduction %d of %zu", what, n);
    }
  }
  device_release(lab->device, scratch);
  device_release(lab->device, out);
  device_release(lab->device, device_y);
  device_release(lab->device, device_x);
}

Test(reduce, follows_the_defined_shape) {
  static float x[N_MAX], y[N_MAX];
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    for (int kind = 0; kind < LAB_VECTORS; kind++) {
      lab_fill((enum lab_vector)kind, 1, x, N_MAX);
      lab_fill(LAB_NORMAL, 2, y, N_MAX);
      for (size_t s = 0; s < N_SIZES; s++) check_vector(&lab, x, y, sizes[s]);
    }
    lab_close(&lab);
  }
}

/* More than VEC_BLOCK blocks: three levels. Terms that fp64 adds exactly give the exact sum in any shape. */
Test(reduce, many_blocks) {
  const size_t n = (size_t)VEC_BLOCK * VEC_BLOCK + 5000;
  device_lab lab = lab_open(DEVICE_CPU);
  float *x = lab_zeroed(&lab, n * sizeof *x);
  double *out = lab_zeroed(&lab, sizeof *out), got = 0.0;
  void *scratch = lab_scratch(&lab, n);
  uint64_t sum = 0;
  for (size_t i = 0; i < n; i++) {
    x[i] = (float)(i % 1021);
    sum += i % 1021;
  }
  vec_reduce(lab.stream, REDUCE_SUM, x, NULL, n, out, scratch);
  lab_read(&lab, &got, out, sizeof got);
  cr_assert_eq(got, (double)sum);
  x[n - 1] = -5000.0f;
  vec_reduce(lab.stream, REDUCE_MAX_ABS, x, NULL, n, out, scratch);
  lab_read(&lab, &got, out, sizeof got);
  cr_assert_eq(got, 5000.0);
  device_release(lab.device, scratch);
  device_release(lab.device, out);
  device_release(lab.device, x);
  lab_close(&lab);
}

/* NaN wins a maximum wherever it stands; fp32 products beyond fp32 do not overflow. */
Test(reduce, extremes) {
  device_lab lab = lab_open(DEVICE_CPU);
  double *out = lab_zeroed(&lab, sizeof *out), got = 0.0;
  void *scratch = lab_scratch(&lab, 5000);
  float *x = lab_zeroed(&lab, 5000 * sizeof *x);
  for (size_t at = 0; at < 5000; at += 311) {
    x[at] = NAN;
    x[(at + 1) % 5000] = INFINITY;
    vec_reduce(lab.stream, REDUCE_MAX_ABS, x, NULL, 5000, out, scratch);
    lab_read(&lab, &got, out, sizeof got);
    cr_assert(isnan(got), "NaN at %zu", at);
    x[at] = x[(at + 1) % 5000] = 0.0f;
  }
  x[0] = -3e38f;
  vec_reduce(lab.stream, REDUCE_SQUARES, x, NULL, 5000, out, scratch);
  lab_read(&lab, &got, out, sizeof got);
  cr_assert_eq(got, (double)-3e38f * (double)-3e38f);
  x[0] = -0.0f;
  vec_reduce(lab.stream, REDUCE_MAX_ABS, x, NULL, 1, out, scratch);
  lab_read(&lab, &got, out, sizeof got);
  cr_assert(got == 0.0 && !signbit(got));
  device_release(lab.device, x);
  device_release(lab.device, scratch);
  device_release(lab.device, out);
  lab_close(&lab);
}
