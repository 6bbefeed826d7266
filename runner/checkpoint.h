/* Checkpoints: the method's and the workers' state, the workers' loss accounts and the totals, written between rounds with no message in
 * flight. A checkpoint replaces the one before it in one rename. */
#ifndef TERSE_RUNNER_CHECKPOINT_H
#define TERSE_RUNNER_CHECKPOINT_H

#include "runner/measure.h"

/* Collective. Saves the state after `round` rounds into `folder`, then writes a checkpoint record. */
enum status checkpoint_save(const char *folder, measure *m, uint64_t round) WARN_UNUSED;
/* Collective. Restores what checkpoint_save saved (at any number of ranks) and gives its round; where there is none,
 * *round = 0 and nothing changes. */
enum status checkpoint_load(const char *folder, measure *m, uint64_t *round) WARN_UNUSED;

#endif
