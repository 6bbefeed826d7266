#include "datasets/text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "datasets/vocabulary.h"

static data *opened(const text_options *o, const char *train, const char *test) {
  data *d;
  cr_assert_eq(text_open(o, (text_part){train, strlen(train)}, (text_part){test, strlen(test)}, &d), STATUS_OK, "%s",
               status_detail());
  return d;
}

static void expect_sample(const data *d, enum split split, uint32_t id, const int32_t *tokens) {
  float x[16];
  int32_t labels[16];
  cr_assert_eq(d->fetch(d, &(batch_request){.split = split, .ids = &id, .n = 1}, x, labels), STATUS_OK, "%s",
               status_detail());
  for (size_t i = 0; i < d->width; i++) {
    cr_assert_eq(x[i], (float)tokens[i], "sample %u: token %zu is %g, not %d", id, i, x[i], tokens[i]);
    cr_assert_eq(labels[i], tokens[i + 1], "sample %u: label %zu is %d, not %d", id, i, labels[i], tokens[i + 1]);
  }
}

/* By frequency, then by bytes: a 3, <eos> 2, b 2, c 1, <unk> 0. */
Test(text, samples_follow_one_another) {
  const text_options o = {.name = "t", .max_words = 100, .steps = 3};
  data *d = opened(&o, "a b  a\nb c a \n", "c zebra b\na");
  cr_assert(d->n_train == 2 && d->n_test == 1 && d->n_probe == 2 && d->n_classes == 5 && d->width == 3);
  cr_assert(d->labels_per_sample == 3 && d->sequential && d->channels == 1 && d->height == 1);
  enum { A, EOS, B, C, UNK };
  const int32_t train[] = {A, B, A, EOS, B, C, A, EOS}, test[] = {C, UNK, B, EOS};
  expect_sample(d, SPLIT_TRAIN, 0, train);
  expect_sample(d, SPLIT_TRAIN, 1, train + 3);
  expect_sample(d, SPLIT_PROBE, 1, train + 3);
  expect_sample(d, SPLIT_TEST, 0, test);
  float x[3];
  int32_t labels[3];
  cr_assert_eq(d->fetch(d, &(batch_request){.split = SPLIT_TEST, .ids = (uint32_t[]){1}, .n = 1}, x, labels),
               STATUS_BAD_INPUT);
  data_close(d);
}

Test(text, splits_off_punctuation_where_asked) {
  const text_options o = {.name = "t", .splits_characters = true, .max_words = 100, .steps = 9};
  data *d = opened(&o, "Ai's well-known, (no?).  Ai's\n", "(well-known)\n no no no no no no no\n");
  /* Ai's 2, then once each, in byte order: ( ) , . <eos> ? no well-known; <unk> last. */
  enum { AI, OPEN, CLOSE, COMMA, POINT, EOS, ASK, NO, WELL, UNK };
  cr_assert_eq(d->n_classes, 10);
  expect_sample(d, SPLIT_TRAIN, 0, (const int32_t[]){AI, WELL, COMMA, OPEN, NO, ASK, CLOSE, POINT, AI, EOS});
  expect_sample(d, SPLIT_TEST, 0, (const int32_t[]){OPEN, WELL, CLOSE, EOS, NO, NO, NO, NO, NO, NO});
  data_close(d);
}

Test(text, refuses_what_is_too_short) {
  data *d;
  const text_options o = {.name = "psalm", .max_words = 100, .steps = 4};
  const text_part enough = {"a b c d\n", 8}, little = {"a b c\n", 6};
  cr_assert_eq(text_open(&o, enough, enough, &d), STATUS_OK);
  cr_assert_eq(d->n_train, 1);
  data_close(d);
  cr_assert_eq(text_open(&o, enough, little, &d), STATUS_BAD_INPUT);
  cr_assert(strstr(status_detail(), "psalm has 4 words, too few for a sample of 4; lower steps"), "%s",
            status_detail());
  cr_assert_null(d);
  cr_assert_eq(text_open(&o, little, enough, &d), STATUS_BAD_INPUT);
  cr_assert_eq(text_open(&o, (text_part){"", 0}, enough, &d), STATUS_BAD_INPUT);
}

/* Against counts kept in a plain array. */
Test(text, vocabulary_ranks_and_limits) {
  enum { N_TYPES = 5000, N_WORDS = 60000 };
  static char names[N_TYPES][16];
  size_t counts[N_TYPES] = {0}, n_words, n_seen = 0;
  vocabulary *v;
  cr_assert_eq(vocabulary_create(&v), STATUS_OK);
  for (int i = 0; i < N_TYPES; i++) snprintf(names[i], sizeof names[i], "w%05d", i);
  for (uint64_t i = 0; i < N_WORDS; i++) {
    const float u = rng_uniform_at(rng_stream(3, RNG_TEST, -1, 0), i);
    const int k = (int)(N_TYPES * u * u * u);
    n_seen += counts[k]++ == 0;
    cr_assert_eq(vocabulary_count(v, names[k], strlen(names[k])), STATUS_OK);
  }
  const size_t limits[] = {N_TYPES + 2, 1000, 2};
  for (int l = 0; l < 3; l++) {
    cr_assert_eq(vocabulary_rank(v, limits[l], &n_words), STATUS_OK);
    cr_assert_eq(n_words, n_seen + 1 < limits[l] ? n_seen + 1 : limits[l]);
    const uint32_t unknown = vocabulary_number(v, "<unk>", 5);
    cr_assert_eq(unknown, n_words - 1, "<unk> is not in the text, so it comes last");
    cr_assert_eq(vocabulary_number(v, "never", 5), unknown);
    cr_assert_eq(vocabulary_number(v, "w0000", 5), unknown);
    for (int k = 0; k < N_TYPES; k += l == 2 ? 1 : 37) {
      size_t rank = 0;
      for (int i = 0; i < N_TYPES; i++) rank += counts[i] > counts[k] || (counts[i] == counts[k] && i < k);
      const uint32_t expected = counts[k] && rank < n_words - 1 ? (uint32_t)rank : unknown;
      cr_assert_eq(vocabulary_number(v, names[k], strlen(names[k])), expected, "%s", names[k]);
    }
  }
  vocabulary_destroy(v);
  vocabulary_destroy(NULL);

  /* A text's own <unk> has the rank of its count. */
  cr_assert_eq(vocabulary_create(&v), STATUS_OK);
  const char *const words[] = {"x", "<unk>", "<unk>", "<unk>", "x", "y"};
  for (int i = 0; i < 6; i++) cr_assert_eq(vocabulary_count(v, words[i], strlen(words[i])), STATUS_OK);
  cr_assert_eq(vocabulary_rank(v, 2, &n_words), STATUS_OK);
  cr_assert(vocabulary_number(v, "<unk>", 5) == 0 && vocabulary_number(v, "x", 1) == 1 &&
            vocabulary_number(v, "y", 1) == 0);
  vocabulary_destroy(v);
}
