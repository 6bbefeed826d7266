#include "core/rng.h"

#include <criterion/criterion.h>

/* Random123's published known answers (kat_vectors, philox4x32 10). */
Test(rng, known_answers) {
  const rng_key zero = {{0, 0}, {0, 0}}, ones = {{~0u, ~0u}, {~0u, ~0u}};
  const rng_key pi = {{0xa4093822u, 0x299f31d0u}, {0x13198a2eu, 0x03707344u}};
  const struct {
    rng_key key;
    uint64_t index;
    uint32_t words[4];
  } known[] = {
      {zero, 0, {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}},
      {ones, ~0ull, {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}},
      {pi, 0x85a308d3243f6a88ull, {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const rng_words drawn = rng_draw(known[i].key, known[i].index);
    cr_assert_arr_eq(drawn.w, known[i].words, sizeof drawn.w);
  }
}

Test(rng, streams_are_distinct) {
  const rng_key base = rng_stream(7, RNG_INIT, 0, 0);
  const rng_key others[] = {
      rng_stream(8, RNG_INIT, 0, 0),
      rng_stream(7 + (1ull << 32), RNG_INIT, 0, 0),
      rng_stream(7, RNG_TEST, 0, 0),
      rng_stream(7, RNG_INIT, -1, 0),
      rng_stream(7, RNG_INIT, 1, 0),
      rng_stream(7, RNG_INIT, (1 << 24) - 2, 0),
      rng_stream(7, RNG_INIT, 0, 1),
      rng_stream(7, RNG_INIT, 0, UINT32_MAX),
      rng_stream(7, (enum rng_purpose)255, 0, 0),
  };
  const size_t n = sizeof others / sizeof *others;
  for (size_t i = 0; i < n; i++) {
    cr_assert_neq(memcmp(&base, &others[i], sizeof base), 0, "stream %zu", i);
    for (size_t j = 0; j < i; j++) cr_assert_neq(memcmp(&others[j], &others[i], sizeof base), 0, "%zu and %zu", i, j);
  }
}

Test(rng, uniform) {
  cr_assert_eq(rng_uniform(0), 0.0f);
  cr_assert_eq(rng_uniform(UINT32_MAX), 1.0f - 0x1p-24f);
  cr_assert_eq(rng_uniform(0x80000000u), 0.5f);
  enum { BINS = 64, N = 1 << 18 };
  size_t histogram[BINS] = {0};
  const rng_key key = rng_stream(3, RNG_TEST, 2, 1);
  for (size_t i = 0; i < N; i++) {
    const float u = rng_uniform_at(key, i);
    cr_assert(u >= 0.0f && u < 1.0f);
    cr_assert_eq(u, rng_uniform(rng_draw(key, i / 4).w[i % 4]));
    histogram[(size_t)(u * BINS)]++;
  }
  double chi2 = 0.0;
  const double expected = (double)N / BINS;
  for (size_t b = 0; b < BINS; b++) chi2 += pow((double)histogram[b] - expected, 2) / expected;
  cr_assert_lt(chi2, 63 + 5 * sqrt(2 * 63), "chi2 = %g with 63 degrees of freedom", chi2);
}

Test(rng, logarithm) {
  cr_assert_eq(rng_log(1.0), 0.0);
  const rng_key key = rng_stream(4, RNG_TEST, 0, 0);
  double worst = 0.0;
  for (uint64_t i = 0; i < 200000; i++) {
    const double x = ldexp(0.5 + rng_draw(key, i).w[0] * 0x1p-33, -(int)(i % 40));
    const long double exact = logl((long double)x);
    if (exact != 0) worst = fmax(worst, (double)fabsl((rng_log(x) - exact) / exact));
  }
  cr_assert_lt(worst, 1e-12, "relative error %g", worst);
}

/* Relative error of z = rng_normal(word): the distance of its true probability from the word's mid-point, in units of
 * z. Of a pair mirrored at the middle the lower member is looked at, where erfc keeps its digits. */
static double normal_error(uint32_t word) {
  const long double p = ((long double)word + 0.5L) * 0x1p-32L, z = rng_normal(word);
  const long double density = expl(-z * z / 2) * 0.39894228040143267794L;
  return (double)fabsl((erfcl(-z * 0.70710678118654752440L) / 2 - p) / (density * z));
}

Test(rng, normal_inverts_the_distribution) {
  double worst = fmax(normal_error(0), normal_error(0x7fffffffu));
  for (uint32_t word = 1; word < 0x80000000u - 10007; word += 10007) worst = fmax(worst, normal_error(word));
  for (uint32_t word = 1; word < 20000; word++) worst = fmax(worst, normal_error(word));
  cr_assert_lt(worst, 2.5e-7, "relative error %g", worst); /* AS 241's 1e-7 and the rounding to fp32 */
  for (uint32_t word = 0; word < 0xffffffffu - 99991; word += 99991)
    cr_assert_eq(rng_normal(word), -rng_normal(~word), "not odd at %u", word);
  /* Known quantiles: 0.975, 0.84134474606854 and the largest word's. */
  cr_assert_float_eq(rng_normal((uint32_t)(0.975 * 0x1p32)), 1.9599640f, 1e-6f);
  cr_assert_float_eq(rng_normal((uint32_t)(0.84134474606854 * 0x1p32)), 1.0f, 1e-6f);
  cr_assert_float_eq(rng_normal(UINT32_MAX), 6.3379f, 1e-3f);
}

Test(rng, normal_moments) {
  enum { N = 1000000 };
  const rng_key key = rng_stream(5, RNG_TEST, 1, 9);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
  size_t beyond = 0;
  for (size_t i = 0; i < N; i += 4) {
    const rng_words draw = rng_draw(key, i / 4);
    for (size_t j = 0; j < 4; j++) {
      const double z = rng_normal(draw.w[j]);
      m1 += z, m2 += z * z, m3 += z * z * z, m4 += z * z * z * z;
      beyond += fabs(z) > 1.959964;
    }
    cr_assert_eq(rng_normal_at(key, i + 3), rng_normal(draw.w[3]));
  }
  const double five_sigma = 5 / sqrt(N); /* times the moment's own deviation */
  cr_assert_float_eq(m1 / N, 0, five_sigma);
  cr_assert_float_eq(m2 / N, 1, five_sigma * sqrt(2));
  cr_assert_float_eq(m3 / N, 0, five_sigma * sqrt(15));
  cr_assert_float_eq(m4 / N, 3, five_sigma * sqrt(96));
  cr_assert_float_eq((double)beyond / N, 0.05, five_sigma * sqrt(0.05 * 0.95));
}

Test(rng, permutation_is_one) {
  static uint32_t order[100003];
  static unsigned char seen[100003];
  const size_t sizes[] = {0, 1, 2, 31, 4096, 100003};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    const size_t n = sizes[s];
    memset(seen, 0, sizeof seen);
    rng_permutation(rng_stream(1, RNG_SHUFFLE, 0, s), order, n);
    for (size_t i = 0; i < n; i++) {
      cr_assert_lt(order[i], n);
      cr_assert_eq(seen[order[i]]++, 0);
    }
  }
  uint32_t again[100] = {0}, other[100] = {0};
  rng_permutation(rng_stream(1, RNG_SHUFFLE, 0, 3), again, 31);
  rng_permutation(rng_stream(1, RNG_SHUFFLE, 0, 4), other, 31);
  cr_assert_neq(memcmp(again, other, 31 * sizeof *again), 0);
  rng_permutation(rng_stream(1, RNG_SHUFFLE, 0, 3), other, 31);
  cr_assert_arr_eq(again, other, sizeof again);
}

/* The bounded draw's definition, read literally: of the words in turn, the first whose product with the bound has a low
 * half that is not among the 2^32 mod bound surplus ones. Counts how many were surplus. */
static uint32_t draw_below(rng_key key, uint64_t *next, uint32_t bound, size_t *n_rejected) {
  for (;; ++*n_rejected) {
    const uint64_t i = (*next)++, product = (uint64_t)rng_draw(key, i / 4).w[i % 4] * bound;
    if (product % (1ull << 32) >= (1ull << 32) % bound) return (uint32_t)(product >> 32);
  }
}

/* The order is part of every result: it is pinned to its definition, rejections included. */
Test(rng, permutation_is_the_defined_one) {
  enum { N = 100003 };
  static uint32_t order[N], expected[N];
  size_t n_rejected = 0;
  for (uint64_t seed = 0; seed < 8; seed++) {
    const rng_key key = rng_stream(seed, RNG_SHUFFLE, 3, 1);
    uint64_t next = 0;
    for (uint32_t i = 0; i < N; i++) expected[i] = i;
    for (uint32_t i = N - 1; i > 0; i--) {
      const uint32_t j = draw_below(key, &next, i + 1, &n_rejected), moved = expected[i];
      expected[i] = expected[j];
      expected[j] = moved;
    }
    rng_permutation(key, order, N);
    cr_assert_arr_eq(order, expected, sizeof order);
  }
  cr_assert_gt(n_rejected, 0, "no draw was rejected: choose other seeds");
}

/* All 120 orders of five things are equally likely. */
Test(rng, permutation_is_unbiased) {
  enum { N = 24000, ORDERS = 120 };
  size_t histogram[ORDERS] = {0};
  for (uint64_t trial = 0; trial < N; trial++) {
    uint32_t order[5];
    rng_permutation(rng_stream(2, RNG_SHUFFLE, 0, trial), order, 5);
    size_t number = 0; /* Lehmer code */
    for (size_t i = 0; i < 5; i++) {
      size_t smaller = 0;
      for (size_t j = i + 1; j < 5; j++) smaller += order[j] < order[i];
      number = number * (5 - i) + smaller;
    }
    histogram[number]++;
  }
  double chi2 = 0.0;
  for (size_t i = 0; i < ORDERS; i++) chi2 += pow((double)histogram[i] - N / ORDERS, 2) / (N / ORDERS);
  cr_assert_lt(chi2, 119 + 5 * sqrt(2 * 119), "chi2 = %g with 119 degrees of freedom", chi2);
  cr_assert_gt(chi2, 119 - 5 * sqrt(2 * 119), "chi2 = %g is too good", chi2);
}
