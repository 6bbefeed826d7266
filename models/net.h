/* What a benchmark needs of a net beyond models/model.h. */
#ifndef TERSE_MODELS_NET_H
#define TERSE_MODELS_NET_H

#include "models/model.h"

/* Runs the library calls of one training step alone, in their order, on the memory that the last net_gradient left, and
 * gives the time they took by the clock `now_ns`. Waits for the device. At least one net_gradient must have gone
 * before, and its params and gradient must still be there; the gradient is overwritten with nothing meaningful. CPU
 * only. */
enum status net_time_library_calls(net *n, uint64_t (*now_ns)(void), uint64_t *ns) WARN_UNUSED;

#endif
