/* Messages whose sizes the device decides, word by word, and what malformed ones give. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/compressor_subject.h"

TestSuite(pipeline_variable, .timeout = 60);

static void open_subject(subject_options o, subject *s) {
  cr_assert_eq(subject_open(&o, s), STATUS_OK, "%s", status_detail());
}

static const float eight[] = {0.5f, -3, 1, 7, -0.25f, 2, -6, 0};

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* The body's words must be `wanted`, and both copies of the head must say so. */
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

static const subject_options above_one = {.name = "threshold", .key = "tau", .value = "1", .n = 8};

Test(pipeline_variable, wire_images_word_by_word) {
  const uint32_t raw[] = {bits_of(-3), bits_of(7), bits_of(2), bits_of(-6), 1, 3, 5, 6};
  /* four of eight, r = 0: gaps 1, 1, 1, 0 as 10 10 10 0, the first bit lowest */
  const uint32_t delta[] = {raw[0], raw[1], raw[2], raw[3], 0x15};
  /* buckets of 3: {-3} {7, 2} {-6}, packed in 2, 2 and 1 bits */
  const uint32_t buckets[] = {1, 8, 2, 12, 1, 8, raw[0], 1, raw[1], raw[2], 0 | 2 << 2, raw[3], 0};
  for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
    subject_options o = above_one;
    subject s;
    o.device = (enum device_kind)kind;
    open_subject(o, &s);
    cr_assert(subject_encode(&s, 0, 0, eight), "%s", s.reason);
    expect_body(&s, 4, 0, raw, 8);
    cr_expect_eq(message_payload_bits(&s.message), 4 * 64);
    cr_expect_eq(message_theory_bits(&s.message), 4 * 64);
    subject_close(&s);
    o.indices = INDEX_DELTA;
    open_subject(o, &s);
    cr_assert(subject_encode(&s, 0, 0, eight), "%s", s.reason);
    expect_body(&s, 4, 25, delta, 5);
    cr_expect_eq(message_payload_bits(&s.message), 4 * 32 + 7);
    cr_expect_eq(message_theory_bits(&s.message), 4 * 35, "as papers count: ceil(log2 n) bits an index");
    subject_close(&s);
    o.indices = INDEX_PACKED;
    o.scope = SCOPE_BUCKET;
    o.bucket = 3;
    open_subject(o, &s);
    cr_assert(subject_encode(&s, 0, 0, eight), "%s", s.reason);
    expect_body(&s, 4, 30 + 28 + 31, buckets, 13);
    cr_expect_eq(s.message.inner_bytes, 24);
    cr_expect_eq(message_payload_bits(&s.message), 34 + 68 + 33);
    subject_close(&s);
  }
}

/* With fixed sizes buckets need no heads. */
Test(pipeline_variable, buckets_of_fixed_sizes_follow_one_another) {
  subject_options o = {.name = "topk", .key = "k", .value = "1", .n = 8, .scope = SCOPE_BUCKET, .bucket = 3};
  const uint32_t wanted[] = {bits_of(-3), 1, bits_of(7), 0, bits_of(-6), 0};
  subject s;
  open_subject(o, &s);
  cr_assert(subject_encode(&s, 0, 0, eight), "%s", s.reason);
  expect_body(&s, 3, 0, wanted, 6);
  cr_expect_eq(s.message.inner_bytes, 0);
  subject_close(&s);
  o.bucket = 0;
  cr_expect_eq(subject_open(&o, &s), STATUS_BAD_INPUT);
  cr_expect(strstr(status_detail(), "bucket"), "%s", status_detail());
  subject_close(&s);
}

Test(pipeline_variable, a_count_that_varies_cannot_be_quantized) {
  subject s;
  const subject_options o = {.name = "threshold", .second = "qsgd", .n = 8};
  cr_expect_eq(subject_open(&o, &s), STATUS_BAD_INPUT);
  cr_expect(strstr(status_detail(), "qsgd cannot follow threshold"), "%s", status_detail());
  subject_close(&s);
}

/* Encoding returns with its work only issued; the head is there when the message's event has happened. */
Test(pipeline_variable, encoding_waits_for_nothing) {
  subject_options o = above_one;
  subject s;
  o.device = DEVICE_SHADOW;
  o.indices = INDEX_DELTA;
  open_subject(o, &s);
  upload(&s, s.x, eight, sizeof eight);
  memset(s.message.head, 0, sizeof *s.message.head);
  cr_assert_eq(pipeline_encode_feedback(s.pipeline, 0, 0, s.x, s.e, &s.message), STATUS_OK);
  cr_expect_eq(s.message.head->body_bytes, 0, "the host has waited");
  cr_assert_eq(event_wait(s.message.ready), STATUS_OK);
  cr_expect_eq(s.message.head->count, 4);
  cr_expect_eq(s.message.head->body_bytes, 20);
  subject_close(&s);
}

