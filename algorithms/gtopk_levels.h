/* The densities of a gTop-k run: one for each epoch of warm-up, then the target's. A level is what depends on the
 * density: the selection, its messages, and their aggregation. */
#ifndef TERSE_ALGORITHMS_GTOPK_LEVELS_H
#define TERSE_ALGORITHMS_GTOPK_LEVELS_H

#include "algorithms/density.h"
#include "algorithms/gtopk_aggregate.h"

/* clang-format off */
#define GTOPK_LEVEL_PARAMS                                                                                        \
  DENSITY_PARAM("0.001"), K_PARAM,                                                                                \
  {.name = "density_warmup", .type = PARAM_REALS, .fallback = "[]", .min = 0, .max = 1, .above_min = true,        \
   .help = "densities of the first epochs, one an epoch, before `density` or k"},                                 \
  {.name = "aggregate", .type = PARAM_CHOICE, .fallback = "recursive", .choices = "naive|tree|recursive",         \
   .help = "how the k largest of all are found", .in_label = true},                                               \
  {.name = "indices", .type = PARAM_CHOICE, .fallback = "raw32", .choices = "raw32|packed",                       \
   .help = "how indices are coded: 32 bits, or ceil(log2 n) bits each"}
/* clang-format on */

typedef struct gtopk_level {
  pipeline *pipeline; /* selects, and codes the messages */
  sparse *selected;   /* n_local, k entries */
  gtopk_aggregator *aggregator;
} gtopk_level;

typedef struct gtopk_levels {
  const method_env *env;
  gtopk_level items[ARG_MAX_REALS + 1];
  size_t n, max_k; /* the most entries of any */
} gtopk_levels;

/* From GTOPK_LEVEL_PARAMS. After a failure too *out is in a state for gtopk_levels_destroy. */
enum status gtopk_levels_create(const method_env *env, const args *a, gtopk_levels *out) WARN_UNUSED;
void gtopk_levels_destroy(gtopk_levels *l); /* a zeroed one is ignored */

const gtopk_level *gtopk_levels_at(const gtopk_levels *l, uint64_t epoch);

#endif
