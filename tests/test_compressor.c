/* The conformance suite: every registered compressor, with its default parameters and with every other choice it
 * offers, in each scope and index coding, on the CPU and on the shadow device. And the proof that the suite has teeth.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernel.h"
#include "tests/compressor_checks.h"

TestSuite(compressor, .timeout = 120);

/* ---------------------------------------------------------------- variants: one parameter that is not its default */

typedef struct variant {
  const char *key, *value;
  char text[64];
} variant;

/* The number-th variant of a module; number 0 changes nothing. False: there are not so many. */
static bool variant_get(const compressor *c, int number, variant *out) {
  *out = (variant){.key = NULL};
  for (const param *p = c->params; p && p->name && number > 0; p++) {
    const bool is_bool = p->type == PARAM_BOOL;
    if (!is_bool && p->type != PARAM_CHOICE) continue;
    for (const char *word = is_bool ? "true|false" : p->choices; *word;) {
      const int length = (int)strcspn(word, "|");
      snprintf(out->text, sizeof out->text, "%.*s", length, word);
      word += length + (word[length] == '|');
      if (p->fallback && strcmp(out->text, p->fallback) == 0) continue;
      out->key = p->name;
      out->value = out->text;
      if (--number == 0) return true;
    }
  }
  return number == 0;
}

/* ---------------------------------------------------------------- conformance */

enum { BUCKET = 100 };

typedef struct conformance_case {
  int compressor, variant;
  enum scope scope;
  enum index_coding indices;
  enum device_kind device;
} conformance_case;

enum { MOST_CASES = 4096 };

static void free_cases(struct criterion_test_params *params) { cr_free(params->params); }

ParameterizedTestParameters(compressor, conformance) {
  conformance_case *cases = cr_malloc(MOST_CASES * sizeof *cases);
  size_t n = 0;
  variant v;
  for (int c = 0; compressor_registry[c]; c++)
    for (int number = 0; variant_get(compressor_registry[c], number, &v); number++)
      for (int rest = 0; rest < 18 && n < MOST_CASES; rest++) {
        const conformance_case one = {.compressor = c,
                                      .variant = number,
                                      .scope = (enum scope)(rest % 3),
                                      .indices = (enum index_coding)(rest / 3 % 3),
                                      .device = rest / 9 ? DEVICE_SHADOW : DEVICE_CPU};
        if (one.indices == INDEX_RAW32 || compressor_registry[c]->traits & SELECTOR) cases[n++] = one;
      }
  return cr_make_param_array(conformance_case, cases, n, free_cases);
}

static void open_subject(const subject_options *o, subject *s) {
  const enum status status = subject_open(o, s);
  cr_assert_eq(status, STATUS_OK, "%s: %s", o->name, status_detail());
}

#define EXPECT(s, check) cr_expect(check, "%s, %zu elements: %s", (s).first->name, (s).n, (s).reason)

/* Everything a subject of o->n elements is held to but its claims. */
static void expect_conforming(const subject_options *o, unsigned trials) {
  subject s;
  open_subject(o, &s);
  EXPECT(s, check_round_trip(&s));
  EXPECT(s, check_account(&s));
  EXPECT(s, check_feedback(&s));
  EXPECT(s, check_draws(&s));
  EXPECT(s, check_special_values(&s));
  EXPECT(s, check_hostile_bytes(&s, trials));
  if (s.n == 4097) EXPECT(s, check_changes_something(&s));
  subject_close(&s);
}

static void expect_claims(subject_options o, unsigned draws) {
  subject s;
  o.n = 64;
  o.bucket = 24; /* the last of three is smaller */
  open_subject(&o, &s);
  EXPECT(s, check_claims(&s, draws));
  subject_close(&s);
}

/* The shadow device is to show calls out of order, which a few sizes and trials do as well as many. */
ParameterizedTest(conformance_case *p, compressor, conformance) {
  static const size_t sizes[] = {0, 33, 4097, 1, 31, 32};
  const compressor *c = compressor_registry[p->compressor];
  const bool is_shadow = p->device == DEVICE_SHADOW;
  variant v;
  cr_assert(variant_get(c, p->variant, &v));
  subject_options o = {.device = p->device,
                       .name = c->name,
                       .key = v.key,
                       .value = v.value,
                       .scope = p->scope,
                       .bucket = BUCKET,
                       .indices = p->indices};
  for (size_t j = 0; j < (is_shadow ? 3 : 6); j++) {
    o.n = sizes[j];
    expect_conforming(&o, is_shadow ? 24 : 120);
  }
  if (!is_shadow && p->indices == INDEX_RAW32) expect_claims(o, 8000);
}

