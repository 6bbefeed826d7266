#include "core/vec.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/device_lab.h"

static const size_t sizes[] = {0, 1, 31, 32, 33, 63, 64, 65, 4095, 4096, 4097, 100003};
enum { N_SIZES = sizeof sizes / sizeof *sizes, N_MAX = 100003 };
static float x[N_MAX], y[N_MAX], m[N_MAX], expected[N_MAX], got[N_MAX];

/* Equal bits, except that any NaN equals any other. */
static void check_equal(const char *what, const float *want, size_t n) {
  for (size_t i = 0; i < n; i++)
    cr_assert(lab_bits(got[i]) == lab_bits(want[i]) || (isnan(got[i]) && isnan(want[i])),
              "%s, element %zu of %zu: %a, not %a", what, i, n, (double)got[i], (double)want[i]);
}

static void read_and_check(device_lab *lab, const char *what, const float *memory, size_t n) {
  lab_read(lab, got, memory, n * sizeof *got);
  check_equal(what, expected, n);
}

static void check_elementwise(device_lab *lab, size_t n) {
  float *a = lab_floats(lab, x, n), *b = lab_floats(lab, y, n), *out = lab_zeroed(lab, n * sizeof *out);
  stream *s = lab->stream;
  vec_fill(s, out, -2.5f, n);
  for (size_t i = 0; i < n; i++) expected[i] = -2.5f;
  read_and_check(lab, "fill", out, n);
  vec_copy(s, out, a, n);
  memcpy(expected, x, n * sizeof *x);
  read_and_check(lab, "copy", out, n);
  vec_scale(s, out, 0.3f, n);
  for (size_t i = 0; i < n; i++) expected[i] = x[i] * 0.3f;
  read_and_check(lab, "scale", out, n);
  vec_copy(s, out, b, n);
  vec_axpy(s, 0.7f, a, out, n);
  for (size_t i = 0; i < n; i++) {
    const float product = 0.7f * x[i];
    expected[i] = y[i] + product;
  }
  read_and_check(lab, "axpy", out, n);
  vec_add(s, a, b, out, n);
  for (size_t i = 0; i < n; i++) expected[i] = x[i] + y[i];
  read_and_check(lab, "add", out, n);
  vec_sub(s, a, b, out, n);
  for (size_t i = 0; i < n; i++) expected[i] = x[i] - y[i];
  read_and_check(lab, "sub", out, n);
  vec_sub(s, a, b, b, n);
  read_and_check(lab, "sub in place", b, n);
  vec_add(s, a, a, a, n);
  for (size_t i = 0; i < n; i++) expected[i] = x[i] + x[i];
  read_and_check(lab, "add in place", a, n);
  device_release(lab->device, out);
  device_release(lab->device, b);
  device_release(lab->device, a);
}

Test(vec, elementwise) {
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    for (int kind = LAB_NORMAL; kind <= LAB_MIXED; kind += LAB_MIXED) {
      lab_fill((enum lab_vector)kind, 1, x, N_MAX);
      lab_fill(LAB_NORMAL, 2, y, N_MAX);
      for (size_t s = 0; s < N_SIZES; s++) check_elementwise(&lab, sizes[s]);
    }
    lab_close(&lab);
  }
}

/* PyTorch's SGD: d = g + decay x; m = momentum m + d; x -= lr m, or lr (d + momentum m); each operation rounded once. */
static void check_momentum(device_lab *lab, size_t n, bool with_buffer, bool nesterov) {
  const float lr = 0.1f, momentum = with_buffer ? 0.9f : 0.0f, decay = 1e-2f;
  float *device_x = lab_floats(lab, x, n), *g = lab_floats(lab, y, n);
  float *buffer = with_buffer ? lab_floats(lab, m, n) : NULL;
  static float m_expected[N_MAX];
  memcpy(expected, x, n * sizeof *x);
  memcpy(m_expected, m, n * sizeof *m);
  for (int step = 0; step < 3; step++) {
    (nesterov ? vec_nesterov_step : vec_momentum_step)(lab->stream, device_x, g, buffer, n, lr, momentum, decay);
    for (size_t i = 0; i < n; i++) {
      const float decayed = decay * expected[i], d = y[i] + decayed, kept = momentum * m_expected[i];
      m_expected[i] = with_buffer ? kept + d : d;
      const float ahead = momentum * m_expected[i], along = nesterov ? d + ahead : m_expected[i], move = lr * along;
      expected[i] = expected[i] - move;
    }
  }
  read_and_check(lab, "parameters", device_x, n);
  if (buffer) {
    lab_read(lab, got, buffer, n * sizeof *got);
    check_equal("momentum", m_expected, n);
  }
  device_release(lab->device, buffer);
  device_release(lab->device, g);
  device_release(lab->device, device_x);
}

