/* Starts mpi_cases under mpirun. */
#ifndef TERSE_TESTS_MPI_LAUNCH_H
#define TERSE_TESTS_MPI_LAUNCH_H

/* Runs `mpi_cases WORDS` on n_ranks, at most two minutes. A failure fails the test, with what was printed; otherwise
 * returns what was printed, which the caller frees. */
char *mpi_launch(int n_ranks, const char *words);

/* Holds the lines "digest …" that a case prints against those of one rank, at each number of ranks of a list that ends
 * with 0: at least `n_least` lines at each. */
void mpi_compare_digests(const char *name, const int *n_ranks, int n_least);

/* `NAME save FOLDER` at one number of ranks, then `NAME load FOLDER` at each of a list that ends with 0; of a new
 * folder, which goes. */
void mpi_save_and_load(const char *name, int n_saving, const int *n_loading);

#endif
