/* A net in fp64 and plain loops, written from the definitions alone: the oracle of the executors. */
#ifndef TERSE_TESTS_REFERENCE_NET_H
#define TERSE_TESTS_REFERENCE_NET_H

#include <stddef.h>
#include <stdint.h>

#include "models/graph.h"

/* Mean loss of `batch` samples x (plain layout), regulariser included; where `gradient` is not NULL, its gradient by
 * backpropagation. Graphs that end in a softmax loss. */
double reference_loss(const graph *g, size_t batch, const double *x, const int32_t *labels, const double *params,
                      double *gradient);

#endif
