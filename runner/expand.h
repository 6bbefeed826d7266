/* From an experiment file's tree to one configuration tree a cell.
 *
 *   base      the configuration all cells share
 *   tiers     per tier: settings over base; its `matrix` replaces lists of the matrix (or adds some)
 *   matrix    KEY: [values]; the cartesian product in file order, the last key fastest
 *   zip       {KEY: [values], KEY: [values]} of equal lengths that step together, or a list of such groups; each group
 * is one more factor of the product, after the matrix exclude   [{KEY: value}]: a combination goes where all keys
 * match; a bare module name matches any parameters include   [{KEY: value}], after exclude, as in GitHub Actions: an
 * entry extends every combination whose varied keys it matches; where it matches none, or nothing varies, it is a cell
 * of its own
 *   --set     last
 * Any KEY may be a dotted path (override.h). `claims` are checked (claim.h). */
#ifndef TERSE_RUNNER_EXPAND_H
#define TERSE_RUNNER_EXPAND_H

#include "runner/plan.h"
#include "runner/yaml.h"

typedef struct expansion {
  const char *experiment, *tier; /* tier: "" for the base alone */
  const node **cells;            /* each a base section with everything applied; not yet checked inside */
  size_t n_cells;                /* at least 1 */
} expansion;

/* Uses tier, sets, device and note of `options`. Everything lives in `memory`. STATUS_BAD_INPUT with the place. */
enum status expand_experiment(arena *memory, const node *file, const plan_options *options, expansion *out) WARN_UNUSED;

#endif
