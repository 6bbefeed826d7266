/* The combinations of an experiment: matrix, zip, exclude and include, as settings over the base (expand.h says how).
 */
#ifndef TERSE_RUNNER_COMBINE_H
#define TERSE_RUNNER_COMBINE_H

#include "runner/plan.h"
#include "runner/yaml.h"

typedef struct combination {
  entry *settings;
  size_t n;
} combination;

typedef struct combinations {
  combination *items;
  size_t n;                  /* at least 1 */
  const char *const *varied; /* the keys of matrix and zip: what include and exclude compare */
  size_t n_varied;
} combinations;

/* `file`: the experiment's map, its four parts already of the right kind. `tier_matrix`: lists that replace or join the
 * matrix's; NULL: none. STATUS_BAD_INPUT with the place. */
enum status combine(arena *memory, const node *file, const node *tier_matrix, const plan_options *options,
                    combinations *out) WARN_UNUSED;

#endif
