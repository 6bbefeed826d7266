/* Runs cells, each as its own child, some at a time, and stores what they say. */
#ifndef TERSE_RUNNER_BATCH_H
#define TERSE_RUNNER_BATCH_H

#include "runner/cell.h"
#include "runner/commands.h"
#include "runner/store.h"

/* One cell to run. */
typedef struct task {
  const cell *cell;
  int64_t resume; /* the run to go on with, or 0 for a new one */
} task;

typedef struct batch_options {
  const environment *environment;
  const char *database; /* logs and checkpoints go into folders beside it */
  int jobs, ranks;      /* ranks 0: as many as cores or GPUs allow, at most a cell's workers */
  bool quiet, verbose;
} batch_options;

typedef struct batch_result {
  size_t n_failed;
  size_t n_left;    /* not run: interrupted, or the program was rebuilt */
  bool interrupted; /* by the user */
} batch_result;

/* STATUS_STORE where the database fails in mid-run: running cells are then stopped and what was not yet committed is
 * lost. A failing cell is a result, not a failure of this call. */
enum status batch_run(store *s, const batch_options *o, const task *tasks, size_t n, batch_result *result) WARN_UNUSED;

/* "DIR/logs/STEM-RUN.log" and its like for a database DIR/STEM.db; the caller frees it. NULL without memory. */
char *beside_database(const char *database, const char *folder, int64_t run, const char *suffix);

/* How many ranks a cell gets. */
int batch_ranks(const batch_options *o, const cell *c);

#endif
