/* A net in fp64 and plain loops, written from the definitions alone: the oracle of the executors. */
#ifndef TERSE_TESTS_REFERENCE_NET_H
#define TERSE_TESTS_REFERENCE_NET_H

#include <stddef.h>
#include <stdint.h>

#include "core/rng.h"
#include "models/graph.h"

/* Mean loss over the labels of `batch` samples x (plain layout, sample-major), regulariser included; where `gradient` is
 * not NULL, its gradient by backpropagation. state: for every LSTM h of the batch, then c; NULL: zeros. key: of what is
 * dropped; NULL: nothing is. Graphs that end in a softmax loss. */
double reference_loss(const graph *g, size_t batch, const double *x, const int32_t *labels, const double *params,
                      const double *state, const rng_key *key, double *gradient);

/* Mean loss of n samples x where batch norm takes its statistics from n_batches batches of the samples `probe`. */
double reference_evaluation(const graph *g, size_t batch, size_t n_batches, const double *probe, size_t n,
                            const double *x, const int32_t *labels, const double *params);

#endif
