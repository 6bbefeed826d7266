/* Cases on the method gtopk as a whole (gtopk_method.c). */
#ifndef TERSE_TESTS_MPI_GTOPK_METHOD_H
#define TERSE_TESTS_MPI_GTOPK_METHOD_H

/* Density warm-up: every epoch's messages are of that epoch's size. */
int case_gtopk_warmup(int argc, char **argv);
/* Momentum correction of a single worker against a simulation in fp64. */
int case_gtopk_momentum(int argc, char **argv);
/* The probes of Assumption 1 against what dense SGD and the model show; with and without probes the digest, the bits
 * and MPI's counters are the same. */
int case_gtopk_assumption(int argc, char **argv);

#endif
