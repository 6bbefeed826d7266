/* The command that starts a run, and what its processes find in their environment. */
#ifndef TERSE_RUNNER_MPIRUN_H
#define TERSE_RUNNER_MPIRUN_H

#include "runner/commands.h"

typedef struct mpirun {
  char **command;   /* NULL-terminated */
  char **variables; /* NULL-terminated: the environment's, and one OpenMP thread a rank */
  char *session;    /* the launcher's own temporary folder: two launchers that share one remove it under each other */
} mpirun;

typedef struct worker_options {
  const char *checkpoint;  /* folder; NULL: no checkpoints */
  bool resume;             /* go on from the checkpoint, if there is one */
  const char *data_folder; /* NULL: the packages' folders */
} worker_options;

/* `mpirun -n ranks PROGRAM worker …`. Release with mpirun_free, on failure too. */
enum status mpirun_worker(const environment *e, int ranks, const worker_options *o, mpirun *out) WARN_UNUSED;
/* The same around any other program: words is NULL-terminated. */
enum status mpirun_program(const environment *e, int ranks, const char *const *words, mpirun *out) WARN_UNUSED;
void mpirun_free(mpirun *m);

#endif
