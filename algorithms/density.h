/* How many of n coordinates a selection keeps, as every module asks for it. */
#ifndef TERSE_ALGORITHMS_DENSITY_H
#define TERSE_ALGORITHMS_DENSITY_H

#include <math.h>

#include "core/module.h"

/* Entries of a parameter table. */
/* clang-format off */
#define DENSITY_PARAM(default_density)                                                                            \
  {.name = "density", .type = PARAM_REAL, .fallback = default_density, .min = 0, .max = 1, .above_min = true,     \
   .help = "fraction of the coordinates kept: max(floor(density n), 1) of n", .in_label = true}
#define K_PARAM                                                                                                   \
  {.name = "k", .type = PARAM_INT, .fallback = "0", .min = 0, .max = 4294967295.0,                                \
   .help = "coordinates kept; 0: as many as density says"}
/* clang-format on */

/* k (0: as density says), and never more than n. */
static inline size_t density_count(double density, size_t k, size_t n) {
  const size_t by_density = (size_t)floor(density * (double)n);
  const size_t wanted = k > 0 ? k : by_density > 1 ? by_density : 1;
  return wanted < n ? wanted : n;
}

#endif