static const subject_options compositions[] = {
    {.name = "topk", .second = "sign"}, /* SignTop_k */
    {.name = "topk", .second = "sign", .scope = SCOPE_LAYER, .indices = INDEX_PACKED},
    {.name = "topk", .second = "sign", .second_key = "scale", .second_value = "l2", .scope = SCOPE_BUCKET},
    {.name = "topk", .second = "qsgd", .indices = INDEX_PACKED}, /* QTop_k */
    {.name = "topk", .second = "qsgd", .second_key = "shrink", .second_value = "true", .indices = INDEX_DELTA},
    {.name = "topk", .key = "density", .value = "0.1", .second = "qsgd", .scope = SCOPE_BUCKET, .indices = INDEX_DELTA},
    {.name = "topk", .second = "ternary", .scope = SCOPE_LAYER, .indices = INDEX_DELTA},
    {.name = "randk", .second = "qsgd", .second_key = "levels", .second_value = "1", .scope = SCOPE_BUCKET},
    {.name = "randk", .key = "scale", .value = "unbiased", .second = "qsgd", .indices = INDEX_DELTA},
    {.name = "randk", .key = "scale", .value = "unbiased", .second = "ternary", .scope = SCOPE_BUCKET},
    {.name = "randk", .key = "density", .value = "0.3", .second = "qsgd", .scope = SCOPE_LAYER},
    {.name = "randk", .key = "density", .value = "1", .second = "sign", .scope = SCOPE_LAYER, .indices = INDEX_DELTA},
    {.name = "topk", .key = "density", .value = "0.3", .scope = SCOPE_BUCKET, .indices = INDEX_DELTA},
    {.name = "threshold", .key = "tau", .value = "1.5", .scope = SCOPE_BUCKET, .indices = INDEX_DELTA},
    {.name = "qsgd", .key = "levels", .value = "65535", .scope = SCOPE_BUCKET},
};

/* By number, since each test is a process of its own, where the texts lie elsewhere. */
ParameterizedTestParameters(compressor, compositions_conform) {
  const size_t n = sizeof compositions / sizeof *compositions;
  size_t *numbers = cr_malloc(n * sizeof *numbers);
  for (size_t i = 0; i < n; i++) numbers[i] = i;
  return cr_make_param_array(size_t, numbers, n, free_cases);
}

ParameterizedTest(size_t *number, compressor, compositions_conform) {
  subject_options o = compositions[*number];
  o.bucket = BUCKET;
  for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
    o.device = (enum device_kind)kind;
    o.n = 33;
    expect_conforming(&o, kind == DEVICE_CPU ? 120 : 24);
    o.n = 4097;
    expect_conforming(&o, kind == DEVICE_CPU ? 120 : 24);
  }
  o.device = DEVICE_CPU;
  expect_claims(o, 4000);
}

Test(compressor, every_claim_is_made_by_some_parameters) {
  for (int c = 0; compressor_registry[c]; c++) {
    const unsigned claims = compressor_registry[c]->traits & (UNBIASED | CONTRACTIVE);
    unsigned made = 0;
    variant v;
    for (int number = 0; variant_get(compressor_registry[c], number, &v); number++) {
      const subject_options o = {.name = compressor_registry[c]->name, .key = v.key, .value = v.value, .n = 100};
      subject s;
      open_subject(&o, &s);
      made |= pipeline_traits(s.pipeline);
      subject_close(&s);
    }
    cr_expect_eq(made & claims, claims, "%s claims more than its factors say", compressor_registry[c]->name);
  }
}

/* ---------------------------------------------------------------- what single compressors are */

/* Rank of coordinate i: how many stand before it, by magnitude and then by index. An oracle of O(n) a coordinate. */
static size_t rank_of(const float *x, size_t n, size_t i) {
  size_t before = 0;
  for (size_t j = 0; j < n; j++) before += fabsf(x[j]) > fabsf(x[i]) || (fabsf(x[j]) == fabsf(x[i]) && j < i);
  return before;
}

