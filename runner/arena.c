#include "runner/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 8192 };

typedef struct block {
  struct block *before;
  size_t used, size;
  alignas(max_align_t) unsigned char bytes[];
} block;

struct arena {
  block *last;
};

enum status arena_create(arena **out) {
  *out = calloc(1, sizeof **out);
  return *out ? STATUS_OK : FAIL(STATUS_NO_MEMORY, "no memory for an arena");
}

void arena_destroy(arena *a) {
  if (!a) return;
  for (block *b = a->last; b;) {
    block *const before = b->before;
    free(b);
    b = before;
  }
  free(a);
}

void *arena_take(arena *a, size_t n_bytes) {
  const size_t step = alignof(max_align_t);
  const bool sensible = n_bytes <= SIZE_MAX / 2; /* below, rounding cannot wrap */
  const size_t rounded = sensible ? (n_bytes + step - 1) / step * step : 0;
  if (!sensible || !a->last || a->last->size - a->last->used < rounded) {
    const size_t size = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;
    block *const b = sensible ? calloc(1, sizeof *b + size) : NULL;
    if (!b) {
      (void)FAIL(STATUS_NO_MEMORY, "no memory for %zu bytes of configuration", n_bytes);
      return NULL;
    }
    *b = (block){.before = a->last, .size = size};
    a->last = b;
  }
  void *const memory = a->last->bytes + a->last->used;
  a->last->used += rounded;
  return memory;
}

char *arena_text(arena *a, const char *text, size_t n) {
  char *const copy = arena_take(a, n + 1);
  if (copy) memcpy(copy, text, n);
  return copy;
}
