/* Permutations from the counter-based generator. Bounded draws: Lemire, Fast random integer generation in an interval,
 * ACM TOMACS 29 (2019), algorithm 5. */
#include "core/rng.h"

/* Reads a stream word by word. */
typedef struct word_reader {
  rng_key key;
  uint64_t next;
  rng_words words;
} word_reader;

static uint32_t next_word(word_reader *r) {
  if (r->next % 4 == 0) r->words = rng_draw(r->key, r->next / 4);
  return r->words.w[r->next++ % 4];
}

/* Uniform in [0, bound), bound > 0. */
static uint32_t next_below(word_reader *r, uint32_t bound) {
  uint64_t product = (uint64_t)next_word(r) * bound;
  if ((uint32_t)product < bound) {
    const uint32_t rejected = -bound % bound; /* 2^32 mod bound: low halves below it are one too many */
    while ((uint32_t)product < rejected) product = (uint64_t)next_word(r) * bound;
  }
  return (uint32_t)(product >> 32);
}

void rng_permutation(rng_key key, uint32_t *out, size_t n) {
  word_reader r = {.key = key, .next = 0};
  for (size_t i = 0; i < n; i++) out[i] = (uint32_t)i;
  for (size_t i = n; i > 1; i--) {
    const uint32_t j = next_below(&r, (uint32_t)i), last = out[i - 1];
    out[i - 1] = out[j];
    out[j] = last;
  }
}
