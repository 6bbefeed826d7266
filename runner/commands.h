/* The commands of the program. Each returns the exit status: 0 all well, 1 a failure (a cell, a check, a comparison),
 * 2 bad input, 130 interrupted. */
#ifndef TERSE_RUNNER_COMMANDS_H
#define TERSE_RUNNER_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

/* What main knows of the outside; nothing else reads the environment. */
typedef struct environment {
  const char *data_folder; /* where data sets are looked for, as in dataset_env; NULL: packages only */
  const char *program;     /* the running program's file, absolute */
  char *const *variables;  /* of the process, NULL-terminated */
  bool is_root;
  bool stderr_is_terminal;
  int columns; /* of the terminal on standard error */
  int n_cores; /* this process may use */
  char host[65];
} environment;

int command_run(const environment *e, int argc, char **argv);
int command_plan(const environment *e, int argc, char **argv);
int command_list(const environment *e, int argc, char **argv);
int command_show(const environment *e, int argc, char **argv);
int command_query(const environment *e, int argc, char **argv);
int command_claims(const environment *e, int argc, char **argv);
int command_verify(const environment *e, int argc, char **argv);
int command_doctor(const environment *e, int argc, char **argv);
int command_new(const environment *e, int argc, char **argv);
/* A rank of a run; started by the others under mpirun. */
int command_worker(int argc, char **argv);
int command_bench(const environment *e, int argc, char **argv);

/* Prints this thread's last failure to standard error and gives the exit status it stands for. */
int command_failed(enum status code);

/* A run's id as a user writes it. */
enum status run_number(const char *word, int64_t *out) WARN_UNUSED;

#define DEFAULT_DATABASE "results/results.db"

#endif
