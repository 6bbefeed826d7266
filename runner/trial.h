/* A trial: everything one rank needs to run a cell, put together from the modules the cell names. */
#ifndef TERSE_RUNNER_TRIAL_H
#define TERSE_RUNNER_TRIAL_H

#include "runner/cell.h"
#include "runner/clock.h"

typedef struct trial {
  const cell *cell;
  device *device;
  stream *stream;
  comm *comm;
  data *data;
  partition *partition;
  net *net;
  worker *workers; /* n_local */
  loss_account *accounts; /* host copies, n_local; see trial_read_accounts */
  float *initial, *mean, *gradient; /* device, n_params: start, and two for evaluation */
  double *norm;                     /* device */
  void *scratch;
  stopwatch watch;
  optimizer optimizer; /* the cell's, for this run */
  method_env env;
  void *state;             /* the method's */
  uint64_t n_rounds;       /* how many the run has */
  size_t steps_per_round;
} trial;

/* MPI must be initialised. `c` must outlive the trial. Where the method skips the cell: STATUS_UNSUPPORTED with its reason
 * and *skipped set. On failure `t` is left for trial_destroy. */
enum status trial_create(const cell *c, const char *data_folder, trial *t, bool *skipped) WARN_UNUSED;
void trial_destroy(trial *t); /* of a zeroed or failed trial too */

/* Waits for the stream and copies the local workers' loss accounts to t->accounts. */
enum status trial_read_accounts(trial *t) WARN_UNUSED;
/* Position in epochs after `round` rounds. */
double trial_epoch(const trial *t, uint64_t round);
/* Digest of the method's and the workers' state, the same on every rank and at every placement. Collective. */
enum status trial_digest(trial *t, uint64_t *digest) WARN_UNUSED;

#endif
