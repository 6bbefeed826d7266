/* The methods with dense exchanges against a plain simulation of them in fp64. */
#ifndef TERSE_TESTS_MPI_SIMULATION_H
#define TERSE_TESTS_MPI_SIMULATION_H

/* Parallel and local SGD on the quadratic with momentum, weight decay, clipping and a schedule, within 1e-5. */
int case_simulation(int argc, char **argv);

#endif