Test(compressor, topk_keeps_the_largest) {
  static const struct {
    const char *key, *value;
    size_t k;
  } densities[] = {{NULL, NULL, 5},          {"density", "0.25", 125}, {"density", "1", 500},
                   {"density", "0.0119", 5}, {"density", "0.0001", 1}, {"k", "1", 1},
                   {"k", "500", 500},        {"k", "1000", 500}};
  float x[500], c[500];
  for (size_t d = 0; d < sizeof densities / sizeof *densities; d++)
    for (int kind = 0; kind < N_VECTORS; kind++) {
      const subject_options o = {.name = "topk", .key = densities[d].key, .value = densities[d].value, .n = 500};
      subject s;
      open_subject(&o, &s);
      vector_fill(kind, 61, x, 500);
      EXPECT(s, subject_encode(&s, 0, 0, x) && subject_decode(&s, 0, 0, c));
      for (size_t i = 0; i < 500; i++) cr_assert_float_eq(c[i], rank_of(x, 500, i) < densities[d].k ? x[i] : 0, 0);
      cr_expect_eq(s.message.head->count, densities[d].k);
      cr_expect_eq(message_payload_bits(&s.message), 64 * densities[d].k);
      cr_expect_float_eq(s.message.theory_bits, 64.0 * (double)densities[d].k, 0);
      cr_expect_float_eq(pipeline_factor(s.pipeline, FACTOR_DELTA), (double)densities[d].k / 500, 1e-15);
      subject_close(&s);
    }
}

Test(compressor, topk_sends_what_diverges_first) {
  const subject_options o = {.name = "topk", .key = "k", .value = "2", .n = 33};
  subject s;
  float x[33], c[33];
  open_subject(&o, &s);
  vector_fill(VECTOR_HEAVY, 62, x, 33);
  x[32] = NAN, x[7] = -INFINITY;
  EXPECT(s, subject_encode(&s, 0, 0, x) && subject_decode(&s, 0, 0, c));
  cr_expect(isnan(c[32]) && c[7] == -INFINITY);
  subject_close(&s);
}

Test(compressor, randk_draws_every_subset_alike) {
  enum { N = 12, DRAWS = 6000 };
  const subject_options o = {.name = "randk", .key = "density", .value = "0.25", .n = N};
  unsigned single[N] = {0}, pair[N][N] = {{0}};
  float x[N], c[N];
  subject s;
  open_subject(&o, &s);
  for (size_t i = 0; i < N; i++) x[i] = (float)(i + 1);
  for (unsigned draw = 0; draw < DRAWS; draw++) {
    size_t kept = 0;
    EXPECT(s, subject_encode(&s, draw, 0, x) && subject_decode(&s, draw, 0, c));
    for (size_t i = 0; i < N; i++) {
      kept += c[i] != 0;
      single[i] += c[i] != 0;
      cr_assert(c[i] == 0 || c[i] == x[i]);
      for (size_t j = 0; j < i; j++) pair[i][j] += c[i] != 0 && c[j] != 0;
    }
    cr_assert_eq(kept, 3);
  }
  subject_close(&s);
  /* Without replacement: P(i) = 3/12, P(i and j) = 3/12 2/11; five standard errors. */
  const double one = 0.25, two = 0.25 * 2 / 11;
  for (size_t i = 0; i < N; i++) {
    cr_expect_float_eq(single[i], one * DRAWS, 5 * sqrt(DRAWS * one * (1 - one)));
    for (size_t j = 0; j < i; j++) cr_expect_float_eq(pair[i][j], two * DRAWS, 5 * sqrt(DRAWS * two * (1 - two)));
  }
}

/* ---------------------------------------------------------------- teeth: defective compressors are rejected */