static uint32_t read_entries(subject *s, const sparse *in, uint32_t *index, float *value) {
  uint32_t count;
  download(s, &count, in->count, sizeof count);
  cr_assert_leq(count, in->capacity);
  download(s, index, in->index, count * sizeof *index);
  download(s, value, in->value, count * sizeof *value);
  return count;
}

Test(pipeline_variable, selected_and_decoded_entries_are_the_same) {
  enum { N = 1000 };
  float *x = calloc(N, sizeof *x), value[2][N];
  uint32_t index[2][N];
  vector_fill(VECTOR_NORMAL, 3, x, N);
  for (int rest = 0; rest < 36; rest++) {
    subject s;
    sparse entries;
    uint32_t above = 0;
    const bool by_threshold = rest / 18;
    open_subject((subject_options){.name = by_threshold ? "threshold" : "topk",
                                   .key = by_threshold ? "tau" : "density",
                                   .value = by_threshold ? "1" : "0.1",
                                   .n = N,
                                   .device = rest / 9 % 2 ? DEVICE_SHADOW : DEVICE_CPU,
                                   .scope = (enum scope)(rest / 3 % 3),
                                   .bucket = 64,
                                   .indices = (enum index_coding)(rest % 3)},
                 &s);
    cr_assert_eq(sparse_alloc(s.device, pipeline_max_count(s.pipeline), &entries), STATUS_OK);
    cr_assert(subject_encode(&s, 4, 1, x), "%s", s.reason);
    cr_assert_eq(pipeline_select(s.pipeline, 4, 1, s.x, &entries), STATUS_OK);
    const uint32_t selected = read_entries(&s, &entries, index[0], value[0]);
    cr_assert_eq(pipeline_decode_sparse(s.pipeline, 4, 1, &s.message, &entries), STATUS_OK);
    cr_assert_eq(read_entries(&s, &entries, index[1], value[1]), selected);
    cr_assert_eq(s.message.head->count, selected);
    for (size_t i = 0; i < N; i++) above += x[i] > 1 || x[i] < -1;
    if (by_threshold) cr_expect_eq(selected, above);
    for (size_t j = 0; j < selected; j++) {
      cr_assert_eq(index[0][j], index[1][j]);
      cr_assert(j == 0 || index[0][j] > index[0][j - 1]);
      cr_assert(value[0][j] == value[1][j] && value[0][j] == x[index[0][j]]);
    }
    sparse_release(s.device, &entries);
    subject_close(&s);
  }
  free(x);
}

Test(pipeline_variable, given_entries_travel) {
  for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
    subject s;
    sparse entries, back;
    uint32_t index[5];
    float value[5];
    open_subject(
        (subject_options){
            .name = "topk", .key = "k", .value = "5", .n = 8, .device = (enum device_kind)kind, .indices = INDEX_DELTA},
        &s);
    cr_assert_eq(sparse_alloc(s.device, 5, &entries), STATUS_OK);
    cr_assert_eq(sparse_alloc(s.device, 5, &back), STATUS_OK);
    upload(&s, entries.index, (const uint32_t[]){1, 4, 7}, 12);
    upload(&s, entries.value, (const float[]){2, -5, 9}, 12);
    cr_assert_eq(pipeline_encode_sparse(s.pipeline, &entries, 3, &s.message), STATUS_OK);
    cr_assert_eq(stream_synchronize(s.stream), STATUS_OK);
    cr_expect_eq(message_wire_bytes(&s.message), 16 + 3 * 4 + 4);
    cr_expect_eq(message_theory_bits(&s.message), 3 * 35);
    cr_assert_eq(pipeline_decode_sparse(s.pipeline, 0, 0, &s.message, &back), STATUS_OK);
    cr_expect_eq(read_entries(&s, &back, index, value), 3);
    cr_expect(index[0] == 1 && index[1] == 4 && index[2] == 7 && value[1] == -5 && value[2] == 9);
    sparse_release(s.device, &entries);
    sparse_release(s.device, &back);
    subject_close(&s);
  }
}

/* ---------------------------------------------------------------- malformed messages */

