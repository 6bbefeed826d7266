#include "algorithms/sync_gaps.h"

#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

/* The gap that begins with the sync after step `at`: 1 + floor(H w / 2^32) for a word w, which moves no gap's chance
 * by more than 2^-32. */
static uint64_t gap_at(const sync_gaps *g, int i, uint64_t at) {
  if (!g->is_random) return g->most;
  const rng_words drawn = rng_draw(rng_stream(g->seed, RNG_SCHEDULE, i, at), 0);
  return 1 + (drawn.w[0] * g->most >> 32);
}

enum status sync_gaps_create(const method_env *env, const args *a, int n, sync_gaps *out) {
  *out = (sync_gaps){.seed = env->seed,
                     .most = (uint64_t)args_int(a, "steps"),
                     .is_random = strcmp(args_text(a, "gap"), "random") == 0,
                     .n = n};
  out->next = calloc((size_t)n, sizeof *out->next);
  if (!out->next) return FAIL(STATUS_NO_MEMORY, "no memory for the sync steps of %d workers", n);
  for (int i = 0; i < n; i++) out->next[i] = gap_at(out, i, 0);
  return STATUS_OK;
}

void sync_gaps_destroy(sync_gaps *g) { free(g->next); }

bool sync_gaps_take(sync_gaps *g, int i, uint64_t step) {
  if (step != g->next[i]) return false;
  g->next[i] += gap_at(g, i, step);
  return true;
}

enum status sync_gaps_archive(sync_gaps *g, archive *a) {
  return archive_bytes(a, ARCHIVE_SHARED, "next_sync", g->next, (size_t)g->n * sizeof *g->next);
}