/* All of them send 32-bit values; how they go wrong is said where they are defined. */
static enum status no_create(const compressor_env *env, const args *a, void **state) {
  (void)env, (void)a;
  *state = NULL;
  return STATUS_OK;
}
static void no_destroy(void *state) { (void)state; }
static double one_half(const void *state, enum factor_kind kind, size_t n) {
  return (void)state, (void)kind, (void)n, 0.5;
}
static double few_bits(const void *state, size_t n, enum index_convention convention) {
  return (void)state, (void)convention, 0.64 * (double)n;
}
static size_t four_bytes(const void *state, size_t n) { return (void)state, 4 * n; }
static size_t two_bytes(const void *state, size_t n) { return (void)state, 2 * n; }
static size_t six_bytes(const void *state, size_t n) { return (void)state, 6 * n; }
static unsigned no_padding(const void *state, size_t n) { return (void)state, (void)n, 0; }
static void copy_values(void *state, const call *c, const float *x, size_t n, unsigned char *body) {
  (void)state;
  stream_copy(c->stream, body, x, 4 * n);
}
static void add_values(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n) {
  (void)state;
  vec_axpy(c->stream, a, (const float *)(const void *)body, y, n);
}
/* The residual of whoever uses it gets the wrong sign. */
static void add_magnitude(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n) {
  add_values(state, c, body, fabsf(a), y, n);
}

typedef struct {
  const float *x;
  float *out;
} round_args;
static void round_one(const round_args *p, size_t i) { p->out[i] = 0.25f * roundf(4 * p->x[i]); }
KERNEL(round_all, round_args, round_one)
static void round_values(void *state, const call *c, const float *x, size_t n, unsigned char *body) {
  (void)state;
  const round_args a = {.x = x, .out = (float *)(void *)body};
  round_all(c->stream, n, a);
}

static const param no_params[] = {PARAM_END};
#define DEFECTIVE(c_name, yaml_name, claims, bytes, encoder, decoder) \
  static const compressor c_name = {.name = yaml_name,                \
                                    .paper = "none",                  \
                                    .version = "1",                   \
                                    .params = no_params,              \
                                    .traits = claims,                 \
                                    .create = no_create,              \
                                    .destroy = no_destroy,            \
                                    .factor = one_half,               \
                                    .theory_bits = few_bits,          \
                                    .body_bytes = bytes,              \
                                    .padding_bits = no_padding,       \
                                    .encode = encoder,                \
                                    .decode_add = decoder}
DEFECTIVE(disguised_identity, "disguise", CONTRACTIVE, four_bytes, copy_values, add_values);
DEFECTIVE(wrong_sign, "sign", CONTRACTIVE, four_bytes, round_values, add_magnitude);
DEFECTIVE(nearest_unbiased, "nearest", UNBIASED, four_bytes, round_values, add_values);
DEFECTIVE(not_exact, "inexact", EXACT, four_bytes, round_values, add_values);
DEFECTIVE(not_random, "fixed", RANDOMIZED, four_bytes, round_values, add_values);
DEFECTIVE(overrunning, "overrun", CONTRACTIVE, two_bytes, copy_values, add_values);
DEFECTIVE(bloated, "bloated", CONTRACTIVE, six_bytes, copy_values, add_values);
static const compressor *const defective[] = {&disguised_identity, &wrong_sign,  &nearest_unbiased, &not_exact,
                                              &not_random,         &overrunning, &bloated,          NULL};

static bool check_many_draws(subject *s) { return check_claims(s, 2000); }

/* `check` must reject the compressor with a reason that has `words` in it. */
static void expect_rejected(const char *name, size_t n, bool (*check)(subject *), const char *words) {
  const subject_options o = {.registry = defective, .name = name, .n = n};
  subject s;
  open_subject(&o, &s);
  cr_expect_not(check(&s), "%s passes", name);
  cr_expect(strstr(s.reason, words), "%s is rejected because '%s', not for '%s'", name, s.reason, words);
  subject_close(&s);
}

Test(compressor, suite_rejects_defective_compressors) {
  expect_rejected("disguise", 4097, check_changes_something, "returns its input unchanged");
  expect_rejected("sign", 33, check_feedback, "residual");
  expect_rejected("sign", 33, check_round_trip, "decode_add with a = -0.5");
  expect_rejected("nearest", 64, check_many_draws, "claims UNBIASED");
  expect_rejected("inexact", 33, check_round_trip, "claims EXACT");
  expect_rejected("fixed", 4097, check_draws, "claims RANDOMIZED");
  expect_rejected("overrun", 16, check_account, "beyond wire_bound");
  expect_rejected("bloated", 16, check_account, "is not written");
}
