/* Packed codes, and the two compressors that are little more. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/codes.h"
#include "core/rng.h"
#include "tests/compressor_subject.h"

Test(codes, bits_lie_where_the_header_says) {
  enum { N = 77 };
  uint32_t code[N], words[N + 1];
  for (unsigned width = 1; width <= 32; width++) {
    memset(words, 0xff, sizeof words);
    for (size_t i = 0; i < N; i++)
      code[i] = rng_draw(subject_key(width), i).w[0] & (uint32_t)(((uint64_t)1 << width) - 1);
    for (size_t g = 0; g < codes_groups(N); g++) {
      code_writer w = {words + g * width, 0, 0};
      for (size_t i = g * CODES_GROUP; i < codes_group_end(g, N); i++) code_put(&w, code[i], width);
      code_finish(&w);
    }
    cr_assert_eq(words[codes_words(width, N)], UINT32_MAX, "width %u writes too far", width);
    for (size_t bit = 0; bit < 32 * codes_words(width, N); bit++) {
      const uint32_t wanted = bit < N * width ? code[bit / width] >> bit % width & 1 : 0;
      cr_assert_eq(words[bit / 32] >> bit % 32 & 1, wanted, "width %u, bit %zu", width, bit);
    }
    cr_assert_eq(codes_padding(width, N), 32 * codes_words(width, N) - N * width);
    for (size_t g = 0; g < codes_groups(N); g++) {
      code_reader r = {words + g * width, 0, 0};
      for (size_t i = g * CODES_GROUP; i < codes_group_end(g, N); i++) cr_assert_eq(code_take(&r, width), code[i]);
    }
  }
}

static void open_one(const char *name, const char *key, const char *value, size_t n, subject *s) {
  const subject_options o = {.name = name, .key = key, .value = value, .n = n};
  cr_assert_eq(subject_open(&o, s), STATUS_OK, "%s", status_detail());
}

Test(codes, clipping_keeps_the_upper_bits) {
  static const char *const bits[] = {"9", "12", "16", "24", "31"};
  float x[100], c[100];
  for (size_t b = 0; b < 5; b++) {
    subject s;
    const unsigned kept = (unsigned)strtoul(bits[b], NULL, 10);
    open_one("clipping", "bits", bits[b], 100, &s);
    vector_fill(VECTOR_HEAVY, 7, x, 100);
    cr_assert(subject_encode(&s, 0, 0, x) && subject_decode(&s, 0, 0, c), "%s", s.reason);
    for (size_t i = 0; i < 100; i++) {
      uint32_t word;
      float wanted;
      memcpy(&word, &x[i], sizeof word);
      word = word >> (32 - kept) << (32 - kept);
      memcpy(&wanted, &word, sizeof wanted);
      cr_assert(c[i] == wanted, "%a is %a in %u bits, not %a", x[i], c[i], kept, wanted);
    }
    cr_expect_eq(message_payload_bits(&s.message), 100 * kept);
    /* the worst value of all: a mantissa of ones only */
    const double worst = 1 / (ldexp(1, (int)kept - 9) + 1);
    cr_expect_float_eq(pipeline_factor(s.pipeline, FACTOR_DELTA), 1 - worst * worst, 1e-12);
    subject_close(&s);
  }
}

/* Whole numbers are exact; others go up or down with the right mean, within 5 standard errors; beyond the range the
 * most that can be said is said. */
Test(codes, integers_are_exact_where_they_can_be) {
  enum { N = 64, DRAWS = 4000 };
  float x[N], c[N];
  double sum[N] = {0};
  subject s;
  open_one("integers", "bits", "6", N, &s);
  for (int i = 0; i < N; i++) x[i] = (float)(i - 31);
  x[63] = 1000;
  for (uint64_t round = 0; round < 50; round++) {
    cr_assert(subject_encode(&s, round, 0, x) && subject_decode(&s, round, 0, c), "%s", s.reason);
    for (int i = 0; i < N; i++) cr_assert(c[i] == (i < 62 ? x[i] : 31), "%g becomes %g", x[i], c[i]);
  }
  for (int i = 0; i < N; i++) x[i] = (float)(i - 32) * 0.3f;
  for (uint64_t round = 0; round < DRAWS; round++) {
    cr_assert(subject_encode(&s, round, 0, x) && subject_decode(&s, round, 0, c), "%s", s.reason);
    for (int i = 0; i < N; i++) {
      cr_assert(c[i] == floorf(x[i]) || c[i] == ceilf(x[i]), "%g becomes %g", x[i], c[i]);
      sum[i] += c[i];
    }
  }
  for (int i = 0; i < N; i++) cr_expect_float_eq(sum[i] / DRAWS, x[i], 5 * 0.5 / sqrt(DRAWS), "%g", x[i]);
  cr_expect_eq(message_payload_bits(&s.message), 6 * N);
  subject_close(&s);
}
