#include "core/suggest.h"

#include <ctype.h>
#include <string.h>

/* Longer words are no slip of the pen; the bound keeps the rows on the stack. */
enum { LONGEST = 63 };

static char folded(char c) { return c == '-' ? '_' : (char)tolower((unsigned char)c); }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost 1 each. */
static size_t edit_distance(const char *a, size_t n_a, const char *b, size_t n_b) {
  size_t rows[3][LONGEST + 1];
  size_t *before = rows[0], *above = rows[1], *row = rows[2];
  for (size_t j = 0; j <= n_b; j++) above[j] = j;
  for (size_t i = 1; i <= n_a; i++) {
    row[0] = i;
    for (size_t j = 1; j <= n_b; j++) {
      const char x = folded(a[i - 1]), y = folded(b[j - 1]);
      row[j] = smaller(above[j - 1] + (x != y), smaller(above[j], row[j - 1]) + 1);
      if (i > 1 && j > 1 && x == folded(b[j - 2]) && y == folded(a[i - 2])) row[j] = smaller(row[j], before[j - 2] + 1);
    }
    size_t *const oldest = before;
    before = above;
    above = row;
    row = oldest;
  }
  return above[n_b];
}

const char *suggest_nearest(const char *word, const char *const *candidates, size_t n) {
  const size_t n_word = strlen(word);
  if (n_word == 0 || n_word > LONGEST) return NULL;
  const char *nearest = NULL;
  size_t least = 0;
  for (size_t i = 0; i < n; i++) {
    const size_t n_candidate = strlen(candidates[i]);
    if (n_candidate > LONGEST) continue;
    const size_t distance = edit_distance(word, n_word, candidates[i], n_candidate);
    /* Two letters of a two-letter name are another name; one is a slip. */
    const size_t allowed = (n_word > n_candidate ? n_word : n_candidate) / 3;
    if (distance > (allowed > 0 ? allowed : 1)) continue;
    if (!nearest || distance < least) {
      nearest = candidates[i];
      least = distance;
    }
  }
  return nearest;
}
