#include "datasets/vocabulary.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { FIRST_SLOTS = 1 << 10 };
#define UNKNOWN "<unk>"

typedef struct word {
  const char *bytes; /* NULL: an empty slot */
  size_t n, count;
  uint32_t number;
} word;

/* A hash table with linear probing, at most half full. */
struct vocabulary {
  word *slots;
  size_t n_slots, n_words; /* n_slots is a power of 2 */
  uint32_t unknown;        /* number of "<unk>" */
};

/* The slot that holds the word, or the empty one where it belongs. */
static word *find(const vocabulary *v, const char *bytes, size_t n) {
  size_t i = XXH64(bytes, n, 0) & (v->n_slots - 1);
  while (v->slots[i].bytes && (v->slots[i].n != n || memcmp(v->slots[i].bytes, bytes, n) != 0))
    i = (i + 1) & (v->n_slots - 1);
  return &v->slots[i];
}

static enum status resize(vocabulary *v, size_t n_slots) {
  word *old = v->slots;
  const size_t n_old = v->n_slots;
  v->slots = (word *)calloc(n_slots, sizeof *v->slots);
  if (!v->slots) {
    v->slots = old;
    return FAIL(STATUS_NO_MEMORY, "no memory for a vocabulary of %zu words", v->n_words);
  }
  v->n_slots = n_slots;
  for (size_t i = 0; i < n_old; i++)
    if (old[i].bytes) *find(v, old[i].bytes, old[i].n) = old[i];
  free(old);
  return STATUS_OK;
}

enum status vocabulary_create(vocabulary **out) {
  *out = NULL;
  vocabulary *v = (vocabulary *)calloc(1, sizeof *v);
  if (!v) return FAIL(STATUS_NO_MEMORY, "no memory for a vocabulary");
  enum status status = STATUS_OK;
  TRY(resize(v, FIRST_SLOTS));
  TRY(vocabulary_count(v, UNKNOWN, strlen(UNKNOWN)));
  find(v, UNKNOWN, strlen(UNKNOWN))->count = 0;
  *out = v;
  return STATUS_OK;
exit:
  vocabulary_destroy(v);
  return status;
}

void vocabulary_destroy(vocabulary *v) {
  if (!v) return;
  free(v->slots);
  free(v);
}

enum status vocabulary_count(vocabulary *v, const char *bytes, size_t n) {
  word *w = find(v, bytes, n);
  if (!w->bytes) {
    if (2 * (v->n_words + 1) > v->n_slots) {
      TRY_RETURN(resize(v, 2 * v->n_slots));
      w = find(v, bytes, n);
    }
    *w = (word){.bytes = bytes, .n = n};
    v->n_words++;
  }
  w->count++;
  return STATUS_OK;
}

static int by_frequency(const void *a, const void *b) {
  const word *x = *(word *const *)a, *y = *(word *const *)b;
  if (x->count != y->count) return x->count > y->count ? -1 : 1;
  const int order = memcmp(x->bytes, y->bytes, x->n < y->n ? x->n : y->n);
  return order != 0 ? order : x->n < y->n ? -1 : 1;
}

enum status vocabulary_rank(vocabulary *v, size_t max_words, size_t *n_words) {
  word **ranked = (word **)malloc(v->n_words * sizeof *ranked);
  if (!ranked) return FAIL(STATUS_NO_MEMORY, "no memory to rank %zu words", v->n_words);
  size_t n = 0;
  for (size_t i = 0; i < v->n_slots; i++)
    if (v->slots[i].bytes) ranked[n++] = &v->slots[i];
  qsort(ranked, n, sizeof *ranked, by_frequency);
  *n_words = n < max_words ? n : max_words;
  word *unknown = find(v, UNKNOWN, strlen(UNKNOWN));
  for (size_t i = 0; i < n; i++) ranked[i]->number = (uint32_t)i;
  if (unknown->number >= *n_words) unknown->number = (uint32_t)*n_words - 1; /* takes the last place */
  v->unknown = unknown->number;
  for (size_t i = 0; i < n; i++)
    if (ranked[i] != unknown && (i >= *n_words || i == v->unknown)) ranked[i]->number = v->unknown;
  free(ranked);
  return STATUS_OK;
}

uint32_t vocabulary_number(const vocabulary *v, const char *bytes, size_t n) {
  const word *w = find(v, bytes, n);
  return w->bytes ? w->number : v->unknown;
}
