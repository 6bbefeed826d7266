/* Memory that is given back all at once: what belongs to one plan, one cell or one parsed file. */
#ifndef TERSE_RUNNER_ARENA_H
#define TERSE_RUNNER_ARENA_H

#include <stddef.h>

#include "core/status.h"

typedef struct arena arena;

enum status arena_create(arena **out) WARN_UNUSED;
void arena_destroy(arena *a); /* NULL is ignored */

/* n_bytes of zeroed memory, aligned for any type, valid until arena_destroy. NULL where there is none left
 * (STATUS_NO_MEMORY is recorded then, for the caller to return). */
void *arena_take(arena *a, size_t n_bytes) WARN_UNUSED;
/* A copy of n bytes of text, with a terminating zero; NULL like arena_take. */
char *arena_text(arena *a, const char *text, size_t n) WARN_UNUSED;

#endif
