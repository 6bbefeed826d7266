/* Starts mpi_cases under mpirun. */
#ifndef TERSE_TESTS_MPI_LAUNCH_H
#define TERSE_TESTS_MPI_LAUNCH_H

/* Runs `mpi_cases WORDS` on n_ranks, at most two minutes. A failure fails the test, with what was printed; otherwise
 * returns what was printed, which the caller frees. */
char *mpi_launch(int n_ranks, const char *words);

#endif
