/* Composition, the wire image byte by byte, and what a malformed one gives. The compressors themselves:
 * test_compressor.c. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernel.h"
#include "tests/compressor_subject.h"

TestSuite(pipeline, .timeout = 60);

/* ---------------------------------------------------------------- a small quantizer: one random byte a value */

typedef struct {
  const float *x;
  signed char *out;
  rng_key key;
} quantize_args;
static void quantize_one(const quantize_args *p, size_t i) {
  p->out[i] = (signed char)floorf(p->x[i] + rng_uniform_at(p->key, i));
}
KERNEL(quantize_all, quantize_args, quantize_one)
typedef struct {
  const signed char *in;
  float *y;
  float a;
} restore_args;
static void restore_one(const restore_args *p, size_t i) { p->y[i] += p->a * (float)p->in[i]; }
KERNEL(restore_all, restore_args, restore_one)

static enum status create(const compressor_env *env, const args *a, void **state) {
  (void)env, (void)a;
  *state = NULL;
  return STATUS_OK;
}
static void destroy(void *state) { (void)state; }
static double factor(const void *state, enum factor_kind kind, size_t n) {
  return (void)state, (void)n, kind == FACTOR_OMEGA ? 0.25 : NAN;
}
static double theory_bits(const void *state, size_t n, enum index_convention convention) {
  return (void)state, (void)convention, 8.0 * (double)n;
}
static size_t body_bytes(const void *state, size_t n) { return (void)state, n; }
static unsigned padding_bits(const void *state, size_t n) { return (void)state, (void)n, 0; }
static void encode(void *state, const call *c, const float *x, size_t n, unsigned char *body) {
  (void)state;
  const quantize_args a = {.x = x, .out = (signed char *)body, .key = call_key(c)};
  quantize_all(c->stream, n, a);
}
static void decode_add(void *state, const call *c, const unsigned char *body, float a, float *y, size_t n) {
  (void)state;
  const restore_args r = {.in = (const signed char *)body, .y = y, .a = a};
  restore_all(c->stream, n, r);
}
static const param no_params[] = {PARAM_END};
static const compressor bytes_quantizer = {.name = "test-bytes",
                                           .paper = "none",
                                           .version = "1",
                                           .params = no_params,
                                           .traits = UNBIASED | QUANTIZER | RANDOMIZED,
                                           .create = create,
                                           .destroy = destroy,
                                           .factor = factor,
                                           .theory_bits = theory_bits,
                                           .body_bytes = body_bytes,
                                           .padding_bits = padding_bits,
                                           .encode = encode,
                                           .decode_add = decode_add};
extern const compressor compressor_topk, compressor_randk, compressor_identity;
static const compressor *const registry[] = {&compressor_topk, &compressor_randk, &compressor_identity,
                                             &bytes_quantizer, NULL};

static void open_subject(subject_options o, subject *s) {
  o.registry = registry;
  cr_assert_eq(subject_open(&o, s), STATUS_OK, "%s", status_detail());
}

/* ---------------------------------------------------------------- composition */

static void expect_refused(const char *const *names, size_t n, const char *words) {
  module_spec stages[3];
  device *d;
  pipeline *p;
  const layer_table layers = {.n_params = 10};
  cr_assert_eq(device_open(DEVICE_CPU, &d), STATUS_OK);
  d->compressors = registry;
  for (size_t i = 0; i < n; i++) {
    stages[i] = (module_spec){.name = names[i]};
    const compressor *c = compressor_find(d, names[i]);
    if (c) cr_assert_eq(default_args(c->params, NULL, NULL, &stages[i].args), STATUS_OK);
  }
  const pipeline_spec spec = {.stages = stages, .n_stages = n};
  cr_expect_eq(pipeline_create(&spec, d, NULL, &layers, 1, &p), STATUS_BAD_INPUT);
  cr_expect_null(p);
  cr_expect(strstr(status_detail(), words), "'%s' does not say '%s'", status_detail(), words);
  for (size_t i = 0; i < n; i++) args_free(&stages[i].args);
  device_close(d);
}