Test(vec, momentum_step) {
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    lab_fill(LAB_NORMAL, 3, x, N_MAX);
    lab_fill(LAB_NORMAL, 4, y, N_MAX);
    lab_fill(LAB_NORMAL, 5, m, N_MAX);
    for (size_t s = 0; s < N_SIZES; s++) {
      check_momentum(&lab, sizes[s], true, false);
      check_momentum(&lab, sizes[s], true, true);
      check_momentum(&lab, sizes[s], false, false);
    }
    lab_close(&lab);
  }
}

/* Clips n elements of x as if the sum of squares were the given one, and checks that all are multiplied by `factor`. */
static void check_clip(device_lab *lab, size_t n, double sum_of_squares, float limit, float factor) {
  float *a = lab_floats(lab, x, n);
  double *sum = lab_zeroed(lab, sizeof *sum);
  stream_copy(lab->stream, sum, &sum_of_squares, sizeof sum_of_squares);
  vec_clip(lab->stream, a, n, sum, limit);
  for (size_t i = 0; i < n; i++) expected[i] = factor == 1.0f ? x[i] : x[i] * factor;
  read_and_check(lab, "clip", a, n);
  device_release(lab->device, sum);
  device_release(lab->device, a);
}

Test(vec, clip) {
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    lab_fill(LAB_MIXED, 6, x, N_MAX);
    for (size_t s = 0; s < N_SIZES; s++) {
      const size_t n = sizes[s];
      check_clip(&lab, n, 16.0, 1.0f, 0.25f);
      check_clip(&lab, n, 10.0, 1.5f, (float)(1.5 / sqrt(10.0)));
      check_clip(&lab, n, 16.0, 4.0f, 1.0f);
      check_clip(&lab, n, 16.0, 5.0f, 1.0f);
      check_clip(&lab, n, 0.0, 1.0f, 1.0f);
      check_clip(&lab, n, INFINITY, 1.0f, 1.0f);
      check_clip(&lab, n, NAN, 1.0f, 1.0f);
    }
    lab_close(&lab);
  }
}

Test(vec, clip_gives_the_norm) {
  device_lab lab = lab_open(DEVICE_SHADOW);
  const size_t n = 4097;
  double *norm2 = lab_zeroed(&lab, sizeof *norm2), after = 0.0;
  void *scratch = lab_scratch(&lab, n);
  lab_fill(LAB_NORMAL, 7, x, n);
  float *a = lab_floats(&lab, x, n);
  vec_reduce(lab.stream, REDUCE_SQUARES, a, NULL, n, norm2, scratch);
  vec_clip(lab.stream, a, n, norm2, 2.0f);
  vec_reduce(lab.stream, REDUCE_SQUARES, a, NULL, n, norm2, scratch);
  lab_read(&lab, &after, norm2, sizeof after);
  cr_assert_float_eq(sqrt(after), 2.0, 1e-6);
  device_release(lab.device, a);
  device_release(lab.device, scratch);
  device_release(lab.device, norm2);
  lab_close(&lab);
}

Test(vec, loss_add) {
  for (int d = 0; d < LAB_DEVICES; d++) {
    device_lab lab = lab_open(lab_kinds[d]);
    const float losses[] = {0.5f, 2.25f, -INFINITY, 1.0f, NAN, 0.25f};
    loss_account *account = lab_zeroed(&lab, sizeof *account), seen;
    float *device_losses = lab_floats(&lab, losses, 6);
    vec_loss_add(lab.stream, account, device_losses);
    vec_loss_add(lab.stream, account, device_losses + 1);
    lab_read(&lab, &seen, account, sizeof seen);
    cr_assert(seen.sum == 2.75 && seen.n_steps == 2 && seen.first_bad_step == 0);
    for (int i = 2; i < 6; i++) vec_loss_add(lab.stream, account, device_losses + i);
    lab_read(&lab, &seen, account, sizeof seen);
    cr_assert(isnan(seen.sum) && seen.n_steps == 6 && seen.first_bad_step == 3);
    device_release(lab.device, device_losses);
    device_release(lab.device, account);
    lab_close(&lab);
  }
}

Test(vec, scratch_grows_slowly) {
  for (size_t n = 0; n < 1u << 30; n = 2 * n + 1) {
    cr_assert_eq(vec_scratch_bytes(n) % 64, 0);
    cr_assert_leq(vec_scratch_bytes(n), vec_scratch_bytes(2 * n + 1));
    cr_assert_leq(vec_scratch_bytes(n), (1u << 16) + n / 256);
  }
}
