/* Cases on gTop-k's aggregation alone (gtopk.c). */
#ifndef TERSE_TESTS_MPI_GTOPK_H
#define TERSE_TESTS_MPI_GTOPK_H

/* All aggregates at M = 2..9 against a dense simulation: results, residuals, mass and bits, to the last bit where the
 * gradients are whole numbers. */
int case_gtopk_aggregates(int argc, char **argv);
/* The example in which the tree loses a worker's share and the others do not. */
int case_gtopk_tree_loss(int argc, char **argv);

#endif
