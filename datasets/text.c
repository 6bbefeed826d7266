#include "datasets/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/vocabulary.h"

#define END_OF_LINE "<eos>"

typedef struct tokens {
  uint32_t *numbers;
  size_t n;
} tokens;

typedef struct loaded {
  data base; /* base.state points back */
  tokens train, test;
  resident resident;
} loaded;

/* Walks a text word by word. */
typedef struct reader {
  const char *at, *end;
  bool splits_characters;
} reader;

static bool is_inner(char c) { return isalnum((unsigned char)c) || c == '\'' || c == '-'; }

/* The next word, or END_OF_LINE for a line feed; false at the end of the text. */
static bool next_word(reader *r, const char **word, size_t *n) {
  while (r->at < r->end && *r->at == ' ') r->at++;
  if (r->at == r->end) return false;
  const char *begin = r->at++;
  if (*begin == '\n') {
    *word = END_OF_LINE;
    *n = strlen(END_OF_LINE);
    return true;
  }
  const bool by_spaces = !r->splits_characters;
  while (r->at < r->end && *r->at != ' ' && *r->at != '\n' && (by_spaces || (is_inner(*begin) && is_inner(*r->at))))
    r->at++;
  *word = begin;
  *n = (size_t)(r->at - begin);
  return true;
}

static reader begin_text(const text_options *o, text_part text) {
  return (reader){.at = text.bytes, .end = text.bytes + text.n, .splits_characters = o->splits_characters};
}

static enum status count_words(const text_options *o, text_part text, vocabulary *v) {
  reader r = begin_text(o, text);
  const char *word;
  for (size_t n; next_word(&r, &word, &n);) TRY_RETURN(vocabulary_count(v, word, n));
  return STATUS_OK;
}

static enum status number_words(const text_options *o, text_part text, const vocabulary *v, tokens *out) {
  const char *word;
  size_t n_word, n = 0;
  for (reader r = begin_text(o, text); next_word(&r, &word, &n_word);) n++;
  if (n < o->steps + 1)
    return FAIL(STATUS_BAD_INPUT, "a text of %s has %zu words, too few for a sample of %zu; lower steps", o->name, n,
                o->steps);
  out->numbers = (uint32_t *)malloc(n * sizeof *out->numbers);
  if (!out->numbers) return FAIL(STATUS_NO_MEMORY, "no memory for the %zu words of %s", n, o->name);
  for (reader r = begin_text(o, text); next_word(&r, &word, &n_word);)
    out->numbers[out->n++] = vocabulary_number(v, word, n_word);
  return STATUS_OK;
}

static enum status fetch(const data *d, const batch_request *request, float *x, int32_t *labels) {
  const loaded *l = (const loaded *)d->state;
  const bool test = request->split == SPLIT_TEST;
  const tokens *text = test ? &l->test : &l->train;
  TRY_RETURN(data_check_ids(d, request));
  for (size_t j = 0; j < request->n; j++) {
    const size_t id = request->ids[j];
    const uint32_t *from = text->numbers + id * d->width;
    for (size_t i = 0; i < d->width; i++) {
      x[j * d->width + i] = (float)from[i];
      labels[j * d->width + i] = (int32_t)from[i + 1];
    }
  }
  return STATUS_OK;
}

static resident_split describe_split(const tokens *t) {
  return (resident_split){.parts = {{t->numbers, t->n * sizeof *t->numbers}}, .n_parts = 1};
}

static void close_text(data *d) {
  loaded *l = (loaded *)d->state;
  free(l->train.numbers);
  free(l->test.numbers);
  free(l);
}

enum status text_open(const text_options *o, text_part train, text_part test, data **out) {
  enum status status = STATUS_OK;
  vocabulary *v = NULL;
  size_t n_words;
  *out = NULL;
  loaded *l = (loaded *)calloc(1, sizeof *l);
  if (!l) return FAIL(STATUS_NO_MEMORY, "no memory for %s", o->name);
  l->base.state = l;
  TRY(vocabulary_create(&v));
  TRY(count_words(o, train, v));
  TRY(vocabulary_rank(v, o->max_words, &n_words));
  TRY(number_words(o, train, v, &l->train));
  TRY(number_words(o, test, v, &l->test));
  const size_t n_train = (l->train.n - 1) / o->steps;
  l->base = (data){.n_train = n_train,
                   .n_test = (l->test.n - 1) / o->steps,
                   .n_probe = n_train < DATA_PROBE_SAMPLES ? n_train : DATA_PROBE_SAMPLES,
                   .channels = 1,
                   .height = 1,
                   .width = o->steps,
                   .n_classes = n_words,
                   .labels_per_sample = o->steps,
                   .sequential = true,
                   .fetch = fetch,
                   .close = close_text,
                   .state = l};
  l->resident = (resident){.is_text = true,
                           .train = describe_split(&l->train),
                           .test = describe_split(&l->test)};
  l->base.resident = &l->resident;
  *out = &l->base;
exit:
  vocabulary_destroy(v);
  if (status != STATUS_OK) close_text(&l->base);
  return status;
}
