/* Memory for blocks that live for a while: where each lies, so that those that live at once lie apart and the whole is
 * small. The steps of a program are the time. */
#ifndef TERSE_MODELS_LIVES_H
#define TERSE_MODELS_LIVES_H

#include <stddef.h>

#include "core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct life {
  size_t n_bytes, first, last; /* it lives through steps first to last */
  size_t offset;               /* out: bytes into the whole */
  struct life *next;           /* of a list */
} life;

/* A life nobody has begun: it takes no memory, and its offset is 0. */
enum { LIFE_STEPS_MAX = 1 << 30 };
static inline life life_unused(size_t n_bytes) {
  const life l = {n_bytes, LIFE_STEPS_MAX, 0, 0, NULL};
  return l;
}
/* It lives at this step too. */
static inline void life_touch(life *l, size_t step) {
  if (l->first > step) l->first = step;
  if (l->last < step) l->last = step;
}

/* Sets the offsets of a list, multiples of `alignment`, and *total: largest first, each at the lowest free place, which
 * is within a few percent of the most that lives at once. */
enum status lives_lay_out(life *lives, size_t alignment, size_t *total) WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif
