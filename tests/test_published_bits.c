/* Bits of a message over ResNet-50's 161 tensors, as the papers count them, and the factors of Qsparse's operators. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "tests/compressor_subject.h"

enum { TENSORS = 161, CAP = 1000 };

typedef struct table {
  layer_slice slices[TENSORS];
  layer_table layers;
} table;

static void add(table *t, size_t n) {
  cr_assert_lt(t->layers.n_slices, TENSORS);
  t->slices[t->layers.n_slices++] = (layer_slice){.name = "tensor", .offset = t->layers.n_params, .n = n};
  t->layers.n_params += n;
}

/* A convolution without bias and its batch norm. */
static void add_conv(table *t, size_t in, size_t out, size_t kernel) {
  add(t, in * out * kernel * kernel);
  add(t, out);
  add(t, out);
}

/* He et al., CVPR 2016, Table 1: stages of 3, 4, 6, 3 bottlenecks, widths 64 to 512, expansion 4, projections where a
 * stage begins. */
static table *resnet50(void) {
  static const int blocks[] = {3, 4, 6, 3};
  table *t = calloc(1, sizeof *t);
  cr_assert(t);
  size_t in = 64;
  add_conv(t, 3, 64, 7);
  for (int stage = 0; stage < 4; stage++)
    for (int block = 0; block < blocks[stage]; block++) {
      const size_t width = (size_t)64 << stage;
      add_conv(t, in, width, 1);
      add_conv(t, width, width, 3);
      add_conv(t, width, 4 * width, 1);
      if (block == 0) add_conv(t, in, 4 * width, 1);
      in = 4 * width;
    }
  add(t, 2048 * 1000);
  add(t, 1000);
  t->layers.slices = t->slices;
  return t;
}

typedef struct stage_text {
  const char *name, *key, *value;
} stage_text;

/* The message of the compressors over all tensors of a vector of zeros. */
typedef struct counted {
  double theory;
  uint64_t payload, overhead, wire_bytes;
  size_t count;
} counted;

static counted count_bits(const table *t, const stage_text *texts, size_t n, enum index_coding indices) {
  module_spec stages[2];
  counted out;
  device *d;
  stream *s;
  pipeline *p;
  message_pool *pool;
  message *m;
  float *x;
  for (size_t i = 0; i < n; i++) {
    stages[i].name = texts[i].name;
    cr_assert_eq(
        default_args(compressor_find(NULL, texts[i].name)->params, texts[i].key, texts[i].value, &stages[i].args),
        STATUS_OK);
  }
  const pipeline_spec spec = {.stages = stages, .n_stages = n, .scope = SCOPE_LAYER, .indices = indices};
  cr_assert_eq(device_open(DEVICE_CPU, &d), STATUS_OK);
  cr_assert_eq(stream_open(d, &s), STATUS_OK);
  cr_assert_eq(pipeline_create(&spec, d, s, &t->layers, 1, &p), STATUS_OK, "%s", status_detail());
  cr_assert_eq(message_pool_create(d, &pool), STATUS_OK);
  cr_assert_eq(message_acquire(pool, pipeline_wire_bound(p), &m), STATUS_OK);
  cr_assert_eq(device_floats(d, t->layers.n_params, &x), STATUS_OK);
  cr_assert_eq(pipeline_encode(p, 0, 0, x, m), STATUS_OK);
  cr_assert_eq(stream_synchronize(s), STATUS_OK);
  out = (counted){message_theory_bits(m), message_payload_bits(m), message_overhead_bits(m), message_wire_bytes(m),
                  m->head->count};
  device_release(d, x);
  message_pool_destroy(pool);
  pipeline_destroy(p);
  stream_close(s);
  device_close(d);
  for (size_t i = 0; i < n; i++) args_free(&stages[i].args);
  return out;
}

static void expect_bits(counted c, double megabits) {
  cr_expect_eq(c.payload, c.theory, "%llu bits, in theory %.0f", (unsigned long long)c.payload, c.theory);
  cr_expect_eq(8 * c.wire_bytes, c.payload + c.overhead);
  cr_expect_float_eq(c.theory / 1e6, megabits, 5e-4, "%.4f Mb, not %.3f", c.theory / 1e6, megabits);
}