Test(pipeline, stages_that_do_not_compose_are_refused) {
  expect_refused(NULL, 0, "the list of compressors is empty");
  expect_refused((const char *[]){"tokp"}, 1, "there is no compressor 'tokp': did you mean topk?");
  expect_refused((const char *[]){"xxxxxxxx"}, 1, "there is no compressor 'xxxxxxxx': `terse list`");
  expect_refused((const char *[]){"topk", "randk"}, 2, "topk and randk both select coordinates");
  expect_refused((const char *[]){"test_bytes", "topk"}, 2, "test-bytes stands before topk");
  expect_refused((const char *[]){"topk", "identity"}, 2, "identity cannot follow topk");
  expect_refused((const char *[]){"identity", "test-bytes"}, 2, "identity and test-bytes both encode");
  expect_refused((const char *[]){"topk", "test-bytes", "randk"}, 3, "topk and randk both select");
}

Test(pipeline, factors_and_traits_compose) {
  subject s;
  /* QTop_k: delta = (1 - omega) k/n */
  open_subject((subject_options){.name = "topk", .key = "density", .value = "0.5", .second = "test-bytes", .n = 100},
               &s);
  cr_expect_float_eq(pipeline_factor(s.pipeline, FACTOR_DELTA), 0.5 * 0.75, 1e-15);
  cr_expect(isnan(pipeline_factor(s.pipeline, FACTOR_OMEGA)));
  cr_expect_eq(pipeline_traits(s.pipeline), CONTRACTIVE | RANDOMIZED);
  cr_expect_not(pipeline_is_sparse(s.pipeline));
  subject_close(&s);
  /* unbiased both: (1 + 99) (1 + 1/4) - 1 */
  open_subject(
      (subject_options){.name = "randk", .key = "scale", .value = "unbiased", .second = "test-bytes", .n = 100}, &s);
  cr_expect_float_eq(pipeline_factor(s.pipeline, FACTOR_OMEGA), 124, 1e-9);
  cr_expect_eq(pipeline_traits(s.pipeline), UNBIASED | RANDOMIZED);
  subject_close(&s);
  /* the worst layer: 1 of 2667 below 1/100 */
  open_subject((subject_options){.name = "topk", .key = "k", .value = "1", .scope = SCOPE_LAYER, .n = 4000}, &s);
  cr_expect_float_eq(pipeline_factor(s.pipeline, FACTOR_DELTA), 1.0 / 2667, 1e-15);
  cr_expect_eq(pipeline_max_count(s.pipeline), 2, "one for each layer that is not empty");
  subject_close(&s);
  open_subject((subject_options){.name = "identity", .n = 100}, &s);
  cr_expect_eq(pipeline_factor(s.pipeline, FACTOR_OMEGA), 0);
  cr_expect_eq(pipeline_factor(s.pipeline, FACTOR_DELTA), 1);
  cr_expect_eq(pipeline_traits(s.pipeline), UNBIASED | CONTRACTIVE | EXACT);
  subject_close(&s);
}

Test(pipeline, what_the_head_cannot_say_is_refused) {
  enum { LAYERS = 3000 };
  layer_slice *slices = calloc(LAYERS, sizeof *slices);
  device *d;
  pipeline *p;
  for (size_t i = 0; i < LAYERS; i++) slices[i] = (layer_slice){.offset = 5 * i, .n = 5};
  const layer_table layers = {.slices = slices, .n_slices = LAYERS, .n_params = 5 * LAYERS};
  const module_spec stage = {.name = "test-bytes"}; /* 24 bits of padding a layer: 72,000 */
  const pipeline_spec spec = {.stages = &stage, .n_stages = 1, .scope = SCOPE_LAYER};
  cr_assert_eq(device_open(DEVICE_CPU, &d), STATUS_OK);
  d->compressors = registry;
  cr_expect_eq(pipeline_create(&spec, d, NULL, &layers, 1, &p), STATUS_UNSUPPORTED);
  device_close(d);
  free(slices);
}

