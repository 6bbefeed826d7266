#include "models/lives.h"

#include <stdbool.h>
#include <stdlib.h>

static int by_size_down(const void *a, const void *b) {
  const life *x = *(life *const *)a, *y = *(life *const *)b;
  if (x->n_bytes != y->n_bytes) return x->n_bytes < y->n_bytes ? 1 : -1;
  return (x->first > y->first) - (x->first < y->first);
}

static size_t end_of(const life *l, size_t alignment) {
  return l->offset + (l->n_bytes + alignment - 1) / alignment * alignment;
}

/* The lowest place that none of [0, n) takes while l lives: those in the way are passed one by one. */
static void place(life *l, life *const *placed, size_t n, size_t alignment) {
  l->offset = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t i = 0; i < n; i++) {
      const life *other = placed[i];
      if (other->last < l->first || other->first > l->last) continue;
      if (end_of(other, alignment) <= l->offset || end_of(l, alignment) <= other->offset) continue;
      l->offset = end_of(other, alignment);
      moved = true;
    }
  }
}

enum status lives_lay_out(life *lives, size_t alignment, size_t *total) {
  size_t n = 0, n_used = 0;
  *total = 0;
  for (const life *l = lives; l; l = l->next) n++;
  life **order = (life **)calloc(n + 1, sizeof *order);
  if (!order) return FAIL(STATUS_NO_MEMORY, "no memory to lay out %zu blocks", n);
  for (life *l = lives; l; l = l->next)
    if (l->first < LIFE_STEPS_MAX) order[n_used++] = l;
  qsort(order, n_used, sizeof *order, by_size_down);
  for (size_t i = 0; i < n_used; i++) {
    place(order[i], order, i, alignment);
    if (end_of(order[i], alignment) > *total) *total = end_of(order[i], alignment);
  }
  free(order);
  return STATUS_OK;
}