Test(published_bits, qsparse_operators_on_resnet50) {
  static const stage_text topk = {"topk", "k", "1000"}, sign = {"sign", NULL, NULL};
  table *t = resnet50();
  cr_assert_eq(t->layers.n_slices, TENSORS);
  cr_assert_eq(t->layers.n_params, 25557032);
  cr_expect_float_eq(32e-6 * (double)t->layers.n_params, 817.8, 0.05); /* vanilla */

  /* k_t = min(d_t, 1000): 99,400 coordinates; 32-bit and per-tensor indices go over the wire as counted */
  const counted raw = count_bits(t, &topk, 1, INDEX_RAW32), packed = count_bits(t, &topk, 1, INDEX_PACKED);
  cr_expect_eq(raw.count, 99400);
  expect_bits(raw, 6.362);
  expect_bits(packed, 4.560);
  /* counting an index into the whole model, ceil(log2 d) = 25 bits, is a third convention of the same message */
  cr_expect_float_eq(1e-6 * (double)raw.count * (32 + 25), 5.666, 5e-4);
  cr_expect_eq(ceil(log2((double)t->layers.n_params)), 25);

  const stage_text sign_topk[] = {topk, sign};
  const counted sign_raw = count_bits(t, sign_topk, 2, INDEX_RAW32);
  expect_bits(sign_raw, 3.285);
  expect_bits(count_bits(t, sign_topk, 2, INDEX_PACKED), 1.484);
  cr_expect_float_eq(1e-6 * ((double)sign_raw.count * (1 + 25) + 32 * TENSORS), 2.590, 5e-4);

  /* EF-sign: a bit a value and a scale a tensor */
  const counted ef = count_bits(t, &sign, 1, INDEX_RAW32);
  cr_expect_eq(ef.payload, ef.theory);
  cr_expect_float_eq(ef.theory / 1e6, 25.56, 5e-3);
  /* 15.5, 17.5 and 24.6 times fewer bits than Top_k in every step, with SignTop_k in one of eight */
  cr_expect_float_eq(8 * raw.theory / sign_raw.theory, 15.5, 0.05);
  free(t);
}

/* gamma of Basu et al., Lemmas 1 to 3, for n = 400, k = 40, where min(k / s^2, sqrt(k) / s) is beta_k. */
Test(published_bits, factors_of_composed_operators) {
  static const struct {
    const char *levels;
    double s;
  } rows[] = {{"1", 1}, {"4", 4}, {"15", 15}};
  const double k = 40, n = 400;
  for (size_t i = 0; i < 3; i++) {
    const double beta = fmin(k / (rows[i].s * rows[i].s), sqrt(k) / rows[i].s);
    const char *keys[] = {"levels", "shrink"}, *values[] = {rows[i].levels, "true"},
               *plain[] = {rows[i].levels, "false"};
    module_spec stages[2] = {{.name = "topk"}, {.name = "qsgd"}};
    const layer_table layers = {.n_params = 400};
    device *d;
    stream *s;
    pipeline *p;
    cr_assert_eq(default_args(compressor_find(NULL, "topk")->params, "k", "40", &stages[0].args), STATUS_OK);
    cr_assert_eq(device_open(DEVICE_CPU, &d), STATUS_OK);
    cr_assert_eq(stream_open(d, &s), STATUS_OK);
    for (int scaled = 0; scaled < 2; scaled++) {
      const pipeline_spec spec = {.stages = stages, .n_stages = 2};
      cr_assert_eq(
          args_from_text(compressor_find(NULL, "qsgd")->params, keys, scaled ? values : plain, 2, &stages[1].args),
          STATUS_OK);
      cr_assert_eq(pipeline_create(&spec, d, s, &layers, 1, &p), STATUS_OK);
      const double gamma = pipeline_factor(p, FACTOR_DELTA);
      if (scaled)
        cr_expect_float_eq(gamma, k / (n * (1 + beta)), 1e-12);
      else if (beta < 1)
        cr_expect_float_eq(gamma, (1 - beta) * k / n, 1e-12);
      else
        cr_expect(isnan(gamma), "levels %s are no contraction", rows[i].levels);
      pipeline_destroy(p);
      args_free(&stages[1].args);
    }
    stream_close(s);
    device_close(d);
    args_free(&stages[0].args);
  }
}