/* ---------------------------------------------------------------- the wire image */

static const float eight[] = {0.5f, -3, 1, 7, -0.25f, 2, -6, 0};

/* The body's words must be `wanted`, and the head must say so. */
static void expect_body(subject *s, uint32_t count, unsigned padding_bits, const uint32_t *wanted, size_t n_words) {
  uint32_t words[64];
  message_head head;
  cr_assert_eq(s->message.head->body_bytes, 4 * n_words);
  cr_expect_eq(s->message.head->n, s->n);
  cr_expect_eq(s->message.head->count, count);
  cr_expect_eq(s->message.head->padding_bits, padding_bits);
  download(s, words, message_body(&s->message), 4 * n_words);
  download(s, &head, s->message.wire, sizeof head);
  for (size_t i = 0; i < n_words; i++) cr_expect_eq(words[i], wanted[i], "word %zu is %08x", i, words[i]);
  cr_expect_eq(memcmp(&head, s->message.head, sizeof head), 0);
}

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

Test(pipeline, wire_images_word_by_word) {
  const uint32_t raw[] = {bits_of(-3), bits_of(7), bits_of(-6), 1, 3, 6};
  const uint32_t packed[] = {raw[0], raw[1], raw[2], 1 | 3 << 3 | 6 << 6};
  /* layers of 2, 0 and 6 elements, the two largest of each */
  const uint32_t layers[] = {2, 12, 0, 0, 2, 12, bits_of(0.5f), bits_of(-3), 2, bits_of(7), bits_of(-6), 1 | 4 << 3};
  subject_options o = {.name = "topk", .key = "k", .value = "3", .n = 8};
  subject s;
  for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
    o.device = kind;
    open_subject(o, &s);
    cr_assert(subject_encode(&s, 0, 0, eight), "%s", s.reason);
    expect_body(&s, 3, 0, raw, 6);
    cr_expect_eq(s.message.inner_bytes, 0);
    cr_expect_eq(s.message.theory_bits, 3 * 64);
    subject_close(&s);
    o.indices = INDEX_PACKED;
    open_subject(o, &s);
    cr_assert(subject_encode(&s, 0, 0, eight), "%s", s.reason);
    expect_body(&s, 3, 23, packed, 4);
    cr_expect_eq(message_payload_bits(&s.message), 3 * (32 + 3));
    cr_expect_eq(s.message.theory_bits, 3 * (32 + 3));
    subject_close(&s);
    o.scope = SCOPE_LAYER;
    o.value = "2";
    open_subject(o, &s);
    cr_assert(subject_encode(&s, 0, 0, eight), "%s", s.reason);
    expect_body(&s, 4, 30 + 26, layers, 12);
    cr_expect_eq(s.message.inner_bytes, 24);
    cr_expect_eq(message_payload_bits(&s.message), 2 * (32 + 1) + 2 * (32 + 3));
    subject_close(&s);
    o = (subject_options){.name = "topk", .key = "k", .value = "3", .n = 8};
  }
}

Test(pipeline, quantizer_sees_the_selected_values_only) {
  subject_options o = {.name = "topk", .key = "k", .value = "3", .second = "test-bytes", .n = 8};
  const uint32_t wanted[] = {0xfd | 7 << 8 | 0xfa << 16, 1, 3, 6};
  float c[8];
  for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
    subject s;
    o.device = kind;
    open_subject(o, &s);
    cr_assert(subject_encode(&s, 0, 0, eight), "%s", s.reason);
    expect_body(&s, 3, 8, wanted, 4);
    cr_expect_eq(s.message.theory_bits, 3 * (8 + 32));
    cr_assert(subject_decode(&s, 0, 0, c), "%s", s.reason);
    for (size_t i = 0; i < 8; i++) cr_expect_eq(c[i], fabsf(eight[i]) > 2.5f ? eight[i] : 0);
    subject_close(&s);
  }
}

/* Were the quantizer's draws those of the selector, entry 0 would be rounded up whenever coordinate 0 is picked: it is
 * picked because the first draw is large. */
