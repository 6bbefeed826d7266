/* When workers communicate that take several local steps in between: the sync steps of Qsparse-local-SGD, I_T with gaps
 * of H at most (Basu et al., NeurIPS 2019, Definition 4). Gaps are H, or drawn uniformly from 1 to H; each of n
 * independent sequences (one for all workers, or one for each) starts at step 0. All ranks draw the same. */
#ifndef TERSE_ALGORITHMS_SYNC_GAPS_H
#define TERSE_ALGORITHMS_SYNC_GAPS_H

#include "algorithms/local_models.h"

typedef struct sync_gaps {
  uint64_t seed, most; /* H */
  bool is_random;
  int n;
  uint64_t *next; /* [n]: the next sync step of each sequence, counted from 1 */
} sync_gaps;

/* clang-format off */
#define SYNC_GAPS_PARAMS(default_gap)                                                                             \
  LOCAL_STEPS_PARAM("8", "local steps between exchanges, at the most (H)"),                                       \
  {.name = "gap", .type = PARAM_CHOICE, .fallback = default_gap, .choices = "fixed|random",                       \
   .help = "steps between exchanges: always H, or drawn from 1 to H", .in_label = true}
/* clang-format on */

/* Fills *out from the parameters `steps` and `gap`; after a failure too it is in a state for sync_gaps_destroy. */
enum status sync_gaps_create(const method_env *env, const args *a, int n, sync_gaps *out) WARN_UNUSED;
void sync_gaps_destroy(sync_gaps *g);
/* Whether sequence i has a sync after its step-th step (counted from 1); its next one is then drawn. Ask for every step
 * once, in order. */
bool sync_gaps_take(sync_gaps *g, int i, uint64_t step);
/* Shared section "next_sync". */
enum status sync_gaps_archive(sync_gaps *g, archive *a) WARN_UNUSED;

#endif