Test(pipeline_variable, malformed_heads_name_worker_and_field) {
  for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
    static const struct {
      message_head change; /* added to a good head */
      const char *words;
    } changes[] = {{{.format = 1}, "format"},
                   {{.n = 1}, "n is 9, expected 8"},
                   {{.count = 5}, "count is 9, at most 8"},
                   {{.body_bytes = 2}, "body_bytes is 22"},
                   {{.body_bytes = 400}, "body_bytes is 420"},
                   {{.padding_bits = 32}, "padding_bits is 57, at most 31"}};
    subject_options o = above_one;
    subject s;
    o.device = (enum device_kind)kind;
    o.indices = INDEX_DELTA;
    open_subject(o, &s);
    cr_assert(subject_encode(&s, 0, 3, eight), "%s", s.reason);
    const message_head good = *s.message.head;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
      message_head *h = s.message.head;
      h->format = (uint16_t)(good.format + changes[i].change.format);
      h->padding_bits = (uint16_t)(good.padding_bits + changes[i].change.padding_bits);
      h->n = good.n + changes[i].change.n;
      h->count = good.count + changes[i].change.count;
      h->body_bytes = good.body_bytes + changes[i].change.body_bytes;
      cr_expect_eq(pipeline_decode_add(s.pipeline, 0, 3, &s.message, 1, s.e), STATUS_BAD_MESSAGE);
      cr_expect(strstr(status_detail(), "worker 3's message"), "%s", status_detail());
      cr_expect(strstr(status_detail(), changes[i].words), "'%s' not %s", status_detail(), changes[i].words);
      *h = good;
    }
    s.message.capacity = sizeof good + 19;
    cr_expect_eq(pipeline_decode_add(s.pipeline, 0, 3, &s.message, 1, s.e), STATUS_BAD_MESSAGE);
    subject_close(&s);
  }
}

Test(pipeline_variable, malformed_part_heads_set_the_fault) {
  /* words of the body: heads {1, 8} {2, 12} {1, 8}, then 2 + 3 + 2 words */
  static const struct {
    size_t word;
    uint32_t value;
    enum status found;
  } changes[] = {
      {0, 1, STATUS_OK},           {0, 2, STATUS_BAD_MESSAGE}, {0, 0, STATUS_BAD_MESSAGE},   {0, 9, STATUS_BAD_MESSAGE},
      {1, 12, STATUS_BAD_MESSAGE}, {1, 6, STATUS_BAD_MESSAGE}, {3, 400, STATUS_BAD_MESSAGE}, {4, 0, STATUS_BAD_MESSAGE},
      {5, 0, STATUS_BAD_MESSAGE}};
  float x[8] = {0};
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
    for (int kind = DEVICE_CPU; kind <= DEVICE_SHADOW; kind++) {
      subject_options o = above_one;
      subject s;
      o.device = (enum device_kind)kind;
      o.scope = SCOPE_BUCKET;
      o.bucket = 3;
      o.indices = INDEX_PACKED;
      open_subject(o, &s);
      cr_assert(subject_encode(&s, 0, 0, eight), "%s", s.reason);
      upload(&s, message_body(&s.message) + 4 * changes[i].word, &changes[i].value, 4);
      subject_put_y(&s, x);
      cr_expect_eq(pipeline_decode_add(s.pipeline, 0, 0, &s.message, 1, s.y + SUBJECT_GUARD_FLOATS), STATUS_OK);
      cr_expect_eq(stream_synchronize(s.stream), changes[i].found, "change %zu", i);
      cr_expect(subject_get_y(&s, x), "%s", s.reason);
      subject_close(&s);
    }
}

/* ---------------------------------------------------------------- large vectors */

/* Indices that no fp32 number can hold, in every coding. */
Test(pipeline_variable, indices_past_2_24_arrive) {
  enum { K = 6 };
  const size_t n = ((size_t)1 << 24) + 100;
  const uint32_t far[K] = {0, 16777215, 16777217, 16777219, 16777301, (1u << 24) + 99};
  float *x = calloc(n, sizeof *x);
  cr_assert(x);
  for (size_t j = 0; j < K; j++) x[far[j]] = (float)(j + 1);
  for (int rest = 0; rest < 6; rest++) {
    const bool by_threshold = rest / 3;
    uint32_t index[K];
    float value[K];
    subject s;
    sparse entries;
    open_subject((subject_options){.name = by_threshold ? "threshold" : "topk",
                                   .key = by_threshold ? "tau" : "k",
                                   .value = by_threshold ? "0.5" : "6",
                                   .n = n,
                                   .indices = (enum index_coding)(rest % 3)},
                 &s);
    upload(&s, s.x, x, n * sizeof *x);
    cr_assert_eq(pipeline_encode(s.pipeline, 0, 0, s.x, &s.message), STATUS_OK);
    cr_expect_eq(s.message.head->count, K);
    cr_assert_eq(sparse_alloc(s.device, pipeline_max_count(s.pipeline), &entries), STATUS_OK);
    cr_assert_eq(pipeline_decode_sparse(s.pipeline, 0, 0, &s.message, &entries), STATUS_OK);
    cr_assert_eq(read_entries(&s, &entries, index, value), K);
    for (size_t j = 0; j < K; j++) cr_expect(index[j] == far[j] && value[j] == (float)(j + 1));
    vec_fill(s.stream, s.e, 0, n);
    cr_assert_eq(pipeline_decode_add(s.pipeline, 0, 0, &s.message, 1, s.e), STATUS_OK);
    cr_expect_eq(memcmp(s.e, x, n * sizeof *x), 0);
    sparse_release(s.device, &entries);
    subject_close(&s);
  }
  free(x);
}