Test(pipeline, selector_and_quantizer_draw_independently) {
  enum { N = 40, DRAWS = 4000 };
  subject s;
  float x[N], c[N];
  unsigned picked = 0, up = 0;
  open_subject((subject_options){.name = "randk", .key = "density", .value = "0.05", .second = "test-bytes", .n = N},
               &s);
  for (size_t i = 0; i < N; i++) x[i] = 1.5f;
  for (unsigned draw = 0; draw < DRAWS; draw++) {
    cr_assert(subject_encode(&s, draw, 0, x) && subject_decode(&s, draw, 0, c), "%s", s.reason);
    picked += c[0] != 0;
    up += c[0] == 2;
  }
  /* picked two times of 40, rounded up one time of two; five standard errors */
  cr_expect_float_eq(picked, DRAWS / 20.0, 5 * sqrt(DRAWS / 20.0));
  cr_expect_float_eq(up, picked / 2.0, 5 * 0.5 * sqrt(picked));
  subject_close(&s);
}

Test(pipeline, layers_draw_independently) {
  enum { N = 300 };
  subject s;
  float x[N];
  unsigned char body[24 + N];
  unsigned same = 0;
  open_subject((subject_options){.name = "test-bytes", .scope = SCOPE_LAYER, .n = N}, &s);
  for (size_t i = 0; i < N; i++) x[i] = 1.5f;
  cr_assert(subject_encode(&s, 0, 0, x), "%s", s.reason);
  cr_assert_eq(s.message.head->body_bytes, sizeof body);
  download(&s, body, message_body(&s.message), sizeof body);
  /* layers of 100, 0 and 200: a coin for each of the 100 they share, five standard errors */
  for (size_t i = 0; i < 100; i++) same += body[24 + i] == body[124 + i];
  cr_expect(same >= 25 && same <= 75, "%u of 100 draws agree", same);
  subject_close(&s);
}

/* ---------------------------------------------------------------- entries */

static void read_entries(subject *s, const sparse *in, uint32_t *index, float *value, uint32_t *count) {
  download(s, count, in->count, sizeof *count);
  cr_assert_leq(*count, in->capacity);
  download(s, index, in->index, *count * sizeof *index);
  download(s, value, in->value, *count * sizeof *value);
}

Test(pipeline, selected_and_decoded_entries_are_the_same) {
  enum { N = 1000 };
  float *x = calloc(N, sizeof *x), value[2][N];
  uint32_t index[2][N], count[2];
  vector_fill(VECTOR_NORMAL, 3, x, N);
  for (int rest = 0; rest < 16; rest++) {
    subject s;
    sparse entries;
    open_subject((subject_options){.name = rest & 8 ? "randk" : "topk",
                                   .key = "density",
                                   .value = "0.1",
                                   .n = N,
                                   .device = rest & 4 ? DEVICE_SHADOW : DEVICE_CPU,
                                   .scope = rest & 2 ? SCOPE_LAYER : SCOPE_GLOBAL,
                                   .indices = rest & 1 ? INDEX_PACKED : INDEX_RAW32},
                 &s);
    cr_assert_eq(sparse_alloc(s.device, pipeline_max_count(s.pipeline), &entries), STATUS_OK);
    cr_assert(subject_encode(&s, 4, 1, x), "%s", s.reason);
    cr_assert_eq(pipeline_select(s.pipeline, 4, 1, s.x, &entries), STATUS_OK);
    read_entries(&s, &entries, index[0], value[0], &count[0]);
    cr_assert_eq(pipeline_decode_sparse(s.pipeline, 4, 1, &s.message, &entries), STATUS_OK);
    read_entries(&s, &entries, index[1], value[1], &count[1]);
    cr_assert_eq(count[0], pipeline_max_count(s.pipeline));
    cr_assert_eq(count[1], count[0]);
    for (size_t j = 0; j < count[0]; j++) {
      cr_assert_eq(index[0][j], index[1][j]);
      cr_assert(j == 0 || index[0][j] > index[0][j - 1]);
      cr_assert(value[0][j] == value[1][j] && value[0][j] == x[index[0][j]]);
    }
    sparse_release(s.device, &entries);
    subject_close(&s);
  }
  free(x);
}

