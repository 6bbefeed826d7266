#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/compressor_subject.h"

TestSuite(sign, .timeout = 60);

static void open_subject(subject_options o, subject *s) {
  cr_assert_eq(subject_open(&o, s), STATUS_OK, "%s", status_detail());
}

Test(sign, wire_image_is_a_scale_and_a_bit_a_value) {
  for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
    float x[35], scale, c[35];
    uint32_t words[3];
    subject s;
    for (size_t i = 0; i < 35; i++) x[i] = i % 3 == 0 ? -2 : 0.5f;
    x[1] = 0, x[2] = -0.0f; /* sgn(0) = +1, whatever the zero's own sign */
    open_subject((subject_options){.name = "sign", .n = 35, .device = (enum device_kind)kind}, &s);
    cr_assert(subject_encode(&s, 0, 0, x) && subject_decode(&s, 0, 0, c), "%s", s.reason);
    cr_expect_eq(s.message.head->body_bytes, 12);
    cr_expect_eq(s.message.head->padding_bits, 29);
    cr_expect_eq(message_payload_bits(&s.message), 35 + 32);
    cr_expect_eq(message_theory_bits(&s.message), 35 + 32);
    download(&s, words, message_body(&s.message), sizeof words);
    memcpy(&scale, words, sizeof scale);
    cr_expect_eq(scale, (float)((12 * 2 + 21 * 0.5) / 35));
    cr_expect_eq(words[1], 0x49249249u);
    cr_expect_eq(words[2], 2u); /* value 33 */
    for (size_t i = 0; i < 35; i++) cr_expect_eq(c[i], x[i] < 0 ? -scale : scale);
    subject_close(&s);
  }
}

static double norm2(const float *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
  return sum;
}

/* 1 - |x - C(x)|^2 / |x|^2 */
static double measured_delta(const subject_options *o, const float *x, float *c) {
  double left = 0;
  subject s;
  open_subject(*o, &s);
  cr_assert(subject_encode(&s, 0, 0, x) && subject_decode(&s, 0, 0, c), "%s", s.reason);
  for (size_t i = 0; i < o->n; i++) left += ((double)x[i] - c[i]) * ((double)x[i] - c[i]);
  subject_close(&s);
  return 1 - left / norm2(x, o->n);
}

/* Exactly, for any x: |x|_1^2 / (n |x|_2^2), and |u|_1^2 / (k |x|_2^2) for SignTop_k with u the k kept values. */
Test(sign, contraction_is_what_the_paper_says) {
  enum { N = 1000, K = 100 };
  float x[N], c[N];
  for (int kind = 0; kind < VECTOR_ZEROS; kind++) {
    double l1 = 0, kept = 0;
    vector_fill((enum vector_kind)kind, 3, x, N);
    for (size_t i = 0; i < N; i++) l1 += fabsf(x[i]);
    subject_options o = {.name = "sign", .n = N};
    cr_expect_float_eq(measured_delta(&o, x, c), l1 * l1 / (N * norm2(x, N)), 1e-5);
    o = (subject_options){.name = "topk", .key = "density", .value = "0.1", .second = "sign", .n = N};
    const double delta = measured_delta(&o, x, c);
    for (size_t i = 0; i < N; i++) kept += c[i] != 0 ? fabsf(x[i]) : 0;
    cr_expect_float_eq(delta, kept * kept / (K * norm2(x, N)), 1e-5);
  }
}

/* The norm is kept, and a spike's error is larger than the spike. */
Test(sign, scale_l2_keeps_the_norm_and_is_no_contraction) {
  enum { N = 1000 };
  float x[N] = {0}, c[N];
  const subject_options o = {.name = "sign", .key = "scale", .value = "l2", .n = N};
  subject s;
  open_subject(o, &s);
  cr_expect(isnan(pipeline_factor(s.pipeline, FACTOR_DELTA)));
  subject_close(&s);
  x[17] = 4;
  cr_expect_float_eq(measured_delta(&o, x, c), 1 - 2 * (1 - 1 / sqrt(N)), 1e-5);
  vector_fill(VECTOR_HEAVY, 5, x, N);
  (void)measured_delta(&o, x, c);
  cr_expect_float_eq(norm2(c, N) / norm2(x, N), 1, 1e-6);
}
