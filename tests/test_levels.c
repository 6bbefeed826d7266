/* The quantizers with levels: qsgd and ternary. What they claim is tested by the conformance suite; here, that the
 * claims are the best there are, the sizes, and values one by one. */
#include "algorithms/levels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "tests/compressor_subject.h"

TestSuite(levels, .timeout = 60);

static void open_subject(subject_options o, subject *s) {
  cr_assert_eq(subject_open(&o, s), STATUS_OK, "%s", status_detail());
}

Test(levels, widths_and_sizes) {
  static const struct {
    const char *levels;
    unsigned width;
  } widths[] = {{"1", 2}, {"2", 3}, {"3", 3}, {"4", 4}, {"7", 4}, {"8", 5}, {"15", 5}, {"255", 9}, {"65535", 17}};
  static const size_t sizes[] = {1, 31, 32, 33, 1000};
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
    for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
      subject s;
      float x[1000];
      vector_fill(VECTOR_NORMAL, 1, x, sizes[j]);
      open_subject((subject_options){.name = "qsgd", .key = "levels", .value = widths[i].levels, .n = sizes[j]}, &s);
      cr_assert(subject_encode(&s, 0, 0, x), "%s", s.reason);
      cr_expect_eq(message_payload_bits(&s.message), sizes[j] * widths[i].width + 32);
      cr_expect_eq(message_theory_bits(&s.message), (double)(sizes[j] * widths[i].width + 32));
      subject_close(&s);
    }
}

/* Every C(x)_i is one of the two levels about x_i, on both devices the same. */
Test(levels, values_go_to_a_neighbouring_level) {
  enum { N = 1001 };
  static const char *const levels[] = {"1", "3", "15", "1000"};
  float x[N], c[2][N];
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
    for (int vector = 0; vector < VECTOR_ZEROS; vector++) {
      double norm = 0;
      vector_fill((enum vector_kind)vector, 9, x, N);
      for (size_t j = 0; j < N; j++) norm += (double)x[j] * x[j];
      norm = sqrt(norm);
      const double step = norm / atof(levels[i]);
      for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
        subject s;
        open_subject(
            (subject_options){
                .name = "qsgd", .key = "levels", .value = levels[i], .n = N, .device = (enum device_kind)kind},
            &s);
        cr_assert(subject_encode(&s, 5, 2, x) && subject_decode(&s, 5, 2, c[kind]), "%s", s.reason);
        subject_close(&s);
      }
      for (size_t j = 0; j < N; j++) {
        const double z = c[0][j] / step;
        cr_assert_eq(c[0][j], c[1][j]);
        cr_assert_float_eq(z, rint(z), 1e-3);
        cr_assert(fabs(c[0][j] - x[j]) <= step * 1.001 && (c[0][j] == 0 || (c[0][j] < 0) == (x[j] < 0)));
        cr_assert(fabs(c[0][j]) <= norm * (1 + 1e-6));
      }
    }
}

/* Mean of |C(x) - x|^2 / |x|^2 over the draws. */
static double mean_error(const subject_options *o, const float *x, unsigned draws) {
  double error = 0, x2 = 0;
  float c[256];
  subject s;
  open_subject(*o, &s);
  for (size_t i = 0; i < o->n; i++) x2 += (double)x[i] * x[i];
  for (unsigned draw = 0; draw < draws; draw++) {
    cr_assert(subject_encode(&s, draw, 0, x) && subject_decode(&s, draw, 0, c), "%s", s.reason);
    for (size_t i = 0; i < o->n; i++) error += ((double)c[i] - x[i]) * ((double)c[i] - x[i]) / x2;
  }
  subject_close(&s);
  return error / draws;
}

/* The vectors for which ternary's claims are reached: one value 1 and the others 1 / (1 + sqrt n); all values equal. */
Test(levels, ternary_claims_are_tight) {
  enum { N = 256, DRAWS = 2000 };
  float x[N];
  for (size_t i = 0; i < N; i++) x[i] = i == 9 ? 1 : 1 / 17.0f;
  const subject_options max = {.name = "ternary", .n = N},
                        l2 = {.name = "ternary", .key = "scale", .value = "l2", .n = N};
  cr_expect_float_eq(mean_error(&max, x, DRAWS), 7.5, 0.2);
  for (size_t i = 0; i < N; i++) x[i] = -3;
  cr_expect_float_eq(mean_error(&l2, x, DRAWS), 15, 0.5);
  cr_expect_float_eq(mean_error(&max, x, 1), 0, 1e-12);
}

/* Scaled QTop_k contracts with few levels, where QTop_k itself, its omega above 1, claims nothing. */
Test(levels, shrinking_makes_a_contraction) {
  subject_options o = {.name = "topk",
                       .key = "k",
                       .value = "100",
                       .second = "qsgd",
                       .second_key = "shrink",
                       .second_value = "true",
                       .n = 1000};
  subject s;
  open_subject(o, &s); /* 15 levels, k = 100: omega = min(100 / 225, 10 / 15) */
  cr_expect_float_eq(pipeline_factor(s.pipeline, FACTOR_DELTA), 0.1 / (1 + 100.0 / 225), 1e-12);
  subject_close(&s);
  o.second_key = "levels", o.second_value = "4";
  open_subject(o, &s); /* omega = min(100 / 16, 10 / 4) */
  cr_expect(isnan(pipeline_factor(s.pipeline, FACTOR_DELTA)));
  subject_close(&s);
}

/* What level_of does at its edges. */
Test(levels, rounding_at_the_edges) {
  cr_expect_eq(level_of(0, 0, 7, 0), 0, "a zero vector has no norm to divide by");
  cr_expect_eq(level_of(0, 1, 7, 0), 0);
  cr_expect_eq(level_of(1, 1, 7, UINT32_MAX), 7);
  cr_expect_eq(level_of(1.0001f, 1, 7, 0), 7, "never above s");
  cr_expect_eq(level_of(NAN, 1, 7, 0), 0);
  cr_expect_eq(level_of(1, NAN, 7, 0), 0);
  cr_expect_eq(level_of(INFINITY, INFINITY, 7, 0), 0);
  cr_expect_eq(level_of(-0.5f, 1, 4, UINT32_MAX), 2, "a level met exactly is not left");
  cr_expect_eq(level_of(-0.5f, 1, 4, 0), 2);
  cr_expect_eq(level_of(0.6f, 1, 4, 0), 3);
  cr_expect_eq(level_of(0.6f, 1, 4, UINT32_MAX), 2);
  cr_expect_eq(level_of(0x1p-149f, 0x1p-148f, 4, 0), 2, "denormal norms too");
}