Test(pipeline, given_entries_travel) {
  for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
    subject s;
    sparse entries, back;
    uint32_t index[5], count;
    float value[5], y[8] = {0};
    open_subject((subject_options){.name = "topk", .key = "k", .value = "5", .n = 8, .device = kind}, &s);
    cr_assert_eq(sparse_alloc(s.device, 5, &entries), STATUS_OK);
    cr_assert_eq(sparse_alloc(s.device, 5, &back), STATUS_OK);
    upload(&s, entries.index, (const uint32_t[]){1, 4, 7}, 12);
    upload(&s, entries.value, (const float[]){2, -5, 9}, 12);
    upload(&s, entries.count, (const uint32_t[]){3}, 4);
    cr_assert_eq(pipeline_encode_sparse(s.pipeline, &entries, 3, &s.message), STATUS_OK);
    cr_expect_eq(message_wire_bytes(&s.message), 16 + 3 * 8);
    cr_expect_eq(message_payload_bits(&s.message), 3 * 64);
    cr_expect_eq(s.message.theory_bits, 3 * 64);
    cr_assert_eq(pipeline_decode_sparse(s.pipeline, 0, 0, &s.message, &back), STATUS_OK);
    read_entries(&s, &back, index, value, &count);
    cr_expect(count == 3 && index[0] == 1 && index[2] == 7 && value[1] == -5 && value[2] == 9);
    cr_assert(subject_decode_onto(&s, 0, 0, 2, y), "%s", s.reason);
    cr_expect(y[1] == 4 && y[4] == -10 && y[7] == 18 && y[0] == 0);
    cr_expect_eq(pipeline_encode_sparse(s.pipeline, &entries, 6, &s.message), STATUS_BAD_INPUT);
    back.capacity = 4;
    cr_expect_eq(pipeline_decode_sparse(s.pipeline, 0, 0, &s.message, &back), STATUS_BAD_INPUT);
    cr_expect_eq(pipeline_select(s.pipeline, 0, 0, s.x, &back), STATUS_BAD_INPUT);
    sparse_release(s.device, &entries);
    sparse_release(s.device, &back);
    subject_close(&s);
  }
}

/* A message's host head is rewritten for the next message while the device has yet to write the first one. */
Test(pipeline, device_head_does_not_depend_on_when_it_is_written) {
  subject s;
  sparse entries;
  message_head first;
  void *kept;
  open_subject((subject_options){.name = "topk", .key = "k", .value = "5", .n = 8, .device = DEVICE_SHADOW}, &s);
  cr_assert_eq(sparse_alloc(s.device, 5, &entries), STATUS_OK);
  cr_assert_eq(device_alloc(s.device, sizeof first, &kept), STATUS_OK);
  cr_assert_eq(pipeline_encode_sparse(s.pipeline, &entries, 3, &s.message), STATUS_OK);
  stream_copy(s.stream, kept, s.message.wire, sizeof first);
  cr_assert_eq(pipeline_encode_sparse(s.pipeline, &entries, 1, &s.message), STATUS_OK);
  download(&s, &first, kept, sizeof first);
  cr_expect_eq(first.count, 3);
  cr_expect_eq(s.message.head->count, 1);
  device_release(s.device, kept);
  sparse_release(s.device, &entries);
  subject_close(&s);
}

/* ---------------------------------------------------------------- malformed messages */

static void expect_malformed(subject *s, message_head head, const char *words) {
  const message_head good = *s->message.head;
  *s->message.head = head;
  cr_expect_eq(pipeline_decode_add(s->pipeline, 0, 3, &s->message, 1, s->x), STATUS_BAD_MESSAGE);
  cr_expect(strstr(status_detail(), "worker 3's message"), "%s", status_detail());
  cr_expect(strstr(status_detail(), words), "'%s' does not name %s", status_detail(), words);
  *s->message.head = good;
}

