/* Dropout (N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, JMLR 15, 2014), inverted: what
 * is kept is grown, so that nothing is to be done in evaluation. Which elements are kept depends on the worker and its
 * step alone, and not on the device or its layouts. */
#ifndef TERSE_MODELS_DROPOUT_H
#define TERSE_MODELS_DROPOUT_H

#include "core/rng.h"

/* 0 or 1 / (1 - rate), for element i of what layer number `layer` of a graph reads: sample-major, and in a sample by
 * step, channel, row and column. key: the stream of (seed, RNG_DROPOUT, worker, step). */
HD static inline float dropout_factor(rng_key key, uint64_t layer, uint64_t i, float rate) {
  return rng_uniform_at(key, layer << 40 | i) >= rate ? 1.0f / (1.0f - rate) : 0.0f;
}

#endif
