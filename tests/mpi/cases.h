/* Tests that need several ranks: each case is a function run by every rank of an mpirun; tests/test_mpi.c starts them
 * at several R and reads the exit status. A case prints what is wrong to stderr and returns non-zero. MPI is
 * initialised. */
#ifndef TERSE_TESTS_MPI_CASES_H
#define TERSE_TESTS_MPI_CASES_H

#include <stdint.h>

typedef struct mpi_case {
  const char *name;
  int (*run)(int argc, char **argv); /* argv[0] is the first argument after the name */
} mpi_case;

/* Each file of tests/mpi defines one NULL-terminated table, listed in tests/mpi/main.c. */
extern const mpi_case comm_cases[];    /* what comm's operations give and count */
extern const mpi_case failure_cases[]; /* what they do when a peer fails */
extern const mpi_case archive_cases[];
extern const mpi_case method_cases[];
extern const mpi_case worker_state_cases[];
extern const mpi_case batch_norm_cases[];
extern const mpi_case gossip_cases[];
extern const mpi_case pairwise_cases[];
extern const mpi_case central_cases[];
extern const mpi_case central_fact_cases[];
extern const mpi_case quantized_means_cases[];
extern const mpi_case pairwise_simulation_cases[];

/* Printed by every rank once MPI is initialised. */
#define CASE_STARTED "mpi_cases: started\n"

/* Fails the case with file, line and the condition. */
#define CASE_CHECK(condition)                                                       \
  do {                                                                              \
    if (!(condition)) {                                                             \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      return 1;                                                                     \
    }                                                                               \
  } while (0)
#define CASE_OK(expression)                                                                                      \
  do {                                                                                                           \
    if ((expression) != STATUS_OK) {                                                                             \
      fprintf(stderr, "%s:%d: %s: %s (%s)\n", __FILE__, __LINE__, #expression, status_detail(), status_place()); \
      return 1;                                                                                                  \
    }                                                                                                            \
  } while (0)

uint64_t case_now_ns(void); /* CLOCK_MONOTONIC */

#endif