Test(pipeline, malformed_heads_name_worker_and_field) {
  for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
    subject s;
    open_subject((subject_options){.name = "topk", .key = "k", .value = "3", .n = 8, .device = kind}, &s);
    cr_assert(subject_encode(&s, 0, 3, eight), "%s", s.reason);
    const message_head good = *s.message.head;
    message_head h = good;
    h.format ^= 1, expect_malformed(&s, h, "format"), h = good;
    h.n = 9, expect_malformed(&s, h, "n is 9, expected 8"), h = good;
    h.count = 4, expect_malformed(&s, h, "count is 4"), h = good;
    h.count = 2, expect_malformed(&s, h, "body_bytes is 24"), h = good;
    h.body_bytes = 20, expect_malformed(&s, h, "body_bytes is 20"), h = good;
    h.body_bytes = UINT32_MAX, expect_malformed(&s, h, "body_bytes"), h = good;
    h.padding_bits = 1, expect_malformed(&s, h, "padding_bits is 1"), h = good;
    s.message.capacity--;
    expect_malformed(&s, good, "body_bytes is 24 in 39 bytes");
    s.message.capacity++;
    cr_expect_eq(pipeline_decode_add(s.pipeline, 0, 3, &s.message, 1, s.x), STATUS_OK);
    cr_expect_eq(stream_synchronize(s.stream), STATUS_OK);
    subject_close(&s);
  }
}

Test(pipeline, malformed_part_heads_and_indices_set_the_fault) {
  /* words of the body of layers 2, 0, 6 with k = 2: three part heads, then values and raw indices of each layer */
  static const struct {
    size_t word;
    uint32_t value;
    enum status found;
  } changes[] = {{0, 2, STATUS_OK},          {0, 1, STATUS_BAD_MESSAGE},          {1, 12, STATUS_BAD_MESSAGE},
                 {2, 1, STATUS_BAD_MESSAGE}, {5, UINT32_MAX, STATUS_BAD_MESSAGE}, {8, 1, STATUS_BAD_MESSAGE},
                 {9, 2, STATUS_BAD_MESSAGE}, {13, 6, STATUS_BAD_MESSAGE},         {13, 5, STATUS_OK}};
  float x[8] = {0};
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
    for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
      subject s;
      open_subject(
          (subject_options){.name = "topk", .key = "k", .value = "2", .scope = SCOPE_LAYER, .n = 8, .device = kind},
          &s);
      cr_assert(subject_encode(&s, 0, 0, eight), "%s", s.reason);
      upload(&s, message_body(&s.message) + 4 * changes[i].word, &changes[i].value, 4);
      subject_put_y(&s, x);
      cr_expect_eq(pipeline_decode_add(s.pipeline, 0, 0, &s.message, 1, s.y + SUBJECT_GUARD_FLOATS), STATUS_OK);
      cr_expect_eq(stream_synchronize(s.stream), changes[i].found, "change %zu", i);
      cr_expect(subject_get_y(&s, x), "%s", s.reason);
      subject_close(&s);
    }
}

Test(pipeline, formats_tell_configurations_apart) {
  static const subject_options options[] = {{.name = "topk", .n = 8},
                                            {.name = "topk", .key = "density", .value = "0.02", .n = 8},
                                            {.name = "randk", .n = 8},
                                            {.name = "topk", .n = 8, .indices = INDEX_PACKED},
                                            {.name = "topk", .n = 8, .scope = SCOPE_LAYER},
                                            {.name = "topk", .n = 8, .second = "test-bytes"}};
  enum { N = sizeof options / sizeof *options };
  uint16_t formats[N];
  for (size_t i = 0; i < N; i++) {
    subject s;
    open_subject(options[i], &s);
    cr_assert(subject_encode(&s, 0, 0, eight), "%s", s.reason);
    formats[i] = s.message.head->format;
    for (size_t j = 0; j < i; j++) cr_expect_neq(formats[i], formats[j], "%zu and %zu", i, j);
    subject_close(&s);
  }
}
